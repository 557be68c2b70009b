"""What do our own events say for a denied claim?

When it was sent and in which interchange, who accepted it and under which number, what was authorised, what the payer answered about
coverage on the day, what its answer said line by line, and who said what on the phone under which reference. Silence says nothing: what
is not on record is not listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.claims.domain.claim.numbering import rank_of
from services.claims.domain.claim.state import Claim
from shared.events.claims import ClaimCreated
from shared.events.denials import AppealEvidence, DenialOpened
from shared.events.values import Adjustment, CoverageSnapshot
from shared.kernel.money import Money

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What evidence is looked for in: the claim, its timeline, what others did before it, and calls about the denial."""

    claim: Claim
    content: ClaimCreated
    opened: DenialOpened
    timeline: Sequence[Row]
    facts: Sequence[Row]
    contacts: Sequence[Row]

    @property
    def coverage(self) -> CoverageSnapshot:
        rank = rank_of(self.opened.claim_id)
        return next(each for each in self.content.coverages if each.rank == rank)


def gather(known: Known) -> tuple[AppealEvidence, ...]:
    """Every piece, in the order of a packet."""
    return (
        *_submissions(known),
        *_acceptances(known),
        *_authorizations(known),
        *_eligibility(known),
        *_remittance(known),
        *_contacts(known),
    )


def _submissions(known: Known) -> Iterator[AppealEvidence]:
    for row in known.timeline:
        if row["event"] == "ClaimSubmitted":
            yield _of_timeline("submission", row, row["summary"])


def _acceptances(known: Known) -> Iterator[AppealEvidence]:
    for row in known.timeline:
        if row["event"] == "ClaimAccepted":
            number = known.claim.payer_control_number
            suffix = f", payer's number {number}" if number and "(payer)" in row["summary"] else ""
            yield _of_timeline("acceptance", row, f"277CA: {row['summary']}{suffix}")


def _authorizations(known: Known) -> Iterator[AppealEvidence]:
    payer_id, service_on = known.opened.payer_id, known.content.services.service_on
    for fact in known.facts:
        if fact["event"] != "AuthorizationRecorded" or fact["payer_id"] != payer_id:
            continue
        if fact["valid_from_on"] <= service_on <= fact["valid_to_on"]:
            said = f"Authorization {fact['number']}, {fact['units']} units, {fact['valid_from_on']} to {fact['valid_to_on']}"
            yield _of_fact("authorization", fact, said, None)


def _eligibility(known: Known) -> Iterator[AppealEvidence]:
    service_on, coverage_id = known.content.services.service_on, known.coverage.coverage_id
    for fact in known.facts:
        if fact["event"] == "EligibilityAnswered" and (fact["service_on"], fact["coverage_id"]) == (
            service_on,
            coverage_id,
        ):
            trace = f", trace {fact['number']}" if fact["number"] else ""
            said = f"271: coverage {fact['outcome']} on {service_on}, answered {fact['occurred_at'].date()}{trace}"
            yield _of_fact("eligibility", fact, said, fact["occurred_at"].date())


def _remittance(known: Known) -> Iterator[AppealEvidence]:
    answers = [each for each in known.claim.answers if each.remittance_id == known.opened.remittance_id]
    for answer in answers:
        told = answer.adjudication
        lines = [(line.procedure_code or line.line_id, line.adjustments, line.remarks) for line in told.lines]
        for number, (name, adjustments, remarks) in enumerate(lines or [("claim", told.adjustments, ())], start=1):
            said = f"Remittance {answer.remittance_id}: {name} {_codes(adjustments, remarks)}"
            yield AppealEvidence(
                evidence_id=f"{answer.remittance_id}/{answer.ordinal}/{number}",
                kind="remittance",
                said=said,
                on=told.adjudicated_on,
            )


def _contacts(known: Known) -> Iterator[AppealEvidence]:
    for contact in known.contacts:
        if contact["reference_number"] and not contact["is_undone"]:
            said = f"Call: {contact['outcome_code']}, reference {contact['reference_number']}"
            yield AppealEvidence(
                evidence_id=contact["event_id"],
                kind="contact",
                said=said,
                on=contact["noted_at"].date(),
                event_id=contact["event_id"],
            )


def _codes(adjustments: Sequence[Adjustment], remarks: Sequence[str]) -> str:
    codes = [f"{each.group}-{each.reason} {Money(each.amount_cents)}" for each in adjustments]
    return ", ".join([*codes, *remarks]) or "paid as billed"


def _of_timeline(kind: Any, row: Row, said: str) -> AppealEvidence:
    return AppealEvidence(
        evidence_id=row["event_id"],
        kind=kind,
        said=said,
        on=row["occurred_at"].date(),
        event_id=row["event_id"],
        document_id=row["document_id"],
        place=row["place"],
    )


def _of_fact(kind: Any, fact: Row, said: str, on: date | None) -> AppealEvidence:
    return AppealEvidence(
        evidence_id=fact["event_id"],
        kind=kind,
        said=said,
        on=on or fact["occurred_at"].date(),
        event_id=fact["event_id"],
        document_id=fact["document_id"],
        place=fact["place"],
    )


def places_of(
    known: Known, evidence: Sequence[AppealEvidence], level_name: str, notice_on: date | None
) -> dict[str, str]:
    """What a letter's text is filled in with: empty where nothing is on record."""
    opened, content = known.opened, known.content

    def first(kind: str) -> AppealEvidence | None:
        return next((each for each in evidence if each.kind == kind), None)

    sent, covered = first("submission"), first("eligibility")
    accepted = next((each for each in evidence if each.kind == "acceptance" and "(payer)" in each.said), None)
    authorized = first("authorization")
    return {
        "claim": opened.claim_id,
        "payer_claim": known.claim.payer_control_number,
        "payer": known.coverage.payer_name,
        "level": level_name.replace("-", " "),
        "notice_on": str(notice_on or ""),
        "service_on": str(content.services.service_on),
        "denied": f"${Money(opened.denied_cents)}",
        "reason": f"{opened.group}-{opened.reason}",
        "remarks": ", ".join(opened.remarks),
        "submitted": f"on {sent.on} ({sent.said[0].lower()}{sent.said[1:]})" if sent else "",
        "accepted": f"{accepted.on}, {accepted.said}" if accepted else "",
        "authorization": known.coverage.authorization_number or (authorized.said if authorized else ""),
        "eligibility": covered.said if covered else "",
    }
