"""What is written reads back as the same claim, and one claim that cannot be written never keeps the others back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from msgspec import structs

from services.claims.adapters.interchange_writer import X12InterchangeWriter, control_number_of_reference
from services.claims.domain.batch.interchange import WrittenInterchange
from services.claims.domain.claim.numbering import first_claim_of_rank
from shared.codecs.x12.claim_837p import ClaimBatch, ProfessionalClaim, read_837p
from shared.codecs.x12.problems import Problems
from shared.events.base import Sealed
from shared.events.batches import BatchedClaim, PartnerListed
from shared.events.claims import ClaimCreated
from shared.events.values import Address, Person, PersonName
from shared.kernel.identifiers import account_id_of
from shared.testing.vault import MemoryVault
from tests.unit.claims.examples import (
    ACCOUNT,
    ORGANIZATION,
    PATIENT,
    PATIENT_PERSON,
    SECONDARY_CLAIM,
    SERVICES,
    VISIT,
    adjustment,
    answer,
    coverage,
    created,
)

PARTNER = PartnerListed(
    partner_id="northern", name="Northern Clearing", transport="folder", sender_id="LAKESIDE", receiver_id="NORTHERN"
)
WRITTEN_AT = datetime(2026, 3, 20, 14, 5, tzinfo=UTC)


async def write(
    *claims: ClaimCreated, partner: PartnerListed = PARTNER, vault: Any = None, versions: dict[str, int] | None = None
) -> WrittenInterchange:
    writer = X12InterchangeWriter(vault or MemoryVault())
    batched = [
        (
            BatchedClaim(
                claim_id=claim.claim_id,
                version=(versions or {}).get(claim.claim_id, 1),
                charged_cents=claim.services.charged_cents,
            ),
            claim,
        )
        for claim in claims
    ]
    return await writer.write(
        "lakeside", partner, batch_id="northern-000000042", control_number=42, claims=batched, written_at=WRITTEN_AT
    )


def read(written: WrittenInterchange) -> list[ClaimBatch]:
    problems = Problems()
    batches = list(read_837p(written.content, problems))
    assert problems == []
    return batches


def only_claim(written: WrittenInterchange) -> ProfessionalClaim:
    assert written.refused == {}
    [batch] = read(written)
    [claim] = batch.claims
    return claim


def another_claim(number: int, **changes: Any) -> ClaimCreated:
    account = account_id_of(f"encounter-{number}")
    return created(claim_id=first_claim_of_rank(account, rank=1), account_id=account, **changes)


@pytest.mark.asyncio
async def test_a_claim_is_written_with_its_numbers_amounts_and_codes() -> None:
    claim = only_claim(await write(created()))
    assert (claim.claim_id, claim.charged_cents, claim.frequency) == (created().claim_id, 100_00, "1")
    assert claim.diagnoses == ("J0190",)
    assert claim.billing_provider.party.reference("EI") == ORGANIZATION.tax_id
    assert claim.subscriber.party.id == "M001"
    assert claim.payer.id == "60001"
    [line] = claim.lines
    assert (line.procedure.code, line.charged_cents, line.pointers, line.control_number) == (
        "99213",
        100_00,
        (1,),
        "L1",
    )


@pytest.mark.asyncio
async def test_the_envelope_carries_the_batchs_control_number_everywhere() -> None:
    written = await write(created())
    [batch] = read(written)
    assert batch.envelope.interchange_control_number == "000000042"
    assert batch.envelope.group_control_number == "42"
    assert (batch.envelope.sender_id, batch.envelope.receiver_id) == ("LAKESIDE", "NORTHERN")
    assert control_number_of_reference(batch.beginning.reference) == 42
    assert written.file_name == "northern-000000042.837"


@pytest.mark.asyncio
async def test_claims_share_sets_of_the_partners_size() -> None:
    claims = [another_claim(n) for n in range(3)]
    together = await write(*claims, partner=structs.replace(PARTNER, claims_per_set_max=2))
    assert [one.set_control_number for one in together.sets] == ["0001", "0002"]
    assert [len(batch.claims) for batch in read(together)] == [2, 1]


@pytest.mark.asyncio
async def test_a_claim_that_goes_again_goes_alone() -> None:
    claims = [another_claim(n) for n in range(3)]
    written = await write(*claims, versions={claims[1].claim_id: 2})
    assert [[each.claim_id for each in one.claims] for one in written.sets] == [
        [claims[0].claim_id, claims[2].claim_id],
        [claims[1].claim_id],
    ]


@pytest.mark.asyncio
async def test_claims_of_two_organisations_never_share_a_set() -> None:
    other = structs.replace(SERVICES, organization=structs.replace(ORGANIZATION, provider_id="org-2"))
    written = await write(another_claim(0), another_claim(1, services=other), another_claim(2))
    assert [len(one.claims) for one in written.sets] == [2, 1]


@pytest.mark.asyncio
async def test_the_same_claims_are_written_as_the_same_bytes() -> None:
    claims = [another_claim(n) for n in range(3)]
    assert (await write(*claims)).content == (await write(*claims)).content


@pytest.mark.asyncio
async def test_a_child_is_written_as_the_subscribers_dependent() -> None:
    parent = Sealed.fresh(PATIENT, "subscriber", Person(name=PersonName(last="Doe", first="John")))
    claim = only_claim(await write(created(coverages=(coverage(relationship="19", subscriber=parent),))))
    assert (claim.subscriber.party.name, claim.subscriber.party.first_name) == ("DOE", "JOHN")
    assert claim.patient is not None
    assert (claim.patient.relationship, claim.patient.party.first_name) == ("19", "JANE")


@pytest.mark.asyncio
async def test_a_secondary_claim_repeats_the_primarys_answer_verbatim() -> None:
    told = answer(48_00, adjustment("CO", "45", 40_00), adjustment("PR", "2", 12_00))
    claim = only_claim(await write(created(claim_id=SECONDARY_CLAIM, rank=2, prior=(told,))))
    assert (claim.subscriber.responsibility, claim.payer.id) == ("S", "60002")
    [other] = claim.other_coverages
    assert (other.responsibility, other.paid_cents, other.adjustments) == ("P", 48_00, ())
    assert other.payer.reference("F8") == "PCN1"
    [adjudication] = claim.lines[0].adjudications
    assert (adjudication.payer_id, adjudication.paid_cents) == ("60001", 48_00)
    assert [(a.group, a.reason, a.cents) for a in adjudication.adjustments] == [("CO", "45", 40_00), ("PR", "2", 12_00)]
    assert adjudication.adjudicated_on == date(2026, 4, 1)


@pytest.mark.asyncio
async def test_a_patient_may_have_more_payers_than_a_claim_can_name() -> None:
    claim = only_claim(await write(created(coverages=tuple(coverage(rank) for rank in range(1, 14)))))
    assert claim.subscriber.responsibility == "P"
    assert [other.responsibility for other in claim.other_coverages] == list("STABCDEFGH")


@pytest.mark.asyncio
async def test_an_answer_without_line_numbers_is_matched_by_its_procedure() -> None:
    told = answer(60_00, adjustment("CO", "45", 40_00))
    nameless = structs.replace(told, lines=(structs.replace(told.lines[0], line_id=""),))
    claim = only_claim(await write(created(claim_id=SECONDARY_CLAIM, rank=2, prior=(nameless,))))
    assert len(claim.lines[0].adjudications) == 1


@pytest.mark.asyncio
async def test_an_answer_to_a_line_that_the_claim_does_not_have_refuses_the_claim() -> None:
    told = answer(60_00, adjustment("CO", "45", 40_00))
    other = structs.replace(told, lines=(structs.replace(told.lines[0], line_id="L9"),))
    written = await write(created(claim_id=SECONDARY_CLAIM, rank=2, prior=(other,)))
    assert [finding.rule for finding in written.refused[SECONDARY_CLAIM]] == ["prior-line"]


@pytest.mark.asyncio
async def test_a_replacement_names_the_payers_number() -> None:
    claim = only_claim(await write(created(frequency="7", replaces_payer_control_number="PCN77")))
    assert (claim.frequency, claim.payer_control_number) == ("7", "PCN77")


@pytest.mark.asyncio
async def test_a_claim_without_a_member_number_is_refused_and_the_others_go() -> None:
    nameless = coverage(member_number=Sealed.fresh(PATIENT, "member_number", " "))
    bad = another_claim(1, coverages=(nameless,))
    written = await write(another_claim(0), bad, another_claim(2))
    assert list(written.refused) == [bad.claim_id]
    assert [finding.rule for finding in written.refused[bad.claim_id]] == ["member-number"]
    assert [len(batch.claims) for batch in read(written)] == [2]


@pytest.mark.asyncio
async def test_a_patient_without_an_address_or_birth_date_is_refused_field_by_field() -> None:
    nobody = Sealed.fresh(PATIENT, "person", Person(name=PersonName(last="Doe")))
    written = await write(created(patient=nobody))
    places = [finding.place for finding in written.refused[created().claim_id]]
    assert places == [
        "patient.birth_on",
        "patient.address.line_1",
        "patient.address.city",
        "patient.address.state",
        "patient.address.postal_code",
    ]
    assert written.content == b""


@pytest.mark.asyncio
async def test_a_name_with_accents_and_delimiters_is_folded_and_still_the_same_claim() -> None:
    person = Person(
        name=PersonName(last="Núñez*Åberg", first="José~"),
        birth_on=date(1990, 1, 2),
        sex="M",
        address=Address(line_1="1 Élan: Way", city="Duluth", state="mn", postal_code="55802"),
    )
    claim = only_claim(await write(created(patient=Sealed.fresh(PATIENT, "person", person))))
    assert (claim.subscriber.party.name, claim.subscriber.party.first_name) == ("NUNEZ ABERG", "JOSE")


@pytest.mark.asyncio
async def test_a_person_who_was_erased_refuses_their_claim_only() -> None:
    vault = MemoryVault()
    await vault.keys_for("lakeside", [PATIENT, "other"])
    sealed = Sealed[Person](PATIENT, "person", vault.seal("lakeside", PATIENT_PERSON))
    erased = Sealed[Person](
        "other", "person", vault.seal("lakeside", Sealed.fresh("other", "person", PATIENT_PERSON.read_fresh()))
    )
    vault.erase("lakeside", "other")
    gone = another_claim(1, patient=erased)
    written = await write(another_claim(0, patient=sealed), gone, vault=vault)
    assert [finding.rule for finding in written.refused[gone.claim_id]] == ["person-erased"]
    assert len(read(written)) == 1


@pytest.mark.asyncio
async def test_every_opening_is_on_the_record_with_its_purpose() -> None:
    vault = MemoryVault()
    await vault.keys_for("lakeside", [PATIENT])
    sealed = Sealed[Person](PATIENT, "person", vault.seal("lakeside", PATIENT_PERSON))
    await write(created(patient=sealed), vault=vault)
    assert {(opening.field, opening.opener.purpose) for opening in vault.openings} == {("person", "clearinghouse")}


@pytest.mark.asyncio
async def test_a_drug_goes_with_its_code_and_quantity() -> None:
    line = structs.replace(VISIT, national_drug_code="00002140701", units="2.5")
    written = await write(created(services=structs.replace(SERVICES, lines=(line,))))
    assert written.refused == {}
    assert b"LIN**N4*00002140701~" in written.content
    assert b"CTP****2.5*UN~" in written.content


def test_a_reference_that_is_not_ours_names_no_interchange() -> None:
    assert control_number_of_reference("REF-1") is None
    assert control_number_of_reference("123") is None
    assert len(ACCOUNT) == 16
