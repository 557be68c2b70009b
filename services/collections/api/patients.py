"""One patient's side of the money over HTTP: read it, and record what was agreed, promised, disputed, held or placed."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.collections.api.bodies import (
    AssistanceBody,
    CancelPlanBody,
    ContactBody,
    DisputeBody,
    HoldBody,
    Id,
    LiftBody,
    Made,
    NoteRow,
    PatientDetail,
    PlacementBody,
    PlanBody,
    PromiseBody,
    RecallBody,
    ResolveBody,
)
from services.collections.api.persons import names_of, worked_as
from services.collections.api.worklist import case
from services.collections.domain.guarantor_account.commands import (
    AgreePlan,
    CancelPlan,
    DecideAssistance,
    GuarantorCommand,
    IssueStatement,
    LiftHold,
    LogContact,
    MakePromise,
    OpenDispute,
    PlaceAccount,
    PlaceHold,
    RecallAccount,
    ResolveDispute,
)
from services.collections.projections import casework
from services.collections.projections import worklist as read_model
from shared.events.base import Sealed
from shared.kernel.errors import NotFound
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, row, rows
from shared.runtime.vault import Opener, Vault
from shared.runtime.web import After, Caller, Done, caller, cause_of, done

Reader = Annotated[Caller, Depends(caller("collections:read-accounts"))]
NoteReader = Annotated[Caller, Depends(caller("collections:read-worklists"))]
Issue = Annotated[Cause, Depends(cause_of("collections:issue-statement"))]
Agree = Annotated[Cause, Depends(cause_of("collections:agree-plan"))]
Promise = Annotated[Cause, Depends(cause_of("collections:record-promise"))]
Dispute = Annotated[Cause, Depends(cause_of("collections:record-dispute"))]
Resolve = Annotated[Cause, Depends(cause_of("collections:resolve-dispute"))]
Hold = Annotated[Cause, Depends(cause_of("collections:place-hold"))]
Lift = Annotated[Cause, Depends(cause_of("collections:lift-hold"))]
Assist = Annotated[Cause, Depends(cause_of("collections:decide-assistance"))]
Contact = Annotated[Cause, Depends(cause_of("collections:log-contact"))]
Place = Annotated[Cause, Depends(cause_of("collections:place-account"))]
Recall = Annotated[Cause, Depends(cause_of("collections:recall-account"))]


def router(commands: Commands, reads: ReadDatabase, vault: Vault, guarantor: Aggregate, clock: Clock) -> APIRouter:
    routes = APIRouter(tags=["patients"])

    async def ask(command: GuarantorCommand, cause: Cause) -> Done:
        patient_id = await worked_as(commands, guarantor, cause.tenant, command.patient_id)
        meant = _to(patient_id, command)
        return done(await commands.handle(guarantor, patient_id, meant, cause), "collections")

    async def make(command: GuarantorCommand, made_id: str, cause: Cause) -> Made:
        return Made(**(await ask(command, cause)).model_dump(), id=made_id)

    @routes.get("/patients/{patient_id}")
    async def read_patient(patient_id: Id, who: Reader, after: After = None) -> PatientDetail:
        """What the patient owes, why, since when, what comes next and what can be chosen. A merged one is answered by the survivor."""
        readers = (read_model.projection.name, casework.projection.name)
        for reader in readers:
            await reads.wait_for(reader, after)
        patient_id = await worked_as(commands, guarantor, who.tenant, patient_id)
        async with reads.read(who.tenant) as connection:
            names = await names_of(connection, patient_id)
            accounts = await rows(connection, read_model.accounts_of(names))
            tables = {
                "plans": casework.payment_plans,
                "promises": casework.promises,
                "disputes": casework.disputes,
                "placements": casework.placements,
                "contacts": casework.contacts,
                "assistance": casework.assistance,
            }
            shown: dict[str, Any] = {
                "patient_id": patient_id,
                "also_known_as": names[1:],
                "accounts": [dict(each) for each in accounts],
                "changes": [dict(each) for each in await rows(connection, read_model.changes_of(names))],
                "holds": [case(each) for each in await rows(connection, read_model.holds_of(patient_id))],
                "positions": await reads.positions(connection, *readers),
            }
            for name, table in tables.items():
                found = await rows(connection, casework.of_patient(table, names))
                shown[name] = [case(each) for each in found]
            next_step = await row(connection, read_model.patient(patient_id))
        if not any(shown[name] for name in ("accounts", "holds", *tables)):
            raise NotFound("nothing is known here about such a patient")
        owed = [each for each in accounts if each["balance_cents"] > 0]
        shown["next"] = dict(next_step) if next_step else None
        shown["owed_cents"] = sum(each["balance_cents"] for each in owed)
        shown["since_on"] = min((each["since_on"] for each in owed), default=None)
        shown["options"] = _options(owed, shown)
        return PatientDetail.model_validate(shown)

    @routes.get("/patients/{patient_id}/notes")
    async def read_notes(patient_id: Id, who: NoteReader) -> list[NoteRow]:
        """What was written down about talks and disputes, newest first. Every opening is on the record."""
        patient_id = await worked_as(commands, guarantor, who.tenant, patient_id)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, casework.notes_of(await names_of(connection, patient_id)))
        sealed: list[Sealed[Any]] = [Sealed(each["patient_id"], each["field"], each["note_token"]) for each in found]
        opener = Opener(actor=who.actor, purpose="collections-notes")
        texts = await vault.open_many(who.tenant, sealed, [str] * len(sealed), opener)
        return [
            NoteRow(case_id=each["case_id"], written_on=each["case_on"], text=text)
            for each, text in zip(found, texts, strict=True)
        ]

    @routes.post("/patients/{patient_id}/statements", status_code=201)
    async def issue_statement(patient_id: Id, cause: Issue) -> Done:
        """Send the next statement today, before its day. Refused with the gate that stands against it."""
        return await ask(IssueStatement(patient_id=patient_id, on=clock.now().date()), cause)

    @routes.post("/patients/{patient_id}/plans", status_code=201)
    async def agree_plan(patient_id: Id, body: PlanBody, cause: Agree) -> Made:
        """Agree equal instalments, a month apart; the last takes the rounding."""
        plan_id = str(cause.command_id)
        command = AgreePlan(patient_id=patient_id, plan_id=plan_id, on=clock.now().date(), **body.model_dump())
        return await make(command, plan_id, cause)

    @routes.post("/patients/{patient_id}/plans/{plan_id}/cancel")
    async def cancel_plan(patient_id: Id, plan_id: Id, body: CancelPlanBody, cause: Agree) -> Done:
        """End a plan; the statement cycle goes on with what is left."""
        on = clock.now().date()
        return await ask(CancelPlan(patient_id=patient_id, plan_id=plan_id, reason=body.reason, on=on), cause)

    @routes.post("/patients/{patient_id}/promises", status_code=201)
    async def make_promise(patient_id: Id, body: PromiseBody, cause: Promise) -> Made:
        """Record a promise to pay; no notice is sent while it is open."""
        promise_id = str(cause.command_id)
        command = MakePromise(patient_id=patient_id, promise_id=promise_id, on=clock.now().date(), **body.model_dump())
        return await make(command, promise_id, cause)

    @routes.post("/patients/{patient_id}/disputes", status_code=201)
    async def open_dispute(patient_id: Id, body: DisputeBody, cause: Dispute) -> Made:
        """Open a dispute about some accounts: they are neither billed nor placed until it is answered."""
        dispute_id = str(cause.command_id)
        command = OpenDispute(
            patient_id=patient_id,
            dispute_id=dispute_id,
            account_ids=body.account_ids,
            reason_code=body.reason_code,
            note=_sealed(patient_id, casework.DISPUTE_NOTE, body.note),
            on=clock.now().date(),
        )
        return await make(command, dispute_id, cause)

    @routes.post("/patients/{patient_id}/disputes/{dispute_id}/resolve")
    async def resolve_dispute(patient_id: Id, dispute_id: Id, body: ResolveBody, cause: Resolve) -> Done:
        """Answer a dispute. What was upheld is written off in the ledger, not here."""
        command = ResolveDispute(
            patient_id=patient_id, dispute_id=dispute_id, on=clock.now().date(), **body.model_dump()
        )
        return await ask(command, cause)

    @routes.post("/patients/{patient_id}/holds", status_code=201)
    async def place_hold(patient_id: Id, body: HoldBody, cause: Hold) -> Done:
        """Stop everything for a patient, for a reason of the gate catalogue."""
        return await ask(PlaceHold(patient_id=patient_id, on=clock.now().date(), **body.model_dump()), cause)

    @routes.post("/patients/{patient_id}/holds/{hold}/lift")
    async def lift_hold(patient_id: Id, hold: Id, body: LiftBody, cause: Lift) -> Done:
        """Let the cycle go on."""
        command = LiftHold(patient_id=patient_id, hold=hold, reason=body.reason, on=clock.now().date())
        return await ask(command, cause)

    @routes.post("/patients/{patient_id}/assistance", status_code=201)
    async def decide_assistance(patient_id: Id, body: AssistanceBody, cause: Assist) -> Done:
        """Decide an application for financial assistance."""
        return await ask(DecideAssistance(patient_id=patient_id, on=clock.now().date(), **body.model_dump()), cause)

    @routes.post("/patients/{patient_id}/contacts", status_code=201)
    async def log_contact(patient_id: Id, body: ContactBody, cause: Contact) -> Done:
        """Log a conversation, or a try at one; the outcome sets the day of the next action."""
        command = LogContact(
            patient_id=patient_id,
            outcome_code=body.outcome_code,
            reference_number=body.reference_number,
            next_action_on=body.next_action_on,
            note=_sealed(patient_id, casework.CONTACT_NOTE, body.note),
            on=clock.now().date(),
        )
        return await ask(command, cause)

    @routes.post("/patients/{patient_id}/placements", status_code=201)
    async def place_account(patient_id: Id, body: PlacementBody, cause: Place) -> Made:
        """Place an account with an agency. Refused with the gate that stands against it."""
        placement_id = str(cause.command_id)
        command = PlaceAccount(
            patient_id=patient_id, placement_id=placement_id, on=clock.now().date(), **body.model_dump()
        )
        return await make(command, placement_id, cause)

    @routes.post("/patients/{patient_id}/recalls", status_code=201)
    async def recall_account(patient_id: Id, body: RecallBody, cause: Recall) -> Done:
        """Take an account back from its agency."""
        return await ask(RecallAccount(patient_id=patient_id, on=clock.now().date(), **body.model_dump()), cause)

    return routes


def _options(owed: list[Any], shown: dict[str, Any]) -> list[str]:
    """What the patient can choose now."""
    if not owed:
        return []
    is_free = any(not each["plan_id"] and not each["dispute_id"] and not each["agency"] for each in owed)
    has_plan = any(plan["state"] == "running" for plan in shown["plans"])
    options = ["pay", "apply-for-assistance"]
    if is_free:
        options += ["dispute", "promise"]
    if is_free and not has_plan and not shown["holds"]:
        options.append("payment-plan")
    return options


def _to(patient_id: str, command: GuarantorCommand) -> GuarantorCommand:
    """The same command to the account that is worked; what was written down is sealed under that person's key."""
    if command.patient_id == patient_id:
        return command
    meant = replace(command, patient_id=patient_id)
    if isinstance(meant, OpenDispute | LogContact) and meant.note is not None:
        return replace(meant, note=Sealed.fresh(patient_id, meant.note.field, meant.note.read_fresh()))
    return meant


def _sealed(patient_id: str, field: str, text: str) -> Sealed[str] | None:
    return Sealed.fresh(patient_id, field, text) if text else None
