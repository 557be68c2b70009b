"""Every FT1 is a charge, a credit or money, exact to the cent, or a named fault."""

from datetime import date
from decimal import Decimal

import pytest

from shared.codecs.code_systems import CodeSystem
from shared.codecs.hl7v2.charges import Charges, Transaction, TransactionKind
from shared.codecs.hl7v2.documents import Kind, classify, read_document
from shared.codecs.hl7v2.findings import ErrorCode, Finding
from shared.codecs.hl7v2.message import parse
from tests.unit.codecs.hl7v2.messages import DFT, PID, hl7, msh, places


def charges(data: bytes) -> Charges:
    document = read_document(parse(data)).document
    assert isinstance(document, Charges)
    return document


def one(ft1: str) -> tuple[Transaction | None, tuple[Finding, ...]]:
    reading = read_document(parse(hl7(msh("DFT^P03"), PID, ft1)))
    assert isinstance(reading.document, Charges)
    transactions = reading.document.transactions
    return (transactions[0] if transactions else None), reading.findings


def ft1(*, type_: str = "CG", quantity: str = "2", extended: str = "", unit: str = "", rest: str = "") -> str:
    return f"FT1|1|TX-1||20260302||{type_}|99213^^C4|||{quantity}|{extended}|{unit}{rest}"


def test_a_clean_charge_message_reads_without_a_finding() -> None:
    message = parse(DFT)
    assert classify(message) is Kind.CHARGES
    assert read_document(message).findings == ()


def test_a_charge_keeps_everything_that_a_claim_line_needs() -> None:
    visit, drug = charges(DFT).transactions
    assert (visit.place, visit.transaction_id, visit.batch_id, visit.kind) == (
        "FT1",
        "TX-1",
        "B-1",
        TransactionKind.CHARGE,
    )
    assert (visit.service_on.on, visit.service_through.on) == (date(2026, 3, 2), date(2026, 3, 2))
    assert (visit.extended_cents, visit.unit_cents, visit.quantity) == (150_00, 150_00, 1)
    assert visit.charge_code is not None and (visit.charge_code.code, visit.charge_code.system) == (
        "CDM100",
        CodeSystem.LOCAL,
    )
    assert visit.procedure is not None and (visit.procedure.code, visit.procedure.system) == ("99213", CodeSystem.CPT)
    assert visit.modifiers == ("25", "GT")
    assert [code.bare for code in visit.diagnoses] == ["E119", "I10"]
    assert [provider.npi for provider in visit.performers + visit.orderers] == ["1234567893", "1245319599"]
    assert visit.department is not None and visit.department.code == "FM"
    assert visit.location is not None and visit.location.facility == "NORTH"
    assert (drug.service_on.on, drug.service_through.on) == (date(2026, 3, 2), date(2026, 3, 4))
    assert drug.procedure is not None and drug.procedure.system is CodeSystem.HCPCS
    assert (drug.drug_code, drug.drug_code_system) == ("63323016501", CodeSystem.NDC)
    assert drug.amount_cents == 10_00


@pytest.mark.parametrize(
    ("sent", "cents"),
    [
        ("100&USD", 100_00),
        ("150.00^USD", 150_00),
        ("12.5", 12_50),
        ("7", 7_00),
        (".05", 5),
        ("0.10&USD^UP", 10),
        ("0", 0),
    ],
)
def test_amounts_are_exact_however_the_sender_writes_them(sent: str, cents: int) -> None:
    transaction, findings = one(ft1(quantity="1", extended=sent))
    assert transaction is not None and transaction.extended_cents == cents
    assert findings == ()


@pytest.mark.parametrize("sent", ["12.345", "1e3", "NaN", "1,000.00", "$5", "12.34.5", "1" * 40, "Infinity"])
def test_what_is_no_exact_amount_of_cents_is_an_error(sent: str) -> None:
    findings = one(ft1(extended=sent))[1]
    assert [(each.place, each.code, each.severity) for each in findings] == [("FT1-11", ErrorCode.DATA_TYPE, "error")]


