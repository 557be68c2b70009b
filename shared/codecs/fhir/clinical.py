"""What happened to the patient: encounters, diagnoses, procedures?

Source: FHIR R4: Encounter, Condition, Procedure, Account. A Procedure is no charge until a rule says so; an Encounter may
be finished before its coding ends.
"""

from dataclasses import dataclass

from shared.codecs.code_systems import Code, CodeSystem
from shared.codecs.fhir.findings import IssueType
from shared.codecs.fhir.references import Reference
from shared.codecs.fhir.resource import (
    Origin,
    ResourceReader,
    warn_unless_billable_diagnosis,
    warn_unless_billable_procedure,
)
from shared.codecs.fhir.values import PROCEDURE_SYSTEMS, Identifier, Period, code_in, code_of, codes_of
from shared.codecs.moments import Moment

ENCOUNTER_STATUSES = (
    "planned",
    "arrived",
    "triaged",
    "in-progress",
    "onleave",
    "finished",
    "cancelled",
    "entered-in-error",
    "unknown",
)
PROCEDURE_STATUSES = (
    "preparation",
    "in-progress",
    "not-done",
    "on-hold",
    "stopped",
    "completed",
    "entered-in-error",
    "unknown",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    roles: tuple[str, ...]  # v3-ParticipationType: ATND attender, PPRF primary performer, REF referrer, ADM admitter
    who: Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class EncounterDiagnosis:
    condition: Reference
    use: str  # AD admission, DD discharge, billing …
    rank: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncounterView:
    origin: Origin
    identifiers: tuple[Identifier, ...]
    status: str
    encounter_class: str  # v3-ActCode: AMB ambulatory, IMP inpatient, EMER emergency, HH home, VR virtual
    types: tuple[Code, ...]
    subject: Reference
    period: Period
    participants: tuple[Participant, ...]
    locations: tuple[Reference, ...]
    service_provider: Reference | None
    accounts: tuple[Reference, ...]
    reasons: tuple[Code, ...]
    diagnoses: tuple[EncounterDiagnosis, ...]
    discharge_disposition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisView:
    """Condition."""

    origin: Origin
    identifiers: tuple[Identifier, ...]
    codes: tuple[Code, ...]
    clinical_status: str  # active, recurrence, relapse, inactive, remission, resolved
    verification_status: str  # confirmed, provisional, differential, refuted, entered-in-error
    categories: tuple[str, ...]  # problem-list-item, encounter-diagnosis
    subject: Reference
    encounter: Reference | None
    onset_at: Moment | None
    recorded_at: Moment | None

    @property
    def billing_code(self) -> Code | None:
        return code_in(self.codes, CodeSystem.ICD_10_CM)

    @property
    def is_entered_in_error(self) -> bool:
        return self.verification_status == "entered-in-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureView:
    origin: Origin
    identifiers: tuple[Identifier, ...]
    status: str
    codes: tuple[Code, ...]
    subject: Reference
    encounter: Reference | None
    performed: Period
    performers: tuple[Reference, ...]
    location: Reference | None
    reasons: tuple[Code, ...]
    reason_references: tuple[Reference, ...]

    @property
    def billing_code(self) -> Code | None:
        return code_in(self.codes, *PROCEDURE_SYSTEMS)

    @property
    def is_entered_in_error(self) -> bool:
        return self.status == "entered-in-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    origin: Origin
    identifiers: tuple[Identifier, ...]
    status: str
    name: str
    subjects: tuple[Reference, ...]
    coverages: tuple[tuple[Reference, int | None], ...]  # with priority: 1 pays first
    guarantors: tuple[Reference, ...]
    service_period: Period


def read_encounter(reader: ResourceReader) -> EncounterView:
    root = reader.root
    disposition = root.child("hospitalization")
    view = EncounterView(
        origin=reader.origin(),
        identifiers=reader.identifiers(),
        status=reader.status(ENCOUNTER_STATUSES),
        encounter_class=code_of(root, "class"),
        types=tuple(code for concept in root.children("type") for code in codes_of(concept)),
        subject=reader.required_reference("subject", "Patient", "Group"),
        period=reader.period("period"),
        participants=_participants(reader),
        locations=tuple(each for slot in root.children("location") if (each := reader.reference("location", of=slot))),
        service_provider=reader.reference("serviceProvider", "Organization"),
        accounts=reader.reference_list("account", "Account"),
        reasons=tuple(code for concept in root.children("reasonCode") for code in codes_of(concept)),
        diagnoses=_encounter_diagnoses(reader),
        discharge_disposition=code_of(disposition, "dischargeDisposition") if disposition else "",
    )
    if view.status == "finished" and view.period.start is None:
        reader.warn("period", "a finished encounter has a start", IssueType.REQUIRED)
    return view


def read_diagnosis(reader: ResourceReader) -> DiagnosisView:
    root = reader.root
    view = DiagnosisView(
        origin=reader.origin(),
        identifiers=reader.identifiers(),
        codes=reader.codes("code"),
        clinical_status=code_of(root, "clinicalStatus"),
        verification_status=code_of(root, "verificationStatus"),
        categories=tuple(code.code for concept in root.children("category") for code in codes_of(concept)),
        subject=reader.required_reference("subject", "Patient", "Group"),
        encounter=reader.reference("encounter", "Encounter"),
        onset_at=reader.moment_or_period("onset").start,
        recorded_at=reader.moment("recordedDate"),
    )
    warn_unless_billable_diagnosis(view.codes, root.at("code"), reader.findings)
    return view


def read_procedure(reader: ResourceReader) -> ProcedureView:
    root = reader.root
    performers = (reader.reference("actor", of=performer) for performer in root.children("performer"))
    view = ProcedureView(
        origin=reader.origin(),
        identifiers=reader.identifiers(),
        status=reader.status(PROCEDURE_STATUSES),
        codes=reader.codes("code"),
        subject=reader.required_reference("subject", "Patient", "Group"),
        encounter=reader.reference("encounter", "Encounter"),
        performed=reader.moment_or_period("performed"),
        performers=tuple(performer for performer in performers if performer),
        location=reader.reference("location", "Location"),
        reasons=tuple(code for concept in root.children("reasonCode") for code in codes_of(concept)),
        reason_references=reader.reference_list("reasonReference"),
    )
    warn_unless_billable_procedure(view.codes, root.at("code"), reader.findings)
    return view


def read_account(reader: ResourceReader) -> AccountView:
    root = reader.root
    coverages = (
        (reader.reference("coverage", "Coverage", of=each), each.integer("priority"))
        for each in root.children("coverage")
    )
    guarantors = (reader.reference("party", of=each) for each in root.children("guarantor"))
    return AccountView(
        origin=reader.origin(),
        identifiers=reader.identifiers(),
        status=reader.status(("active", "inactive", "entered-in-error", "on-hold", "unknown")),
        name=root.text("name"),
        subjects=reader.reference_list("subject"),
        coverages=tuple((coverage, priority) for coverage, priority in coverages if coverage),
        guarantors=tuple(guarantor for guarantor in guarantors if guarantor),
        service_period=reader.period("servicePeriod"),
    )


def _participants(reader: ResourceReader) -> tuple[Participant, ...]:
    found = []
    for each in reader.root.children("participant"):
        who = reader.reference("individual", "Practitioner", "PractitionerRole", "RelatedPerson", of=each)
        if who:
            roles = tuple(code.code for concept in each.children("type") for code in codes_of(concept))
            found.append(Participant(roles=roles, who=who))
    return tuple(found)


def _encounter_diagnoses(reader: ResourceReader) -> tuple[EncounterDiagnosis, ...]:
    found = []
    for each in reader.root.children("diagnosis"):
        condition = reader.reference("condition", "Condition", "Procedure", of=each)
        if condition:
            found.append(EncounterDiagnosis(condition=condition, use=code_of(each, "use"), rank=each.integer("rank")))
    return tuple(found)
