"""What does an X12 file say, as typed documents or as plain JSON?

Each transaction set by its own reader; a set without one keeps its segments. Amounts are integer cents, dates ISO.
The JSON holds everything that the file holds, personal data included: it is for whoever may read the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from msgspec import Struct

from shared.codecs.x12.acknowledgement_999 import GroupAcknowledgement, group_acknowledgement_of
from shared.codecs.x12.acknowledgement_ta1 import InterchangeAcknowledgement, read_ta1
from shared.codecs.x12.claim_837d import DentalBatch, dental_batch_of
from shared.codecs.x12.claim_837i import InstitutionalBatch, institutional_batch_of
from shared.codecs.x12.claim_837p import ClaimBatch, batch_of
from shared.codecs.x12.claim_acknowledgement_277ca import ClaimAcknowledgement, claim_acknowledgement_of
from shared.codecs.x12.claim_status_276_277 import ClaimStatusTransaction, claim_status_of
from shared.codecs.x12.eligibility_270_271 import (
    EligibilityInquiry,
    EligibilityResponse,
    eligibility_inquiry_of,
    eligibility_response_of,
)
from shared.codecs.x12.envelope import Place, TransactionSet, read_transactions
from shared.codecs.x12.problems import Problems, X12Error
from shared.codecs.x12.remittance_835 import ClaimPayment, RemittanceAdvice, ServiceLine, remittance_of
from shared.codecs.x12.services_review_278 import ServicesReview, services_review_of
from shared.codecs.x12.tokenizer import Segment

Document: TypeAlias = (
    ClaimBatch
    | InstitutionalBatch
    | DentalBatch
    | RemittanceAdvice
    | EligibilityInquiry
    | EligibilityResponse
    | ClaimStatusTransaction
    | ClaimAcknowledgement
    | GroupAcknowledgement
    | ServicesReview
    | TransactionSet
)


def document_of(transaction: TransactionSet) -> Document:
    """The typed document of a set, or the set itself when it has no words of its own."""
    match transaction.kind:
        case "837P":
            return batch_of(transaction)
        case "837I":
            return institutional_batch_of(transaction)
        case "837D":
            return dental_batch_of(transaction)
        case "835":
            return remittance_of(transaction)
        case "270":
            return eligibility_inquiry_of(transaction)
        case "271":
            return eligibility_response_of(transaction)
        case "276" | "277":
            return claim_status_of(transaction)
        case "277CA":
            return claim_acknowledgement_of(transaction)
        case "999":
            return group_acknowledgement_of(transaction)
        case "278":
            return services_review_of(transaction)
        case _:
            return transaction


def interchange_acknowledgements(data: bytes) -> Iterator[InterchangeAcknowledgement]:
    """The TA1s of a file; a file without the letters is not read again."""
    if b"TA1" in data:
        yield from read_ta1(data)


def json_document(data: bytes) -> dict[str, Any]:
    """The file as a JSON-able dict: `transactions`, each with its `set`, and the `problems` of the file."""
    problems = Problems()
    transactions = [
        {"set": transaction.kind, **_plain_document(document_of(transaction))}
        for transaction in read_transactions(data, problems)
    ]
    answers = [{"set": "TA1", **_plain_struct(each)} for each in interchange_acknowledgements(data)]
    return {"transactions": [*answers, *transactions], "problems": [_plain(problem) for problem in problems]}


def _plain_document(document: Document) -> dict[str, Any]:
    plain = _plain_struct(document)
    if isinstance(document, RemittanceAdvice):
        return {**plain.pop("header"), **plain}  # one level: payment_cents beside claims
    return plain


def _plain_struct(value: Struct) -> dict[str, Any]:
    plain = {name: _plain(getattr(value, name)) for name in value.__struct_fields__ if name != "place"}
    place = getattr(value, "place", None)
    if isinstance(place, Place) and place.first_segment:
        plain["segment"] = place.first_segment
    match value:
        case ServiceLine():
            plain |= {"control_number": value.control_number, "remark_codes": list(value.remark_codes)}
        case ClaimPayment():
            plain["remark_codes"] = list(value.remark_codes)
        case ServicesReview():
            plain |= {"decisions": _plain(value.decisions), "trace_numbers": list(value.trace_numbers)}
    return plain


def _plain(value: object) -> Any:
    match value:
        case Segment():
            return value.dialect.element.join(value.elements)
        case Struct():
            return _plain_struct(value)
        case tuple() | list():
            return [_plain(each) for each in value]
        case date() | datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case X12Error():
            return {
                "segment": value.segment,
                "element": value.element,
                "found": value.found,
                "rule": value.rule_id,
                "message": value.message,
                "severity": value.severity,
            }
        case _:
            return value
