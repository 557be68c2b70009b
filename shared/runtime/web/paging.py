"""How does a long list come out in pages, and how fresh is it?

A page goes on behind the last row of the one before (keyset), so a deep page costs what the first one does and no row is skipped or
repeated when others come in between. Every page names the positions up to which its rows are complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Generic, TypeAlias, TypeVar

from fastapi import Query, Response
from pydantic import BaseModel, Field

from shared.runtime.queries import Slice

Row = TypeVar("Row")

Limit: TypeAlias = Annotated[int, Query(ge=1, le=500, description="Rows a page.")]
Cursor: TypeAlias = Annotated[
    str | None, Query(max_length=1024, description="`next` of the page before; absent for the first page.")
]
After: TypeAlias = Annotated[
    str | None,
    Query(
        max_length=512,
        pattern=r"^[a-z]+:\d+\.\d+\.\d+(,[a-z]+:\d+\.\d+\.\d+)*$",
        description="`after` of a write: wait, for a moment, until what is read includes it.",
    ),
]


class Page(BaseModel, Generic[Row]):
    """Some rows of a list."""

    items: list[Row]
    next: str | None = Field(default=None, description="Cursor of the page behind this one; null at the end.")
    positions: dict[str, str] = Field(
        default_factory=dict, description="By service: everything up to this position of its log is in these rows."
    )

    @classmethod
    def of(cls, found: Slice, positions: Mapping[str, str] | None = None) -> Page[Row]:
        """The page of what `shared.runtime.queries.page` found, with the positions of the readers behind it."""
        return cls.model_validate(
            {"items": [dict(row) for row in found.rows], "next": found.next, "positions": dict(positions or {})}
        )


def name_positions(response: Response, positions: Mapping[str, str]) -> None:
    """Say in a header up to where an answer that is no page is complete."""
    response.headers["Ledgerline-Positions"] = ",".join(f"{service}:{place}" for service, place in positions.items())
