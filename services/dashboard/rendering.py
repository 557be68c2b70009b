"""How do values become words on a page? Money with its minus sign, dates as ISO, codes as they are, statuses as chips."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from services.dashboard.navigation import navigation_of

STATIC = Path(__file__).parent / "static"
MINUS = "\u2212"
# What a word means for the eye; the word itself is always there.
_TONES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "posted",
            "accepted",
            "paid",
            "closed",
            "overturned",
            "completed",
            "kept",
            "running",
            "whole",
            "met",
            "approved",
            "recovered",
            "resolved",
        ),
        "good",
    ),
    **dict.fromkeys(
        (
            "held",
            "rejected",
            "edits-failed",
            "denied",
            "written-off",
            "broken",
            "defaulted",
            "refused",
            "expired",
            "missed",
        ),
        "bad",
    ),
    **dict.fromkeys(
        (
            "adjudicated",
            "needs-coding",
            "not-asked",
            "unanswered",
            "appealed",
            "unapplied",
            "paused",
            "overdue",
            "behind",
            "final-notice",
            "disputed",
        ),
        "warn",
    ),
    **dict.fromkeys(("released", "batched", "submitted", "open", "received", "statement", "reversal"), "info"),
}


class Templates:
    """The templates with their filters. Undefined names are errors and everything is escaped."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("services.dashboard", "templates"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        filters: Any = self._environment.filters  # typed for what Jinja2 itself puts there
        filters |= {
            "money": money,
            "dollars": dollars,
            "short_dollars": short_dollars,
            "day": day,
            "moment": moment,
            "tone": tone,
            "words": words,
            "count": count,
            "person": person,
            "days_until": days_until,
            "sentence": sentence,
            "place": place_of,
            "in_dollars": in_dollars,
            "kind": kind,
        }
        names: Any = self._environment.globals
        names.update(
            asset=asset,
            navigation_of=navigation_of,
            fresh_key=lambda: uuid4().hex,
            query=query,
        )

    def render(self, name: str, **values: Any) -> str:
        return self._environment.get_template(name).render(**values)


@cache
def asset(name: str) -> str:
    """The address of a static file, with its content in it, so that it can be kept for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?{digest}"


def money(cents: int | None) -> str:
    """1,234.56, with a real minus sign; nothing for None."""
    if cents is None:
        return ""
    sign = MINUS if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def dollars(cents: int | None) -> str:
    if cents is None:
        return ""
    sign = MINUS if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def short_dollars(cents: int | None) -> str:
    """$1,234.56 up to a hundred thousand, then $123.4k, $44.6M; the exact value belongs in the title."""
    if cents is None or abs(cents) < 100_000_00:
        return dollars(cents)
    sign = MINUS if cents < 0 else ""
    units = abs(cents) // 100
    if units < 1_000_000:
        return f"{sign}${units // 1000:,}.{units % 1000 // 100}k"
    return f"{sign}${units // 1_000_000:,}.{units % 1_000_000 // 100_000}M"


def day(value: str | date | None) -> str:
    return str(value)[:10] if value else ""


def days_until(value: str, today: date) -> int:
    """How many days a day is off; negative when it is past."""
    return (date.fromisoformat(value) - today).days


def moment(value: str | datetime | None) -> str:
    """Date and minute, in UTC."""
    return str(value)[:16].replace("T", " ") if value else ""


def tone(word: str | None) -> str:
    return _TONES.get(word or "", "plain")


def words(code: str | None) -> str:
    """A code of ours as it is read: `ready-for-placement`, ready for placement."""
    return (code or "").replace("-", " ").replace("_", " ")


def count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def person(actor: str | None) -> str:
    """`user:m.chen` is m.chen; programs keep their kind."""
    return (actor or "").removeprefix("user:")


def sentence(event: str) -> str:
    """The name of an event in words: `claims.DenialNoted.v1` or `DenialNoted`, Denial noted."""
    parts = event.split(".")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", parts[1] if len(parts) > 1 else event).capitalize()


def place_of(position: str) -> str:
    """The number of an event in its log, for people: the last part of a position."""
    number = position.rpartition(".")[2]
    return f"{int(number):,}" if number.isdigit() else position


def in_dollars(message: str) -> str:
    """What a service says in cents, as people who look at money read it."""
    return re.sub(r"(-?\d+) cents\b", lambda found: dollars(int(found[1])), message)


def kind(field: str) -> str:
    """What a sealed field holds, without the id of what it is of: `member_number/<uuid>`, member_number."""
    return re.sub(r"[/:. -]?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", field)


def query(path: str, _base: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """An address with a query: what is there, changed; empty ones are left out."""
    merged = {**(_base or {}), **changes}
    kept = {name: value for name, value in merged.items() if value not in (None, "")}
    return f"{path}?{urlencode(kept)}" if kept else path
