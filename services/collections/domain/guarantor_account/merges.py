"""What becomes of two registrations' debts when they are one person?

All that is open under the retired one is carried into the survivor's account as it stands, and worked there: notices go on where they
were, plans and promises keep their days, and a hold, a dispute or a placement stops what it stopped before. The ledger goes on to name an
account under the registration that it knew first; what it says is noted here and forwarded, in its order. So it makes no difference
whether a charge or the merge was heard first, and a survivor that is itself merged forwards in turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date

from services.collections.domain.errors import AccountIsMerged
from services.collections.domain.guarantor_account.commands import (
    CheckDispute,
    CheckInstalment,
    CheckPromise,
    GuarantorCommand,
    JoinAccount,
    MergeAccount,
    NoteBalance,
    NotePrinted,
    RunCycle,
)
from services.collections.domain.guarantor_account.state import GuarantorAccount, PatientDebt, Plan, Promise
from services.collections.domain.guarantor_account.statements import note_printed
from shared.events.collections import (
    BalanceChangeForwarded,
    CarriedAccount,
    CarriedDebt,
    CarriedDispute,
    CarriedHold,
    CarriedPlacement,
    CarriedPlan,
    CarriedPromise,
    CollectionsEvent,
    GuarantorAccountJoined,
    GuarantorAccountMerged,
    StatementLinePart,
)


def merge(command: MergeAccount, account: GuarantorAccount) -> list[CollectionsEvent]:
    return [
        GuarantorAccountMerged(
            patient_id=command.patient_id,
            survivor_patient_id=command.survivor_patient_id,
            carried=_open_in(account),
        )
    ]


def join(command: JoinAccount, account: GuarantorAccount) -> list[CollectionsEvent]:
    if command.source_event_id in account.heard:
        return []
    told = command.carried
    carried = CarriedAccount(
        debts=tuple(_together(debt, account.debts.get(debt.account_id)) for debt in told.debts),
        plans=told.plans,
        promises=told.promises,
        disputes=told.disputes,
        holds=tuple(each for each in told.holds if each.hold not in account.holds),
        placements=told.placements,
        # The person got the later letter, and is to be called on the earlier day.
        last_statement_on=_last(told.last_statement_on, account.last_statement_on),
        contact_on=_first(told.contact_on, account.contact_on),
    )
    return [
        GuarantorAccountJoined(
            patient_id=command.patient_id,
            retired_patient_id=command.retired_patient_id,
            carried=carried,
            source_event_id=command.source_event_id,
        )
    ]


def after_the_merge(command: GuarantorCommand, account: GuarantorAccount) -> list[CollectionsEvent]:
    """What comes for a registration that was merged away. Raises AccountIsMerged for what a person wants."""
    survivor_id = account.merged_into
    match command:
        case NoteBalance():
            return _forwarded(command, account, survivor_id)
        case JoinAccount():
            return _passed_on(command, account, survivor_id)
        case NotePrinted():
            return note_printed(command, account)
        case MergeAccount() | RunCycle() | CheckInstalment() | CheckPromise() | CheckDispute():
            return []  # the survivor has days of its own
        case _:
            raise AccountIsMerged("the registration was merged into another", survivor_patient_id=survivor_id)


def _forwarded(command: NoteBalance, account: GuarantorAccount, survivor_id: str) -> list[CollectionsEvent]:
    if command.source_event_id in account.heard or command.change_cents == 0:
        return []
    return [
        BalanceChangeForwarded(
            patient_id=command.patient_id,
            survivor_patient_id=survivor_id,
            account_id=command.account_id,
            change_cents=command.change_cents,
            reason=command.reason,
            since_on=command.since_on,
            noted_on=command.on,
            service_on=command.service_on,
            payment_id=command.payment_id,
            source_event_id=command.source_event_id,
        )
    ]


def _passed_on(command: JoinAccount, account: GuarantorAccount, survivor_id: str) -> list[CollectionsEvent]:
    """What was carried here arrives after this registration was merged away itself: it joins and leaves at once."""
    if command.source_event_id in account.heard:
        return []
    joined = join(command, GuarantorAccount())
    left = GuarantorAccountMerged(
        patient_id=command.patient_id, survivor_patient_id=survivor_id, carried=command.carried
    )
    return [*joined, left]


# --- what is carried --------------------------------------------------------------------------------------------------


def _open_in(account: GuarantorAccount) -> CarriedAccount:
    is_worked = account.disputed_accounts | account.planned_accounts | account.placements.keys()
    return CarriedAccount(
        debts=tuple(
            _carried_debt(debt)
            for debt in account.debts.values()
            if debt.balance_cents != 0 or debt.account_id in is_worked
        ),
        plans=tuple(_carried_plan(plan) for plan in account.running.values()),
        promises=tuple(_carried_promise(promise) for promise in account.promises.values()),
        disputes=tuple(
            CarriedDispute(
                dispute_id=each.dispute_id,
                account_ids=each.account_ids,
                reason_code=each.reason_code,
                answer_by_on=each.answer_by_on,
                is_overdue=each.dispute_id in account.overdue,
            )
            for each in account.disputes.values()
        ),
        holds=tuple(CarriedHold(hold=each.hold, reason=each.reason) for each in account.holds.values()),
        placements=tuple(
            CarriedPlacement(
                account_id=each.account_id,
                placement_id=each.placement_id,
                agency=each.agency,
                amount_cents=each.amount_cents,
                placed_on=each.placed_on,
            )
            for each in account.placements.values()
        ),
        last_statement_on=account.last_statement_on,
        contact_on=account.contact_on,
    )


def _carried_debt(debt: PatientDebt) -> CarriedDebt:
    return CarriedDebt(
        account_id=debt.account_id,
        balance_cents=debt.balance_cents,
        reason=debt.reason,
        since_on=debt.since_on,
        noted_on=debt.noted_on,
        service_on=debt.service_on,
        parts=_parts(debt.parts.items()),
        notices=debt.notices,
        first_statement_on=debt.first_statement_on,
        last_statement_on=debt.last_statement_on,
        paid_on=debt.paid_on,
        has_paid_since_statement=debt.has_paid_since_statement,
    )


def _carried_plan(plan: Plan) -> CarriedPlan:
    return CarriedPlan(
        plan_id=plan.agreed.plan_id,
        total_cents=plan.agreed.total_cents,
        instalments=plan.agreed.instalments,
        account_ids=plan.agreed.account_ids,
        agreed_on=plan.agreed.agreed_on,
        paid_cents=plan.paid_cents,
        missed=tuple(sorted(plan.missed)),
    )


def _carried_promise(promise: Promise) -> CarriedPromise:
    return CarriedPromise(
        promise_id=promise.made.promise_id,
        amount_cents=promise.made.amount_cents,
        by_on=promise.made.by_on,
        made_on=promise.made.made_on,
        paid_cents=promise.paid_cents,
    )


def _together(carried: CarriedDebt, known: PatientDebt | None) -> CarriedDebt:
    """One account that both registrations were told of: the cents add up, the notices are those that were sent."""
    if known is None or known.balance_cents == 0:
        return carried
    parts = Counter({part.reason: part.amount_cents for part in carried.parts})
    parts.update(known.parts)
    return CarriedDebt(
        account_id=carried.account_id,
        balance_cents=carried.balance_cents + known.balance_cents,
        reason=carried.reason,
        since_on=min(carried.since_on, known.since_on),
        noted_on=min(carried.noted_on, known.noted_on),
        service_on=carried.service_on or known.service_on,
        parts=_parts(parts.items()),
        notices=max(carried.notices, known.notices),
        first_statement_on=_first(carried.first_statement_on, known.first_statement_on),
        last_statement_on=_last(carried.last_statement_on, known.last_statement_on),
        paid_on=_last(carried.paid_on, known.paid_on),
        has_paid_since_statement=carried.has_paid_since_statement or known.has_paid_since_statement,
    )


def _parts(parts: Iterable[tuple[str, int]]) -> tuple[StatementLinePart, ...]:
    return tuple(StatementLinePart(reason=reason, amount_cents=cents) for reason, cents in parts if cents)


def _first(one: date | None, other: date | None) -> date | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _last(one: date | None, other: date | None) -> date | None:
    return max((each for each in (one, other) if each is not None), default=None)
