"""What do a TA1, 999, 277CA or 277 say about our interchanges and claims?

Pure: bytes in, what is told out, in the order of the file. A 277CA tells claim by claim, and several of them per claim are usual: a
clearinghouse's accept is not the payer's, a late reject can follow. When its receiver level refuses the batch, claims may be absent:
then every claim of the batch is refused. Personal values in these files are never passed on.
Sources: X12.5 TA1, 005010X231A1 (999), 005010X214 (277CA), 005010X212 (277).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Literal

from services.claims.adapters.interchange_writer import control_number_of_reference
from services.claims.domain.batch.acknowledgement import (
    BatchRefused,
    BatchTold,
    ClaimTold,
    Parties,
    Reading,
    Told,
)
from services.claims.domain.batch.commands import AcknowledgementStatus, RecordAcknowledgement
from services.claims.domain.claim.commands import (
    AcceptanceStage,
    RecordAcceptance,
    RecordRejection,
    RecordStatus,
)
from shared.codecs.x12.acknowledgement_999 import GroupAcknowledgement, SetResponse, group_acknowledgement_of
from shared.codecs.x12.acknowledgement_ta1 import InterchangeAcknowledgement, read_ta1
from shared.codecs.x12.claim_acknowledgement_277ca import (
    AcknowledgedClaim,
    ClaimAcknowledgement,
    ReceiverReport,
    claim_acknowledgement_of,
)
from shared.codecs.x12.claim_status_276_277 import ClaimStatusEntry, ClaimStatusTransaction, claim_status_of
from shared.codecs.x12.envelope import Envelope, Place, TransactionSet, read_transactions
from shared.codecs.x12.problems import Problems, X12Error
from shared.codecs.x12.status import Status
from shared.events.values import DocumentReference, Finding

_CLAIM_NUMBER_LENGTH = 17  # with which the trace number of a question begins
_PAYER = "PR"  # NM101 of the source; a clearinghouse is AY
_ACCEPTED_CATEGORIES = frozenset(("A0", "A1", "A2"))
_STATUS_OF_TA1: dict[str, AcknowledgementStatus] = {"A": "accepted", "E": "accepted-with-errors", "R": "rejected"}
_STATUS_OF_999: dict[str, AcknowledgementStatus] = {
    "A": "accepted",
    "E": "accepted-with-errors",
    "P": "partially-accepted",
}


def read_acknowledgements(content: bytes, document_id: str) -> Reading:
    """Everything that a file tells, and what is wrong with it. Other transaction sets are passed over."""
    problems = Problems()
    told: list[Told] = [_interchange(each, document_id, problems) for each in read_ta1(content)]
    for transaction in read_transactions(content, problems):
        told += _transaction(transaction, document_id, problems)
    if not told and not problems:
        problems.at(1, "ST01", "the file holds a TA1 999 277CA or 277")
    return Reading(told=tuple(told), findings=tuple(_finding(problem) for problem in problems))


def _finding(problem: X12Error) -> Finding:
    return Finding(
        rule=problem.rule_id,
        place=f"segment {problem.segment}, {problem.element}",
        message=problem.message,
        value=problem.found,
        severity=problem.severity,
    )


def _transaction(transaction: TransactionSet, document_id: str, problems: Problems) -> Iterable[Told]:
    match transaction.kind:
        case "999":
            group = group_acknowledgement_of(transaction)
            problems.extend(group.problems[len(transaction.problems) :])
            return _group(group, document_id)
        case "277CA":
            claims = claim_acknowledgement_of(transaction)
            problems.extend(claims.problems[len(transaction.problems) :])
            return _claims(claims, document_id)
        case "277":
            status = claim_status_of(transaction)
            problems.extend(status.problems[len(transaction.problems) :])
            return _statuses(status, document_id)
        case _:
            return ()


def _parties(envelope: Envelope) -> Parties:
    return Parties(sender_id=envelope.sender_id.strip(), receiver_id=envelope.receiver_id.strip())


def _source(document_id: str, place: Place) -> DocumentReference:
    return DocumentReference(document_id=document_id, place=f"segment {place.first_segment}")


def _number(text: str) -> int:
    return int(text) if text.isdigit() and text.isascii() and len(text) <= 9 else 0


# ---- TA1 and 999 ---------------------------------------------------------------------------------------------------


def _interchange(ta1: InterchangeAcknowledgement, document_id: str, problems: Problems) -> BatchTold:
    if ta1.status not in _STATUS_OF_TA1:
        problems.at(ta1.place.first_segment, "TA104", "TA104 is A, E or R", found=ta1.status)
    command = RecordAcknowledgement(
        kind="TA1",
        status=_STATUS_OF_TA1.get(ta1.status, "rejected"),
        codes=(ta1.note,) if ta1.note not in ("", "000") else (),
        source=_source(document_id, ta1.place),
    )
    return BatchTold(
        parties=_parties(ta1.envelope), control_number=_number(ta1.interchange_control_number), command=command
    )


def _group(group: GroupAcknowledgement, document_id: str) -> Iterator[BatchTold]:
    rejected = [response for response in group.sets if not response.is_accepted]
    command = RecordAcknowledgement(
        kind="999",
        status=_STATUS_OF_999.get(group.status, "rejected"),
        codes=tuple(sorted({code for response in rejected for code in _codes_of_set(response)} | set(group.codes))),
        rejected_sets=tuple(response.control_number for response in rejected),
        source=_source(document_id, group.place),
    )
    yield BatchTold(
        parties=_parties(group.envelope), control_number=_number(group.group_control_number), command=command
    )


def _codes_of_set(response: SetResponse) -> Iterator[str]:
    """Which segment and element was wrong, by the codes of IK3 and IK4; the bad value itself may be personal."""
    yield from (f"IK5:{code}" for code in response.codes)
    for error in response.errors:
        yield f"IK3:{error.segment_id}:{error.code}"
        for element in error.elements:
            yield f"IK4:{error.segment_id}{element.position[0].zfill(2) if element.position else ''}:{element.code}"


# ---- 277CA ---------------------------------------------------------------------------------------------------------


def _claims(told: ClaimAcknowledgement, document_id: str) -> Iterator[Told]:
    for receiver in told.receivers:
        control_number = control_number_of_reference(receiver.batch_reference)
        claims = [claim for provider in receiver.providers for claim in provider.claims]
        if receiver.is_rejected and control_number is not None:
            yield _refused_batch(told, receiver, control_number, claims, document_id)
        for claim in claims:
            yield _claim(told, claim, control_number, document_id)


def _refused_batch(
    told: ClaimAcknowledgement,
    receiver: ReceiverReport,
    control_number: int,
    claims: Iterable[AcknowledgedClaim],
    document_id: str,
) -> BatchRefused:
    command = RecordRejection(
        by=_name(told),
        stage=_stage(told),
        codes=_codes(receiver.statuses),
        control_number=control_number,
        source=_source(document_id, told.place),
    )
    return BatchRefused(
        parties=_parties(told.envelope),
        control_number=control_number,
        command=command,
        named_claim_ids=frozenset(_claim_id(claim.claim_id) for claim in claims),
    )


def _claim(
    told: ClaimAcknowledgement, claim: AcknowledgedClaim, control_number: int | None, document_id: str
) -> ClaimTold:
    claim_id = _claim_id(claim.claim_id)
    statuses = (*claim.statuses, *(status for line in claim.lines for status in line.statuses))
    codes, source = _codes(statuses), _source(document_id, claim.place)
    if claim.is_rejected:
        rejection = RecordRejection(
            by=_name(told),
            stage=_stage(told),
            codes=codes,
            message_code=_worst(statuses),
            control_number=control_number,
            payer_control_number=claim.payer_control_number,
            source=source,
        )
        return ClaimTold(claim_id=claim_id, command=rejection)
    if _ACCEPTED_CATEGORIES.isdisjoint(code.category for status in statuses for code in status.codes):
        status = RecordStatus(
            category=_category(statuses),
            codes=codes,
            payer_control_number=claim.payer_control_number,
            source=source,
        )
        return ClaimTold(claim_id=claim_id, command=status)
    acceptance = RecordAcceptance(
        by=_name(told),
        stage=_stage(told),
        codes=codes,
        payer_control_number=claim.payer_control_number,
        accepted_on=_day(statuses, told),
        control_number=control_number,
        source=source,
    )
    return ClaimTold(claim_id=claim_id, command=acceptance)


def _stage(told: ClaimAcknowledgement) -> AcceptanceStage:
    stage: Literal["payer", "clearinghouse"] = "payer" if told.source.role == _PAYER else "clearinghouse"
    return stage


def _name(told: ClaimAcknowledgement) -> str:
    return told.source.name or told.source.id or told.envelope.sender_id.strip()


def _claim_id(text: str) -> str:
    """Some receivers change the case of CLM01."""
    return text.strip().upper()


def _codes(statuses: Iterable[Status]) -> tuple[str, ...]:
    """category:status:entity, each once, in order."""
    written = (
        ":".join((code.category, code.code, code.entity)).rstrip(":") for status in statuses for code in status.codes
    )
    return tuple(dict.fromkeys(written))


def _category(statuses: Iterable[Status]) -> str:
    return next((code.category for status in statuses for code in status.codes), "")


def _worst(statuses: Iterable[Status]) -> str:
    """The status code of the first rejection: what has to be mended."""
    return next((code.code for status in statuses if status.is_rejection for code in status.codes), "")


def _day(statuses: Iterable[Status], told: ClaimAcknowledgement) -> date:
    stated = next((status.effective_on for status in statuses if status.effective_on), None)
    return stated or told.processed_on or told.envelope.written_at.date()


# ---- 277 -----------------------------------------------------------------------------------------------------------


def _statuses(told: ClaimStatusTransaction, document_id: str) -> Iterator[ClaimTold]:
    for entry in told.entries:
        claim_id = _claim_id(entry.claim_id or entry.trace_number[:_CLAIM_NUMBER_LENGTH])
        if claim_id and entry.statuses:
            yield ClaimTold(claim_id=claim_id, command=_status(entry, document_id))


def _status(entry: ClaimStatusEntry, document_id: str) -> RecordStatus:
    paid = [status.paid_cents for status in entry.statuses if status.paid_cents is not None]
    return RecordStatus(
        category=_category(entry.statuses),
        codes=_codes(entry.statuses),
        payer_control_number=entry.payer_control_number,
        paid_cents=paid[0] if paid else None,
        source=_source(document_id, entry.place),
        trace_number=entry.trace_number.strip(),
        finalized_on=next((status.finalized_on for status in entry.statuses if status.finalized_on), None),
        due_on=_due_on(entry),
        payment_number=next((status.payment_number for status in entry.statuses if status.payment_number), ""),
    )


def _due_on(entry: ClaimStatusEntry) -> date | None:
    """DTP*106, required by: some payers say with the request until when they wait."""
    for segment in entry.others:
        if segment.id == "DTP" and segment[1] == "106" and re.fullmatch(r"[0-9]{8}", segment[3]):
            try:
                return date.fromisoformat(segment[3])
            except ValueError:
                return None
    return None
