"""Where is every claim, and who does what about it next?

One row a claim, from its own stream only, so that its columns follow in order. No open claim is without a next action and an owner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.claims.domain.claim.state import Stage
from shared.events.claims import (
    AttachmentAdded,
    AttachmentRemoved,
    AttachmentSent,
    CallRecorded,
    ClaimAccepted,
    ClaimAdjudicated,
    ClaimBatched,
    ClaimClosed,
    ClaimCorrected,
    ClaimCreated,
    ClaimDenialSettled,
    ClaimDenied,
    ClaimEditedByRules,
    ClaimEvent,
    ClaimHeld,
    ClaimRejected,
    ClaimReleased,
    ClaimRepaired,
    ClaimScrubbed,
    ClaimStatusReported,
    ClaimStatusRequested,
    ClaimStatusUnanswered,
    ClaimSubmitted,
    ClaimVoided,
    CrossoverAwaited,
    FollowUpDue,
    InformationAnswered,
    InformationOverdue,
    InformationRequested,
    PayerControlNumberKnown,
    PriorAdjudication,
    ReplacementClaimDue,
    ReplacementWithdrawn,
    SecondaryClaimDue,
    ServicesBilled,
)
from shared.events.envelope import Recorded
from shared.events.values import CoverageSnapshot, Finding, ProviderIdentity
from shared.runtime.projection import Projection, Put

claims_worklist = sa.Table(
    "claims_worklist",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("claim_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, nullable=False, default=""),
    sa.Column("patient_id", sa.Text, nullable=False, default=""),
    sa.Column("encounter_id", sa.Text, nullable=False, default=""),
    sa.Column("payer_id", sa.Text, nullable=False, default=""),
    sa.Column("payer_name", sa.Text, nullable=False, default=""),
    sa.Column("coverage_ids", JSONB),  # by rank
    sa.Column("rendering_id", sa.Text, nullable=False, default=""),
    sa.Column("rendering_name", sa.Text, nullable=False, default=""),
    sa.Column("organization_id", sa.Text, nullable=False, default=""),  # who bills
    sa.Column("organization_name", sa.Text, nullable=False, default=""),
    sa.Column("facility_id", sa.Text, nullable=False, default=""),
    sa.Column("facility_name", sa.Text, nullable=False, default=""),
    sa.Column("rank", sa.Integer, nullable=False, default=0),
    sa.Column("frequency", sa.Text, nullable=False, default="1"),
    sa.Column("kind", sa.Text, nullable=False, default="professional"),
    sa.Column("status", sa.Text, nullable=False, default=str(Stage.HELD)),
    sa.Column("is_open", sa.Boolean, nullable=False, default=True),
    sa.Column("charged_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column("paid_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column("patient_responsibility_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column("denied_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column("service_on", sa.Date, nullable=False, default=date(1970, 1, 1)),
    sa.Column("service_to_on", sa.Date),  # where the services took more than a day
    sa.Column("prior_answer_on", sa.Date),  # of the payer before, to whom a secondary claim owes its time
    sa.Column("version", sa.Integer, nullable=False, default=0),
    sa.Column("partner_id", sa.Text, nullable=False, default=""),
    sa.Column("batch_id", sa.Text, nullable=False, default=""),
    sa.Column("control_number", sa.BigInteger),
    sa.Column("payer_control_number", sa.Text, nullable=False, default=""),
    sa.Column("submitted_at", sa.DateTime(timezone=True)),
    sa.Column("last_answer", sa.Text, nullable=False, default=""),
    sa.Column("last_answer_at", sa.DateTime(timezone=True)),
    sa.Column("hold_reason", sa.Text, nullable=False, default=""),
    sa.Column("findings", JSONB),
    sa.Column("error_rules", JSONB),  # those that found an error
    sa.Column("error_count", sa.Integer, nullable=False, default=0),  # of these rules
    sa.Column("tags", JSONB),  # of the customer's own rules
    sa.Column("created_on", sa.Date),
    sa.Column("next_action", sa.Text, nullable=False, default=""),
    sa.Column("owner", sa.Text, nullable=False, default=""),
    sa.Column("waiting_for", sa.Text, nullable=False, default=""),
    sa.Column("waiting_since_on", sa.Date),
    sa.Column("next_claim_id", sa.Text, nullable=False, default=""),
    sa.Column("close_reason", sa.Text, nullable=False, default=""),
    sa.Column("moved_at", sa.DateTime(timezone=True)),
    sa.Index("claims_worklist_in_order", "tenant", "service_on", "claim_id"),
    sa.Index("claims_worklist_by_status", "tenant", "status", "service_on", "claim_id"),
    sa.Index("claims_worklist_by_payer", "tenant", "payer_id", "service_on", "claim_id"),
    sa.Index("claims_worklist_by_rendering", "tenant", "rendering_id", "service_on", "claim_id"),
    sa.Index("claims_worklist_by_facility", "tenant", "facility_id", "service_on", "claim_id"),
    sa.Index("claims_worklist_by_owner", "tenant", "owner", "service_on", "claim_id"),
    sa.Index(
        "claims_worklist_of_errors", "tenant", "service_on", "claim_id", postgresql_where=sa.text("error_count > 0")
    ),
    sa.Index("claims_worklist_by_account", "tenant", "account_id"),
    sa.Index("claims_worklist_by_patient", "tenant", "patient_id"),
    sa.Index("claims_worklist_by_day", "tenant", "created_on", "claim_id"),
)

_BILLING, _PAYER_DESK, _DENIALS, _MACHINE = "billing", "payer follow-up", "denials", "ledgerline"
_ANSWERED = {"waiting_for": "", "waiting_since_on": None}


def apply(recorded: Recorded[ClaimEvent]) -> Iterator[Put]:
    """What an event changes in its claim's row."""
    event = recorded.event
    values = _values(recorded) | {"moved_at": recorded.recorded_at}
    yield Put(table=claims_worklist.name, key=(event.claim_id,), values=values)


