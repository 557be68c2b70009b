"""May this person agree to what was asked for? Only somebody else may: nobody lets money go alone."""

from __future__ import annotations

from services.payments.domain.errors import SamePerson


def refuse_same_person(what: str, *, asked_by: str, agreed_by: str, **ids: str) -> None:
    """Raises SamePerson."""
    if agreed_by == asked_by:
        raise SamePerson(f"{what} needs a second person", **ids)
