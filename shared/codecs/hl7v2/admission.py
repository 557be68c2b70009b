"""What happened to a patient or a visit, as ADT says it?

Source: HL7 v2.8 chapter 3; table 0003 (event types). Snapshot semantics: empty is "no change", `""` is "delete".
A merge names the survivor in PID and the retired number in MRG; one A40 may hold several such pairs.
"""

from dataclasses import dataclass
from enum import StrEnum

from shared.codecs.hl7v2.coverage import Coverage, read_coverages
from shared.codecs.hl7v2.diagnosis import Diagnosis, read_diagnoses
from shared.codecs.hl7v2.findings import ErrorCode, Findings, Place
from shared.codecs.hl7v2.guarantor import Guarantor, read_guarantors
from shared.codecs.hl7v2.message import Message, Segment
from shared.codecs.hl7v2.person import Person, read_person
from shared.codecs.hl7v2.reader import SegmentReader
from shared.codecs.hl7v2.values import Identifier
from shared.codecs.hl7v2.visit import Visit, read_visit
from shared.codecs.moments import Moment


class AdmissionAction(StrEnum):
    ADMITTED = "admitted"
    REGISTERED = "registered"
    PREADMITTED = "preadmitted"
    TRANSFERRED = "transferred"
    DISCHARGED = "discharged"
    BECAME_INPATIENT = "became inpatient"  # from now on billed as an institution
    BECAME_OUTPATIENT = "became outpatient"
    VISIT_UPDATED = "visit updated"
    PERSON_ADDED = "person added"  # no visit
    PERSON_UPDATED = "person updated"  # no visit
    ADMISSION_CANCELLED = "admission cancelled"
    DISCHARGE_CANCELLED = "discharge cancelled"


ADMISSION_ACTIONS = {
    "A01": AdmissionAction.ADMITTED,
    "A02": AdmissionAction.TRANSFERRED,
    "A03": AdmissionAction.DISCHARGED,
    "A04": AdmissionAction.REGISTERED,
    "A05": AdmissionAction.PREADMITTED,
    "A06": AdmissionAction.BECAME_INPATIENT,
    "A07": AdmissionAction.BECAME_OUTPATIENT,
    "A08": AdmissionAction.VISIT_UPDATED,
    "A11": AdmissionAction.ADMISSION_CANCELLED,
    "A13": AdmissionAction.DISCHARGE_CANCELLED,
    "A28": AdmissionAction.PERSON_ADDED,
    "A31": AdmissionAction.PERSON_UPDATED,
    "A38": AdmissionAction.ADMISSION_CANCELLED,  # of a preadmission
}


class IdentityAction(StrEnum):
    MERGED = "merged"  # two registrations are one person
    NEEDS_A_PERSON = "needs a person"  # moves, renumbers or links; rare, and wrong when guessed