def _todo(next_action: str, owner: str) -> dict[str, Any]:
    return {"next_action": next_action, "owner": owner}


def _values(recorded: Recorded[ClaimEvent]) -> dict[str, Any]:
    match recorded.event:
        case ClaimCreated() as event:
            return {**_created(event), "created_on": recorded.recorded_at.date()}
        case ClaimScrubbed() as event:
            return {**_found(event.findings), "tags": event.tags}
        case ClaimRepaired() | ClaimEditedByRules() as event:
            return {**_of_services(event.services), **_of_coverages(event.coverages)}
        case ClaimHeld() as event:
            return {
                "status": str(Stage.HELD),
                "is_open": True,
                "hold_reason": event.reason,
                **_found(event.findings),
                **_todo(_after_hold(event), _BILLING),
            }
        case ClaimReleased() as event:
            return {
                "status": str(Stage.RELEASED),
                "is_open": True,
                "version": event.version,
                "partner_id": event.partner_id,
                "payer_id": event.payer_id,
                "hold_reason": "",
                **_todo("goes out with the next batch", _MACHINE),
            }
        case ClaimBatched() as event:
            return {
                "status": str(Stage.BATCHED),
                "batch_id": event.batch_id,
                "control_number": event.control_number,
                **_todo("is being sent", _MACHINE),
            }
        case ClaimSubmitted() as event:
            return {
                "status": str(Stage.SUBMITTED),
                "submitted_at": recorded.occurred_at,
                "last_answer": "",
                "last_answer_at": None,
                **_ANSWERED,
                **_todo(
                    "wait for the payer's answer to paper" if event.mailed_on else "wait for the acknowledgement",
                    _MACHINE,
                ),
            }
        case ClaimRejected() as event:
            return {
                "status": str(Stage.REJECTED),
                **_answer(recorded, f"rejected by {event.by}", event.codes),
                **_todo("correct and send again", _BILLING),
            }
        case ClaimAccepted() as event:
            return {
                "status": str(Stage.ACCEPTED),
                **_number(event.payer_control_number),
                **_answer(recorded, f"accepted by {event.by}", event.codes),
                **_todo("wait for the payer's answer", _MACHINE),
            }
        case ClaimStatusRequested():
            return {**_ANSWERED, **_todo("the payer is asked for the status", _MACHINE)}
        case ClaimStatusUnanswered() as event:
            return {**_ANSWERED, **_todo("the payer is asked again", _MACHINE)} if event.asks_again else {}
        case ClaimStatusReported() as event:
            return {
                **_number(event.payer_control_number),
                **_last_answer(recorded, "status reported", event.codes),
                **_after_status(event),
            }
        case InformationAnswered() as event:
            waits = {**_ANSWERED, **_todo("wait for the payer's answer", _MACHINE)}
            return waits if event.wait_until_on is not None else {}
        case CallRecorded() as event:
            waits = {**_ANSWERED, **_todo("wait until the day agreed on the phone", _MACHINE)}
            return waits if event.waits else {}
        case InformationRequested() | InformationOverdue():
            return {}  # An open request stands beside this row: `follow_up.py`.
        case AttachmentAdded() | AttachmentRemoved() | AttachmentSent():
            return {}
        case FollowUpDue() as event:
            return {
                "waiting_for": event.waiting_for,
                "waiting_since_on": event.since_on,
                **_todo(event.next_action, _PAYER_DESK),
            }
        case ClaimAdjudicated() as event:
            return _adjudicated(recorded, event)
        case ClaimDenied() as event:
            return {"status": str(Stage.ADJUDICATED), "is_open": True, **_todo("work the denial", _DENIALS)}
        case ClaimDenialSettled():
            return _todo("check what is left", _DENIALS)
        case SecondaryClaimDue():
            return {**_ANSWERED, **_todo("the next payer is billed", _MACHINE)}
        case ReplacementClaimDue() as event:
            return {"next_claim_id": event.next_claim_id}
        case ReplacementWithdrawn() as event:
            return _counts_again(event)
        case PayerControlNumberKnown() as event:
            return _number(event.payer_control_number)
        case CrossoverAwaited():
            return _todo("wait for the payer that it was forwarded to", _MACHINE)
        case ClaimCorrected() as event:
            return _corrected(event)
        case ClaimVoided():
            return {"status": str(Stage.VOIDED), "is_open": False, "hold_reason": "", **_ANSWERED, **_todo("", "")}
        case ClaimClosed() as event:
            status = Stage.VOIDED if event.reason == "voided" else Stage.CLOSED
            closed = {"status": str(status), "is_open": False, "close_reason": event.reason}
            return {**closed, **_ANSWERED, **_todo("", "")}


