"""What happens to a patient's registration and coverages when senders tell the same story again, newer, older or differently?

The same words again are no news; a newer message replaces what it states; an older one never does. A merge is an alias: both
histories stay. Sources: HL7 v2 chapter 3 (A08, A40), FHIR R4 Patient.link.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from services.eligibility.domain.errors import (
    CoverageEndsBeforeItBegins,
    CoverageUnknown,
    MergeGoesRound,
    PatientIsRetired,
    PatientUnknown,
)
from services.eligibility.domain.patient.commands import (
    AddCoverage,
    MergePatients,
    PatientCommand,
    RegisterPatient,
    RetirePatient,
    SetCoverageOrder,
    TerminateCoverage,
)
from services.eligibility.domain.patient.state import Patient, PatientEvent, evolve
from shared.events.eligibility import (
    CoverageAdded,
    CoverageOrderSet,
    CoverageTerminated,
    DemographicsCorrected,
    PatientRegistered,
    PatientRetired,
    PatientsMerged,
)
from shared.kernel.decider import Decider


def decide(command: PatientCommand, patient: Patient) -> Sequence[PatientEvent]:
    match command:
        case RegisterPatient():
            return _register(command, patient)
        case AddCoverage():
            return _add_coverage(command, patient)
        case TerminateCoverage():
            return _terminate(command, patient)
        case SetCoverageOrder():
            return _order(command, patient)
        case MergePatients():
            return _merge(command, patient)
        case RetirePatient():
            return _retire(command, patient)
        case _:
            assert_never(command)


patient: Decider[PatientCommand, PatientEvent, Patient] = Decider(decide=decide, evolve=evolve, initial=Patient())


def _register(command: RegisterPatient, patient: Patient) -> Sequence[PatientEvent]:
    if patient.registered is None:
        return [
            PatientRegistered(
                patient_id=command.patient_id,
                medical_record_number=command.medical_record_number,
                medical_record_index=command.medical_record_index,
                person=command.person,
                name_index=command.name_index,
                mark=command.mark,
                guarantor=command.guarantor,
                guarantor_mark=command.guarantor_mark,
                missing=command.missing,
                source_at=command.source_at,
                source=command.source,
            )
        ]
    if patient.is_older(command.source_at):
        return []
    return _correct(command, patient)


def _correct(command: RegisterPatient, patient: Patient) -> Sequence[PatientEvent]:
    is_new_person = command.mark != patient.mark
    is_new_guarantor = command.guarantor is not None and command.guarantor_mark != patient.guarantor_mark
    if not (is_new_person or is_new_guarantor):
        return []
    return [
        DemographicsCorrected(
            patient_id=command.patient_id,
            person=command.person if is_new_person else None,
            name_index=command.name_index if is_new_person else "",
            mark=command.mark if is_new_person else "",
            missing=command.missing if is_new_person else None,
            filled=tuple(gap for gap in patient.missing if gap not in command.missing) if is_new_person else (),
            guarantor=command.guarantor if is_new_guarantor else None,
            guarantor_mark=command.guarantor_mark if is_new_guarantor else "",
            source_at=command.source_at,
            source=command.source,
        )
    ]


# --- coverages --------------------------------------------------------------------------------------------------------


def _add_coverage(command: AddCoverage, patient: Patient) -> Sequence[PatientEvent]:
    if patient.registered is None:
        raise PatientUnknown("register the patient before the coverage", patient_id=command.patient_id)
    begins, ends = command.effective_on, command.terminated_on
    if begins is not None and ends is not None and ends < begins:
        raise CoverageEndsBeforeItBegins("the last day covered is before the first", coverage_id=command.coverage_id)
    known = patient.coverages.get(command.coverage_id)
    if known is not None and (known.mark == command.mark or _is_older(command, known)):
        return []
    return [
        CoverageAdded(
            patient_id=command.patient_id,
            coverage_id=command.coverage_id,
            payer_reference=command.payer_reference,
            payer_name=command.payer_name,
            rank=command.rank,
            relationship=command.relationship,
            member_number=command.member_number,
            member_index=command.member_index,
            group_number=command.group_number,
            subscriber=command.subscriber,
            mark=command.mark,
            plan=command.plan,
            effective_on=command.effective_on,
            terminated_on=command.terminated_on,
            missing=command.missing,
            source_at=command.source_at,
            source=command.source,
        )
    ]


def _is_older(command: AddCoverage, known: CoverageAdded) -> bool:
    return command.source_at is not None and known.source_at is not None and command.source_at < known.source_at


def _terminate(command: TerminateCoverage, patient: Patient) -> Sequence[PatientEvent]:
    known = _coverage(command.coverage_id, patient)
    if known.terminated_on == command.terminated_on:
        return []
    if known.effective_on is not None and command.terminated_on < known.effective_on:
        raise CoverageEndsBeforeItBegins("the last day covered is before the first", coverage_id=command.coverage_id)
    return [
        CoverageTerminated(
            patient_id=known.patient_id,
            coverage_id=command.coverage_id,
            terminated_on=command.terminated_on,
            reason=command.reason,
        )
    ]


def _order(command: SetCoverageOrder, patient: Patient) -> Sequence[PatientEvent]:
    coverages = [_coverage(coverage_id, patient) for coverage_id in command.coverage_ids]
    latest = patient.orders[-1] if patient.orders else None
    said = (command.coverage_ids, command.effective_on)
    if not coverages or (latest is not None and said == (latest.coverage_ids, latest.effective_on)):
        return []
    return [
        CoverageOrderSet(
            patient_id=coverages[0].patient_id,
            coverage_ids=command.coverage_ids,
            effective_on=command.effective_on,
            reason=command.reason,
        )
    ]


def _coverage(coverage_id: str, patient: Patient) -> CoverageAdded:
    if coverage_id not in patient.coverages:
        raise CoverageUnknown("the patient has no such coverage", coverage_id=coverage_id)
    return patient.coverages[coverage_id]


# --- merges -----------------------------------------------------------------------------------------------------------


def _merge(command: MergePatients, patient: Patient) -> Sequence[PatientEvent]:
    _refuse_to_merge_into_itself(command.patient_id, command.retired_patient_id)
    if patient.registered is None:
        raise PatientUnknown("register the surviving patient before the merge", patient_id=command.patient_id)
    if patient.merged_into == command.retired_patient_id:
        raise MergeGoesRound("the survivor was itself merged into that patient", patient_id=command.patient_id)
    if patient.merged_into:
        raise PatientIsRetired("the survivor was itself merged away", merged_into=patient.merged_into)
    if command.retired_patient_id in patient.retired:
        return []
    return [
        PatientsMerged(
            patient_id=command.patient_id, retired_patient_id=command.retired_patient_id, source=command.source
        )
    ]


def _retire(command: RetirePatient, patient: Patient) -> Sequence[PatientEvent]:
    _refuse_to_merge_into_itself(command.survivor_patient_id, command.patient_id)
    if command.survivor_patient_id in patient.retired:
        raise MergeGoesRound("the survivor was itself merged into that patient", patient_id=command.patient_id)
    if patient.merged_into == command.survivor_patient_id:
        return []
    if patient.merged_into:
        raise PatientIsRetired("it was merged into another patient before", merged_into=patient.merged_into)
    return [
        PatientRetired(
            patient_id=command.patient_id, survivor_patient_id=command.survivor_patient_id, source=command.source
        )
    ]


def _refuse_to_merge_into_itself(survivor_id: str, retired_id: str) -> None:
    if survivor_id == retired_id:
        raise MergeGoesRound("a patient cannot be merged into itself", patient_id=survivor_id)
