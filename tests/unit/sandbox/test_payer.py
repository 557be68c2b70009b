from __future__ import annotations

from msgspec.structs import replace

from deploy.sandbox.payer import MARKERS, Behaviour, adjudicate, behaviour_of
from tests.unit.sandbox.claims import claim, secondary


def adjusted(cents: int, **changes: object) -> dict[tuple[str, str], int]:
    [line] = adjudicate(claim(cents, **changes), seed=1).lines  # type: ignore[arg-type]
    return {(each.group, each.reason): each.cents for each in line.adjustments}


def test_a_claim_is_paid_by_the_payers_contract() -> None:
    answer = adjudicate(claim(150_14), seed=1)  # marked: pay
    assert (answer.paid_cents, answer.patient_cents) == (83_10, 25_00)
    assert adjusted(150_14) == {("CO", "45"): 42_04, ("PR", "3"): 25_00}


def test_every_line_balances_whatever_the_payer_decides() -> None:
    for cents in [*range(100_00, 100_40), 33_33, 1, 999_99]:
        marked = behaviour_of(claim(cents), seed=3)
        if marked in (Behaviour.REJECT_AT_CLEARINGHOUSE, Behaviour.REJECT_AT_PAYER, Behaviour.SILENT):
            continue
        answer = adjudicate(claim(cents), seed=3)
        for line in (*answer.lines, *answer.correction):
            assert line.line.charged_cents - sum(each.cents for each in line.adjustments) == line.paid_cents


def test_a_marker_asks_for_its_behaviour() -> None:
    assert {behaviour_of(claim(100_00 + cents), seed=9) for cents in MARKERS} == set(MARKERS.values())
    assert adjusted(100_05) == {("CO", "197"): 100_05}
    assert adjusted(100_13) == {("PR", "204"): 100_13}


def test_numbers_that_somebody_generated_do_not_change_the_answer() -> None:
    first, second = claim(150_00, number="A1"), claim(150_00, number="ZZ9")
    assert adjudicate(first, seed=5).paid_cents == adjudicate(second, seed=5).paid_cents
    assert behaviour_of(first, seed=5) == behaviour_of(second, seed=5)


def test_another_seed_decides_otherwise_for_some_claims() -> None:
    claims = [claim(cents) for cents in range(100_20, 130_20, 10)]
    assert [behaviour_of(each, seed=1) for each in claims] != [behaviour_of(each, seed=2) for each in claims]


def test_a_supplement_pays_from_what_medicare_left_and_says_the_rest_as_oa_23() -> None:
    answer = adjudicate(secondary(100_00, paid=48_00, contractual=40_00, patient=12_00), seed=1)
    [line] = answer.lines
    assert {(each.group, each.reason): each.cents for each in line.adjustments} == {
        ("OA", "23"): 88_00,
        ("PR", "2"): 1_20,
    }
    assert (answer.status, answer.paid_cents) == ("2", 10_80)


def test_a_correction_pays_less_and_leaves_the_patients_share() -> None:
    answer = adjudicate(claim(150_08), seed=1)
    [before], [after] = answer.lines, answer.correction
    assert after.paid_cents < before.paid_cents
    assert [each for each in after.adjustments if each.group == "PR"] == [
        each for each in before.adjustments if each.group == "PR"
    ]


def test_a_replacement_claim_is_another_claim() -> None:
    first = claim(150_00)
    days = {adjudicate(replace(first, charged_cents=150_14, frequency=frequency), seed=1).days for frequency in "178"}
    assert len(days) > 1