def _created(event: ClaimCreated) -> dict[str, Any]:
    coverage = next((each for each in event.coverages if each.rank == event.rank), None)
    return {
        "account_id": event.account_id,
        "patient_id": event.patient_id,
        "encounter_id": event.services.encounter_id,
        "payer_id": coverage.payer_id if coverage else "",
        "payer_name": coverage.payer_name if coverage else "",
        "partner_id": coverage.partner_id if coverage else "",
        "rank": event.rank,
        "frequency": event.frequency,
        **_of_services(event.services),
        **_of_coverages(event.coverages),
        "prior_answer_on": _last_answer_on(event.prior),
        **_todo("is being checked", _MACHINE),
    }


def _found(findings: Sequence[Finding]) -> dict[str, Any]:
    rules = sorted({finding.rule for finding in findings if finding.severity == "error"})
    return {"findings": findings, "error_rules": rules, "error_count": len(rules)}


def _of_services(services: ServicesBilled | None) -> dict[str, Any]:
    if services is None:
        return {}
    return {
        "charged_cents": services.charged_cents,
        "service_on": services.service_on,
        "service_to_on": services.service_to_on,
        "kind": services.kind,
        "rendering_id": services.rendering.provider_id,
        "rendering_name": _name_of(services.rendering),
        "organization_id": services.organization.provider_id,
        "organization_name": _name_of(services.organization),
        "facility_id": services.facility.facility_id,
        "facility_name": services.facility.name,
    }


def _of_coverages(coverages: Sequence[CoverageSnapshot] | None) -> dict[str, Any]:
    return {} if coverages is None else {"coverage_ids": {str(each.rank): each.coverage_id for each in coverages}}


def _name_of(provider: ProviderIdentity) -> str:
    return ", ".join(part for part in (provider.last_or_organisation, provider.first) if part)


def _last_answer_on(prior: Sequence[PriorAdjudication]) -> date | None:
    return max((answer.adjudicated_on for answer in prior), default=None)


