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
        (
            Place(title="Eligibility", path="/eligibility", action="eligibility:read-worklists", key="i"),
            Place(title="Charge review", path="/charges", action="charges:read-worklists", key="h"),
            Place(title="Claims", path="/claims", action="claims:read-claims", key="c"),
            Place(title="Denials", path="/denials", action="claims:read-denials", key="d"),
            Place(title="Claims on paper", path="/paper-claims", action="claims:read-batches"),
            Place(title="Deadlines", path="/deadlines", action="claims:read-worklists"),
            Place(title="Claim rules", path="/claim-rules", action="claims:read-rules"),
            Place(title="Learned rules", path="/learned-rules", action="claims:read-rules"),
            Place(title="Payment posting", path="/remittances", action="payments:read-remittances", key="p"),
            Place(title="Underpayments", path="/underpayments", action="payments:read-variances"),
            Place(title="Contracts", path="/contracts", action="payments:read-contracts"),
            Place(title="Capitation", path="/capitation", action="payments:read-variances"),
            Place(title="Bank", path="/bank", action="payments:read-deposits", key="b"),
            Place(title="Cards", path="/cards", action="payments:read-card-payments"),
            Place(title="Refunds", path="/refunds", action="payments:read-ledger"),
            Place(title="Brought along", path="/brought-along", action="payments:read-ledger"),
            Place(title="Collections", path="/collections", action="collections:read-worklists", key="l"),
        ),
    ),
    (
        "Insight",
        (
            Place(title="A/R aging", path="/receivables", action="payments:read-balances", key="a"),
            Place(title="Books", path="/books", action="payments:read-ledger"),
            Place(title="What if", path="/what-if", action="payments:read-worklists"),
            Place(title="KPIs", path="/kpis", action="dashboard:read-kpis", key="k"),
        ),
    ),
    (
        "System",
        (
            Place(title="Event log", path="/system/events", action="events:read-events", key="e"),
            Place(title="Projections", path="/system", action="ops:read-readers", key="s"),
            Place(title="Lag and leases", path="/system/lag", action="ops:read-readers"),
            Place(title="Parked and refused", path="/system/parked", action="ops:read-parked"),
            Place(title="Audit", path="/system/audit", action="openings:read-openings"),
        ),
    ),
)


def navigation_of(session: Session) -> list[tuple[str, list[Place]]]:
    """The groups and places that this person may see."""
    groups = [(title, [place for place in places if session.may(place.action)]) for title, places in NAVIGATION]
    return [(title, places) for title, places in groups if places]


def home_of(session: Session) -> str:
    """Where somebody begins: the worklist of their desk, or the first page that they may see."""
    desks = {
        "front-desk": "/eligibility",
        "coder": "/charges",
        "biller": "/claims",
        "denial-specialist": "/denials",
        "poster": "/remittances",
        "collector": "/collections",
        "manager": "/receivables",
    }
    for role in sorted(session.roles):
        if role.value in desks:
            return desks[role.value]
    groups = navigation_of(session)
    return groups[0][1][0].path if groups else "/help"
