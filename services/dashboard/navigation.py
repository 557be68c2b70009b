"""Which pages are there, and for whom? A page is shown to those whose roles have its action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.dashboard.sessions import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One entry of the navigation. `key` follows `g` on the keyboard."""

    title: str
    path: str
    action: str
    key: str = ""


NAVIGATION: Sequence[tuple[str, Sequence[Place]]] = (
    (
        "Work",
        (Place(title="Claims", path="/claims", action="claims:read-claims", key="c"),),
    ),
)


def navigation_of(session: Session) -> list[tuple[str, list[Place]]]:
    """The groups and places that this person may see."""
    groups = [(title, [place for place in places if session.may(place.action)]) for title, places in NAVIGATION]
    return [(title, places) for title, places in groups if places]


def home_of(session: Session) -> str:
    """Where somebody begins: the first page that they may see."""
    groups = navigation_of(session)
    return groups[0][1][0].path if groups else "/help"
