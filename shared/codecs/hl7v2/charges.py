"""What was done and what does it cost, as the FT1 segments of a DFT message say it?

Source: HL7 v2.8 chapter 6, DFT^P03 and DFT^P11, FT1; table 0017 (transaction type).
Some senders write CR for a credit, others a charge with a negative amount: both are credits here. Amounts come as
`100&USD` and as `150.00^USD`. The sign of a charge or a credit is in its kind, never in its amounts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from shared.codecs.code_systems import Code, CodeSystem, looks_like_diagnosis, procedure_system_by_form
from shared.codecs.hl7v2.coverage import Coverage, read_coverages
from shared.codecs.hl7v2.diagnosis import (
    CodedProcedure,
    Diagnosis,
    read_diagnoses,
    read_diagnosis_codes,
    read_procedures,
    settled_procedure,
)
from shared.codecs.hl7v2.findings import ErrorCode, Findings, Place, shown
from shared.codecs.hl7v2.guarantor import Guarantor, read_guarantors
from shared.codecs.hl7v2.message import Message
from shared.codecs.hl7v2.person import Person, read_person
from shared.codecs.hl7v2.reader import SegmentReader
from shared.codecs.hl7v2.values import PatientLocation, Provider
from shared.codecs.hl7v2.visit import Visit, read_visit
from shared.codecs.moments import Moment


class TransactionKind(StrEnum):
    CHARGE = "charge"
    CREDIT = "credit"  # takes a charge back
    PAYMENT = "payment"
    ADJUSTMENT = "adjustment"
    COPAYMENT = "copayment"


TRANSACTION_KINDS = {  # table 0017, and CR as some senders write it
    "CG": TransactionKind.CHARGE,
    "CD": TransactionKind.CREDIT,
    "CR": TransactionKind.CREDIT,
    "PY": TransactionKind.PAYMENT,
    "AJ": TransactionKind.ADJUSTMENT,
    "CO": TransactionKind.COPAYMENT,
}


CHARGING = frozenset({TransactionKind.CHARGE, TransactionKind.CREDIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One FT1. Of a charge or credit, quantity and amounts are never negative; of the others they are as sent."""

    place: str  # "FT1[2]"
    ordinal: int  # 1 for the first FT1 of the message
    transaction_id: str  # FT1-2; empty: a resend cannot be told from a new transaction by it
    batch_id: str  # FT1-3
    service_on: Moment  # FT1-4, start
    service_through: Moment  # FT1-4, end; the same moment when it is no range
    posted_at: Moment | None  # FT1-5
    kind: TransactionKind
    type_sent: str  # FT1-6 as sent: CG CD CR PY AJ CO
    charge_code: Code | None  # FT1-7, the sender's charge master or a procedure code
    procedure: Code | None  # FT1-25, else FT1-7 when that is CPT or HCPCS
    modifiers: tuple[str, ...]  # FT1-26
    quantity: Decimal  # FT1-10
    extended_cents: int | None  # FT1-11, quantity times unit price
    unit_cents: int | None  # FT1-12
    department: Code | None  # FT1-13
    location: PatientLocation | None  # FT1-16
    diagnoses: tuple[Code, ...]  # FT1-19, in order
    performers: tuple[Provider, ...]  # FT1-20
    orderers: tuple[Provider, ...]  # FT1-21
    drug_code: str  # FT1-29, NDC
    drug_code_system: CodeSystem

    @property
    def amount_cents(self) -> int | None:
        """The extended amount, else quantity times unit price when that is whole cents; None: nobody said a price."""
        if self.extended_cents is not None or self.unit_cents is None:
            return self.extended_cents
        product = Fraction(self.quantity) * self.unit_cents
        return product.numerator if product.denominator == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges:
    """A DFT message: every FT1, and whom and what it is about. DG1, PR1, IN1 and GT1 count for the whole message."""

    trigger: str  # P03 or P11
    occurred_at: Moment | None  # EVN-2, else MSH-7
    person: Person
    visit: Visit | None
    transactions: tuple[Transaction, ...]
    diagnoses: tuple[Diagnosis, ...]
    procedures: tuple[CodedProcedure, ...]
    coverages: tuple[Coverage, ...]
    guarantors: tuple[Guarantor, ...]


