"""What the collections service is made of: the only file that knows all of its rooms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.collections.adapters.letters import Addressed, AddressUnknown, Letters
from services.collections.api import agencies as agencies_api
from services.collections.api import patients as patients_api
from services.collections.api import simulation as simulation_api
from services.collections.api import statements as statements_api
from services.collections.api import worklist as worklist_api
from services.collections.domain.guarantor_account.commands import NotePrinted
from services.collections.domain.guarantor_account.decider import guarantor_account as guarantor_decider
from services.collections.invariants import BalancesAreTheLedgers, PlansAddUp, StatementsAddUp
from services.collections.policies import deadlines, follow_merges, note_balances
from services.collections.projections import accounts, casework, letters, statements, worklist
from services.collections.settings import CollectionsSettings
from shared.events.charges import OrganizationListed
from shared.events.collections import StatementIssued
from shared.events.eligibility import PatientRegistered, PatientRetired
from shared.events.envelope import Recorded
from shared.events.values import DocumentReference
from shared.runtime.command import Aggregate
from shared.runtime.policy import DueTimer, Policy, Reaction, Timers
from shared.runtime.queries import row, rows
from shared.runtime.service import ServiceParts, ServiceRuntime
from shared.runtime.vault import Opener

_WAIT_SECONDS = 10.0
_PRINTER = Opener(actor="policy:collections.print-statements", purpose="statement")


def build(runtime: ServiceRuntime, settings: CollectionsSettings | None = None) -> ServiceParts:
    settings = settings or CollectionsSettings()
    guarantor = Aggregate(name="guarantor-account", decider=guarantor_decider)
    writer = _letters(runtime)
    is_printed_at_once = settings.print_statements == "when-issued"
    return ServiceParts(
        aggregates=(guarantor,),
        projections=(
            accounts.projection,
            worklist.projection,
            statements.projection,
            casework.projection,
            letters.projection,
        ),
        policies=(
            _note_balances(runtime, guarantor),
            _follow_merges(guarantor),
            *(_printing(runtime, guarantor, writer) if is_printed_at_once else ()),
        ),
        timers=(_deadlines(runtime, guarantor),),
        routers=lambda: (
            worklist_api.router(runtime.reads, runtime.clock),
            patients_api.router(runtime.commands, runtime.reads, runtime.vault, guarantor, runtime.clock),
            statements_api.router(runtime.reads, writer),
            agencies_api.router(runtime.reads, runtime.vault),
            simulation_api.router(runtime.commands, runtime.reads, guarantor, runtime.clock),
        ),
        invariants=(StatementsAddUp, PlansAddUp, BalancesAreTheLedgers),
    )


def _note_balances(runtime: ServiceRuntime, guarantor: Aggregate) -> Policy:
    async def known_account(recorded: Recorded[Any]) -> note_balances.KnownAccount:
        """Whose account it is: the ledger said so before this, in the same stream."""
        after = f"payments:{recorded.position}"
        await runtime.reads.wait_for(accounts.projection.name, after, within_seconds=_WAIT_SECONDS)
        async with runtime.reads.read(recorded.tenant) as connection:
            found = await row(connection, accounts.one(recorded.event.account_id, up_to=recorded.version))
        if found is None:
            raise LookupError("the ledger has not said whose account this is")
        return note_balances.KnownAccount(patient_id=found["patient_id"], service_on=found["service_on"])

    async def react(recorded: Recorded[Any]) -> Sequence[Reaction]:
        event = recorded.event
        if note_balances.patient_cents(event) == 0:
            return []
        noted = note_balances.react(
            event, await known_account(recorded), event_id=str(recorded.event_id), on=recorded.recorded_at.date()
        )
        return [Reaction(aggregate=guarantor, key=command.patient_id, command=command) for command in noted]

    return Policy(name="collections.note-balances", reads={"payments": note_balances.LEDGER}, react=react)


def _follow_merges(guarantor: Aggregate) -> Policy:
    async def react(recorded: Recorded[Any]) -> Sequence[Reaction]:
        event_id, on = str(recorded.event_id), recorded.recorded_at.date()
        return [
            Reaction(aggregate=guarantor, key=command.patient_id, command=command)
            for command in follow_merges.react(recorded.event, event_id=event_id, on=on)
        ]

    reads = {"eligibility": follow_merges.MERGES, "collections": follow_merges.CARRIED}
    return Policy(name="collections.follow-merges", reads=reads, react=react)


def _letters(runtime: ServiceRuntime) -> Letters:
    async def addressed(tenant: str, patient_id: str) -> Addressed | None:
        async with runtime.reads.read(tenant) as connection:
            recipient = await row(connection, letters.addressee(patient_id))
            sender = await row(connection, letters.sender())
        if recipient is None or sender is None:
            return None
        return Addressed(
            recipient=letters.sealed_person(recipient),
            sender_name=sender["name"],
            sender_address=letters.address_of(sender),
            sender_phone=sender["phone"],
        )

    return Letters(addressed=addressed, vault=runtime.vault, documents=runtime.documents)


def _printing(runtime: ServiceRuntime, guarantor: Aggregate, writer: Letters) -> tuple[Policy, ...]:
    async def printed(cause: Recorded[Any], statement: StatementIssued) -> Sequence[Reaction]:
        """The letter, kept; nothing while there is nobody to write to: a registration or a listing prints what waited."""
        try:
            document_id = await writer.keep(cause.tenant, statement, _PRINTER)
        except AddressUnknown:
            return []
        command = NotePrinted(
            patient_id=statement.patient_id,
            statement_id=statement.statement_id,
            document=DocumentReference(document_id=document_id),
            on=cause.recorded_at.date(),
        )
        return [Reaction(aggregate=guarantor, key=statement.patient_id, command=command)]

    async def print_statement(recorded: Recorded[Any]) -> Sequence[Reaction]:
        # Once the statement is in the list of those not printed, whoever registers the patient after this will find it there.
        after = f"collections:{recorded.position}"
        await runtime.reads.wait_for(statements.projection.name, after, within_seconds=_WAIT_SECONDS)
        return await printed(recorded, recorded.event)

    async def print_waiting(recorded: Recorded[Any]) -> Sequence[Reaction]:
        after = f"{recorded.stored.service}:{recorded.position}"
        await runtime.reads.wait_for(letters.projection.name, after, within_seconds=_WAIT_SECONDS)
        async with runtime.reads.read(recorded.tenant) as connection:
            names = None
            if not isinstance(recorded.event, OrganizationListed):
                named = await rows(connection, letters.names_of(recorded.event.patient_id))
                names = [each["patient_id"] for each in named]
            found = await rows(connection, statements.not_printed(names))
        waiting = [statements.issued_of(each) for each in found]
        return [reaction for statement in waiting for reaction in await printed(recorded, statement)]

    return (
        Policy(name="collections.print-statements", reads={"collections": (StatementIssued,)}, react=print_statement),
        Policy(
            name="collections.print-waiting",
            reads={"eligibility": (PatientRegistered, PatientRetired), "charges": (OrganizationListed,)},
            react=print_waiting,
        ),
    )


def _deadlines(runtime: ServiceRuntime, guarantor: Aggregate) -> Timers:
    def fire(timer: DueTimer) -> Sequence[Reaction]:
        now = runtime.clock.now()  # a timer that fires late acts on the day it does
        patient_id, command = deadlines.fire(timer, now.date())
        return [Reaction(aggregate=guarantor, key=patient_id, command=command, occurred_at=now)]

    return Timers(name="collections.deadlines", reads={"collections": deadlines.PLANS}, plan=deadlines.plan, fire=fire)