@pytest.mark.parametrize("sent", ["100&EUR", "100^CAD"])
def test_an_amount_in_another_currency_is_an_error(sent: str) -> None:
    assert places(one(ft1(extended=sent))[1]) == ["FT1-11"]


@pytest.mark.parametrize(
    ("type_", "quantity", "extended", "kind", "cents"),
    [
        ("CG", "1", "80", TransactionKind.CHARGE, 80_00),
        ("CD", "1", "80", TransactionKind.CREDIT, 80_00),
        ("CR", "1", "80", TransactionKind.CREDIT, 80_00),
        ("CG", "1", "-80", TransactionKind.CREDIT, 80_00),
        ("CG", "-1", "80", TransactionKind.CREDIT, 80_00),
        ("CG", "-1", "-80", TransactionKind.CREDIT, 80_00),
        ("CD", "-1", "-80", TransactionKind.CREDIT, 80_00),
        ("PY", "1", "-80", TransactionKind.PAYMENT, -80_00),
        ("AJ", "1", "12.5", TransactionKind.ADJUSTMENT, 12_50),
        ("CO", "1", "20", TransactionKind.COPAYMENT, 20_00),
    ],
)
def test_the_sign_of_a_charge_is_in_its_kind(
    type_: str, quantity: str, extended: str, kind: TransactionKind, cents: int
) -> None:
    transaction, _ = one(ft1(type_=type_, quantity=quantity, extended=extended))
    assert transaction is not None
    assert (transaction.kind, transaction.amount_cents, transaction.quantity) == (kind, cents, 1)


def test_a_negative_charge_is_reported_as_read_as_a_credit() -> None:
    assert [(each.place, each.severity) for each in one(ft1(quantity="1", extended="-80"))[1]] == [
        ("FT1-11", "warning")
    ]


def test_an_amount_that_nobody_said_is_quantity_times_unit_price_and_never_invented() -> None:
    priced, _ = one(ft1(quantity="2.5", unit="10.00"))
    assert priced is not None and (priced.amount_cents, priced.quantity) == (25_00, Decimal("2.5"))
    unequal, _ = one(ft1(quantity="0.333", unit="0.01"))
    assert unequal is not None and unequal.amount_cents is None
    silent, findings = one(ft1())
    assert silent is not None and silent.amount_cents is None
    assert findings == ()


def test_an_extended_amount_that_is_not_the_product_is_kept_and_reported() -> None:
    transaction, findings = one(ft1(quantity="3", extended="100", unit="50"))
    assert transaction is not None and transaction.amount_cents == 100_00
    assert [(each.place, each.severity) for each in findings] == [("FT1-11", "warning")]


def test_a_charge_without_a_transaction_id_is_kept_and_reported() -> None:
    transaction, findings = one(ft1().replace("|TX-1|", "||"))
    assert transaction is not None and transaction.transaction_id == ""
    assert [(each.place, each.severity) for each in findings] == [("FT1-2", "warning")]


def test_the_same_transaction_id_twice_in_one_message_is_an_error() -> None:
    reading = read_document(parse(hl7(msh("DFT^P03"), PID, ft1(), ft1())))
    assert [(each.place, each.code) for each in reading.errors] == [("FT1[2]-2", ErrorCode.DUPLICATE_KEY)]
    assert read_document(parse(hl7(msh("DFT^P03"), PID, ft1(), ft1(type_="CD")))).is_usable


def test_a_diagnosis_in_the_charge_code_is_replaced_by_the_procedure_code() -> None:
    line = "FT1|1|TX-1||20260302||CG|626.2|||1" + "|" * 15 + "99213"
    transaction, findings = one(line)
    assert transaction is not None and transaction.charge_code is None
    assert transaction.procedure is not None and transaction.procedure.system is CodeSystem.CPT
    assert [(each.place, each.severity, each.value) for each in findings] == [("FT1-7", "warning", "626.2")]


