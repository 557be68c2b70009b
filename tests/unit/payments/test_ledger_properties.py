"""What holds for every history of a claim's account, whatever payers, patients and people do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.payments.domain.claim_account.commands import (
    ApproveAdjustment,
    ApproveRefund,
    MoveToAgency,
    RequestAdjustment,
    RequestRefund,
    ReturnFromAgency,
    ReverseClaimPayment,
    ReversePatientPayment,
)
from services.payments.domain.claim_account.decider import claim_account
from shared.events.payments import ClaimAnswer
from shared.events.values import Adjustment
from shared.kernel.errors import DomainError
from tests.unit.payments.stories import (
    ACCOUNT,
    AETNA,
    MEDIGAP,
    PAID_ON,
    balances,
    cas,
    negated,
    note_payers,
    of_lines,
    pay,
    post,
    post_charges,
    said_of,
)

CHARGES = {"L1": 60_00, "L2": 40_00}
REASONS = [
    ("CO", "45"),
    ("CO", "97"),
    ("PR", "1"),
    ("PR", "2"),
    ("OA", "23"),
    ("OA", "18"),
    ("PI", "16"),
    ("CO", "94"),
    ("OA", "94"),
]


@st.composite
def adjusted_lines(draw: st.DrawFn, line_id: str, charged: int) -> Any:
    """A line that balances: some adjustments, and the rest paid (which may be more than the charge)."""
    adjustments: list[Adjustment] = []
    for group, reason in draw(st.lists(st.sampled_from(REASONS), max_size=3, unique=True)):
        cents = draw(st.integers(-5_00, 0) if reason == "94" else st.integers(0, charged))
        adjustments.append(cas(group, reason, cents))
    paid = charged - sum(each.amount_cents for each in adjustments)
    return said_of(line_id, charged, paid, *adjustments)


@st.composite
def answers(draw: st.DrawFn, number: int) -> ClaimAnswer:
    lines = tuple(draw(adjusted_lines(line_id, charged)) for line_id, charged in CHARGES.items())
    status = draw(st.sampled_from(["1", "2", "3", "4", "19", "20"]))
    payer = draw(st.sampled_from(["", "60054", "77777"]))
    return of_lines(*lines, status=status, payer=payer, remittance=f"remittance-{number}", control=f"ICN{number}")


@st.composite
def commands(draw: st.DrawFn) -> list[Any]:
    """A history: charges, payers, answers, reversals and people, in any order, with repeats."""
    told = [draw(answers(number)) for number in range(draw(st.integers(1, 4)))]
    amounts = st.integers(1, 50_00)
    asked: list[Any] = [
        post_charges(*CHARGES.values()),
        note_payers(*draw(st.sampled_from([(), (AETNA,), (AETNA, MEDIGAP)]))),
        *(post(each) for each in told),
        *(post(negated(each, remittance=f"back-{each.remittance_id}", ordinal=1)) for each in told[:2]),
        pay(draw(amounts)),
        pay(draw(amounts), payment="payment-2"),
        RequestAdjustment(
            account_id=ACCOUNT,
            adjustment_id="a1",
            party=draw(st.sampled_from(["patient", "payer:1"])),
            reason="small-balance",
            amount_cents=draw(amounts),
            requested_by="user:ann",
        ),
        ApproveAdjustment(adjustment_id="a1", approved_by="user:bob"),
        MoveToAgency(account_id=ACCOUNT, placement_id="p1"),
        ReturnFromAgency(account_id=ACCOUNT, placement_id="p1"),
        RequestRefund(
            account_id=ACCOUNT,
            refund_id="r1",
            to_party="patient",
            amount_cents=draw(amounts),
            requested_by="user:ann",
        ),
        ApproveRefund(refund_id="r1", approved_by="user:bob"),
        ReversePatientPayment(
            account_id=ACCOUNT,
            patient_id="patient-1",
            payment_id="payment-2",
            allocation=1,
            amount_cents=50_00,
            reason="chargeback",
            taken_back_on=PAID_ON,
        ),
        ReverseClaimPayment(remittance_id="remittance-0", ordinal=1, reversed_on=PAID_ON),
        ReverseClaimPayment(remittance_id="back-remittance-0", ordinal=1, reversed_on=PAID_ON),
        ReverseClaimPayment(remittance_id="back-remittance-1", ordinal=1, reversed_on=PAID_ON),
        post_charges(55_00, 40_00, release=2),
    ]
    shuffled = draw(st.permutations(asked))
    repeats = draw(st.lists(st.sampled_from(shuffled), max_size=4))
    return [*shuffled, *repeats]


def told_story(asked: Sequence[Any]) -> list[Any]:
    """The events of a history; what is refused has none."""
    state, events = claim_account.initial, []
    for command in asked:
        try:
            decided = claim_account.decide(command, state)
        except DomainError:
            continue
        events += decided
        state = claim_account.state_after(decided, since=state)
    return events


@given(commands())
@settings(max_examples=80, deadline=None)
def test_the_postings_of_every_event_sum_to_zero(asked: list[Any]) -> None:
    for event in told_story(asked):
        assert sum(posting.amount_cents for posting in getattr(event, "postings", ())) == 0


@given(commands())
@settings(max_examples=80, deadline=None)
def test_charge_is_paid_and_adjusted_and_owed_at_every_prefix(asked: list[Any]) -> None:
    sums: Counter[str] = Counter()
    charged = 0
    for event in told_story(asked):
        for posting in getattr(event, "postings", ()):
            sums[posting.account] += posting.amount_cents
        charged = getattr(event, "charged_cents", charged) if type(event).__name__ == "ChargesPosted" else charged
        owed = sum(cents for name, cents in sums.items() if name.startswith("receivable:"))
        paid = sums["suspense"] + sums["unapplied"] + sums["allocated"]
        adjusted = sums["contractual"] + sums["write-off:small-balance"]
        assert charged == paid + adjusted + sums["refunds"] + owed


@given(commands())
@settings(max_examples=50, deadline=None)
def test_what_the_state_remembers_is_what_the_postings_sum_to(asked: list[Any]) -> None:
    events = told_story(asked)
    state = claim_account.state_after(events)
    expected = {name: cents for name, cents in balances(events).items() if name.startswith("receivable:")}
    found = {f"receivable:{party}": state.owed_by(party) for party in state.parties if state.owed_by(party)}
    assert found == expected


@given(commands(), st.data())
@settings(max_examples=50, deadline=None)
def test_posting_twice_is_posting_once(asked: list[Any], data: st.DataObject) -> None:
    """Whatever answer is sent again, at any later moment, adds nothing."""
    posts = [command for command in asked if type(command).__name__ == "PostClaimPayment"]
    state = claim_account.state_after(told_story(asked))
    assert claim_account.decide(data.draw(st.sampled_from(posts)), state) == []


@given(st.permutations([0, 1, 2, 0, 1, 2]), st.data())
@settings(max_examples=50, deadline=None)
def test_duplicates_in_any_place_change_nothing(order: list[int], data: st.DataObject) -> None:
    told = [data.draw(answers(number)) for number in range(3)]
    start = [post_charges(*CHARGES.values()), note_payers(AETNA, MEDIGAP)]
    once = list(dict.fromkeys(order))
    with_duplicates = told_story([*start, *(post(told[index]) for index in order)])
    without = told_story([*start, *(post(told[index]) for index in once)])
    assert with_duplicates == without


@given(answers(1), st.sampled_from([(), (AETNA,), (AETNA, MEDIGAP)]))
@settings(max_examples=50, deadline=None)
def test_a_reversal_undoes_its_original_to_the_cent(told: ClaimAnswer, payers: Any) -> None:
    start = [note_payers(*payers), post_charges(*CHARGES.values())]
    back = negated(told, remittance="remittance-2", ordinal=1)
    after = balances(told_story([*start, post(told), post(back)]))
    assert sum(cents for name, cents in after.items() if name.startswith("receivable:")) == 100_00
    assert set(after) <= {"charges", "receivable:payer:1", "receivable:payer:2", "receivable:payer:3"}


@given(answers(1))
@settings(max_examples=50, deadline=None)
def test_cash_that_waited_ends_where_it_would_have_gone(told: ClaimAnswer) -> None:
    payers = note_payers(AETNA, MEDIGAP)
    charges = post_charges(*CHARGES.values())
    assert balances(told_story([payers, post(told), charges])) == balances(told_story([payers, charges, post(told)]))