def read_charges(message: Message, findings: Findings, *, occurred_at: Moment | None) -> Charges | None:
    """A DFT. None when PID is missing; an FT1 with an error is left out and named, and spoils the reading."""
    pid = message.first("PID")
    if pid is None:
        findings.error(Place(segment="PID"), "a charge message has a PID", ErrorCode.SEGMENT_SEQUENCE)
        return None
    authority = message.header.sending_facility
    segments = message.segments
    pv1 = message.first("PV1")
    return Charges(
        trigger=message.header.trigger,
        occurred_at=occurred_at,
        person=read_person(pid, findings, authority),
        visit=read_visit(pv1, findings, authority) if pv1 else None,
        transactions=_transactions(message, findings),
        diagnoses=read_diagnoses(segments, findings),
        procedures=read_procedures(segments, findings),
        coverages=read_coverages(segments, findings, authority),
        guarantors=read_guarantors(segments, findings, authority),
    )


def _transactions(message: Message, findings: Findings) -> tuple[Transaction, ...]:
    readers = [SegmentReader(segment, findings) for segment in message.all("FT1")]
    if not readers:
        findings.error(Place(segment="FT1"), "a charge message has an FT1", ErrorCode.SEGMENT_SEQUENCE)
    _warn_of_repeated_ids(readers)
    return tuple(each for ordinal, reader in enumerate(readers, 1) if (each := _transaction(reader, ordinal)))


def _warn_of_repeated_ids(readers: Sequence[SegmentReader]) -> None:
    seen: dict[tuple[str, str], int] = {}
    for ordinal, reader in enumerate(readers, 1):
        key = (reader.text(2), reader.text(6).upper())
        if key[0] and seen.setdefault(key, ordinal) != ordinal:
            reader.error(2, f"the transaction id of FT1[{seen[key]}] comes again", ErrorCode.DUPLICATE_KEY)


def _transaction(reader: SegmentReader, ordinal: int) -> Transaction | None:
    kind_sent = _kind(reader)
    served = _service_dates(reader)
    quantity, extended, unit = _quantity(reader, kind_sent), reader.cents(11), reader.cents(12)
    charge_code, procedure = _codes(reader, kind_sent)
    _warn_of_blank_id(reader)
    if kind_sent is None or served is None or quantity is None:
        return None
    kind = _kind_by_sign(reader, kind_sent, quantity, extended, unit)
    if kind in CHARGING:
        quantity, extended, unit = abs(quantity), _magnitude(extended), _magnitude(unit)
    _warn_of_wrong_product(reader, quantity, extended, unit)
    return Transaction(
        place=str(reader.segment.at()),
        ordinal=ordinal,
        transaction_id=reader.text(2),
        batch_id=reader.text(3),
        service_on=served[0],
        service_through=served[1],
        posted_at=reader.moment(5),
        kind=kind,
        type_sent=reader.text(6).upper(),
        charge_code=charge_code,
        procedure=procedure,
        modifiers=_modifiers(reader),
        quantity=quantity,
        extended_cents=extended,
        unit_cents=unit,
        department=reader.code(13),
        location=reader.location(16),
        diagnoses=read_diagnosis_codes(reader, 19),
        performers=reader.providers(20),
        orderers=reader.providers(21),
        drug_code=reader.text(29),
        drug_code_system=_drug_code_system(reader),
    )


def _kind(reader: SegmentReader) -> TransactionKind | None:
    if not reader.required(6, "the transaction type"):
        return None
    kind = TRANSACTION_KINDS.get(reader.text(6).upper())
    if kind is None:
        rule = "the transaction type is one of CG, CD, CR, PY, AJ, CO"
        reader.error(6, rule, ErrorCode.TABLE_VALUE_NOT_FOUND, shown(reader.text(6)))
    return kind


