"""Claims as a practice would send them to the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from shared.codecs.x12.claim_837d import DentalClaim, DentalLine, Tooth
from shared.codecs.x12.claim_837i import InstitutionalClaim, InstitutionalLine
from shared.codecs.x12.claim_837p import (
    BillingProvider,
    ClaimBatch,
    LineAdjudication,
    OtherCoverage,
    ProfessionalClaim,
    ServiceLine,
    Subscriber,
    write_837p,
)
from shared.codecs.x12.claim_parts import Claim
from shared.codecs.x12.elements import Address, Adjustment, Contact, Dated, Party, Procedure, Reference
from shared.codecs.x12.envelope import Envelope
from shared.codecs.x12.hierarchy import Beginning
from shared.codecs.x12.hospital_codes import Diagnosis, HospitalCodes

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
STREET = Address(line_1="1 HIGH STREET", city="SPRINGFIELD", state="IL", postal_code="627010001")
PROVIDER = BillingProvider(
    party=Party(
        role="85",
        name="CLINIC",
        id_qualifier="XX",
        id="1234567893",
        address=STREET,
        references=(Reference("EI", "123456789"),),
    ),
    taxonomy="207Q00000X",
)


def claim(cents: int = 150_00, *, payer: str = "BLPL1", number: str = "CLAIM1", **changes: Any) -> ProfessionalClaim:
    line = ServiceLine(
        procedure=Procedure(code="99213"),
        charged_cents=cents,
        units=Decimal(1),
        pointers=(1,),
        service_on=date(2026, 5, 28),
        control_number=f"{number}-1",
    )
    told: dict[str, Any] = {
        "billing_provider": PROVIDER,
        "subscriber": Subscriber(
            party=Party(
                role="IL",
                is_person=True,
                name="STONE",
                first_name="IRIS",
                id_qualifier="MI",
                id="BLU0000001",
                address=STREET,
                born_on=date(1980, 1, 1),
                gender="F",
            ),
            filing_indicator="CI",
        ),
        "payer": Party(role="PR", name="PAYER", id_qualifier="PI", id=payer),
        "claim_id": number,
        "charged_cents": cents,
        "place_of_service": "11",
        "diagnoses": ("J069",),
        "lines": (line,),
    }
    return ProfessionalClaim(**(told | changes))


def secondary(cents: int, *, paid: int, contractual: int, patient: int) -> ProfessionalClaim:
    """A claim to the supplement after Medicare has answered."""
    first = claim(cents, payer="SLVS5")
    adjudication = LineAdjudication(
        payer_id="MEDB3",
        paid_cents=paid,
        procedure=Procedure(code="99213"),
        paid_units=Decimal(1),
        adjustments=(
            Adjustment(group="CO", reason="45", cents=contractual),
            Adjustment(group="PR", reason="2", cents=patient),
        ),
        adjudicated_on=date(2026, 6, 10),
    )
    other = OtherCoverage(
        responsibility="P",
        relationship="18",
        filing_indicator="MB",
        paid_cents=paid,
        subscriber=Party(role="IL", is_person=True, name="STONE", id_qualifier="MI", id="MED0000001"),
        payer=Party(role="PR", name="MEDICARE PART B", id_qualifier="PI", id="MEDB3"),
    )
    line = replace(first.lines[0], adjudications=(adjudication,))
    return replace(first, other_coverages=(other,), lines=(line,))


def hospital(cents: int = 845_14, *, number: str = "CLAIM1") -> InstitutionalClaim:
    """An emergency room visit with a drug that has a revenue code only."""
    visit = claim(cents, number=number)
    doctor = Party(role="71", is_person=True, name="ADAMS", first_name="RUTH", id_qualifier="XX", id="1245319599")
    lines = (
        InstitutionalLine(
            revenue_code="0450",
            procedure=Procedure(code="99283"),
            charged_cents=cents - 45_00,
            units=Decimal(1),
            service_on=date(2026, 5, 28),
            control_number=f"{number}-1",
        ),
        InstitutionalLine(
            revenue_code="0250",
            charged_cents=45_00,
            units=Decimal(3),
            service_on=date(2026, 5, 28),
            control_number=f"{number}-2",
        ),
    )
    return InstitutionalClaim(
        billing_provider=visit.billing_provider,
        subscriber=visit.subscriber,
        payer=visit.payer,
        claim_id=number,
        charged_cents=cents,
        facility_type="13",
        statement=Dated(qualifier="434", first_on=date(2026, 5, 28), last_on=date(2026, 5, 28)),
        admission_type="1",
        admission_source="1",
        patient_status="01",
        codes=HospitalCodes(principal=Diagnosis(code="R0789")),
        attending=doctor,
        lines=lines,
    )


def dentist(cents: int = 190_14, *, number: str = "CLAIM1") -> DentalClaim:
    visit = claim(cents, number=number)
    line = DentalLine(
        procedure=Procedure(qualifier="AD", code="D2392"),
        charged_cents=cents,
        quantity=Decimal(1),
        teeth=(Tooth(code="14", surfaces=("M", "O")),),
        service_on=date(2026, 5, 28),
        control_number=f"{number}-1",
    )
    return DentalClaim(
        billing_provider=visit.billing_provider,
        subscriber=visit.subscriber,
        payer=visit.payer,
        claim_id=number,
        charged_cents=cents,
        place_of_service="11",
        lines=(line,),
    )


def interchange(
    *claims: Claim,
    number: int = 1,
    batch: Callable[..., Any] = ClaimBatch,
    write: Callable[[list[Any]], bytes] = write_837p,
) -> bytes:
    """One 837 file, an 837P unless told otherwise, with one set for each claim."""
    envelope = Envelope(
        sender_id="CLINIC",
        receiver_id="SANDBOX",
        written_at=NOON,
        interchange_control_number=f"{number:09d}",
        group_control_number=str(number),
        application_sender="CLINIC",
        application_receiver="SANDBOX",
        usage="T",
    )
    batches = [
        batch(
            envelope=envelope,
            control_number=f"{index:04d}",
            beginning=Beginning(purpose="00", reference=f"BATCH{number}", created_at=NOON, transaction_type="CH"),
            submitter=Party(
                role="41",
                name="CLINIC",
                id_qualifier="46",
                id="CLINIC",
                contacts=(Contact(name="BILLING", numbers=(("TE", "2175550100"),)),),
            ),
            receiver=Party(role="40", name="SANDBOX", id_qualifier="46", id="SANDBOX"),
            claims=(each,),
        )
        for index, each in enumerate(claims, start=1)
    ]
    return write(batches)
