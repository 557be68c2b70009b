"""What is asked of many denials or claims at once, and what became of each?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from services.claims.api.bodies import (
    AssignBody,
    Body,
    ClaimId,
    DenialId,
    HoldBody,
    NoteBody,
    OutcomeBody,
    SnoozeBody,
    UndoBody,
    WriteOffBody,
)
from services.claims.domain.claim.foresight import Becomes as ClaimBecomes
from services.claims.domain.denial.foresight import Becomes

MANY_MAX = 500  # of one request


class Meant(Body):
    """One of the denials that a request is about."""

    denial_id: DenialId
    version: Annotated[int, Field(ge=1, le=10**6)] | None = Field(
        default=None, description="As it was seen: another one by now refuses this denial, and no other."
    )


class Undone(UndoBody):
    denial_id: DenialId


class Many(Body):
    is_preview: bool = Field(default=False, description="Tell what would happen to each, and do nothing.")


class OfMany(Many):
    denials: Annotated[tuple[Meant, ...], Field(min_length=1, max_length=MANY_MAX)]


class AssignMany(OfMany, AssignBody):
    """Give them to one person for some days."""


class NoteMany(OfMany, NoteBody):
    """The same contact for all of them: one call about many claims."""


class SnoozeMany(OfMany, SnoozeBody):
    pass


class WriteOffMany(OfMany, WriteOffBody):
    pass


class ResolveMany(OfMany, OutcomeBody):
    """What came back is said of one denial at a time."""


class UndoMany(Many):
    denials: Annotated[tuple[Undone, ...], Field(min_length=1, max_length=MANY_MAX)]


class ManyItem(BaseModel):
    """What became of one of them, or would."""

    denial_id: str
    result: Literal["done", "unchanged", "refused"]
    becomes: Becomes = Field(description="Empty when nothing changes.")
    denied_cents: int = Field(description="0 when there is no such denial.")
    version: int = Field(description="Of the denial's stream: behind it when done, as it is when looked at or refused.")
    code: str = Field(default="", description="Of a refusal.")
    detail: str = Field(default="", description="Why it is refused.")


class ManyAnswer(BaseModel):
    """Every denial that was named, in the order of the request."""

    is_preview: bool
    done: int = Field(description="In a preview: that would be done.")
    unchanged: int
    refused: int
    done_cents: int = Field(description="The denied money of what is done.")
    items: list[ManyItem]
    after: str | None = Field(
        description="Give it as ?after= to a read that must include all of it; null when nothing changed."
    )


class MeantClaim(Body):
    """One of the claims that a request is about."""

    claim_id: ClaimId
    version: Annotated[int, Field(ge=1, le=10**6)] | None = Field(
        default=None,
        description="Of its stream, as it was looked at: another one by now refuses this claim, and no other.",
    )


class ReleaseClaims(Many):
    claims: Annotated[tuple[MeantClaim, ...], Field(min_length=1, max_length=MANY_MAX)]


class HoldClaims(ReleaseClaims, HoldBody):
    """Keep them for one reason."""


class ManyClaimsItem(BaseModel):
    """What became of one of them, or would."""

    claim_id: str
    result: Literal["done", "unchanged", "refused"]
    becomes: ClaimBecomes = Field(description="Empty when nothing changes.")
    charged_cents: int = Field(description="0 when there is no such claim.")
    version: int = Field(description="Of the claim's stream: behind it when done, as it is when looked at or refused.")
    code: str = Field(default="", description="Of a refusal.")
    detail: str = Field(default="", description="Why it is refused: of a claim with errors, which edits found them.")


class ManyClaimsAnswer(BaseModel):
    """Every claim that was named, in the order of the request."""

    is_preview: bool
    done: int = Field(description="In a preview: that would be done.")
    unchanged: int
    refused: int
    done_cents: int = Field(description="What is charged by those that are done.")
    items: list[ManyClaimsItem]
    after: str | None = Field(
        description="Give it as ?after= to a read that must include all of it; null when nothing changed."
    )
