"""What kind of message is this, and what does it say?

Source: HL7 v2.8 chapters 3 (ADT), 6 (DFT, BAR), 10 (SIU); table 0003 (event types).
Only what billing needs is read. The rest is "not ours", which is no fault of the sender.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import TypeAlias, assert_never

from shared.codecs.hl7v2.accounts import ACCOUNT_ACTIONS, AccountUpdate, read_account
from shared.codecs.hl7v2.admission import (
    ADMISSION_ACTIONS,
    IDENTITY_ACTIONS,
    Admission,
    IdentityChange,
    read_admission,
    read_identity_change,
)
from shared.codecs.hl7v2.charges import Charges, read_charges
from shared.codecs.hl7v2.findings import ErrorCode, Finding, Findings, Place, Reading, Severity, shown
from shared.codecs.hl7v2.message import Header, Message
from shared.codecs.hl7v2.reader import SegmentReader
from shared.codecs.hl7v2.scheduling import APPOINTMENT_ACTIONS, Appointment, read_appointment
from shared.codecs.hl7v2.values import moment_of
from shared.codecs.moments import Moment

Document: TypeAlias = Admission | IdentityChange | Appointment | Charges | AccountUpdate


class Kind(StrEnum):
    ADMISSION = "admission"  # ADT about one person and visit
    IDENTITY = "identity"  # ADT that merges, moves or renumbers
    APPOINTMENT = "appointment"  # SIU
    CHARGES = "charges"  # DFT
    ACCOUNT = "account"  # BAR
    NOT_OURS = "not ours"


CHARGE_TRIGGERS = frozenset({"P03", "P11"})
OUR_MESSAGE_CODES = frozenset({"ADT", "SIU", "DFT", "BAR"})


def classify(message: Message | Header) -> Kind:
    """By MSH-9 alone; the message structure in its third component adds nothing."""
    header = message.header if isinstance(message, Message) else message
    trigger = header.trigger.upper()
    match header.message_code.upper():
        case "ADT" if trigger in ADMISSION_ACTIONS:
            return Kind.ADMISSION
        case "ADT" if trigger in IDENTITY_ACTIONS:
            return Kind.IDENTITY
        case "SIU" if trigger in APPOINTMENT_ACTIONS:
            return Kind.APPOINTMENT
        case "DFT" if trigger in CHARGE_TRIGGERS:
            return Kind.CHARGES
        case "BAR" if trigger in ACCOUNT_ACTIONS:
            return Kind.ACCOUNT
        case _:
            return Kind.NOT_OURS


def header_problems(header: Header, *, processing_ids: Collection[str] = ("P",)) -> tuple[Finding, ...]:
    """Why a message cannot be taken in at all: answer AR. `processing_ids` are what this listener accepts.

    Being "not ours" is not among them; see `not_ours`.
    """
    findings = Findings()
    if not header.message_code:
        findings.error(_msh(9), "the message type is required", ErrorCode.REQUIRED_FIELD_MISSING)
    if not header.control_id:
        findings.error(_msh(10), "the message control id is required", ErrorCode.REQUIRED_FIELD_MISSING)
    if header.processing_id and header.processing_id.upper() not in processing_ids:
        rule = f"this listener takes processing ids {', '.join(sorted(processing_ids))}"
        findings.error(_msh(11), rule, ErrorCode.UNSUPPORTED_PROCESSING_ID, shown(header.processing_id))
    if header.version and not header.version.startswith("2."):
        rule = "the version is one of HL7 v2"
        findings.error(_msh(12), rule, ErrorCode.UNSUPPORTED_VERSION, shown(header.version))
    return findings.as_tuple()


def not_ours(header: Header) -> Finding:
    """What to say to the sender of a message that is none of billing's."""
    is_known_type = header.message_code.upper() in OUR_MESSAGE_CODES
    code = ErrorCode.UNSUPPORTED_EVENT if is_known_type else ErrorCode.UNSUPPORTED_MESSAGE_TYPE
    rule = "no message that billing acts on"
    value = "^".join(shown(part) for part in (header.message_code, header.trigger) if part)
    return Finding(at=_msh(9), rule=rule, severity=Severity.WARNING, code=code, value=value)


def read_document(message: Message) -> Reading[Document]:
    """The typed document of a message and everything found. A message that is not ours has none, with a warning."""
    findings = Findings(list(message.findings))
    document = _read(message, findings)
    return Reading(document=document, findings=findings.as_tuple())


def _read(message: Message, findings: Findings) -> Document | None:
    occurred_at = _occurred_at(message, findings)
    kind = classify(message)
    match kind:
        case Kind.ADMISSION:
            return read_admission(message, findings, occurred_at=occurred_at)
        case Kind.IDENTITY:
            return read_identity_change(message, findings, occurred_at=occurred_at)
        case Kind.APPOINTMENT:
            return read_appointment(message, findings, occurred_at=occurred_at)
        case Kind.CHARGES:
            return read_charges(message, findings, occurred_at=occurred_at)
        case Kind.ACCOUNT:
            return read_account(message, findings, occurred_at=occurred_at)
        case Kind.NOT_OURS:
            findings.found.append(not_ours(message.header))
            return None
        case _:
            assert_never(kind)


def _occurred_at(message: Message, findings: Findings) -> Moment | None:
    """EVN-2 when it was recorded, else MSH-7 when it was sent: by this an older snapshot is told from a newer one."""
    evn = message.first("EVN")
    recorded_at = SegmentReader(evn, findings).moment(2) if evn else None
    if recorded_at is not None:
        return recorded_at
    if not message.header.sent_at:
        return None
    try:
        return moment_of(message.header.sent_at)
    except ValueError:
        findings.warn(_msh(7), "not a date: a date is YYYYMMDD with HHMM[SS]", ErrorCode.DATA_TYPE)
        return None


def _msh(field: int) -> Place:
    return Place(segment="MSH", field=field)
