"""How does everything stand with the claims, in the words of a story?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from services.claims.domain.filing import on_workday
from shared.codecs.x12.check import check
from shared.codecs.x12.claim_837p import OtherCoverage, ProfessionalClaim, ServiceLine, read_837p
from shared.codecs.x12.elements import Adjustment
from shared.events.batches import InterchangeAcknowledged
from shared.events.claims import (
    AccountIsSelfPay,
    BillingCancelled,
    ClaimAccepted,
    ClaimRejected,
    ClaimStatusReported,
    FollowUpDue,
)
from shared.events.envelope import Recorded
from shared.events.platform import ReactionRefused
from tests.golden.claim_story import SECTIONS
from tests.golden.found import Row, accounts_told, money

_FREQUENCIES = {"1": "", "7": ", replacement", "8": ", void"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundClaims:
    """What a system answers: read models as rows, the events, and the files that left."""

    claims: Sequence[Row]
    denials: Sequence[Row]
    timers: Sequence[Row]
    held: Sequence[Row]
    limits: Sequence[Row]
    accounts: Sequence[Row]
    parties: Mapping[str, Mapping[str, int]]
    events: Sequence[Recorded[Any]]
    files: Mapping[tuple[str, str], bytes]  # by partner and name

    def sections(self) -> dict[str, list[str]]:
        said = (
            self._claims(),
            self._findings(),
            self._sent(),
            self._told(),
            self._denials(),
            self._asked_for(),
            self._clocks(),
            self._file_by(),
            accounts_told(self.accounts, self.parties),
            self._not_billed(),
            self._held_files(),
            self._refused(),
        )
        return {name: sorted(lines) for name, lines in zip(SECTIONS, said, strict=True)}

    def faults(self) -> list[str]:
        """What a receiver would refuse in the files, and open claims that are nobody's."""
        bad = [
            f"{name}: {found.element} {found.rule}"
            for (_, name), content in self.files.items()
            for found in check(content, npi="error")
            if found.severity == "error"
        ]
        lost = [row["claim_id"] for row in self.claims if row["is_open"] and not (row["next_action"] and row["owner"])]
        return [*bad, *(f"{claim_id} has no next action" for claim_id in lost)]

    def _claims(self) -> Iterator[str]:
        for row in self.claims:
            why = row["close_reason"] if row["status"] == "closed" else row["hold_reason"]
            todo = f"; {row['next_action']} ({row['owner']})" if row["is_open"] else ""
            yield (
                f"{row['claim_id']} to {row['payer_name'] or 'nobody'}{_FREQUENCIES[row['frequency']]}: "
                f"{row['status']}{f', {why}' if why else ''}{todo}"
            )

    def _findings(self) -> Iterator[str]:
        for row in self.claims:
            if row["is_open"]:
                for found in row["findings"] or ():
                    yield f"{row['claim_id']} {_of(found, 'rule')} at {_of(found, 'place')}"

    def _sent(self) -> Iterator[str]:
        for (partner_id, _), content in self.files.items():
            for batch in read_837p(content):
                number = int(batch.envelope.interchange_control_number)
                for claim in batch.claims:
                    yield f"{partner_id} {number}/{int(batch.control_number)} {_written(claim)}"

    def _told(self) -> Iterator[str]:
        for recorded in self.events:
            match recorded.event:
                case InterchangeAcknowledged() as event:
                    codes = f" {' '.join(event.codes)}" if event.codes else ""
                    yield f"{event.kind} of {event.partner_id} {event.control_number}: {event.status}{codes}"
                case ClaimAccepted() as event:
                    number = f" as {event.payer_control_number}" if event.payer_control_number else ""
                    yield f"{event.claim_id} accepted by {event.stage} {event.by}{number}: {' '.join(event.codes)}"
                case ClaimRejected() as event:
                    yield f"{event.claim_id} rejected by {event.stage} {event.by}: {' '.join(event.codes)}"
                case ClaimStatusReported() as event:
                    yield f"{event.claim_id} noted: {' '.join(event.codes)}"
                case _:
                    continue

    def _denials(self) -> Iterator[str]:
        for row in self.denials:
            code = f"{row['reason_group']}-{row['reason']}"
            by = f", appeal by {row['appeal_by_on']}" if row["is_open"] and row["appeal_by_on"] else ""
            yield f"{row['claim_id']} {code} {money(row['denied_cents'])} {row['category']}: {row['status']}{by}"

    def _asked_for(self) -> Iterator[str]:
        for recorded in self.events:
            if isinstance(recorded.event, FollowUpDue):
                event, on = recorded.event, recorded.recorded_at.date()
                yield f"{on} {event.claim_id} no {event.waiting_for} since {event.since_on}: {event.next_action}"

    def _clocks(self) -> Iterator[str]:
        for row in self.timers:
            if row["fired_at"] is None and row["name"] == "claims.watch-silence":
                kind, _, key = row["key"].partition("/")
                yield f"{key} {kind} by {row['due_at'].date()}"

    def _file_by(self) -> Iterator[str]:
        for row in self.claims:
            if (last_on := self.last_day(row)) is not None:
                yield f"{row['claim_id']} {last_on}"

    def last_day(self, row: Row) -> date | None:
        """Counted by hand from the payer's limit; over HTTP the service's own answer stands beside it."""
        kind = "corrected" if row["frequency"] != "1" else "original" if row["rank"] <= 1 else "secondary"
        limit = next(
            (each for each in self.limits if (each["payer_id"], each["kind"]) == (row["payer_id"], kind)), None
        )
        if limit is None:
            return None
        begins = {
            "service-begin": row["service_on"],
            "service-end": row["service_to_on"] or row["service_on"],
            "primary-answer": row["prior_answer_on"] or row["service_on"],
        }
        last_on = _months_later(begins[limit["counts_from"]], limit["months"]) + timedelta(days=limit["days"])
        return on_workday(last_on) if limit["moves_to_workday"] else last_on

    def _not_billed(self) -> Iterator[str]:
        for recorded in self.events:
            match recorded.event:
                case AccountIsSelfPay() as event:
                    yield f"{event.account_id} self-pay"
                case BillingCancelled() as event:
                    yield f"{event.account_id} cancelled"
                case _:
                    continue

    def _held_files(self) -> Iterator[str]:
        for row in self.held:
            if row["is_waiting"]:
                for found in row["findings"] or ():
                    yield f"{_of(found, 'rule')}: {_of(found, 'place')}"

    def _refused(self) -> Iterator[str]:
        for recorded in self.events:
            if isinstance(recorded.event, ReactionRefused):
                yield f"{recorded.event.policy} for {recorded.event.key}: {recorded.event.code}"