IDENTITY_ACTIONS = {
    "A18": IdentityAction.MERGED,
    "A34": IdentityAction.MERGED,
    "A40": IdentityAction.MERGED,
    **dict.fromkeys(
        ("A24", "A30", "A35", "A36", "A37", "A39", "A41", "A42", "A43", "A44", "A45", "A47", "A49", "A50", "A51"),
        IdentityAction.NEEDS_A_PERSON,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    action: AdmissionAction
    trigger: str  # A01 …
    occurred_at: Moment | None  # EVN-2, else MSH-7
    person: Person
    visit: Visit | None
    coverages: tuple[Coverage, ...]
    guarantors: tuple[Guarantor, ...]
    diagnoses: tuple[Diagnosis, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityPair:
    """A PID and the MRG that follows it."""

    place: str  # "PID[2]"
    survivor: Person
    retired: tuple[Identifier, ...]  # MRG-1, else MRG-4
    retired_account: Identifier | None  # MRG-3
    retired_visit: Identifier | None  # MRG-5


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityChange:
    action: IdentityAction
    trigger: str  # A40 …
    occurred_at: Moment | None  # EVN-2, else MSH-7
    pairs: tuple[IdentityPair, ...]


def read_admission(message: Message, findings: Findings, *, occurred_at: Moment | None) -> Admission | None:
    """An ADT about one person. None when there is no PID."""
    pid = message.first("PID")
    if pid is None:
        _no_pid(findings)
        return None
    _warn_of_repeats(message, findings)
    authority = message.header.sending_facility
    segments = message.segments
    pv1 = message.first("PV1")
    return Admission(
        action=ADMISSION_ACTIONS[message.header.trigger.upper()],
        trigger=message.header.trigger.upper(),
        occurred_at=occurred_at,
        person=read_person(pid, findings, authority),
        visit=read_visit(pv1, findings, authority) if pv1 else None,
        coverages=read_coverages(segments, findings, authority),
        guarantors=read_guarantors(segments, findings, authority),
        diagnoses=read_diagnoses(segments, findings),
    )


def read_identity_change(message: Message, findings: Findings, *, occurred_at: Moment | None) -> IdentityChange | None:
    """Every PID with its MRG. None when there is no PID at all."""
    if message.first("PID") is None:
        _no_pid(findings)
        return None
    action = IDENTITY_ACTIONS[message.header.trigger.upper()]
    return IdentityChange(
        action=action,
        trigger=message.header.trigger.upper(),
        occurred_at=occurred_at,
        pairs=_pairs(message, findings, action),
    )


def _pairs(message: Message, findings: Findings, action: IdentityAction) -> tuple[IdentityPair, ...]:
    pairs = []
    pid: Segment | None = None
    for segment in message.segments:
        if segment.name == "PID":
            _refuse_lonely(pid, findings, action)
            pid = segment
        elif segment.name == "MRG":
            if pid is None:
                rule = "an MRG follows the PID of the survivor"
                findings.error(segment.at(), rule, ErrorCode.SEGMENT_SEQUENCE)
                continue
            pairs.append(_pair(pid, segment, findings, action, message.header.sending_facility))
            pid = None
    _refuse_lonely(pid, findings, action)
    return tuple(pairs)


def _pair(pid: Segment, mrg: Segment, findings: Findings, action: IdentityAction, authority: str) -> IdentityPair:
    reader = SegmentReader(mrg, findings, authority)
    pair = IdentityPair(
        place=str(pid.at()),
        survivor=read_person(pid, findings, authority),
        retired=reader.identifiers(1) or reader.identifiers(4),
        retired_account=reader.identifier(3),
        retired_visit=reader.identifier(5),
    )
    if action is IdentityAction.MERGED:
        _check_merge(reader, pair)
    return pair


def _check_merge(reader: SegmentReader, pair: IdentityPair) -> None:
    if not pair.retired:
        reader.error(1, "the identifier that is given up is required", ErrorCode.REQUIRED_FIELD_MISSING)
    elif {each.key for each in pair.retired} & {each.key for each in pair.survivor.identifiers}:
        reader.error(1, "a patient is not merged into itself", ErrorCode.OTHER)


def _refuse_lonely(pid: Segment | None, findings: Findings, action: IdentityAction) -> None:
    if pid is not None and action is IdentityAction.MERGED:
        rule = "the survivor's PID is followed by the MRG of whom it replaces"
        findings.error(pid.at(), rule, ErrorCode.SEGMENT_SEQUENCE)


def _warn_of_repeats(message: Message, findings: Findings) -> None:
    for name in ("PID", "PV1"):
        for segment in message.all(name)[1:]:
            rule = f"a message about one person has one {name}; the first is used"
            findings.warn(segment.at(), rule, ErrorCode.CARDINALITY)


def _no_pid(findings: Findings) -> None:
    findings.error(Place(segment="PID"), "an ADT message has a PID", ErrorCode.SEGMENT_SEQUENCE)
