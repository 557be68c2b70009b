"""Who owes what when a second payer answers for the same claim? Amounts in cents."""

from __future__ import annotations

from shared.events.payments import (
    ClaimDeniedByPayer,
    ClaimPaymentPosted,
)
from tests.unit.payments.stories import (
    INSURED,
    TWICE_INSURED,
    account,
    answer,
    balances,
    cas,
    note_payers,
    of_lines,
    owed,
    post,
    post_charges,
    said_of,
)

PRIMARY = of_lines(said_of("L1", 100_00, 48_00, cas("CO", "45", 40_00), cas("PR", "2", 12_00)), payer="60054")


def test_the_patients_share_goes_to_the_next_payer_first() -> None:
    story = account.when(*TWICE_INSURED, post(PRIMARY))
    assert owed(story.events) == {"payer:2": 12_00}
    assert story.only(ClaimPaymentPosted).next_rank == 2


def test_a_secondarys_oa_23_is_not_new_money() -> None:
    """The worked example: charge 100; primary 48, CO-45 40, PR-2 12; secondary OA-23 88, paid 12."""
    told = of_lines(
        said_of("L1", 100_00, 12_00, cas("OA", "23", 88_00)), status="2", payer="77777", remittance="remittance-2"
    )
    story = account.when(*TWICE_INSURED, post(PRIMARY), post(told))
    assert owed(story.events) == {}
    assert balances(story.events) == {"charges": -100_00, "suspense": 60_00, "contractual": 40_00}


def secondary(*adjustments: object, paid: int) -> dict[str, int]:
    told = of_lines(
        said_of("L1", 100_00, paid, *adjustments),  # type: ignore[arg-type]
        status="2",
        payer="77777",
        remittance="remittance-2",
    )
    return balances(account.when(*TWICE_INSURED, post(PRIMARY), post(told)).events)


def test_a_secondary_that_repeats_the_primarys_contract_writes_nothing_off_again() -> None:
    found = secondary(cas("OA", "23", 48_00), cas("CO", "45", 40_00), paid=12_00)
    assert found == {"charges": -100_00, "suspense": 60_00, "contractual": 40_00}


def test_a_secondarys_own_reduction_beyond_the_primarys_is_new() -> None:
    found = secondary(cas("OA", "23", 48_00), cas("CO", "45", 52_00), paid=0)
    assert found == {"charges": -100_00, "suspense": 48_00, "contractual": 52_00}


def test_what_the_secondary_leaves_to_the_patient_is_the_patients() -> None:
    found = secondary(cas("OA", "23", 88_00), cas("PR", "1", 7_00), paid=5_00)
    assert found == {"charges": -100_00, "suspense": 53_00, "contractual": 40_00, "receivable:patient": 7_00}


def test_a_secondary_without_oa_23_repeats_the_primarys_payment_in_its_other_reasons() -> None:
    found = secondary(cas("CO", "45", 50_00), cas("PR", "1", 50_00), paid=0)
    assert found == {"charges": -100_00, "suspense": 48_00, "contractual": 50_00, "receivable:patient": 2_00}


def test_a_secondary_that_denies_leaves_only_its_own_share_open() -> None:
    found = secondary(cas("CO", "29", 100_00), paid=0)
    assert found == {"charges": -100_00, "suspense": 48_00, "contractual": 40_00, "receivable:payer:2": 12_00}


def test_a_secondary_at_claim_level_is_read_the_same() -> None:
    told = answer(100_00, 12_00, cas("OA", "23", 88_00), status="2", payer="77777", remittance="remittance-2")
    assert owed(account.when(*TWICE_INSURED, post(PRIMARY), post(told)).events) == {}


def test_a_secondary_before_the_primary_posts_only_its_payment() -> None:
    early = of_lines(
        said_of("L1", 100_00, 12_00, cas("OA", "23", 48_00), cas("CO", "45", 40_00)),
        status="2",
        payer="77777",
        remittance="remittance-2",
    )
    story = account.when(*TWICE_INSURED, post(early))
    assert owed(story.events) == {"payer:1": 100_00, "payer:2": -12_00}
    assert [each.rule for each in story.only(ClaimPaymentPosted).findings] == ["earlier-payer-silent"]
    assert owed(account.when(*TWICE_INSURED, post(early), post(PRIMARY)).events) == {}


