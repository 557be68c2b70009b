"""What the claims service is made of: the only file that knows all of its rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from services.claims.adapters.interchange_writer import X12InterchangeWriter
from services.claims.adapters.paper_claims import PaperClaims
from services.claims.adapters.paper_writer import PaperWriter
from services.claims.adapters.realtime import RealtimePartners
from services.claims.adapters.x12_acknowledgements import read_acknowledgements
from services.claims.adapters.x12_status_question import write_question
from services.claims.api import appeals as appeals_api
from services.claims.api import bulk_claims as bulk_claims_api
from services.claims.api import bulk_denials as bulk_denials_api
from services.claims.api import claim_rules as claim_rules_api
from services.claims.api import claims as claims_api
from services.claims.api import deadlines as deadlines_api
from services.claims.api import denial_rules as denial_rules_api
from services.claims.api import denials as denials_api
from services.claims.api import exchange as exchange_api
from services.claims.api import follow_up as follow_up_api
from services.claims.api import learned_rules as learned_rules_api
from services.claims.api import mailing as mailing_api
from services.claims.api import paper as paper_api
from services.claims.api import what_if as what_if_api
from services.claims.api.denial_requests import DenialRequests
from services.claims.api.past_claims import PastClaims
from services.claims.domain.appeal_template.decider import appeal_template as appeal_template_decider
from services.claims.domain.batch.decider import batch as batch_decider
from services.claims.domain.billing_case.decider import billing_case as billing_case_decider
from services.claims.domain.claim.decider import claim as claim_decider
from services.claims.domain.denial.commands import OpenDenial, ReverseDenial
from services.claims.domain.denial.decider import denial as denial_decider
from services.claims.domain.denial_checklist.decider import denial_checklist as denial_checklist_decider
from services.claims.domain.escalation_rules.decider import KEY as ESCALATION_RULES
from services.claims.domain.escalation_rules.decider import escalation_rules as escalation_rules_decider
from services.claims.domain.held_message.decider import held_message as held_message_decider
from services.claims.domain.learned_rule.decider import learned_rule as learned_rule_decider
from services.claims.domain.partner.decider import partner as partner_decider
from services.claims.domain.rule_book.decider import BOOK
from services.claims.domain.rule_book.decider import rule_book as rule_book_decider
from services.claims.invariants import ClaimsLeaveOnce, ControlNumbersAreUsedOnce, ReadyAccountsHaveClaims
from services.claims.open_claims import OpenClaimsAreSomebodys
from services.claims.policies import (
    ask_payers,
    derive_deadlines,
    end_claims,
    escalate_denials,
    follow_accounts,
    follow_batches,
    make_claims,
    record_answers,
    send_batches,
    settle_denials,
    take_acknowledgements,
    watch_learned_rules,
    watch_silence,
)
from services.claims.policies.rules_in_force import RulesInForce
from services.claims.projections import appeals as appeals_projections
from services.claims.projections import (
    claim_timeline,
    claims_worklist,
    denial_queue,
    denial_work,
    directories,
    follow_up,
    held_messages,
    origins,
    sending,
)
from services.claims.projections.appeals import AppealReads
from services.claims.settings import ClaimsSettings
from shared.events.denials import EscalationRulesKept
from shared.events.envelope import Recorded
from shared.runtime.caught_up import CaughtUp
from shared.runtime.command import Aggregate
from shared.runtime.invariants import Invariant
from shared.runtime.partners import Clearinghouse, PartnersFile, clearinghouse_of
from shared.runtime.policy import DueTimer, Policy, Reaction, Timers
from shared.runtime.service import ServiceParts, ServiceRuntime, Task


def build(
    runtime: ServiceRuntime,
    settings: ClaimsSettings | None = None,
    routes: send_batches.Routes | None = None,
    new_id: Callable[[], UUID] = uuid4,
    realtime: httpx.AsyncBaseTransport | None = None,
) -> ServiceParts:
    """Settings come from the environment, and partners from their file, unless something else is given."""
    settings = settings or ClaimsSettings()
    billing_case = Aggregate(name="billing-case", decider=billing_case_decider)
    claim = Aggregate(name="claim", decider=claim_decider)
    partner = Aggregate(name="partner", decider=partner_decider)
    batch = Aggregate(name="batch", decider=batch_decider)
    denial = Aggregate(name="denial", decider=denial_decider)
    template = Aggregate(name="appeal-template", decider=appeal_template_decider)
    appeals = AppealReads(runtime.reads, first_appeal_days=settings.appeal_days)
    checklist = Aggregate(name="denial-checklist", decider=denial_checklist_decider)
    escalation_rules = Aggregate(name="escalation-rules", decider=escalation_rules_decider)
    held_message = Aggregate(name="held-message", decider=held_message_decider)
    rule_book = Aggregate(name="rule-book", decider=rule_book_decider)
    learned_rule = Aggregate(name="learned-rule", decider=learned_rule_decider)
    rules = RulesInForce(runtime.commands, rule_book)
    requests = DenialRequests(
        commands=runtime.commands,
        claim=claim,
        clock=runtime.clock,
        assignment_days=settings.assignment_days,
        write_off_alone_cents_max=settings.write_off_alone_cents_max,
    )

    acknowledgements = take_acknowledgements.TakeAcknowledgements(
        commands=runtime.commands,
        documents=runtime.documents,
        read=read_acknowledgements,
        partners=directories.PartnerReads(runtime.reads),
        streams=take_acknowledgements.Streams(claim=claim, batch=batch, held_message=held_message),
        clock=runtime.clock,
        status_wait_days=settings.status_wait_days,
        information_days=settings.information_days,
    )
    partners_file = PartnersFile(settings.partners_file or runtime.settings.home / "partners.json")
    payers = RealtimePartners(partners_file, settings, realtime)
    questions = ask_payers.AskPayers(
        commands=runtime.commands,
        vault=runtime.vault,
        clock=runtime.clock,
        claim=claim,
        partner=partner,
        payers=payers,
        write=write_question,
        answers=acknowledgements,
    )
    batcher = send_batches.SendBatches(
        commands=runtime.commands,
        documents=runtime.documents,
        writer=X12InterchangeWriter(runtime.vault),
        paper=PaperWriter(runtime.vault),
        queue=sending.SendingReads(runtime.reads, directories.answer_days, directories.on_paper),
        routes=routes or _routes(partners_file),
        clock=runtime.clock,
        streams=send_batches.Streams(claim=claim, partner=partner, batch=batch),
        new_id=new_id,
    )
    past = PastClaims(runtime.commands, runtime.reads, claim)
    return ServiceParts(
        aggregates=(
            billing_case,
            claim,
            partner,
            batch,
            denial,
            held_message,
            template,
            checklist,
            escalation_rules,
            rule_book,
            learned_rule,
        ),
        projections=(
            claims_worklist.projection,
            claim_timeline.projection,
            denial_queue.projection,
            sending.projection,
            directories.projection,
            held_messages.projection,
            follow_up.projection,
            appeals_projections.projection,
            denial_work.projection,
            origins.projection,
        ),
        policies=(
            *_policies(runtime, billing_case, claim, denial, rules, appeals),
            *_learned_rule_policies(runtime, claim, rule_book, learned_rule, rules),
            *_escalation_policies(runtime, denial, escalation_rules, appeals),
            _ask_policy(questions),
        ),
        timers=(
            _timers(claim, batch, settings, payers),
            _ask_timers(claim, settings),
            _escalation_timers(denial),
        ),
        tasks=(Task(name="claims.send-batches", step=batcher.step, every_seconds=settings.send_every_seconds),),
        routers=lambda: (
            # Paths of many come before those of one.
            bulk_claims_api.router(runtime.commands, claim, rules, runtime.clock),
            claims_api.router(runtime.commands, runtime.reads, claim, rules, runtime.clock),
            claim_rules_api.router(runtime.commands, claim, rule_book, rules),
            what_if_api.router(runtime.reads, past, rules),
            learned_rules_api.router(runtime.commands, runtime.reads, past, rule_book, learned_rule, rules),
            deadlines_api.router(runtime.reads, runtime.clock),
            bulk_denials_api.router(runtime.commands, denial, requests),
            denials_api.router(
                runtime.commands,
                runtime.reads,
                denial,
                requests,
                runtime.clock,
                appeals,
                win_chance_cases_min=settings.win_chance_cases_min,
            ),
            denial_rules_api.router(
                runtime.commands, runtime.reads, denial, checklist, escalation_rules, runtime.clock
            ),
            appeals_api.router(
                runtime.commands,
                runtime.reads,
                denial,
                claim,
                template,
                runtime.clock,
                appeals,
                runtime.vault,
                runtime.documents,
            ),
            paper_api.router(runtime.commands, claim, PaperClaims(runtime.vault), runtime.clock),
            mailing_api.router(runtime.commands, runtime.reads, batch, batcher, runtime.clock),
            exchange_api.router(runtime.commands, runtime.reads, partner, acknowledgements),
            follow_up_api.router(
                runtime.commands,
                runtime.reads,
                runtime.documents,
                runtime.vault,
                claim,
                rules,
                runtime.clock,
                follow_up_api.Terms(
                    in_real_time=payers.of,
                    wait_days=settings.status_wait_days,
                    attachment_bytes_max=settings.attachment_bytes_max,
                ),
            ),
        ),
        invariants=(ControlNumbersAreUsedOnce, ClaimsLeaveOnce, ReadyAccountsHaveClaims, _open_claims(settings)),
    )


def _policies(
    runtime: ServiceRuntime,
    billing_case: Aggregate,
    claim: Aggregate,
    denial: Aggregate,
    rules: RulesInForce,
    appeals: AppealReads,
) -> tuple[Policy, ...]:
    async def note_charges(recorded: Recorded[Any]) -> Sequence[Reaction]:
        return _all_to(billing_case, follow_accounts.react_to_charges(recorded))

    async def note_coverage(recorded: Recorded[Any]) -> Sequence[Reaction]:
        return _all_to(billing_case, follow_accounts.react_to_coverage(recorded))

    async def create_claims(recorded: Recorded[Any]) -> Sequence[Reaction]:
        return await rules.reactions(recorded.tenant, claim, make_claims.react(recorded))

    async def tell_claims_of_batches(recorded: Recorded[Any]) -> Sequence[Reaction]:
        return await rules.reactions(recorded.tenant, claim, follow_batches.react(recorded))

    async def record_payers_answers(recorded: Recorded[Any]) -> Sequence[Reaction]:
        terms = await appeals.terms(recorded.tenant, getattr(recorded.event, "payer_id", ""))
        told = record_answers.react(recorded, terms)
        return [
            Reaction(aggregate=denial if isinstance(command, OpenDenial) else claim, key=key, command=command)
            for key, command in told
        ]

    ends = end_claims.EndClaims(runtime.commands, claim)

    async def end(recorded: Recorded[Any]) -> Sequence[Reaction]:
        return _all_to(claim, await ends.react(recorded))

    async def settle(recorded: Recorded[Any]) -> Sequence[Reaction]:
        return [
            Reaction(aggregate=denial if isinstance(command, ReverseDenial) else claim, key=key, command=command)
            for key, command in settle_denials.react(recorded)
        ]

    deadlines = derive_deadlines.DeriveDeadlines(
        appeals=appeals,
        caught_up=CaughtUp(runtime.reads),
        payers_reader=directories.projection.name,
        denials_reader=denial_queue.projection.name,
    )

    async def follow_payers(recorded: Recorded[Any]) -> Sequence[Reaction]:
        return _all_to(denial, await deadlines.react_to_listing(recorded))

    async def confirm_deadline(recorded: Recorded[Any]) -> Sequence[Reaction]:
        return _all_to(denial, await deadlines.react_to_denial(recorded))

    return (
        Policy(name="claims.follow-payers", reads={"eligibility": derive_deadlines.ELIGIBILITY}, react=follow_payers),
        Policy(name="claims.confirm-deadlines", reads={"claims": derive_deadlines.CLAIMS}, react=confirm_deadline),
        Policy(name="claims.note-charges", reads={"charges": follow_accounts.CHARGES}, react=note_charges),
        Policy(name="claims.note-coverage", reads={"eligibility": follow_accounts.ELIGIBILITY}, react=note_coverage),
        Policy(name="claims.create-claims", reads={"claims": make_claims.CLAIMS}, react=create_claims),
        Policy(name="claims.follow-batches", reads={"claims": follow_batches.CLAIMS}, react=tell_claims_of_batches),
        Policy(name="claims.record-answers", reads={"payments": record_answers.PAYMENTS}, react=record_payers_answers),
        Policy(name="claims.end-claims", reads={"claims": end_claims.CLAIMS}, react=end),
        Policy(name="claims.settle-denials", reads={"claims": settle_denials.CLAIMS}, react=settle),
    )


def _learned_rule_policies(
    runtime: ServiceRuntime, claim: Aggregate, rule_book: Aggregate, learned_rule: Aggregate, rules: RulesInForce
) -> tuple[Policy, ...]:
    async def watch(recorded: Recorded[Any]) -> Sequence[Reaction]:
        book = await rules.book(recorded.tenant)
        if not any(rule_id.startswith(watch_learned_rules.LEARNED) for rule_id in book.versions):
            return ()
        events = await runtime.commands.recorded_stream(recorded.tenant, claim.stream(recorded.event.claim_id))
        return _all_to(learned_rule, [(each.rule_id, each) for each in watch_learned_rules.outcomes(recorded, events)])

    async def soften(recorded: Recorded[Any]) -> Sequence[Reaction]:
        command = watch_learned_rules.softened(await rules.book(recorded.tenant), recorded.event.rule_id)
        return _all_to(rule_book, [(BOOK, command)] if command else [])

    return (
        Policy(name="claims.watch-learned-rules", reads={"claims": watch_learned_rules.ANSWERS}, react=watch),
        Policy(name="claims.soften-learned-rules", reads={"claims": watch_learned_rules.FALLS}, react=soften),
    )


def _escalation_policies(
    runtime: ServiceRuntime, denial: Aggregate, escalation_rules: Aggregate, appeals: AppealReads
) -> tuple[Policy, ...]:
    async def rules_of(tenant: str) -> EscalationRulesKept:
        kept: EscalationRulesKept = await runtime.commands.state(escalation_rules, tenant, ESCALATION_RULES)
        return kept

    tell = escalate_denials.TellRules(
        rules=rules_of,
        open_denials=appeals.all_open_denials,
        caught_up=CaughtUp(runtime.reads),
        denials_reader=denial_queue.projection.name,
    )

    async def tell_all(recorded: Recorded[Any]) -> Sequence[Reaction]:
        return _all_to(denial, await tell.react_to_rules(recorded))

    async def tell_one(recorded: Recorded[Any]) -> Sequence[Reaction]:
        return _all_to(denial, await tell.react_to_denial(recorded))

    return (
        Policy(name="claims.tell-escalation-rules", reads={"claims": escalate_denials.RULES}, react=tell_all),
        Policy(name="claims.set-escalations", reads={"claims": escalate_denials.OPENED}, react=tell_one),
    )


def _escalation_timers(denial: Aggregate) -> Timers:
    return Timers(
        name="claims.escalate-denials",
        reads={"claims": escalate_denials.DAYS},
        plan=escalate_denials.plan,
        fire=lambda due: _all_to(denial, escalate_denials.fire(due)),
    )


def _all_to(aggregate: Aggregate, told: Sequence[tuple[str, Any]]) -> Sequence[Reaction]:
    return [Reaction(aggregate=aggregate, key=key, command=command) for key, command in told]


def _ask_policy(questions: ask_payers.AskPayers) -> Policy:
    async def ask(recorded: Recorded[Any]) -> Sequence[Reaction]:
        await questions.ask(recorded)
        return ()

    return Policy(name="claims.ask-payers", reads={"claims": ask_payers.CLAIMS}, react=ask)


def _ask_timers(claim: Aggregate, settings: ClaimsSettings) -> Timers:
    patience = timedelta(minutes=settings.patience_minutes)
    return Timers(
        name="claims.ask-payers-again",
        reads={"claims": ask_payers.ANSWERS},
        plan=lambda recorded: ask_payers.plan(recorded, patience),
        fire=lambda due: _all_to(claim, ask_payers.fire(due)),
    )


def _patience(settings: ClaimsSettings) -> watch_silence.Patience:
    return watch_silence.Patience(
        acknowledgement_hours=settings.acknowledgement_hours,
        claim_acknowledgement_business_days=settings.claim_acknowledgement_business_days,
        crossover_days=settings.crossover_days,
        after_reversal_days=settings.after_reversal_days,
    )


def _open_claims(settings: ClaimsSettings) -> Callable[[], Invariant]:
    return lambda: OpenClaimsAreSomebodys(_patience(settings), timedelta(minutes=settings.patience_minutes))


def _timers(claim: Aggregate, batch: Aggregate, settings: ClaimsSettings, payers: RealtimePartners) -> Timers:
    patience = _patience(settings)

    def fire(due: DueTimer) -> Sequence[Reaction]:
        aggregate = batch if due.key.startswith("999/") else claim
        return _all_to(aggregate, watch_silence.fire(due, payers.of(due.tenant)))

    return Timers(
        name="claims.watch-silence",
        reads={"claims": watch_silence.CLAIMS},
        plan=lambda recorded: watch_silence.plan(recorded, patience),
        fire=fire,
    )


def _routes(file: PartnersFile) -> send_batches.Routes:
    async def routes() -> Mapping[str, Mapping[str, Clearinghouse]]:
        connections = await asyncio.to_thread(file.connections)
        return {
            tenant: {partner_id: clearinghouse_of(connection) for partner_id, connection in partners.items()}
            for tenant, partners in connections.items()
        }

    return routes