def _kind_by_sign(
    reader: SegmentReader, kind: TransactionKind, quantity: Decimal, *amounts: int | None
) -> TransactionKind:
    """A charge with a minus sign anywhere is a credit; a credit stays one with or without signs."""
    is_negative = quantity < 0 or any(amount is not None and amount < 0 for amount in amounts)
    if kind is TransactionKind.CHARGE and is_negative:
        reader.warn(11, "a charge with a negative quantity or amount is read as a credit")
        return TransactionKind.CREDIT
    return kind


def _service_dates(reader: SegmentReader) -> tuple[Moment, Moment] | None:
    """FT1-4: a date, or from and through."""
    if not reader.required(4, "the date of service"):
        return None
    start = reader.moment(4, is_needed=True)
    through_text = reader.text(4, 2)
    through = reader.moment_from(4, through_text, is_needed=True) if through_text else start
    if start is None or through is None:
        return None
    if through.on < start.on:
        reader.error(4, "a range of service dates ends before it begins", ErrorCode.DATA_TYPE)
        return None
    return start, through


def _quantity(reader: SegmentReader, kind: TransactionKind | None) -> Decimal | None:
    if not reader.text(10):
        if kind in CHARGING:
            reader.warn(10, "no quantity is given; read as 1")
        return Decimal(1)
    quantity = reader.number(10)
    if quantity == 0:
        reader.error(10, "a quantity is not zero", ErrorCode.DATA_TYPE, "0")
        return None
    return quantity


def _codes(reader: SegmentReader, kind: TransactionKind | None) -> tuple[Code | None, Code | None]:
    """The charge code and the procedure code. What is charged has one of them."""
    charge_code, procedure = reader.code(7), reader.code(25)
    if procedure is not None:
        procedure = settled_procedure(procedure)
    elif charge_code is not None and charge_code.system in (CodeSystem.CPT, CodeSystem.HCPCS):
        procedure = charge_code
    if charge_code is not None and _is_diagnosis(charge_code):
        rule = "a charge code is not a diagnosis code" + ("; FT1-25 is used" if procedure else "")
        note = reader.warn if procedure else reader.error
        note(7, rule, ErrorCode.TABLE_VALUE_NOT_FOUND, shown(charge_code.code))
        charge_code = None
    elif charge_code is None and procedure is None and kind in CHARGING:
        reader.error(7, "a charge has a charge code or a procedure code", ErrorCode.REQUIRED_FIELD_MISSING)
    return charge_code, procedure


def _is_diagnosis(code: Code) -> bool:
    if code.system in (CodeSystem.ICD_10_CM, CodeSystem.ICD_9_CM):
        return procedure_system_by_form(code.code) is CodeSystem.UNSTATED
    return code.system is CodeSystem.UNSTATED and looks_like_diagnosis(code.code)


def _modifiers(reader: SegmentReader) -> tuple[str, ...]:
    """Two letters or digits each. Some senders put several into one repetition's components, which is not read."""
    modifiers = tuple(modifier.code.upper() for modifier in reader.codes(26))
    for repetition, modifier in enumerate(modifiers, 1):
        if not (len(modifier) == 2 and modifier.isascii() and modifier.isalnum()):
            reader.warn(26, "a modifier has two letters or digits", value=shown(modifier), repetition=repetition)
    return modifiers


def _drug_code_system(reader: SegmentReader) -> CodeSystem:
    code = reader.code(29)
    return code.system if code else CodeSystem.UNSTATED


def _warn_of_blank_id(reader: SegmentReader) -> None:
    if not reader.text(2):
        rule = "no transaction id: a resend cannot be told from a new transaction by it"
        reader.warn(2, rule, ErrorCode.REQUIRED_FIELD_MISSING)


def _warn_of_wrong_product(reader: SegmentReader, quantity: Decimal, extended: int | None, unit: int | None) -> None:
    if extended is not None and unit is not None and Fraction(quantity) * unit != extended:
        reader.warn(11, "the extended amount is not quantity times unit price; the extended amount is used")


def _magnitude(cents: int | None) -> int | None:
    return None if cents is None else abs(cents)
