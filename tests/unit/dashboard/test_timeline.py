"""Does the story of a claim keep the order of its streams and of causes, and do its sums equal the ledger's at every step?"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.dashboard.timeline import money_of, steps_of, total_of


def event(id: str, subject: str, version: int, at: str, cause: str | None = None, **data: Any) -> dict[str, Any]:
    told = {
        "id": id,
        "type": f"{'payments' if 'account' in subject else 'claims'}.{data.pop('event', 'ClaimAccepted')}.v1",
        "subject": subject,
        "streamversion": version,
        "time": at,
        "recordedat": at,
        "actor": "user:test",
        "correlationid": "c",
        "data": data,
    }
    return told if cause is None else told | {"causationid": cause}


def posting(account: str, cents: int, line: str = "L1") -> dict[str, Any]:
    return {"account": account, "amount_cents": cents, "line_id": line}


CHARGED = event(
    "p1",
    "claim-account/A",
    1,
    "2026-01-01T00:00:00Z",
    event="ChargesPosted",
    lines=[{"line_id": "L1", "procedure_code": "99213", "modifiers": ["25"]}],
    postings=[posting("receivable:payer:1", 485_00), posting("charges", -485_00)],
)
PAID = event(
    "p2",
    "claim-account/A",
    2,
    "2026-02-01T00:00:00Z",
    event="ClaimPaymentPosted",
    postings=[
        posting("suspense", 262_18),
        posting("contractual", 156_32),
        posting("receivable:payer:1", -485_00),
        posting("receivable:patient", 66_50),
    ],
)
BY_PATIENT = event(
    "p3",
    "claim-account/A",
    3,
    "2026-03-01T00:00:00Z",
    event="PaymentApplied",
    postings=[posting("allocated", 30_00), posting("receivable:patient", -30_00)],
)


def test_what_is_owed_follows_from_the_postings() -> None:
    steps = steps_of([[CHARGED, PAID, BY_PATIENT]], {})
    assert [(step.change_cents, step.owed_cents) for step in steps] == [
        (485_00, 485_00),
        (-418_50, 66_50),
        (-30_00, 36_50),
    ]


def test_the_money_of_a_line_is_that_of_its_events_so_far() -> None:
    steps = steps_of([[CHARGED, PAID, BY_PATIENT]], {})
    [before] = money_of(steps[:1])
    assert (before.procedure_code, before.billed_cents, before.payers_owe_cents) == ("99213 · 25", 485_00, 485_00)
    [after] = money_of(steps)
    assert (after.paid_by_payers_cents, after.adjusted_cents, after.patient_owes_cents) == (262_18, 156_32, 36_50)
    assert (after.paid_by_patient_cents, after.payers_owe_cents) == (30_00, 0)


def test_an_effect_never_stands_before_its_cause_even_at_the_same_moment() -> None:
    at = "2026-02-01T12:00:00Z"
    paid = event("p9", "claim-account/A", 1, at, event="ClaimPaymentPosted")
    answered = event("c9", "claim/A1", 1, at, "p9", event="ClaimAdjudicated")
    opened = event("d9", "denial/A1-1", 1, at, "c9", event="DenialOpened")
    steps = steps_of([[opened], [answered], [paid]], {})
    assert [step.event_id for step in steps] == ["p9", "c9", "d9"]
    assert [step.cause_at for step in steps] == [None, 1, 2]


def test_a_sentence_of_the_service_is_preferred_to_our_own() -> None:
    [step] = steps_of([[CHARGED]], {"p1": "Charged"})
    assert step.said == "Charged"
    [own] = steps_of([[CHARGED]], {})
    assert own.said == "receivable payer 1 485.00 · charges −485.00"


ACCOUNTS = (
    "receivable:payer:1",
    "receivable:patient",
    "contractual",
    "suspense",
    "allocated",
    "write-off:small",
    "refunds",
)


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(ACCOUNTS), st.integers(-(10**7), 10**7), st.sampled_from("abc")), max_size=4
        ),
        max_size=12,
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_billed_is_paid_and_adjusted_and_owed_after_every_event(moves: list[list[tuple[str, int, str]]]) -> None:
    """Each event balances against the charges, as every event of the ledger sums to zero."""
    events = []
    for version, legs in enumerate(moves, start=1):
        postings = [posting(account, cents, line) for account, cents, line in legs]
        postings += [posting("charges", -cents, line) for _, cents, line in legs]
        events.append(event(f"e{version}", "claim-account/A", version, "2026-01-01T00:00:00Z", postings=postings))
    steps = steps_of([events], {})
    half = len(events) // 2
    assert steps[:half] == steps_of([events[:half]], {})  # as of a version is what was folded when it was the last
    for at in range(len(steps) + 1):
        lines = money_of(steps[:at])
        for line in [*lines, total_of(lines)]:
            paid = line.paid_by_payers_cents + line.paid_by_patient_cents - line.refunded_cents
            owed = line.payers_owe_cents + line.patient_owes_cents
            assert line.billed_cents == paid + line.adjusted_cents + owed
        assert total_of(lines).payers_owe_cents + total_of(lines).patient_owes_cents == (
            steps[at - 1].owed_cents if at else 0
        )