def test_what_a_secondary_left_before_the_primary_spoke_is_read_when_it_has_spoken() -> None:
    early = of_lines(
        said_of("L1", 100_00, 7_00, cas("OA", "23", 88_00), cas("CO", "45", 1_00), cas("PR", "2", 4_00)),
        status="2",
        payer="77777",
        remittance="remittance-2",
    )
    expected = {"charges": -100_00, "suspense": 55_00, "contractual": 41_00, "receivable:patient": 4_00}
    for in_order in ((PRIMARY, early), (early, PRIMARY)):
        assert balances(account.when(*TWICE_INSURED, *map(post, in_order)).events) == expected


def test_a_stranger_among_the_payers_is_posted_with_a_warning() -> None:
    told = answer(100_00, 80_00, cas("CO", "45", 20_00), payer="99999")
    posted = account.when(*TWICE_INSURED, post(told)).only(ClaimPaymentPosted)
    assert (posted.payer_rank, [each.rule for each in posted.findings]) == (1, ["payer-not-on-account"])


def test_a_secondary_that_counts_more_than_the_primary_paid_is_posted_with_a_warning() -> None:
    told = of_lines(said_of("L1", 100_00, 5_00, cas("OA", "23", 95_00)), status="2", remittance="remittance-2")
    story = account.when(*TWICE_INSURED, post(PRIMARY), post(told))
    assert [each.rule for each in story.events[-1].findings] == ["earlier-payment-differs"]
    assert owed(story.events) == {"payer:2": 7_00}


def test_the_payer_is_known_by_its_id_though_it_calls_itself_primary() -> None:
    told = answer(12_00, 12_00, status="1", payer="77777", remittance="remittance-2")
    posted = account.when(*TWICE_INSURED, post(PRIMARY), post(told)).events[-1]
    assert (posted.payer_rank, posted.payer_id) == (2, "medigap")
    assert [each.rule for each in posted.findings] == ["payer-rank-differs"]


def test_without_an_id_the_payers_own_rank_counts() -> None:
    told = answer(100_00, 12_00, cas("OA", "23", 88_00), status="2", remittance="remittance-2")
    assert account.when(*TWICE_INSURED, post(PRIMARY), post(told)).events[-1].payer_rank == 2


def test_without_id_and_rank_the_next_silent_payer_has_answered() -> None:
    told = answer(100_00, 0, cas("OA", "23", 88_00), cas("CO", "29", 12_00), status="4", remittance="remittance-2")
    story = account.when(*TWICE_INSURED, post(PRIMARY), post(told))
    assert story.only(ClaimDeniedByPayer).payer_rank == 2
    assert owed(story.events) == {"payer:2": 12_00}


def test_a_forwarded_claim_waits_with_the_next_payer() -> None:
    told = answer(100_00, 80_00, cas("PR", "2", 20_00), status="19")
    posted = account.when(*TWICE_INSURED, post(told)).only(ClaimPaymentPosted)
    assert (posted.forwarded, posted.next_rank) == (True, 2)


def test_a_claim_forwarded_to_a_payer_we_do_not_know_is_not_the_patients_yet() -> None:
    story = account.when(*INSURED, post(answer(100_00, 80_00, cas("PR", "2", 20_00), status="19")))
    assert owed(story.events) == {"payer:2": 20_00}
    assert [each.rule for each in story.only(ClaimPaymentPosted).findings] == ["forwarded-to-unknown-payer"]


def test_a_payer_that_nobody_named_answers_for_the_charges() -> None:
    story = account.when(post_charges(100_00), post(answer(100_00, 80_00, cas("PR", "2", 20_00))))
    assert owed(story.events) == {"patient": 20_00}


def test_a_payer_answers_for_a_self_pay_visit() -> None:
    story = account.when(
        post_charges(100_00), note_payers(), post(answer(100_00, 80_00, cas("PR", "3", 15_00), cas("CO", "45", 5_00)))
    )
    assert owed(story.events) == {"patient": 15_00}
