"""The schedule over HTTP, as far as coverage is checked by it. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.eligibility.api.bodies import (
    AppointmentBody,
    AppointmentRow,
    CancelAppointmentBody,
    Id,
    UncheckedRow,
)
from services.eligibility.api.knowledge import Knowledge
from services.eligibility.domain.appointment.decider import BookAppointment, CancelAppointment
from services.eligibility.domain.errors import AppointmentOfAnotherPatient
from services.eligibility.projections import appointments as read_model
from services.eligibility.projections import checks as checks_read_model
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import Order, ReadDatabase, asc, page
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done

Record = Annotated[Cause, Depends(cause_of("eligibility:record-appointment"))]

_ORDER: tuple[Order, ...] = (asc(read_model.appointments.c.service_on), asc(read_model.appointments.c.appointment_id))


def router(
    commands: Commands, reads: ReadDatabase, appointment: Aggregate, knowledge: Knowledge, clock: Clock
) -> APIRouter:
    routes = APIRouter(tags=["appointments"])

    @routes.post("/appointments", status_code=201)
    async def book_appointment(body: AppointmentBody, cause: Record) -> Done:
        """Book, move or change an appointment; each coverage is checked for its date."""
        command = BookAppointment(
            appointment_id=body.appointment_id,
            patient_id=body.patient_id,
            starts_at=body.starts_at,
            service_on=body.service_on or body.starts_at.date(),
            provider_id=body.provider_id,
            source=body.source.value() if body.source else None,
        )
        try:
            return done(await commands.handle(appointment, body.appointment_id, command, cause), "eligibility")
        except AppointmentOfAnotherPatient:  # unless both registrations were merged
            names = frozenset(await knowledge.registration_ids(cause.tenant, body.patient_id))
        command = replace(command, also_registered_as=names)
        return done(await commands.handle(appointment, body.appointment_id, command, cause), "eligibility")

    @routes.post("/appointments/{appointment_id}/cancel")
    async def cancel_appointment(appointment_id: Id, body: CancelAppointmentBody, cause: Record) -> Done:
        """The appointment will not take place, or nobody came."""
        command = CancelAppointment(appointment_id=appointment_id, reason=body.reason)
        return done(await commands.handle(appointment, appointment_id, command, cause), "eligibility")

    @routes.get("/appointments")
    async def list_appointments(
        who: Annotated[Caller, Depends(caller("eligibility:read-appointments"))],
        from_on: date | None = None,
        to_on: date | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[AppointmentRow]:
        """Appointments by day, from today on when no day is named."""
        await reads.wait_for(read_model.projection.name, after)
        statement = read_model.between(from_on or clock.now().date(), to_on)
        async with reads.read(who.tenant) as connection:
            found = await page(connection, statement, order=_ORDER, limit=limit, cursor=cursor)
            return Page[AppointmentRow].of(found, await reads.positions(connection, read_model.projection.name))

    @routes.get("/appointments/unanswered")
    async def list_unanswered(
        who: Annotated[Caller, Depends(caller("eligibility:read-worklists"))],
        days: Annotated[int, Query(ge=0, le=365, description="From today on.")] = 14,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[UncheckedRow]:
        """Who comes soon while no payer has said for that day that they are covered, the next first."""
        names = (read_model.projection.name, checks_read_model.projection.name)
        for name in names:
            await reads.wait_for(name, after)
        today = clock.now().date()
        statement = read_model.unanswered(today, today + timedelta(days=days))
        async with reads.read(who.tenant) as connection:
            found = await page(connection, statement, order=_ORDER, limit=limit, cursor=cursor)
            return Page[UncheckedRow].of(found, await reads.positions(connection, *names))

    return routes
