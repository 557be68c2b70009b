"""What was coded for an account, as BAR says it?

Source: HL7 v2.8 chapter 6: BAR^P01 (add), P05 (update), P12 (diagnoses and procedures after coding).
"""

from dataclasses import dataclass
from enum import StrEnum

from shared.codecs.hl7v2.coverage import Coverage, read_coverages
from shared.codecs.hl7v2.diagnosis import (
    CodedProcedure,
    Diagnosis,
    read_diagnoses,
    read_procedures,
)
from shared.codecs.hl7v2.findings import ErrorCode, Findings, Place
from shared.codecs.hl7v2.guarantor import Guarantor, read_guarantors
from shared.codecs.hl7v2.message import Message
from shared.codecs.hl7v2.person import Person, read_person
from shared.codecs.hl7v2.visit import Visit, read_visit
from shared.codecs.moments import Moment


class AccountAction(StrEnum):
    OPENED = "opened"
    UPDATED = "updated"
    CODED = "coded"


ACCOUNT_ACTIONS = {"P01": AccountAction.OPENED, "P05": AccountAction.UPDATED, "P12": AccountAction.CODED}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdate:
    action: AccountAction
    trigger: str  # P01, P05, P12
    occurred_at: Moment | None  # EVN-2, else MSH-7
    person: Person
    visit: Visit | None
    diagnoses: tuple[Diagnosis, ...]
    procedures: tuple[CodedProcedure, ...]
    coverages: tuple[Coverage, ...]
    guarantors: tuple[Guarantor, ...]


def read_account(message: Message, findings: Findings, *, occurred_at: Moment | None) -> AccountUpdate | None:
    """A BAR. None when there is no PID. A P12 without DG1 and PR1 says nothing and is an error."""
    pid, pv1 = message.first("PID"), message.first("PV1")
    if pid is None:
        findings.error(Place(segment="PID"), "a BAR message has a PID", ErrorCode.SEGMENT_SEQUENCE)
        return None
    authority = message.header.sending_facility
    segments = message.segments
    account = AccountUpdate(
        action=ACCOUNT_ACTIONS[message.header.trigger.upper()],
        trigger=message.header.trigger.upper(),
        occurred_at=occurred_at,
        person=read_person(pid, findings, authority),
        visit=read_visit(pv1, findings, authority) if pv1 else None,
        diagnoses=read_diagnoses(segments, findings),
        procedures=read_procedures(segments, findings),
        coverages=read_coverages(segments, findings, authority),
        guarantors=read_guarantors(segments, findings, authority),
    )
    if account.action is AccountAction.CODED and not (account.diagnoses or account.procedures):
        rule = "a P12 carries diagnoses or procedures"
        findings.error(Place(segment="DG1"), rule, ErrorCode.REQUIRED_FIELD_MISSING)
    return account
