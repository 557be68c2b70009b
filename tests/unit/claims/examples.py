"""One visit that is billed to two payers, as every claim story here begins with it. All people and places are made up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from msgspec import structs

from services.claims.domain.claim.commands import CreateClaim, RecordAdjudication
from services.claims.domain.claim.numbering import first_claim_of_rank
from services.claims.domain.denial.appeals import AppealTerms, terms_of
from shared.events.base import Event, Sealed
from shared.events.claims import (
    ClaimAccepted,
    ClaimBatched,
    ClaimCreated,
    ClaimReleased,
    ClaimScrubbed,
    ClaimSubmitted,
    PriorAdjudication,
    ServicesBilled,
)
from shared.events.eligibility import AppealLevel
from shared.events.envelope import START, Recorded, Stored
from shared.events.values import (
    Address,
    AdjudicatedLine,
    Adjustment,
    ChargeLine,
    CoverageSnapshot,
    DocumentReference,
    FacilityIdentity,
    Person,
    PersonName,
    ProviderIdentity,
)
from shared.kernel.identifiers import account_id_of

TODAY = date(2026, 3, 20)
SERVICE_ON = date(2026, 3, 2)
ENCOUNTER = "b6e6a6f0-0000-4000-8000-000000000001"
PATIENT = "5f0c0b6e-0000-4000-8000-000000000002"
ACCOUNT = account_id_of(ENCOUNTER)
PRIMARY_CLAIM = first_claim_of_rank(ACCOUNT, rank=1)
SECONDARY_CLAIM = first_claim_of_rank(ACCOUNT, rank=2)
PARTNER = "northern-clearing"
MONDAY = datetime(2026, 3, 23, 9, 0, tzinfo=UTC)

FIRST_APPEAL = AppealTerms(levels=(AppealLevel(name="appeal", days=90),), source="setting")
MEDICARE_TERMS = terms_of((), version=1, filing_indicator="MB", first_appeal_days=90)

ORGANIZATION = ProviderIdentity(
    provider_id="org-1",
    npi="1234567893",
    last_or_organisation="LAKESIDE FAMILY MEDICINE",
    is_person=False,
    taxonomy="207Q00000X",
    tax_id="123456789",
    address=Address(line_1="12 HARBOR ST", city="DULUTH", state="MN", postal_code="558021234"),
    phone="2185550100",
)
RENDERING = ProviderIdentity(
    provider_id="prov-1", npi="1245319599", last_or_organisation="ORRIN", first="MAYA", taxonomy="207Q00000X"
)
FACILITY = FacilityIdentity(facility_id="fac-1", name="LAKESIDE CLINIC", place_of_service="11")
VISIT = ChargeLine(
    line_id="L1",
    charge_id="c-1",
    service_on=SERVICE_ON,
    procedure_code="99213",
    units="1",
    charged_cents=100_00,
    diagnosis_pointers=(1,),
)
SERVICES = ServicesBilled(
    encounter_id=ENCOUNTER,
    service_on=SERVICE_ON,
    organization=ORGANIZATION,
    rendering=RENDERING,
    facility=FACILITY,
    diagnoses=("J0190",),
    lines=(VISIT,),
    charged_cents=100_00,
    submitter_contact="BILLING OFFICE",
    submitter_phone="2185550100",
)
SOURCE = DocumentReference(document_id="d0c" * 20, place="segment 3")
PATIENT_PERSON: Sealed[Person] = Sealed.fresh(
    PATIENT,
    "person",
    Person(
        name=PersonName(last="DOE", first="JANE"),
        birth_on=date(1980, 5, 17),
        sex="F",
        address=Address(line_1="4 PINE RD", city="DULUTH", state="MN", postal_code="55802"),
    ),
)


def coverage(rank: int = 1, **changes: Any) -> CoverageSnapshot:
    standard = CoverageSnapshot(
        coverage_id=f"cov-{rank}",
        rank=rank,
        payer_id=f"payer-{rank}",
        payer_name=f"PAYER {rank}",
        payer_electronic_id=f"6000{rank}",
        partner_id=PARTNER,
        member_number=Sealed.fresh(PATIENT, "member_number", f"M00{rank}"),
    )
    return structs.replace(standard, **changes)


def create(**changes: Any) -> CreateClaim:
    standard: dict[str, Any] = {
        "claim_id": PRIMARY_CLAIM,
        "account_id": ACCOUNT,
        "patient_id": PATIENT,
        "rank": 1,
        "coverages": (coverage(1), coverage(2)),
        "patient": PATIENT_PERSON,
        "services": SERVICES,
        "on": TODAY,
    }
    return CreateClaim(**(standard | changes))


def created(**changes: Any) -> ClaimCreated:
    command = create(**changes)
    return ClaimCreated(
        claim_id=command.claim_id,
        account_id=command.account_id,
        patient_id=command.patient_id,
        rank=command.rank,
        frequency=command.frequency,
        replaces_payer_control_number=command.replaces_payer_control_number,
        coverages=command.coverages,
        patient=command.patient,
        services=command.services,
        prior=command.prior,
    )


def scrubbed_clean(claim_id: str = PRIMARY_CLAIM) -> ClaimScrubbed:
    return ClaimScrubbed(claim_id=claim_id, findings=(), is_clean=True, rules_version=1)


def released(version: int = 1, claim_id: str = PRIMARY_CLAIM) -> ClaimReleased:
    return ClaimReleased(
        claim_id=claim_id, partner_id=PARTNER, payer_id="payer-1", version=version, charged_cents=100_00
    )


def batched(version: int = 1, control_number: int = 1) -> ClaimBatched:
    return ClaimBatched(
        claim_id=PRIMARY_CLAIM,
        version=version,
        partner_id=PARTNER,
        batch_id=f"{PARTNER}-{control_number:09d}",
        control_number=control_number,
    )


def submitted(version: int = 1, control_number: int = 1) -> ClaimSubmitted:
    return ClaimSubmitted(
        claim_id=PRIMARY_CLAIM,
        version=version,
        partner_id=PARTNER,
        batch_id=f"{PARTNER}-{control_number:09d}",
        control_number=control_number,
        document=SOURCE,
    )


def accepted(payer_control_number: str = "") -> ClaimAccepted:
    return ClaimAccepted(
        claim_id=PRIMARY_CLAIM,
        by="PAYER 1",
        stage="payer",
        codes=("A2:20",),
        payer_control_number=payer_control_number,
        accepted_on=date(2026, 3, 21),
        source=SOURCE,
    )


CREATED = (created(), scrubbed_clean(), released())
SENT = (*CREATED, batched(), submitted())


def adjustment(group: str, reason: str, amount_cents: int) -> Adjustment:
    return Adjustment(group=group, reason=reason, amount_cents=amount_cents)


def answer(paid_cents: int, *adjustments: Adjustment, rank: int = 1, number: str = "PCN1") -> PriorAdjudication:
    return PriorAdjudication(
        rank=rank,
        payer_id=f"payer-{rank}",
        paid_cents=paid_cents,
        adjudicated_on=date(2026, 4, 1),
        payer_control_number=number,
        lines=(
            AdjudicatedLine(
                line_id="L1",
                procedure_code="99213",
                charged_cents=100_00,
                paid_cents=paid_cents,
                adjustments=adjustments,
            ),
        ),
    )


def adjudicate(told: PriorAdjudication, **changes: Any) -> RecordAdjudication:
    standard: dict[str, Any] = {
        "remittance_id": "remit-1",
        "ordinal": 1,
        "answer": told,
        "patient_responsibility_cents": 0,
        "denied_cents": 0,
        "next_rank": 0,
        "is_forwarded": False,
    }
    return RecordAdjudication(**(standard | changes))


def recorded(event: Event, *, stream: str = f"claim/{PRIMARY_CLAIM}", version: int = 1) -> Recorded[Any]:
    """What happened to a claim, so many minutes after nine on a Monday."""
    moment = MONDAY + timedelta(minutes=version)
    stored = Stored(
        service="claims",
        tenant="clinic",
        stream=stream,
        version=version,
        event_id=uuid4(),
        type=f"claims.{type(event).__name__}.v1",
        occurred_at=moment,
        recorded_at=moment,
        actor="user:ann",
        command_id=uuid4(),
        correlation_id="c",
        causation_id=None,
        traceparent=None,
        clock="driven",
        data=b"{}",
        previous_hash=bytes(32),
        hash=bytes(32),
        position=START,
    )
    return Recorded(stored=stored, event=event)