def _corrected(event: ClaimCorrected) -> dict[str, Any]:
    changed: dict[str, Any] = {"status": str(Stage.HELD), "is_open": True, "close_reason": "", **_ANSWERED}
    changed |= _of_services(event.services) | _of_coverages(event.coverages)
    if event.prior is not None:
        changed["prior_answer_on"] = _last_answer_on(event.prior)
    if event.frequency is not None:
        changed["frequency"] = event.frequency
    return {**changed, **_todo("is being checked", _MACHINE)}


def _adjudicated(recorded: Recorded[ClaimEvent], event: ClaimAdjudicated) -> dict[str, Any]:
    if event.is_reversal:
        return {
            "status": str(Stage.SUBMITTED),
            "is_open": True,
            "close_reason": "",
            "paid_cents": 0,
            "patient_responsibility_cents": 0,
            "denied_cents": 0,
            **_answer(recorded, "answer taken back", ()),
            **_todo("wait for the payer's new answer", _MACHINE),
        }
    return {
        "status": str(Stage.ADJUDICATED),
        "is_open": True,
        "paid_cents": event.paid_cents,
        "patient_responsibility_cents": event.patient_responsibility_cents,
        "denied_cents": event.denied_cents,
        **_number(event.payer_control_number),
        **_answer(recorded, "answered by the payer", ()),
        **_todo("check what is left", _PAYER_DESK),
    }


def _counts_again(event: ReplacementWithdrawn) -> dict[str, Any]:
    if not event.reopens_as:
        return {"next_claim_id": ""}
    opened = {"next_claim_id": "", "status": event.reopens_as, "is_open": True, "close_reason": ""}
    waits = _todo("wait for the payer's new answer", _MACHINE)
    return {
        **opened,
        **_ANSWERED,
        **(waits if event.reopens_as == "submitted" else _todo("check what is left", _PAYER_DESK)),
    }


def _number(payer_control_number: str) -> dict[str, Any]:
    return {"payer_control_number": payer_control_number} if payer_control_number else {}


def _answer(recorded: Recorded[ClaimEvent], words: str, codes: tuple[str, ...]) -> dict[str, Any]:
    return {**_last_answer(recorded, words, codes), **_ANSWERED}


def _last_answer(recorded: Recorded[ClaimEvent], words: str, codes: tuple[str, ...]) -> dict[str, Any]:
    told = f"{words}: {', '.join(codes)}" if codes else words
    return {"last_answer": told, "last_answer_at": recorded.occurred_at}


def _after_hold(event: ClaimHeld) -> str:
    match event.reason:
        case "edits-failed":
            return "mend what the edits found"
        case "no-trading-partner":
            return "print the claim, or list a trading partner for the payer"
        case "cannot-be-written":
            return "complete the registration"
        case "no-coverage":
            return "find a coverage, or bill the patient"
        case _:
            return "release when the reason is gone"


def _after_status(event: ClaimStatusReported) -> dict[str, Any]:
    """What the status means for us; where a person is needed, the event after it says for what.

    What was told before meanings were recorded changes nobody's turn, unless the payer asks for information.
    """
    match event.meaning:
        case "waiting" | "ask-again":
            return {**_ANSWERED, **_todo("wait for the payer's answer", _MACHINE)}
        case "":
            asks = event.category.startswith("R")
            return _todo("send the payer what it asks for", _PAYER_DESK) if asks else {}
        case _:
            return _ANSWERED


projection = Projection(
    name="claims.worklist",
    version=4,
    tables=(claims_worklist,),
    reads={
        "claims": (
            ClaimCreated,
            ClaimScrubbed,
            ClaimHeld,
            ClaimReleased,
            ClaimBatched,
            ClaimSubmitted,
            ClaimRejected,
            ClaimAccepted,
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
            FollowUpDue,
            ClaimAdjudicated,
            ClaimDenied,
            ClaimDenialSettled,
            SecondaryClaimDue,
            ReplacementClaimDue,
            ReplacementWithdrawn,
            PayerControlNumberKnown,
            CrossoverAwaited,
            ClaimCorrected,
            ClaimVoided,
            ClaimClosed,
            ClaimRepaired,
            ClaimEditedByRules,
        )
    },
    apply=apply,
)
