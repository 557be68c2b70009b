"""By what is the claims worklist narrowed down? The same for the list and for its counts."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of a dependency.

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Query

from services.claims.domain.filing import last_workday
from services.claims.projections.filing import CLAIMS, UNSENT

_Text = Annotated[str | None, Query(max_length=80)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimFilters:
    """What is absent does not narrow."""

    status: _Text = None
    payer_id: _Text = None
    account_id: _Text = None
    patient_id: _Text = None
    partner_id: _Text = None
    hold_reason: _Text = None
    provider_id: Annotated[str | None, Query(max_length=80, description="Who rendered the services.")] = None
    organization_id: Annotated[str | None, Query(max_length=80, description="Who bills.")] = None
    facility_id: _Text = None
    service_from_on: date | None = None
    service_to_on: Annotated[date | None, Query(description="This day is still in it.")] = None
    error_rule: Annotated[str | None, Query(max_length=80, description="An edit that found an error.")] = None
    file_within_days: Annotated[
        int | None,
        Query(ge=0, le=3660, description="Not sent yet, and the payer takes it for so many days at most, or no more."),
    ] = None
    owner: Annotated[str | None, Query(max_length=80, description="Whose turn it is.")] = None
    tag: Annotated[str | None, Query(max_length=40, description="Put on by a rule of your own.")] = None
    is_open: bool | None = None

    def conditions(self, today: date) -> list[sa.ColumnElement[bool]]:
        """Of rows of `CLAIMS`."""
        return [*self._equal(), *self._of_days(today), *self._of_findings(), *self._of_owner()]

    def _equal(self) -> list[sa.ColumnElement[bool]]:
        wanted: dict[str, Any] = {
            "status": self.status,
            "payer_id": self.payer_id,
            "account_id": self.account_id,
            "patient_id": self.patient_id,
            "partner_id": self.partner_id,
            "hold_reason": self.hold_reason,
            "rendering_id": self.provider_id,
            "organization_id": self.organization_id,
            "facility_id": self.facility_id,
            "is_open": self.is_open,
        }
        return [CLAIMS.c[name] == value for name, value in wanted.items() if value is not None]

    def _of_days(self, today: date) -> list[sa.ColumnElement[bool]]:
        found: list[sa.ColumnElement[bool]] = []
        if self.service_from_on is not None:
            found.append(CLAIMS.c.service_on >= self.service_from_on)
        if self.service_to_on is not None:
            found.append(CLAIMS.c.service_on <= self.service_to_on)
        if self.file_within_days is not None:
            until = today + timedelta(days=self.file_within_days)
            # What moves to a workday moves past `until` when it ends behind the last workday up to then.
            days = sa.literal(last_workday(until), sa.Date), sa.literal(until, sa.Date)
            ends_by = sa.case((CLAIMS.c.limit_moves_to_workday, days[0]), else_=days[1])
            found += [CLAIMS.c.is_open, CLAIMS.c.status.in_(UNSENT), CLAIMS.c.filing_ends_on <= ends_by]
        return found

    def _of_findings(self) -> list[sa.ColumnElement[bool]]:
        found: list[sa.ColumnElement[bool]] = []
        if self.error_rule is not None:
            # The count is what an index knows: under row-level security it answers plain comparisons only.
            found += [CLAIMS.c.error_count > 0, CLAIMS.c.error_rules.contains([self.error_rule])]
        if self.tag is not None:
            found.append(CLAIMS.c.tags.contains([self.tag]))
        return found

    def _of_owner(self) -> list[sa.ColumnElement[bool]]:
        if self.owner is None:
            return []
        # What waits for paper is billing's whatever its row says: only there the row's own word is not enough.
        by_row = [] if self.owner == "billing" else [CLAIMS.c.owner_of_row == self.owner]
        return [CLAIMS.c.owner == self.owner, *by_row]
