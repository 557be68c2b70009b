"""Appeals over HTTP: what is on record for one, its text, its letter, what is in the packet, and the practice's own words. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path

from services.claims.adapters.appeal_letter import AppealLetter, letter_pdf
from services.claims.api.bodies import (
    AppealClockRow,
    AppealDesk,
    AppealDraftBody,
    AppealRow,
    AppealTemplateBody,
    AppealTemplateRow,
    ContactRow,
    DenialId,
    EvidenceRow,
    LetterBody,
    OriginAnswer,
)
from services.claims.domain.appeal_template.decider import KeepTemplate
from services.claims.domain.claim.state import Claim
from services.claims.domain.denial.appeals import NO_APPEAL
from services.claims.domain.denial.commands import DraftAppeal, KeepLetter, claim_of_denial
from services.claims.domain.denial.letters import OURS, Template, filled_in, fitting, refuse_unfinished
from services.claims.domain.denial.state import Denial
from services.claims.domain.errors import (
    AppealNotDrafted,
    DenialUnknown,
    EvidenceUnknown,
    TemplateUnknown,
)
from services.claims.policies.gather_evidence import Known, gather, places_of
from services.claims.policies.trace_origin import Billed, trace_origin
from services.claims.projections import claim_timeline, denial_work, filing, origins
from services.claims.projections.appeals import AppealReads
from services.claims.projections.claims_worklist import claims_worklist
from shared.events.base import Sealed
from shared.events.denials import AppealEvidence, AppealTemplateKept
from shared.events.values import Address, Person
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.documents import Documents
from shared.runtime.queries import ReadDatabase, row, rows
from shared.runtime.vault import Opener, Vault
from shared.runtime.web import After, Caller, Done, caller, cause_of, done, versioned_cause_of

Reader = Annotated[Caller, Depends(caller("claims:read-appeals"))]
DenialReader = Annotated[Caller, Depends(caller("claims:read-denials"))]
Write = Annotated[Cause, Depends(versioned_cause_of("claims:file-appeal"))]
Keep = Annotated[Cause, Depends(cause_of("claims:keep-appeal-template"))]
TemplateId = Annotated[str, Path(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]

_PURPOSE = "appeal"


def router(
    commands: Commands,
    reads: ReadDatabase,
    denial: Aggregate,
    claim: Aggregate,
    template: Aggregate,
    clock: Clock,
    appeals: AppealReads,
    vault: Vault,
    documents: Documents,
) -> APIRouter:
    routes = APIRouter(tags=["appeals"])

    async def known(tenant: str, denial_id: str) -> tuple[Denial, Known]:
        """The denial, and all that is on record about its claim. Raises DenialUnknown."""
        state: Denial = await commands.state(denial, tenant, denial_id)
        billed: Claim = await commands.state(claim, tenant, claim_of_denial(denial_id))
        if state.opened is None or billed.content is None:
            raise DenialUnknown("there is no such denial")
        services = billed.content.services
        about = origins.facts_about(
            patient_id=billed.content.patient_id,
            encounter_id=services.encounter_id,
            account_id=billed.content.account_id,
        )
        said = claim_timeline.known_at(state.opened.claim_id, as_of=None, known=None)
        order = (claim_timeline.claim_timeline.c.recorded_at, claim_timeline.claim_timeline.c.version)
        async with reads.read(tenant) as connection:
            timeline = await rows(connection, said.order_by(*order))
            facts = await rows(connection, about)
            contacts = await rows(connection, denial_work.contacts_of(denial_id))
        return state, Known(
            claim=billed,
            content=billed.content,
            opened=state.opened,
            timeline=[dict(each) for each in timeline],
            facts=[dict(each) for each in facts],
            contacts=[dict(each) for each in contacts],
        )

    async def templates(tenant: str) -> list[Template]:
        """The practice's own first, then ours."""
        async with reads.read(tenant) as connection:
            kept = await rows(connection, denial_work.kept_templates())
        own = [
            Template(
                template_id=each["template_id"],
                title=each["title"],
                categories=tuple(each["categories"] or ()),
                text=each["text"],
            )
            for each in kept
        ]
        named = {each.template_id for each in own}
        return [*own, *(each for each in OURS if each.template_id not in named)]

    @routes.get("/denials/{denial_id}/appeal")
    async def read_appeal(
        denial_id: DenialId, who: Reader, template_id: str | None = None, after: After = None
    ) -> AppealDesk:
        """What the next appeal would be: level and last day, evidence on record, and its text: the draft that was kept, or the
        template's words with what is on record filled in. Opening a kept draft is recorded."""
        await reads.wait_for(denial_work.projection.name, after)
        state, facts = await known(who.tenant, denial_id)
        level = _level(state)
        evidence = gather(facts)
        offered = fitting(await templates(who.tenant), facts.opened.category)
        draft = state.draft if state.draft is not None and state.draft.level == level else None
        chosen = _template(offered, template_id) if template_id else None
        if draft is not None and chosen is None:
            text = await vault.open(who.tenant, draft.text, str, Opener(actor=who.actor, purpose=_PURPOSE))
        else:
            places = places_of(facts, evidence, _name(state), state.notice_on)
            text = filled_in((chosen or offered[0]).text, places)
        picked = {each.evidence_id for each in draft.evidence} if draft else {each.evidence_id for each in evidence}
        is_letter = state.letter is not None and state.letter.level == level
        return AppealDesk(
            denial_id=denial_id,
            claim_id=facts.opened.claim_id,
            version=state.version,
            level=level,
            name=_name(state),
            clock=AppealClockRow.model_validate(state.clock) if state.clock else None,
            no_appeal_because=facts.opened.no_appeal_because,
            no_appeal_in_words=NO_APPEAL.get(facts.opened.no_appeal_because, ""),
            is_decided_on=state.is_appeal_open,
            templates=[AppealTemplateRow.model_validate(each) for each in offered],
            template_id=chosen.template_id if chosen else draft.template_id if draft else offered[0].template_id,
            text=text,
            is_draft=draft is not None and chosen is None,
            evidence=[
                EvidenceRow.model_validate(each).model_copy(update={"is_chosen": each.evidence_id in picked})
                for each in evidence
            ],
            letter_document_id=state.letter.letter.document_id if is_letter and state.letter else "",
        )

    @routes.post("/denials/{denial_id}/appeal/draft")
    async def draft_appeal(denial_id: DenialId, body: AppealDraftBody, cause: Write) -> Done:
        """Keep the text, sealed for the patient, and the evidence that was chosen, by its ids."""
        _, facts = await known(cause.tenant, denial_id)
        evidence = _chosen(gather(facts), body.evidence)
        command = DraftAppeal(
            by=cause.actor,
            on=clock.now().date(),
            level=body.level,
            template_id=body.template_id,
            text=Sealed.fresh(facts.content.patient_id, "appeal", body.text),
            evidence=evidence,
        )
        return done(await commands.handle(denial, denial_id, command, cause), "claims")

    @routes.post("/denials/{denial_id}/appeal/letter")
    async def write_letter(denial_id: DenialId, body: LetterBody, cause: Write) -> Done:
        """Write the draft as a letter and keep it: a PDF under the hash of its bytes, which `/documents` has. The patient's name is opened for it, on the
        record. Refused while a place in the text is left to be filled in."""
        state, facts = await known(cause.tenant, denial_id)
        if state.draft is None or state.draft.level != body.level:
            raise AppealNotDrafted("no draft of this level is kept", denial=denial_id, level=body.level)
        today = clock.now().date()
        opener = Opener(actor=cause.actor, purpose=_PURPOSE)
        letter = await _letter(cause.tenant, state, facts, opener, today)
        document_id = await documents.put(cause.tenant, await asyncio.to_thread(letter_pdf, letter), "pdf")
        command = KeepLetter(by=cause.actor, on=today, level=body.level, document_id=document_id)
        return done(await commands.handle(denial, denial_id, command, cause), "claims")

    async def _letter(tenant: str, state: Denial, facts: Known, opener: Opener, today: date) -> AppealLetter:
        draft = state.draft
        if draft is None:
            raise AppealNotDrafted("no draft is kept", denial=facts.opened.denial_id)
        coverage = facts.coverage
        text, patient, member = await vault.open_many(
            tenant, [draft.text, facts.content.patient, coverage.member_number], [str, Person, str], opener
        )
        refuse_unfinished(text)
        terms = await appeals.terms(tenant, facts.opened.payer_id)
        listed = terms.levels[draft.level - 1] if draft.level <= len(terms.levels) else None
        address: Address | None = listed.address if listed else None
        return AppealLetter(
            denial_id=facts.opened.denial_id,
            level=draft.level,
            level_name=_name(state).replace("-", " "),
            written_on=today,
            sender=facts.content.services.organization,
            payer_name=coverage.payer_name,
            payer_address=address,
            patient=patient,
            member_number=member,
            claim_id=facts.opened.claim_id,
            payer_claim_number=facts.claim.payer_control_number,
            service_on=facts.content.services.service_on,
            text=text,
            evidence=draft.evidence,
        )

    @routes.get("/denials/{denial_id}/appeals")
    async def list_appeals(denial_id: DenialId, who: Reader, after: After = None) -> list[AppealRow]:
        """The packet of each level: its letter and evidence by document, how and when it was sent, and what was decided."""
        await reads.wait_for(denial_work.projection.name, after)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, denial_work.appeals_of(denial_id))
        return [_appeal(each) for each in found]

    @routes.get("/denials/{denial_id}/contacts")
    async def list_contacts(denial_id: DenialId, who: Reader, after: After = None) -> list[ContactRow]:
        """Who talked to whom about a denial, with reference numbers and notes, the latest first. Opening notes is recorded."""
        await reads.wait_for(denial_work.projection.name, after)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, denial_work.contacts_of(denial_id))
        noted = [each for each in found if each["note_token"]]
        sealed: list[Sealed[Any]] = [
            Sealed(each["note_subject"], each["note_field"], each["note_token"]) for each in noted
        ]
        opener = Opener(actor=who.actor, purpose="denial-notes")
        texts = await vault.open_many(who.tenant, sealed, [str] * len(sealed), opener) if sealed else []
        notes = {each["version"]: text for each, text in zip(noted, texts, strict=True)}
        return [ContactRow.model_validate({**each, "note": notes.get(each["version"], "")}) for each in found]

    @routes.get("/denials/{denial_id}/origin")
    async def read_origin(denial_id: DenialId, who: DenialReader) -> OriginAnswer:
        """The first event that made the denial likely, in whichever service, with its correlation and causation; nothing where
        nothing on record tells."""
        _, facts = await known(who.tenant, denial_id)
        found = trace_origin(facts, await billed(who.tenant, facts))
        event = dict(found.event) if found else {}
        return OriginAnswer(
            denial_id=denial_id,
            category=facts.opened.category,
            step=found.step if found else "",
            because=found.because if found else "",
            service=event.get("service", ""),
            event=event.get("event", ""),
            event_id=event.get("event_id", ""),
            stream=event.get("stream", ""),
            version=event.get("version"),
            occurred_at=event.get("occurred_at"),
            correlation_id=event.get("correlation_id", ""),
            causation_id=event.get("causation_id"),
        )

    async def billed(tenant: str, facts: Known) -> Billed:
        """The last day of filing, and claims of the patient to the same payer for the same day that were sent before this one."""
        listed = filing.CLAIMS
        own = sa.select(listed).where(listed.c.claim_id == facts.opened.claim_id)
        same_day = sa.select(claims_worklist.c.claim_id).where(
            claims_worklist.c.patient_id == facts.content.patient_id,
            claims_worklist.c.service_on == facts.content.services.service_on,
            claims_worklist.c.payer_id == facts.opened.payer_id,
            claims_worklist.c.account_id != facts.opened.account_id,
        )
        sent = [each["recorded_at"] for each in facts.timeline if each["event"] == "ClaimSubmitted"]
        async with reads.read(tenant) as connection:
            claimed = await row(connection, own)
            others = [each["claim_id"] for each in await rows(connection, same_day)]
            first = await rows(connection, claim_timeline.submissions_of(others))
        limit = filing.filing_of(claimed) if claimed else None
        twins = [dict(each) for each in first if sent and each["recorded_at"] < sent[0]]
        return Billed(file_by_on=limit.last_on if limit else None, twins=twins)

    @routes.get("/appeal-templates")
    async def list_templates(who: Reader, after: After = None) -> list[AppealTemplateRow]:
        """The words that appeals begin with: the practice's own, and ours where it has none of that name."""
        await reads.wait_for(denial_work.projection.name, after)
        return [AppealTemplateRow.model_validate(each) for each in await templates(who.tenant)]

    @routes.put("/appeal-templates/{template_id}")
    async def keep_template(template_id: TemplateId, body: AppealTemplateBody, cause: Keep) -> Done:
        """Keep words of your own; under the name of one of ours they stand in its place."""
        kept = AppealTemplateKept(template_id=template_id, title=body.title, categories=body.categories, text=body.text)
        return done(await commands.handle(template, template_id, KeepTemplate(template=kept), cause), "claims")

    return routes


def _level(state: Denial) -> int:
    """The level that can be filed, or that is decided on just now."""
    return state.appeal_level if state.is_appeal_open else state.appeal_level + 1


def _name(state: Denial) -> str:
    clock = state.clock or (state.filed.clock if state.is_appeal_open and state.filed else None)
    return clock.name if clock else f"level-{_level(state)}-appeal"


def _template(offered: Sequence[Template], template_id: str) -> Template:
    found = next((each for each in offered if each.template_id == template_id), None)
    if found is None:
        raise TemplateUnknown("no template of this name fits the denial", template=template_id)
    return found


def _chosen(evidence: Sequence[AppealEvidence], wanted: Sequence[str]) -> tuple[AppealEvidence, ...]:
    """What was chosen, in the order of the packet. Raises EvidenceUnknown."""
    on_record = {each.evidence_id for each in evidence}
    for evidence_id in wanted:
        if evidence_id not in on_record:
            raise EvidenceUnknown("this is not on record for the denial", evidence=evidence_id)
    return tuple(each for each in evidence if each.evidence_id in wanted)


def _appeal(row: sa.RowMapping) -> AppealRow:
    return AppealRow.model_validate({**row, "evidence": row["evidence"] or []})
