"""How is a read model described?

A projection is a pure function from one recorded event to changes of rows. The projector folds a batch of changes to one per
key and writes rows and position in one transaction; a rebuild runs the same function over the feed from the start. Rows fed by
several services have columns each written by one service's events, so any allowed interleaving gives the same rows.

Every table has `tenant text` as the first column of its primary key, and only columns that are nullable or have a plain default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa
from msgspec import Struct

from shared.events.base import EventType
from shared.events.envelope import Recorded

Key: TypeAlias = tuple[Any, ...]  # primary key values after the tenant, in column order


class Put(Struct, frozen=True, kw_only=True):
    """Set columns of the row with this key (made if absent); `add` increments integer columns instead."""

    # Structs, not dataclasses: there is one for every change of every event, and a struct is made several times faster.

    table: str
    key: Key
    values: Mapping[str, Any] = {}
    add: Mapping[str, int] = {}


class Remove(Struct, frozen=True, kw_only=True):
    """Delete the row with this key, if it is there."""

    table: str
    key: Key


Change: TypeAlias = Put | Remove


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """`name` is service.purpose; a changed shape or rule gets the next `version` and is rebuilt beside the old one."""

    name: str
    version: int
    tables: tuple[sa.Table, ...]
    reads: Mapping[str, tuple[EventType, ...]]  # service -> the types it wants
    apply: Callable[[Recorded[Any]], Iterable[Change]]