def test_a_diagnosis_as_the_only_code_of_a_charge_is_an_error() -> None:
    assert [(each.place, each.severity) for each in one("FT1|1|TX-1||20260302||CG|E11.9|||1")[1]] == [
        ("FT1-7", "error")
    ]


def test_snomed_among_the_diagnoses_is_kept_and_reported_at_its_repetition() -> None:
    transaction, findings = one(ft1(rest="|" * 7 + "E11.9^^I10~29857009^Chest pain^SCT"))
    assert transaction is not None
    assert [code.system for code in transaction.diagnoses] == [CodeSystem.ICD_10_CM, CodeSystem.SNOMED]
    assert [(each.place, each.value) for each in findings] == [("FT1-19[2]", "SNOMED 29857009")]


def test_a_number_that_is_no_npi_stays_an_id_and_is_reported() -> None:
    transaction, findings = one(ft1(rest="|" * 8 + "9941339108^Smith^Adam^^^^^^&2.16.840.1.113883.4.6&ISO^^^^NPI"))
    assert transaction is not None
    assert [(each.id, each.npi, each.family) for each in transaction.performers] == [("9941339108", "", "Smith")]
    assert [(each.place, each.severity, each.value) for each in findings] == [("FT1-20", "warning", "9941339108")]


@pytest.mark.parametrize(
    ("line", "place", "code"),
    [
        ("FT1|1|T|||20260302|CG|99213^^C4|||1", "FT1-4", ErrorCode.REQUIRED_FIELD_MISSING),
        ("FT1|1|T||^20260303||CG|99213^^C4|||1", "FT1-4", ErrorCode.REQUIRED_FIELD_MISSING),
        ("FT1|1|T||2026||CG|99213^^C4|||1", "FT1-4", ErrorCode.DATA_TYPE),
        ("FT1|1|T||20260230||CG|99213^^C4|||1", "FT1-4", ErrorCode.DATA_TYPE),
        ("FT1|1|T||20260302^20260301||CG|99213^^C4|||1", "FT1-4", ErrorCode.DATA_TYPE),
        ("FT1|1|T||20260302|||99213^^C4|||1", "FT1-6", ErrorCode.REQUIRED_FIELD_MISSING),
        ("FT1|1|T||20260302||ZZ|99213^^C4|||1", "FT1-6", ErrorCode.TABLE_VALUE_NOT_FOUND),
        ("FT1|1|T||20260302||CG||||1", "FT1-7", ErrorCode.REQUIRED_FIELD_MISSING),
        ("FT1|1|T||20260302||CG|99213^^C4|||many", "FT1-10", ErrorCode.DATA_TYPE),
        ("FT1|1|T||20260302||CG|99213^^C4|||0", "FT1-10", ErrorCode.DATA_TYPE),
    ],
)
def test_a_charge_that_cannot_be_used_names_its_field_and_why(line: str, place: str, code: ErrorCode) -> None:
    errors = [each for each in one(line)[1] if each.severity == "error"]
    assert [(each.place, each.code) for each in errors] == [(place, code)]


def test_a_missing_quantity_is_one_and_is_reported() -> None:
    transaction, findings = one(ft1(quantity=""))
    assert transaction is not None and transaction.quantity == 1
    assert places(findings) == ["FT1-10"]


@pytest.mark.parametrize(("missing", "place"), [("PID", "PID"), ("FT1", "FT1")])
def test_a_charge_message_without_patient_or_charges_is_an_error(missing: str, place: str) -> None:
    segments = [segment for segment in (msh("DFT^P03"), PID, ft1()) if not segment.startswith(missing)]
    assert places(read_document(parse(hl7(*segments))).errors) == [place]


def test_coverage_guarantor_and_diagnoses_of_the_message_come_with_its_charges() -> None:
    document = charges(DFT)
    assert [coverage.payer_id for coverage in document.coverages] == ["66001"]
    assert [guarantor.place for guarantor in document.guarantors] == ["GT1"]
    assert [(each.code.bare, each.priority) for each in document.diagnoses] == [("E119", 1)]
    assert document.visit is not None and document.visit.patient_class == "O"
