"""What the payments service is made of: the only file that knows all of its rooms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from services.payments.adapters import card_webhooks
from services.payments.adapters.bank_files import BankFiles
from services.payments.adapters.capitation_rosters import CapitationRosters
from services.payments.adapters.card_processor import HttpCardProcessor
from services.payments.adapters.fee_schedule_files import FeeScheduleFiles
from services.payments.adapters.remittance_files import RemittanceFiles
from services.payments.api import accounts as accounts_api
from services.payments.api import bank as bank_api
from services.payments.api import books as books_api
from services.payments.api import capitation as capitation_api
from services.payments.api import cards as cards_api
from services.payments.api import cash as cash_api
from services.payments.api import contracts as contracts_api
from services.payments.api import disputes as disputes_api
from services.payments.api import figures as figures_api
from services.payments.api import ledger as ledger_api
from services.payments.api import moves as moves_api
from services.payments.api import openings as openings_api
from services.payments.api import paper as paper_api
from services.payments.api import remittances as remittances_api
from services.payments.api import variances as variances_api
from services.payments.api import what_if as what_if_api
from services.payments.api.capitation import known_rosters
from services.payments.api.contracts import known_schedules
from services.payments.api.moments import Moments
from services.payments.domain.books.decider import books as books_decider
from services.payments.domain.capitation_payment.decider import capitation_payment as capitation_payment_decider
from services.payments.domain.capitation_roster.decider import capitation_roster as capitation_roster_decider
from services.payments.domain.card_payment.decider import card_payment as card_payment_decider
from services.payments.domain.card_payment.news import card_processor as card_processor_decider
from services.payments.domain.claim_account.decider import claim_account as claim_account_decider
from services.payments.domain.contract_comparison.comparing import charged_of, rosters_asked, schedules_named
from services.payments.domain.contract_comparison.decider import contract_comparison as contract_comparison_decider
from services.payments.domain.contract_comparison.identity import comparison_id_of
from services.payments.domain.deposit.decider import deposit as deposit_decider
from services.payments.domain.fee_schedule.decider import fee_schedule as fee_schedule_decider
from services.payments.domain.opening_balances.decider import opening_balances as opening_balances_decider
from services.payments.domain.patient_account.commands import AccountDue
from services.payments.domain.patient_account.decider import patient_account as patient_account_decider
from services.payments.domain.payer_contracts.decider import payer_contracts as payer_contracts_decider
from services.payments.domain.remittance.decider import remittance as remittance_decider
from services.payments.domain.remittance.identity import trace_of
from services.payments.domain.unidentified_deposit.decider import unidentified_deposit as unidentified_deposit_decider
from services.payments.invariants import (
    CapitationIsBacked,
    CardMoneyIsReceived,
    ChargesAreAccountedFor,
    ClosedPeriodsStand,
    OpeningBalancesTie,
    PatientsMoneyIsKept,
    PostingsSumToZero,
    ProviderAdjustmentsStand,
    RemittancesBalance,
    VariancesAreBacked,
)
from services.payments.policies import (
    bring_balances,
    compare_with_contracts,
    identify_deposits,
    patient_money,
    post_charges,
    post_remittances,
    take_cards,
    write_off_denials,
)
from services.payments.projections import (
    bills,
    capitation,
    card_payments,
    claim_accounts,
    contracts,
    deposits,
    opening_balances,
    patient_payments,
    payers,
    postings,
    refunds,
    remittances,
    variances,
)
from services.payments.projections import books as closings
from services.payments.settings import PaymentsSettings
from shared.events.base import Event
from shared.events.cards import CardChargebackWon, CardChargedBack, CardPaymentCaptured, CardRefundFailed
from shared.events.charges import ChargesReleased
from shared.events.collections import AccountPlaced, AccountRecalled
from shared.events.denials import DenialWriteOffApproved
from shared.events.deposits import DepositIdentified, DepositNotTaken, IdentificationUndone
from shared.events.eligibility import CoverageSelected, NoCoverageFound
from shared.events.envelope import Recorded
from shared.events.patient_money import AllocationTakenBack, PaymentAllocated, UnappliedRefunded
from shared.events.payments import (
    AppliedPaymentMoved,
    ClaimPaymentPosted,
    ClaimPaymentRematched,
    ClaimPaymentReversed,
    OpeningBalanceStated,
    OpeningBalanceWithdrawn,
    PatientPaymentReversed,
    PaymentNotTaken,
    RemittanceReceived,
    ResponsibilityTransferred,
)
from shared.runtime.command import Aggregate, BusinessKey
from shared.runtime.policy import Policy, Reaction
from shared.runtime.queries import rows
from shared.runtime.service import ServiceParts, ServiceRuntime, Task


def trace_numbers(event: Event) -> Iterable[BusinessKey]:
    """A payer's trace number is one payment."""
    if isinstance(event, RemittanceReceived):
        trace = trace_of(payer_identifier=event.payer_identifier, trace_number=event.trace_number)
        yield BusinessKey("trace", trace)


