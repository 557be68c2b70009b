"""What the eligibility service is made of: the only file that knows all of its rooms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from services.eligibility.adapters.clearinghouse import Clearinghouse, HttpClearinghouse
from services.eligibility.api import appointments as appointments_api
from services.eligibility.api import authorizations as authorizations_api
from services.eligibility.api import checks as checks_api
from services.eligibility.api import patients as patients_api
from services.eligibility.api import payers as payers_api
from services.eligibility.api import selections as selections_api
from services.eligibility.api.knowledge import Knowledge
from services.eligibility.api.questions import Questions
from services.eligibility.domain.appointment.decider import appointment as appointment_decider
from services.eligibility.domain.authorization.decider import authorization as authorization_decider
from services.eligibility.domain.coverage_selection.decider import coverage_selection as selection_decider
from services.eligibility.domain.eligibility_check.decider import eligibility_check as check_decider
from services.eligibility.domain.patient.decider import patient as patient_decider
from services.eligibility.domain.payer.decider import payer as payer_decider
from services.eligibility.invariants import AuthorizedUnitsHold, SelectionsAreOrdered
from services.eligibility.policies import check_eligibility, select_coverage
from services.eligibility.policies.select_coverage import Visit
from services.eligibility.projections import appointments, authorizations, checks, patients, payers, selections
from services.eligibility.settings import EligibilitySettings
from shared.events.envelope import Recorded
from shared.runtime.command import Aggregate
from shared.runtime.policy import DueTimer, Policy, Reaction, TimerChange, Timers
from shared.runtime.queries import rows
from shared.runtime.service import ServiceParts, ServiceRuntime
from shared.runtime.settings import load


def build(
    runtime: ServiceRuntime,
    settings: EligibilitySettings | None = None,
    clearinghouse: Clearinghouse | None = None,
) -> ServiceParts:
    """Settings come from the environment, and payers are asked over HTTP, unless something else is given."""
    settings = settings or load(EligibilitySettings)
    patient = Aggregate(name="patient", decider=patient_decider)
    payer = Aggregate(name="payer", decider=payer_decider)
    appointment = Aggregate(name="appointment", decider=appointment_decider)
    check = Aggregate(name="eligibility-check", decider=check_decider)
    selection = Aggregate(name="coverage-selection", decider=selection_decider)
    authorization = Aggregate(name="authorization", decider=authorization_decider)

    knowledge = Knowledge(commands=runtime.commands, reads=runtime.reads, patient=patient)
    questions = Questions(
        commands=runtime.commands,
        vault=runtime.vault,
        documents=runtime.documents,
        reads=runtime.reads,
        clock=runtime.clock,
        check=check,
        patient=patient,
        clearinghouse=clearinghouse or HttpClearinghouse(settings),
    )

    # --- who pays ---

    async def select_for(recorded: Recorded[Any], visits: Sequence[Visit]) -> list[Reaction]:
        """The choice for each of these accounts, by what is known now: at the least by what was known at the cause."""
        if not visits:
            return []
        directory = await knowledge.payers(recorded)
        await knowledge.caught_up(checks.projection.name, recorded)
        takes_demographics = select_coverage.takes_demographics(recorded.event)
        reactions: list[Reaction] = []
        for patient_id in sorted({visit.patient_id for visit in visits}):
            commands = select_coverage.select(
                [visit for visit in visits if visit.patient_id == patient_id],
                await knowledge.facts(recorded.tenant, patient_id),
                directory,
                takes_demographics=takes_demographics,
            )
            reactions += [
                Reaction(aggregate=selection, key=command.account_id, command=command) for command in commands
            ]
        return reactions

    async def select_for_visit(recorded: Recorded[Any]) -> Sequence[Reaction]:
        return await select_for(recorded, [select_coverage.visit_of(recorded.event)])

    async def select_for_patient(recorded: Recorded[Any]) -> Sequence[Reaction]:
        if not select_coverage.changes_selections(recorded.event):
            return []
        named = await knowledge.registration_ids(recorded.tenant, recorded.event.patient_id)
        return await select_for(recorded, await visits_now(recorded, selections.of_patients(named)))

    async def select_for_answer(recorded: Recorded[Any]) -> Sequence[Reaction]:
        named = await knowledge.registration_ids(recorded.tenant, recorded.event.patient_id)
        return await select_for(recorded, await visits_now(recorded, selections.held_for_answers(named)))

    async def select_for_payer(recorded: Recorded[Any]) -> Sequence[Reaction]:
        return await select_for(recorded, await visits_now(recorded, selections.held_for_payers()))

    async def visits_now(recorded: Recorded[Any], statement: Any) -> list[Visit]:
        await knowledge.caught_up(selections.projection.name, recorded)
        async with runtime.reads.read(recorded.tenant) as connection:
            return select_coverage.visits_in(await rows(connection, statement))

    # --- are they covered ---

    async def ask_for(
        recorded: Recorded[Any], bookings: Iterable[check_eligibility.Booking], patient_id: str
    ) -> Sequence[Reaction]:
        today = recorded.recorded_at.date()
        worth_asking = [each for each in bookings if check_eligibility.is_worth_asking(each.service_on, today)]
        if not worth_asking:
            return []
        directory = await knowledge.payers(recorded)
        known = await knowledge.patient(recorded.tenant, patient_id)
        return [
            Reaction(aggregate=check, key=command.check_id, command=command)
            for booking in worth_asking
            for command in check_eligibility.checks_for(booking, known, directory)
        ]

    async def ask_for_booking(recorded: Recorded[Any]) -> Sequence[Reaction]:
        event = recorded.event
        return await ask_for(recorded, [check_eligibility.booking_of(event)], event.patient_id)

    async def ask_for_new_coverage(recorded: Recorded[Any]) -> Sequence[Reaction]:
        patient_id, today = recorded.event.patient_id, recorded.recorded_at.date()
        await knowledge.caught_up(appointments.projection.name, recorded)
        async with runtime.reads.read(recorded.tenant) as connection:
            booked = await rows(connection, appointments.booked_for(patient_id, today))
        bookings = [
            check_eligibility.Booking(appointment_id=row["appointment_id"], service_on=row["service_on"])
            for row in booked
        ]
        return await ask_for(recorded, bookings, patient_id)

    async def ask_payer(recorded: Recorded[Any]) -> Sequence[Reaction]:
        found = await questions.ask(recorded.tenant, recorded.event)
        return [Reaction(aggregate=check, key=check_id, command=command) for check_id, command in found]

    # --- time ---

    patience = timedelta(minutes=settings.patience_minutes)

    def plan_patience(recorded: Recorded[Any]) -> Iterable[TimerChange]:
        return check_eligibility.plan_patience(recorded.event, recorded.recorded_at, patience)

    def fire_to(aggregate: Aggregate, commands_of: Any, timer: DueTimer) -> Sequence[Reaction]:
        return [Reaction(aggregate=aggregate, key=key, command=command) for key, command in commands_of(timer)]

    return ServiceParts(
        aggregates=(patient, payer, appointment, check, selection, authorization),
        projections=(
            patients.projection,
            payers.projection,
            payers.counterparts_projection,
            appointments.projection,
            checks.projection,
            selections.projection,
            authorizations.projection,
        ),
        policies=(
            Policy(
                name="eligibility.select-coverage",
                reads={"charges": select_coverage.RELEASES},
                react=select_for_visit,
            ),
            Policy(
                name="eligibility.confirm-selections",
                reads={"eligibility": select_coverage.SELECTIONS},
                react=select_for_visit,
            ),
            Policy(
                name="eligibility.follow-patients",
                reads={"eligibility": select_coverage.ABOUT_PATIENTS},
                react=select_for_patient,
            ),
            Policy(
                name="eligibility.follow-answers",
                reads={"eligibility": select_coverage.ANSWERS},
                react=select_for_answer,
            ),
            Policy(
                name="eligibility.follow-payers",
                reads={"eligibility": select_coverage.ABOUT_PAYERS},
                react=select_for_payer,
            ),
            Policy(
                name="eligibility.check-bookings",
                reads={"eligibility": check_eligibility.BOOKINGS},
                react=ask_for_booking,
            ),
            Policy(
                name="eligibility.check-new-coverages",
                reads={"eligibility": check_eligibility.NEW_COVERAGES},
                react=ask_for_new_coverage,
            ),
            Policy(
                name="eligibility.ask-payers",
                reads={"eligibility": check_eligibility.REQUESTS},
                react=ask_payer,
            ),
        ),
        timers=(
            Timers(
                name="eligibility.night-before",
                reads={"eligibility": check_eligibility.SCHEDULE},
                plan=check_eligibility.plan_recheck,
                fire=partial(fire_to, appointment, check_eligibility.recheck),
            ),
            Timers(
                name="eligibility.patience",
                reads={"eligibility": check_eligibility.QUESTIONS},
                plan=plan_patience,
                fire=partial(fire_to, check, partial(check_eligibility.end_of_patience, patience=patience)),
            ),
        ),
        routers=lambda: (
            payers_api.router(runtime.commands, runtime.reads, payer),
            patients_api.router(runtime.commands, runtime.reads, runtime.vault, patient, knowledge),
            appointments_api.router(runtime.commands, runtime.reads, appointment, knowledge, runtime.clock),
            checks_api.router(runtime.commands, runtime.reads, check, knowledge, questions),
            selections_api.router(runtime.commands, runtime.reads, selection, knowledge),
            authorizations_api.router(runtime.commands, runtime.reads, authorization, knowledge, runtime.clock),
        ),
        invariants=(SelectionsAreOrdered, AuthorizedUnitsHold),
    )
