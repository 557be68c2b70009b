"""What was said on the phone about a denial, and what became of its appeals, level by level?

A note that was taken back stays, marked. An appeal that was dismissed and filed again at its level is one row, as it was filed last.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.events.denials import (
    AppealDecided,
    AppealDrafted,
    AppealFiled,
    AppealLetterWritten,
    AppealTemplateKept,
    ChecklistStepTicked,
    ChecklistStepUnticked,
    DenialNoted,
    DenialNoteUndone,
)
from shared.events.envelope import Recorded
from shared.runtime.projection import Projection, Put

_METADATA = sa.MetaData()

denial_contacts = sa.Table(
    "denial_contacts",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("denial_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),  # of the denial's stream
    sa.Column("event_id", sa.Text, nullable=False, default=""),
    sa.Column("noted_at", sa.DateTime(timezone=True)),
    sa.Column("noted_by", sa.Text, nullable=False, default=""),
    sa.Column("outcome_code", sa.Text, nullable=False, default=""),
    sa.Column("reference_number", sa.Text, nullable=False, default=""),
    sa.Column("next_action_on", sa.Date),
    sa.Column("note_subject", sa.Text, nullable=False, default=""),  # whose key the note is sealed under
    sa.Column("note_field", sa.Text, nullable=False, default=""),
    sa.Column("note_token", sa.Text),
    sa.Column("is_undone", sa.Boolean, nullable=False, default=False),
)
appeals = sa.Table(
    "appeals",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("denial_id", sa.Text, primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, default=""),
    sa.Column("template_id", sa.Text, nullable=False, default=""),
    sa.Column("evidence", JSONB),
    sa.Column("letter_document_id", sa.Text, nullable=False, default=""),
    sa.Column("filed_on", sa.Date),
    sa.Column("filed_by", sa.Text, nullable=False, default=""),
    sa.Column("sent_by", sa.Text, nullable=False, default=""),
    sa.Column("tracking_number", sa.Text, nullable=False, default=""),
    sa.Column("last_on", sa.Date),
    sa.Column("late_because", sa.Text, nullable=False, default=""),
    sa.Column("due_on", sa.Date),
    sa.Column("decided_on", sa.Date),
    sa.Column("outcome", sa.Text, nullable=False, default=""),
)
overturn_counts = sa.Table(  # every decision, so that a dismissed appeal and the one filed after it are two
    "overturn_counts",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("payer_id", sa.Text, primary_key=True),
    sa.Column("category", sa.Text, primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("overturned", sa.Integer, nullable=False, default=0),
    sa.Column("partly_overturned", sa.Integer, nullable=False, default=0),
    sa.Column("upheld", sa.Integer, nullable=False, default=0),
    sa.Column("dismissed", sa.Integer, nullable=False, default=0),
    sa.Column("denied_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column(
        "won_cents", sa.BigInteger, nullable=False, default=0
    ),  # denied money of what was overturned, also in part
)
appeal_decisions = sa.Table(  # a row a decision: what the counts are the sum of
    "appeal_decisions",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("denial_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),  # of the denial's stream
    sa.Column("payer_id", sa.Text, nullable=False, default=""),
    sa.Column("category", sa.Text, nullable=False, default=""),
    sa.Column("level", sa.Integer, nullable=False, default=0),
    sa.Column("outcome", sa.Text, nullable=False, default=""),
    sa.Column("denied_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column("decided_on", sa.Date),
    sa.Index("appeal_decisions_by_kind", "tenant", "payer_id", "category", "level"),
)
denial_ticks = sa.Table(
    "denial_ticks",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("denial_id", sa.Text, primary_key=True),
    sa.Column("step_id", sa.Text, primary_key=True),
    sa.Column("is_done", sa.Boolean, nullable=False, default=False),
    sa.Column("done_by", sa.Text, nullable=False, default=""),
    sa.Column("done_at", sa.DateTime(timezone=True)),
    sa.Column("checklist_version", sa.Integer, nullable=False, default=0),  # that it was ticked in
)
appeal_templates = sa.Table(
    "appeal_templates",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("template_id", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False, default=""),
    sa.Column("categories", JSONB),
    sa.Column("text", sa.Text, nullable=False, default=""),
)


def apply(recorded: Recorded[Any]) -> Iterator[Put]:
    match recorded.event:
        case DenialNoted() as event:
            yield _contact(recorded, event)
        case DenialNoteUndone() as event:
            key = (event.denial_id, event.undone_version)
            yield Put(table=denial_contacts.name, key=key, values={"is_undone": True})
        case AppealDrafted() as event:
            evidence = msgspec.to_builtins(event.evidence)
            values = {"template_id": event.template_id, "evidence": evidence, "letter_document_id": ""}
            yield Put(table=appeals.name, key=(event.denial_id, event.level), values=values)
        case AppealLetterWritten() as event:
            values = {"letter_document_id": event.letter.document_id}
            yield Put(table=appeals.name, key=(event.denial_id, event.level), values=values)
        case AppealFiled() as event:
            yield Put(table=appeals.name, key=(event.denial_id, event.level), values=_filed(recorded, event))
        case AppealDecided() as event:
            values = {"outcome": event.outcome, "decided_on": event.decided_on or recorded.occurred_at.date()}
            yield Put(table=appeals.name, key=(event.denial_id, event.level), values=values)
            if event.payer_id:
                yield from _counted(recorded, event)
        case ChecklistStepTicked() as event:
            values = {"is_done": True, "done_by": event.by, "done_at": recorded.occurred_at}
            values |= {"checklist_version": event.checklist_version}
            yield Put(table=denial_ticks.name, key=(event.denial_id, event.step_id), values=values)
        case ChecklistStepUnticked() as event:
            values = {"is_done": False, "done_by": "", "done_at": None}
            yield Put(table=denial_ticks.name, key=(event.denial_id, event.step_id), values=values)
        case AppealTemplateKept() as event:
            values = {"title": event.title, "categories": event.categories, "text": event.text}
            yield Put(table=appeal_templates.name, key=(event.template_id,), values=values)
        case _:
            raise TypeError(f"{type(recorded.event).__name__} is not read here")


def _contact(recorded: Recorded[Any], event: DenialNoted) -> Put:
    note = event.note
    values = {
        "event_id": str(recorded.event_id),
        "noted_at": recorded.occurred_at,
        "noted_by": event.by or recorded.stored.actor,
        "outcome_code": event.outcome_code,
        "reference_number": event.reference_number,
        "next_action_on": event.next_action_on,
        "note_subject": note.subject if note else "",
        "note_field": note.field if note else "",
        "note_token": note.token if note else None,
    }
    return Put(table=denial_contacts.name, key=(event.denial_id, recorded.version), values=values)


def _counted(recorded: Recorded[Any], event: AppealDecided) -> Iterator[Put]:
    is_won = event.outcome in ("overturned", "partly-overturned")
    yield Put(
        table=overturn_counts.name,
        key=(event.payer_id, event.category, event.level),
        add={
            event.outcome.replace("-", "_"): 1,
            "denied_cents": event.denied_cents,
            "won_cents": event.denied_cents if is_won else 0,
        },
    )
    yield Put(
        table=appeal_decisions.name,
        key=(event.denial_id, recorded.version),
        values={
            "payer_id": event.payer_id,
            "category": event.category,
            "level": event.level,
            "outcome": event.outcome,
            "denied_cents": event.denied_cents,
            "decided_on": event.decided_on or recorded.occurred_at.date(),
        },
    )


def _filed(recorded: Recorded[Any], event: AppealFiled) -> dict[str, Any]:
    return {
        "name": event.name,
        "filed_on": event.filed_on or recorded.occurred_at.date(),
        "filed_by": event.by or recorded.stored.actor,
        "sent_by": event.sent_by,
        "tracking_number": event.tracking_number,
        "last_on": event.clock.last_on if event.clock else None,
        "late_because": event.late_because,
        "due_on": event.due_on,
        "decided_on": None,
        "outcome": "",
    }


projection = Projection(
    name="claims.denial-work",
    version=3,
    tables=(denial_contacts, denial_ticks, appeals, overturn_counts, appeal_decisions, appeal_templates),
    reads={
        "claims": (
            DenialNoted,
            DenialNoteUndone,
            AppealDrafted,
            AppealLetterWritten,
            AppealFiled,
            AppealDecided,
            AppealTemplateKept,
            ChecklistStepTicked,
            ChecklistStepUnticked,
        )
    },
    apply=apply,
)


def contacts_of(denial_id: str) -> sa.Select[Any]:
    """Everything that was noted, the latest first."""
    table = denial_contacts
    return sa.select(table).where(table.c.denial_id == denial_id).order_by(table.c.version.desc())


def appeals_of(denial_id: str) -> sa.Select[Any]:
    """A row a level, the first level first."""
    return sa.select(appeals).where(appeals.c.denial_id == denial_id).order_by(appeals.c.level)


def ticks_of(denial_id: str) -> sa.Select[Any]:
    """Steps that are done."""
    return sa.select(denial_ticks).where(denial_ticks.c.denial_id == denial_id, denial_ticks.c.is_done)


def kept_templates() -> sa.Select[Any]:
    return sa.select(appeal_templates).order_by(appeal_templates.c.template_id)


def overturn_rates() -> sa.Select[Any]:
    """Outcomes by payer, category and level with their money, the most first."""
    table = overturn_counts
    return sa.select(table).order_by(table.c.denied_cents.desc(), table.c.payer_id, table.c.category, table.c.level)


def measured() -> sa.Subquery:
    """By payer and category, all levels together: decided appeals without dismissed ones, and those of them that won."""
    table = overturn_counts
    won = sa.cast(sa.func.sum(table.c.overturned + table.c.partly_overturned), sa.Integer)
    cases = won + sa.cast(sa.func.sum(table.c.upheld), sa.Integer)
    return (
        sa.select(table.c.payer_id, table.c.category, won.label("won"), cases.label("cases"))
        .group_by(table.c.payer_id, table.c.category)
        .subquery("measured")
    )