claim_account = Aggregate(name="claim-account", decider=claim_account_decider)
remittance = Aggregate(name="remittance", decider=remittance_decider, business_keys=trace_numbers)
patient_account = Aggregate(name="patient-account", decider=patient_account_decider)
deposit = Aggregate(name="deposit", decider=deposit_decider)
unidentified_deposit = Aggregate(name="unidentified-deposit", decider=unidentified_deposit_decider)
books = Aggregate(name="books", decider=books_decider)
fee_schedule = Aggregate(name="fee-schedule", decider=fee_schedule_decider)
payer_contracts = Aggregate(name="payer-contracts", decider=payer_contracts_decider)
contract_comparison = Aggregate(name="contract-comparison", decider=contract_comparison_decider)
capitation_roster = Aggregate(name="capitation-roster", decider=capitation_roster_decider)
capitation_payment = Aggregate(name="capitation-payment", decider=capitation_payment_decider)
card_payment = Aggregate(name="card-payment", decider=card_payment_decider)
card_processor = Aggregate(name="card-processor", decider=card_processor_decider)
opening = Aggregate(name="opening-balances", decider=opening_balances_decider)


def _to(aggregate: Aggregate, key: str, commands: Iterable[Any]) -> list[Reaction]:
    return [Reaction(aggregate=aggregate, key=key, command=command) for command in commands]


async def _post_charges(recorded: Recorded[Any]) -> Sequence[Reaction]:
    event: ChargesReleased = recorded.event
    return _to(claim_account, event.account_id, post_charges.post_charges(event, on=recorded.occurred_at.date()))


async def _note_payers(recorded: Recorded[Any]) -> Sequence[Reaction]:
    event: CoverageSelected | NoCoverageFound = recorded.event
    return _to(claim_account, event.account_id, post_charges.note_payers(event, on=recorded.occurred_at.date()))


async def _record_claim_answer(recorded: Recorded[Any]) -> Sequence[Reaction]:
    event: post_remittances.AnswerDealtWith = recorded.event
    return _to(remittance, event.remittance_id, post_remittances.record_claim_answer(event))


async def _expect_deposit(recorded: Recorded[Any]) -> Sequence[Reaction]:
    expected = list(post_remittances.expect_deposit(recorded.event))
    return [Reaction(aggregate=deposit, key=command.deposit_id, command=command) for command in expected]


async def _identify_deposit(recorded: Recorded[Any]) -> Sequence[Reaction]:
    match recorded.event:
        case DepositIdentified() as event:
            return _to(deposit, event.identified_as, identify_deposits.record_identified(event))
        case DepositNotTaken() as event:
            return _to(unidentified_deposit, event.unidentified_id, identify_deposits.return_identification(event))
        case IdentificationUndone() as event:
            return _to(deposit, event.identified_as, identify_deposits.withdraw(event))
    return []


async def _place(recorded: Recorded[Any]) -> Sequence[Reaction]:
    event: AccountPlaced | AccountRecalled = recorded.event
    commands = patient_money.place(event) if isinstance(event, AccountPlaced) else patient_money.recall(event)
    return _to(claim_account, event.account_id, commands)


