"""What would be expected of a month's answers by another contract or other prices: to the cent, and nothing by the same contract."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payments.domain.as_of import up_to
from services.payments.domain.claim_account.decider import claim_account
from services.payments.domain.claim_account.state import ClaimAccount
from services.payments.domain.contract_comparison.what_if import (
    AccountCompared,
    OtherContract,
    compared_with,
    hash_of,
    totals_of,
)
from services.payments.domain.errors import ContractUnknown
from services.payments.domain.payer_contracts.commands import Terms
from services.payments.domain.payer_contracts.state import PayerContracts
from shared.events.contracts import ContractTerm
from shared.events.envelope import Position
from tests.unit.payments.contracts import HALF_OF_CHARGE, agreed, load, rate, schedules_spec, terms
from tests.unit.payments.stories import ACCOUNT, AETNA, account, cas, note_payers, of_lines, post, post_charges, said_of
from tests.unit.payments.test_postings_projection import recorded

SCHEDULES = {
    "aetna-2026": schedules_spec.when(load(rate("99213", 90_00))).state,
    "aetna-2027": schedules_spec.when(load(rate("99213", 70_00), of="aetna-2027", since=date(2027, 1, 1))).state,
}
NEXT_YEAR = {"aetna-2026": "aetna-2027"}


def question(
    new: Terms | None = None,
    *,
    contract: str = "",
    instead: dict[str, str] | None = None,
    prices_on: date | None = None,
    payer: str = "aetna",
    month: int = 3,
) -> OtherContract:
    return OtherContract(
        payer_id=payer,
        first_on=date(2026, month, 1),
        through_on=date(2026, month, 28),
        contract_id=contract,
        terms=new,
        instead_of=instead or {},
        prices_on=prices_on,
    )


def paid(*allowed: int) -> ClaimAccount:
    """Lines of 200.00 each, of which the payer allowed and paid so much."""
    lines = [
        said_of(f"L{number}", 200_00, cents, cas("CO", "45", 200_00 - cents))
        for number, cents in enumerate(allowed, start=1)
    ]
    told = account.when(post_charges(*[200_00] * len(lines)), note_payers(AETNA), post(of_lines(*lines)))
    return claim_account.state_after(told.events)


def tried(state: ClaimAccount, other: OtherContract, known: PayerContracts | None = None) -> AccountCompared:
    found = compared_with(state, other, agreed() if known is None else known, SCHEDULES, {})
    assert found is not None
    return found


def test_a_better_contract_makes_what_was_right_an_underpayment() -> None:
    found = tried(paid(90_00, 100_00), question(terms(HALF_OF_CHARGE)))
    assert (found.expected_before_cents, found.expected_after_cents, found.difference_cents) == (180_00, 200_00, 20_00)
    assert (found.underpaid_before_cents, found.underpaid_after_cents) == (0, 10_00)
    assert (len(found.appear), found.vanish) == (1, ())
    assert found.appear[0].startswith(f"{ACCOUNT}-") and found.appear[0].endswith("-1")


def test_lower_prices_make_an_underpayment_vanish() -> None:
    found = tried(paid(80_00), question(instead=NEXT_YEAR, prices_on=date(2027, 1, 1)))
    assert (found.expected_before_cents, found.expected_after_cents) == (90_00, 70_00)
    assert (found.underpaid_before_cents, found.underpaid_after_cents, len(found.vanish)) == (10_00, 0, 1)


def test_a_list_that_begins_later_has_no_price_unless_its_day_is_named() -> None:
    found = tried(paid(80_00), question(instead=NEXT_YEAR))
    assert (found.not_priced_before, found.not_priced_after, found.expected_after_cents) == (0, 1, 0)
    assert found.differs


def test_a_payer_without_a_contract_can_be_asked_about_one() -> None:
    found = tried(paid(80_00), question(terms()), PayerContracts())
    assert (found.not_priced_before, found.expected_after_cents, len(found.appear)) == (1, 90_00, 1)


def test_the_terms_of_one_contract_are_replaced_and_one_that_is_not_there_is_refused() -> None:
    assert tried(paid(80_00), question(terms(HALF_OF_CHARGE), contract="c1")).expected_after_cents == 100_00
    with pytest.raises(ContractUnknown):
        tried(paid(80_00), question(terms(), contract="c9"))


def test_other_days_and_other_payers_are_not_asked_about() -> None:
    for other in (question(terms(), month=4), question(terms(), payer="medigap")):
        assert compared_with(paid(80_00), other, agreed(), SCHEDULES, {}) is None


def test_the_same_question_has_the_same_hash_and_another_contract_another() -> None:
    ask = question(terms(HALF_OF_CHARGE))
    assert ask.hash(agreed(), SCHEDULES) == question(terms(HALF_OF_CHARGE)).hash(agreed(), SCHEDULES)
    others = (question(terms()), question(terms(HALF_OF_CHARGE), prices_on=date(2026, 5, 1)), question(month=4))
    assert len({ask.hash(agreed(), SCHEDULES), *(each.hash(agreed(), SCHEDULES) for each in others)}) == 4
    assert ask.hash(agreed(cents=5), SCHEDULES) != ask.hash(agreed(), SCHEDULES)
    one, two = tried(paid(80_00), ask), AccountCompared(account_id="B")
    assert hash_of([one, two]) == hash_of([two, one]) != hash_of([two])


def test_sums_are_of_every_account() -> None:
    both = [tried(paid(80_00), question(terms(HALF_OF_CHARGE))) for _ in range(2)]
    total = totals_of(both)
    assert (total.lines, total.underpaid_before_cents, total.difference_cents) == (2, 20_00, 20_00)
    assert total.appear == ()


@given(
    st.lists(st.integers(0, 200_00), min_size=1, max_size=4),
    st.lists(st.sampled_from(["schedule", "percent-of-schedule", "percent-of-charge"]), min_size=1, max_size=3),
    st.integers(1, 300),
    st.integers(0, 20_00),
)
def test_the_contract_that_is_known_differs_in_nothing(
    allowed: list[int], rules: list[str], percent: int, tolerance: int
) -> None:
    of = [
        ContractTerm(
            rule=rule,  # type: ignore[arg-type]
            schedule_id="" if rule == "percent-of-charge" else "aetna-2026",
            percent="" if rule == "schedule" else str(percent),
        )
        for rule in rules
    ]
    state = paid(*allowed)
    same = question(terms(*of, cents=tolerance), contract="c1")
    found = tried(state, same, agreed(*of, cents=tolerance))
    assert not found.differs
    assert found.difference_cents == 0
    assert found.expected_before_cents == found.expected_after_cents


def test_an_account_is_read_as_it_stood_at_the_end_of_the_days() -> None:
    events = account.when(post_charges(200_00), note_payers(AETNA)).events
    stream = [
        recorded(events[0], 1, happened=4, known=4),
        recorded(events[1], 2, happened=40, known=41),
        recorded(events[0], 3, happened=20, known=50),
        recorded(events[1], 4, happened=60, known=60),
    ]
    march = date(2026, 3, 31)
    assert len(up_to(stream, march, until=Position(1, 9, 9))) == 3  # the second stands below a late entry of March
    assert len(up_to(stream, march, until=Position(1, 2, 2))) == 1
    assert up_to(stream, date(2026, 3, 1), until=Position(1, 9, 9)) == []
