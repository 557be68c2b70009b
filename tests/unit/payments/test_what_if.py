"""What would differ, had answers been read with another posting matrix: by account, together zero, and nothing with the matrix of today."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from services.payments.domain.claim_account.decider import claim_account
from services.payments.domain.claim_account.matrix import POSTING_MATRIX, Meaning
from services.payments.domain.claim_account.state import ClaimAccount
from services.payments.domain.claim_account.what_if import OtherMatrix, Rule, difference, hash_of
from shared.events.values import Adjustment
from tests.unit.payments.stories import AETNA, MEDIGAP, account, answer, cas, note_payers, post, post_charges

MARCH = (date(2026, 3, 1), date(2026, 3, 31))
MEANINGS: tuple[Meaning, ...] = ("contractual", "denial", "patient", "transfer", "information")


def asked(*rules: Rule, days: tuple[date, date] = MARCH) -> OtherMatrix:
    return OtherMatrix(rules=rules, first_on=days[0], through_on=days[1])


def after(*commands: object) -> ClaimAccount:
    return claim_account.state_after(account.when(*commands).events)


DENIED = (
    post_charges(100_00),
    note_payers(AETNA),
    post(answer(100_00, 60_00, cas("CO", "45", 30_00), cas("CO", "97", 10_00))),
)


def test_a_denial_that_would_be_contract_leaves_the_payer() -> None:
    bundled = asked(Rule(group="CO", reason="97", meaning="contractual"))
    assert difference(after(*DENIED), bundled) == {"contractual": 10_00, "receivable:payer:1": -10_00}


def test_a_share_that_would_be_the_patients() -> None:
    shifted = asked(Rule(group="CO", reason="97", meaning="patient"))
    assert difference(after(*DENIED), shifted) == {"receivable:patient": 10_00, "receivable:payer:1": -10_00}


def test_other_days_and_other_payers_do_not_differ() -> None:
    contract = Rule(group="CO", reason="97", meaning="contractual")
    assert difference(after(*DENIED), asked(contract, days=(date(2026, 2, 1), date(2026, 2, 28)))) == {}
    state = after(*DENIED)
    payers = {each.posted.payer_id for each in state.answers.values()}
    own = [Rule(group="CO", reason="97", meaning="contractual", payer_id=each) for each in payers]
    assert difference(state, asked(*own)) == difference(state, asked(contract))
    assert difference(state, asked(Rule(group="CO", reason="97", meaning="contractual", payer_id="another"))) == {}


def test_a_rule_of_the_payer_is_nearer_than_one_of_all() -> None:
    state = after(*DENIED)
    [payer] = {each.posted.payer_id for each in state.answers.values()}
    near = asked(
        Rule(group="CO", reason="97", meaning="patient", payer_id=payer),
        Rule(group="CO", reason="97", meaning="contractual"),
    )
    assert difference(state, near) == {"receivable:patient": 10_00, "receivable:payer:1": -10_00}


def test_the_same_question_has_the_same_hash_whatever_its_order() -> None:
    one, two = Rule(group="CO", reason="97", meaning="patient"), Rule(group="PI", reason="45", meaning="contractual")
    assert asked(one, two).hash == asked(two, one).hash != asked(one).hash
    assert hash_of([("a", {"x": 1}), ("b", {"y": 2})]) == hash_of([("b", {"y": 2}), ("a", {"x": 1})])


ADJUSTMENTS = st.lists(
    st.tuples(
        st.sampled_from(["CO", "PR", "OA", "PI"]),
        st.sampled_from(["1", "2", "45", "97", "23", "253"]),
        st.integers(1, 20_00),
    ),
    max_size=4,
    unique_by=lambda each: each[:2],
)


def _answer(paid: int, codes: list[tuple[str, str, int]], number: int) -> object:
    told = [Adjustment(group=group, reason=reason, amount_cents=cents) for group, reason, cents in codes]
    rest = 100_00 - paid - sum(each.amount_cents for each in told)
    return post(
        answer(100_00, paid, *told, cas("CO", "131", rest), status=str(number), remittance=f"remittance-{number}")
    )


@given(
    st.integers(0, 20_00),
    ADJUSTMENTS,
    st.booleans(),
    ADJUSTMENTS,
    st.lists(
        st.tuples(
            st.sampled_from(["CO", "PR", "OA", "PI"]),
            st.sampled_from(["1", "45", "97", "*"]),
            st.sampled_from(MEANINGS),
        ),
        max_size=5,
    ),
)
def test_what_would_differ_is_zero_together_and_nothing_under_the_matrix_of_today(
    paid: int,
    first: list[tuple[str, str, int]],
    has_second: bool,
    second: list[tuple[str, str, int]],
    wanted: list[tuple[str, str, Meaning]],
) -> None:
    told = [post_charges(100_00), note_payers(AETNA, MEDIGAP), _answer(paid, first, 1)]
    state = after(*told, *([_answer(5_00, second, 2)] if has_second else []))
    rules = [Rule(group=group, reason=reason, meaning=meaning) for group, reason, meaning in wanted]
    assert sum(difference(state, asked(*rules)).values()) == 0
    today = [Rule(group=g, reason=r, meaning=m) for (g, r), m in POSTING_MATRIX.meanings.items() if g != "*"]
    assert difference(state, asked(*today)) == {}