async def _bring_balance(recorded: Recorded[Any]) -> Sequence[Reaction]:
    event: OpeningBalanceStated | OpeningBalanceWithdrawn = recorded.event
    if isinstance(event, OpeningBalanceStated):
        return _to(claim_account, event.account_id, bring_balances.post(event))
    return _to(claim_account, event.account_id, bring_balances.take_back(event))


async def _write_off_denial(recorded: Recorded[Any]) -> Sequence[Reaction]:
    event: DenialWriteOffApproved = recorded.event
    return _to(claim_account, event.account_id, write_off_denials.react(event))


def build(
    runtime: ServiceRuntime,
    settings: PaymentsSettings | None = None,
    processors: take_cards.Processors | None = None,
) -> ServiceParts:
    """Settings come from the environment, and processors of cards are asked over HTTP, unless something else is given."""
    settings = settings or PaymentsSettings()
    files = RemittanceFiles(
        commands=runtime.commands,
        documents=runtime.documents,
        clock=runtime.clock,
        remittances=remittance,
        usage=settings.interchange_usage,
    )
    bank_files = BankFiles(
        commands=runtime.commands,
        documents=runtime.documents,
        clock=runtime.clock,
        deposit=deposit,
        unidentified_deposit=unidentified_deposit,
    )
    moments = Moments(reads=runtime.reads, clock=runtime.clock)

    async def post_claims(recorded: Recorded[Any]) -> Sequence[Reaction]:
        if isinstance(event := recorded.event, ClaimPaymentRematched):
            return _to(claim_account, event.to_account_id, post_remittances.post_rematched(event))
        answers = await files.answers(recorded.tenant, event.remittance_id, event.document)
        posts = post_remittances.post_claims(answers)
        return [Reaction(aggregate=claim_account, key=post.answer.account_id, command=post) for post in posts]

    async def waiting_cards(tenant: str) -> list[str]:
        async with runtime.reads.read(tenant) as connection:
            return [each["card_payment_id"] for each in await rows(connection, card_payments.waiting())]

    cards = take_cards.TakeCards(
        commands=runtime.commands,
        processors=_processors(settings) if processors is None else processors,
        waiting=waiting_cards,
        card_payment=card_payment,
        card_processor=card_processor,
        clock=runtime.clock,
    )

    def refuse_unsigned(tenant: str, body: bytes, signature: str) -> None:
        keys = settings.card_webhook_keys.get(tenant, ())
        # By the clock of the machine: the processor knows no other, whatever day the practice is at.
        now, tolerance = datetime.now(UTC), timedelta(seconds=settings.card_webhook_seconds_max)
        card_webhooks.refuse_unsigned(body, signature, keys, now=now, tolerance=tolerance)

    async def due_of(tenant: str, patient_id: str) -> list[AccountDue]:
        async with runtime.reads.read(tenant) as connection:
            names = [each["patient_id"] for each in await rows(connection, patient_payments.names_of(patient_id))]
            found = await rows(connection, claim_accounts.due_of_patient(names))
        return [AccountDue(each["account_id"], each["due_cents"]) for each in found]

    async def move_patient_money(recorded: Recorded[Any]) -> Sequence[Reaction]:
        match recorded.event:
            case PaymentAllocated() as event:
                return _to(claim_account, event.account_id, patient_money.apply_payment(event))
            case PaymentNotTaken() as event:
                return _to(patient_account, event.patient_id, patient_money.return_payment(event))
            case AllocationTakenBack() as event:
                return _to(claim_account, event.account_id, patient_money.reverse_payment(event))
            case AppliedPaymentMoved() as event:
                due = await due_of(recorded.tenant, event.patient_id) if event.destination == "oldest" else []
                return _to(patient_account, event.patient_id, patient_money.pass_on(event, due))
            case ResponsibilityTransferred() | PatientPaymentReversed() as event:
                return _to(patient_account, event.patient_id, patient_money.use_what_waits(event))
        return []

    async def move_card_money(recorded: Recorded[Any]) -> Sequence[Reaction]:
        match recorded.event:
            case CardPaymentCaptured() as event:
                due = await due_of(recorded.tenant, event.patient_id)
                return _to(patient_account, event.patient_id, take_cards.receive(event, due))
            case CardChargebackWon() as event:
                due = await due_of(recorded.tenant, event.patient_id)
                return _to(patient_account, event.patient_id, take_cards.receive_again(event, due))
            case CardChargedBack() as event:
                return _to(patient_account, event.patient_id, take_cards.take_back(event))
            case CardRefundFailed() as event:
                return _to(patient_account, event.patient_id, take_cards.reverse_refund(event))
            case UnappliedRefunded() as event:
                return _to(card_payment, event.to_card_payment_id, take_cards.refund_to_card(event))
        return []

    async def compare_with_contract(recorded: Recorded[Any]) -> Sequence[Reaction]:
        event: ClaimPaymentPosted | ClaimPaymentReversed = recorded.event
        if isinstance(event, ClaimPaymentReversed):
            key = comparison_id_of(
                account_id=event.account_id,
                remittance_id=event.reverses_remittance_id,
                ordinal=event.reverses_ordinal,
            )
            there = await runtime.commands.state(contract_comparison, recorded.tenant, key)
            return _to(contract_comparison, key, compare_with_contracts.withdraw(event, there))
        known = (
            await runtime.commands.state(payer_contracts, recorded.tenant, event.payer_id) if event.payer_id else None
        )
        if known is None or not known.contracts:
            return []
        key = comparison_id_of(account_id=event.account_id, remittance_id=event.remittance_id, ordinal=event.ordinal)
        account = await runtime.commands.state(claim_account, recorded.tenant, event.account_id)
        schedules = await known_schedules(runtime.commands, fee_schedule, recorded.tenant, schedules_named(known))
        asked = rosters_asked(event, charged_of(account, event.payer_rank), known)
        rosters = await known_rosters(runtime.commands, capitation_roster, recorded.tenant, asked)
        compare = compare_with_contracts.compare(event, account, known, schedules, rosters)
        return _to(contract_comparison, key, compare)

    return ServiceParts(
        aggregates=(
            claim_account,
            remittance,
            patient_account,
            card_payment,
            card_processor,
            deposit,
            unidentified_deposit,
            books,
            fee_schedule,
            payer_contracts,
            contract_comparison,
            capitation_roster,
            capitation_payment,
            opening,
        ),
        projections=(
            postings.projection,
            claim_accounts.projection,
            remittances.projection,
            patient_payments.projection,
            card_payments.projection,
            deposits.projection,
            bills.projection,
            closings.projection,
            payers.projection,
            contracts.projection,
            variances.projection,
            capitation.projection,
            opening_balances.projection,
            refunds.projection,
        ),
        policies=(
            Policy(name="payments.post-charges", reads={"charges": (ChargesReleased,)}, react=_post_charges),
            Policy(
                name="payments.note-payers",
                reads={"eligibility": (CoverageSelected, NoCoverageFound)},
                react=_note_payers,
            ),
            Policy(
                name="payments.post-remittances",
                reads={"payments": (RemittanceReceived, ClaimPaymentRematched)},
                react=post_claims,
            ),
            Policy(
                name="payments.record-claim-answers",
                reads={"payments": post_remittances.ANSWERS_DEALT_WITH},
                react=_record_claim_answer,
            ),
            Policy(name="payments.expect-deposits", reads={"payments": (RemittanceReceived,)}, react=_expect_deposit),
            Policy(
                name="payments.identify-deposits",
                reads={"payments": (DepositIdentified, DepositNotTaken, IdentificationUndone)},
                react=_identify_deposit,
            ),
            Policy(
                name="payments.bring-balances",
                reads={"payments": (OpeningBalanceStated, OpeningBalanceWithdrawn)},
                react=_bring_balance,
            ),
            Policy(
                name="payments.move-patient-money",
                reads={
                    "payments": (
                        PaymentAllocated,
                        PaymentNotTaken,
                        AllocationTakenBack,
                        PatientPaymentReversed,
                        AppliedPaymentMoved,
                        ResponsibilityTransferred,
                    )
                },
                react=move_patient_money,
            ),
            Policy(
                name="payments.move-card-money",
                reads={
                    "payments": (
                        CardPaymentCaptured,
                        CardChargebackWon,
                        CardChargedBack,
                        CardRefundFailed,
                        UnappliedRefunded,
                    )
                },
                react=move_card_money,
            ),
            Policy(
                name="payments.place-accounts", reads={"collections": (AccountPlaced, AccountRecalled)}, react=_place
            ),
            Policy(
                name="payments.compare-with-contracts",
                reads={"payments": (ClaimPaymentPosted, ClaimPaymentReversed)},
                react=compare_with_contract,
            ),
            Policy(
                name="payments.write-off-denials",
                reads={"claims": (DenialWriteOffApproved,)},
                react=_write_off_denial,
            ),
        ),
        tasks=(Task(name="payments.ask-card-processor", step=cards.step, every_seconds=settings.card_poll_seconds),),
        routers=lambda: (
            what_if_api.router(
                runtime.commands,
                runtime.reads,
                claim_account=claim_account,
                payer_contracts=payer_contracts,
                fee_schedule=fee_schedule,
                capitation_roster=capitation_roster,
            ),
            cards_api.router(
                runtime.commands,
                runtime.reads,
                cards,
                refuse_unsigned,
                card_payment=card_payment,
                card_processor=card_processor,
            ),
            paper_api.router(files, runtime.documents),
            remittances_api.router(
                runtime.commands,
                runtime.reads,
                files,
                claim_accounts=claim_account,
                remittance=remittance,
                clock=runtime.clock,
            ),
            accounts_api.router(runtime.commands, runtime.reads, claim_account),
            moves_api.router(
                runtime.commands,
                runtime.reads,
                runtime.clock,
                claim_account=claim_account,
                patient_account=patient_account,
            ),
            figures_api.router(runtime.reads, moments),
            ledger_api.router(runtime.reads, moments),
            books_api.router(runtime.commands, runtime.reads, runtime.clock, books),
            bank_api.router(
                runtime.commands,
                runtime.reads,
                bank_files,
                deposit=deposit,
                unidentified_deposit=unidentified_deposit,
                books=books,
                clock=runtime.clock,
            ),
            openings_api.router(
                runtime.commands,
                runtime.reads,
                runtime.documents,
                opening=opening,
                books=books,
                clock=runtime.clock,
            ),
            contracts_api.router(
                runtime.commands,
                runtime.reads,
                FeeScheduleFiles(commands=runtime.commands, documents=runtime.documents, fee_schedule=fee_schedule),
                payer_contracts=payer_contracts,
                fee_schedule=fee_schedule,
            ),
            capitation_api.router(
                runtime.commands,
                runtime.reads,
                CapitationRosters(
                    commands=runtime.commands,
                    documents=runtime.documents,
                    vault=runtime.vault,
                    payer_contracts=payer_contracts,
                    capitation_roster=capitation_roster,
                ),
                payer_contracts=payer_contracts,
                capitation_payment=capitation_payment,
            ),
            disputes_api.router(runtime.commands, runtime.reads, contract_comparison),
            variances_api.router(
                runtime.commands,
                runtime.reads,
                runtime.vault,
                contract_comparison=contract_comparison,
                claim_account=claim_account,
                payer_contracts=payer_contracts,
                fee_schedule=fee_schedule,
                capitation_roster=capitation_roster,
            ),
            cash_api.router(
                runtime.commands,
                runtime.reads,
                patient_accounts=patient_account,
                deposit=deposit,
                books=books,
                clock=runtime.clock,
            ),
        ),
        invariants=(
            PostingsSumToZero,
            ChargesAreAccountedFor,
            RemittancesBalance,
            ProviderAdjustmentsStand,
            ClosedPeriodsStand,
            VariancesAreBacked,
            CapitationIsBacked,
            OpeningBalancesTie,
            PatientsMoneyIsKept,
            CardMoneyIsReceived,
        ),
    )


def _processors(settings: PaymentsSettings) -> take_cards.Processors:
    none = SecretStr("")
    return {
        tenant: HttpCardProcessor(
            url,
            settings.card_processor_tokens.get(tenant, none),
            answer_seconds_max=settings.card_answer_seconds_max,
        )
        for tenant, url in settings.card_processor_urls.items()
    }
