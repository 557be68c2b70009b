"""What was asked, wanted, sent and said about each claim: questions to payers, their requests, documents, calls.

One row each, from the claim's own stream. Personal words stay sealed, in a table of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.events.claims import (
    AttachmentAdded,
    AttachmentRemoved,
    AttachmentSent,
    CallRecorded,
    ClaimStatusReported,
    ClaimStatusRequested,
    ClaimStatusUnanswered,
    InformationAnswered,
    InformationOverdue,
    InformationRequested,
)
from shared.events.envelope import Recorded
from shared.runtime.projection import Projection, Put

_METADATA = sa.MetaData()


def _table(name: str, key: str, *columns: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(
        name,
        _METADATA,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("claim_id", sa.Text, primary_key=True),
        sa.Column(key, sa.Text, primary_key=True),
        *columns,
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, default="")


status_questions = _table(
    "claim_status_questions",
    "trace_number",
    sa.Column("asked_at", sa.DateTime(timezone=True)),
    sa.Column("attempt", sa.Integer, nullable=False, default=1),
    _text("waiting_for"),
    _text("asked_by"),
    _text("outcome"),  # empty: open
    sa.Column("codes", JSONB),
    sa.Column("wait_until_on", sa.Date),
    sa.Column("answered_at", sa.DateTime(timezone=True)),
    _text("document_id"),
)
information_requests = _table(
    "claim_information_requests",
    "request_id",
    _text("asked_by"),
    sa.Column("codes", JSONB),
    sa.Column("due_on", sa.Date),
    sa.Column("is_due_stated", sa.Boolean, nullable=False, default=False),
    _text("reference_number"),
    _text("document_id"),
    sa.Column("recorded_at", sa.DateTime(timezone=True)),
    sa.Column("is_open", sa.Boolean, nullable=False, default=True),
    sa.Column("is_overdue", sa.Boolean, nullable=False, default=False),
    _text("answered_how"),
    sa.Column("attachment_ids", JSONB),
    sa.Column("answered_on", sa.Date),
    _text("answered_by"),
    sa.Index("claim_information_requests_open", "tenant", "claim_id", postgresql_where=sa.text("is_open")),
)
attachments = _table(
    "claim_attachments",
    "attachment_id",
    _text("report_type"),
    _text("transmission"),
    _text("document_id"),
    _text("media_type"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False, default=0),
    sa.Column("added_at", sa.DateTime(timezone=True)),
    _text("added_by"),
    _text("carried_from"),
    sa.Column("is_removed", sa.Boolean, nullable=False, default=False),
    _text("sent_by"),
    sa.Column("sent_on", sa.Date),
    _text("proof_number"),
)
calls = _table(
    "claim_calls",
    "call_id",
    sa.Column("called_on", sa.Date),
    _text("outcome"),
    _text("reference_number"),
    sa.Column("next_action_on", sa.Date),
    _text("called_by"),
    sa.Column("recorded_at", sa.DateTime(timezone=True)),
)
words = sa.Table(
    "claim_follow_up_words",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Uuid, primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),  # details, spoke_with, note
    _text("claim_id"),
    _text("about"),  # the request or the call
    _text("subject"),  # whose key they are sealed under
    _text("token"),
    sa.Column("recorded_at", sa.DateTime(timezone=True)),
    sa.Index("claim_follow_up_words_of_claim", "tenant", "claim_id", "recorded_at"),
)


def apply(recorded: Recorded[Any]) -> Iterator[Put]:
    """The rows that an event begins or changes."""
    event, at = recorded.event, recorded.recorded_at
    yield from _words(recorded)
    match event:
        case ClaimStatusRequested():
            values = {
                "asked_at": at,
                "attempt": event.attempt,
                "waiting_for": event.waiting_for,
                "asked_by": event.asked_by,
            }
            yield Put(table=status_questions.name, key=(event.claim_id, event.trace_number), values=values)
        case ClaimStatusUnanswered():
            values = {"outcome": "unanswered", "answered_at": at}
            yield Put(table=status_questions.name, key=(event.claim_id, event.trace_number), values=values)
        case ClaimStatusReported():
            if event.trace_number:
                values = {
                    "outcome": event.meaning or "changes-nothing",
                    "codes": event.codes,
                    "wait_until_on": event.wait_until_on,
                    "answered_at": at,
                    "document_id": event.source.document_id,
                }
                yield Put(table=status_questions.name, key=(event.claim_id, event.trace_number), values=values)
        case InformationRequested():
            values = {
                "asked_by": event.asked_by,
                "codes": event.codes,
                "due_on": event.due_on,
                "is_due_stated": event.is_due_stated,
                "reference_number": event.reference_number,
                "document_id": event.source.document_id if event.source else "",
                "recorded_at": at,
            }
            yield Put(table=information_requests.name, key=(event.claim_id, event.request_id), values=values)
        case InformationOverdue():
            values = {"is_overdue": True}
            yield Put(table=information_requests.name, key=(event.claim_id, event.request_id), values=values)
        case InformationAnswered():
            values = {
                "is_open": False,
                "answered_how": event.how,
                "attachment_ids": event.attachment_ids,
                "answered_on": event.answered_on,
                "answered_by": event.by,
            }
            yield Put(table=information_requests.name, key=(event.claim_id, event.request_id), values=values)
        case AttachmentAdded():
            values = {
                "report_type": event.report_type,
                "transmission": event.transmission,
                "document_id": event.document.document_id,
                "media_type": event.media_type,
                "size_bytes": event.size_bytes,
                "added_at": at,
                "added_by": event.by,
                "carried_from": event.carried_from,
                "is_removed": False,
            }
            yield Put(table=attachments.name, key=(event.claim_id, event.attachment_id), values=values)
        case AttachmentRemoved():
            yield Put(table=attachments.name, key=(event.claim_id, event.attachment_id), values={"is_removed": True})
        case AttachmentSent():
            values = {"sent_by": event.method, "sent_on": event.sent_on, "proof_number": event.proof_number}
            yield Put(table=attachments.name, key=(event.claim_id, event.attachment_id), values=values)
        case CallRecorded():
            values = {
                "called_on": event.called_on,
                "outcome": event.outcome,
                "reference_number": event.reference_number,
                "next_action_on": event.next_action_on,
                "called_by": event.by,
                "recorded_at": at,
            }
            yield Put(table=calls.name, key=(event.claim_id, str(recorded.event_id)), values=values)
        case _:
            return


def _words(recorded: Recorded[Any]) -> Iterator[Put]:
    match recorded.event:
        case InformationRequested() as event:
            about, said = event.request_id, {"details": event.details}
        case CallRecorded() as event:
            about, said = str(recorded.event_id), {"spoke_with": event.spoke_with, "note": event.note}
        case _:
            return
    for name, sealed in said.items():
        if sealed is not None:
            values = {
                "claim_id": event.claim_id,
                "about": about,
                "subject": sealed.subject,
                "token": sealed.token,
                "recorded_at": recorded.recorded_at,
            }
            yield Put(table=words.name, key=(recorded.event_id, name), values=values)


projection = Projection(
    name="claims.follow-up",
    version=3,
    tables=(status_questions, information_requests, attachments, calls, words),
    reads={
        "claims": (
            ClaimStatusRequested,
            ClaimStatusUnanswered,
            ClaimStatusReported,
            InformationRequested,
            InformationOverdue,
            InformationAnswered,
            AttachmentAdded,
            AttachmentRemoved,
            AttachmentSent,
            CallRecorded,
        )
    },
    apply=apply,
)


def words_of(claim_id: str) -> sa.Select[Any]:
    """What was written down about a claim, sealed, oldest first."""
    order = (words.c.recorded_at, words.c.event_id, words.c.field)
    return sa.select(words).where(words.c.claim_id == claim_id).order_by(*order)