def _of(found: Any, name: str) -> str:
    """Findings are structs in a row of ours, and JSON in one that was asked for."""
    value: str = found[name] if isinstance(found, Mapping) else getattr(found, name)
    return value


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or the last one that it has."""
    whole = day.year * 12 + day.month - 1 + months
    year, month = divmod(whole, 12)
    for number in range(day.day, 27, -1):
        try:
            return date(year, month + 1, number)
        except ValueError:
            continue
    return date(year, month + 1, day.day)


def _written(claim: ProfessionalClaim) -> str:
    way = {"1": "original", "7": "replaces", "8": "voids"}[claim.frequency]
    number = f" {claim.payer_control_number}" if claim.payer_control_number else ""
    lines = ", ".join(_line(line, claim.lines[0].service_on) for line in claim.lines)
    priors = "".join(_prior(other, claim) for other in claim.other_coverages if other.paid_cents is not None)
    return f"{claim.claim_id} {money(claim.charged_cents)} to {claim.payer.id} {way}{number}: {lines}{priors}"


def _line(line: ServiceLine, first_on: date | None) -> str:
    code = "-".join((line.procedure.code, *line.procedure.modifiers))
    place = f" in {line.place_of_service}" if line.place_of_service else ""
    day = f" on {line.service_on}" if line.service_on != first_on else ""
    return f"{line.control_number} {code} {money(line.charged_cents)}{day}{place}"


def _prior(other: OtherCoverage, claim: ProfessionalClaim) -> str:
    assert other.paid_cents is not None
    number = "".join(f" ({each.value})" for each in other.payer.references)
    told = [f"paid {money(other.paid_cents)}{number}{''.join(_adjusted(other.adjustments))}"]
    told += [
        f"{line.control_number} {money(answer.paid_cents)}{''.join(_adjusted(answer.adjustments))}"
        for line in claim.lines
        for answer in line.adjudications
        if answer.payer_id == other.payer.id
    ]
    return f"; {other.payer.id} {' '.join(told)}"


def _adjusted(adjustments: Sequence[Adjustment]) -> Iterator[str]:
    for each in adjustments:
        yield f" {each.group}-{each.reason} {money(each.cents)}"
