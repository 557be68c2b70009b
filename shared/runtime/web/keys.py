"""How are keys replaced, locked and destroyed, and who did so?

`/keys` is about the root key and the tenant's key, `/keys/subjects/{subject}` about one person's, `/keys/deeds` the record of both.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from shared.runtime.identity import Caller
from shared.runtime.key_rotation import KeyRotation
from shared.runtime.retention import Retention, SubjectKey
from shared.runtime.web.paging import Limit
from shared.runtime.web.requests import caller, idempotency_key

Key = Annotated[str, Depends(idempotency_key)]
Subject = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,80}$", description="A patient's id.")]
Hold = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
# Kept for ever and in clear: a phrase of the practice's, nothing about the person.
Because = Annotated[
    str, Field(min_length=3, max_length=200, description="Stays in the record for ever: no personal data.")
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class KeyStateView(BaseModel):
    root: str = Field(description="Id of the newest root key at hand.")
    other_roots: int = Field(description="Keys of tenants wrapped under an older root key.")
    version: int = Field(description="Of this tenant's key; 0: it has none yet.")
    older: int = Field(description="Older versions that are kept.")
    subjects: int = Field(description="Keys of people wrapped under an older version.")
    documents: int = Field(description="Keys of documents wrapped under an older version.")


class Rewrapped(BaseModel):
    rewrapped: int


class Retired(BaseModel):
    retired: int


class TenantKeyBody(_Body):
    version: Annotated[int, Field(ge=1, le=32_000, strict=True, description="The present version or the next.")]


class ReasonBody(_Body):
    because: Because


class RetentionBody(_Body):
    until: date
    because: Because


class HoldBody(_Body):
    hold: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", description="Names it, as a docket number does.")]
    because: Because


class LegalHoldView(BaseModel):
    hold: str
    because: str
    placed_at: datetime
    placed_by: str


class SubjectKeyView(BaseModel):
    subject: str
    made_at: datetime
    keep_until: date
    keep_because: str
    holds: list[LegalHoldView]
    destroyed_at: datetime | None
    destroyed_by: str | None
    destroyed_because: str | None


class DeedRow(BaseModel):
    deed: int
    done_at: datetime
    actor: str
    what: str
    subject: str = Field(description="Empty: it was about no single person.")
    because: str


class Deeds(BaseModel):
    items: list[DeedRow]
    next: int | None = Field(description="Give it as ?before= for those before; null at the end.")


class Forgets(Protocol):
    """The vault of this process, which remembers keys for a moment."""

    def forget(self, tenant: str, subject: str) -> None: ...


def keys_router(rotation: KeyRotation, retention: Retention, vault: Forgets) -> APIRouter:
    """Keys of the caller's tenant, and the root key above them all."""
    router = APIRouter(prefix="/keys", tags=["keys"])

    @router.get("")
    async def read_keys(who: Annotated[Caller, Depends(caller("ops:read-keys"))]) -> KeyStateView:
        """Where the replacement of keys stands. Ids and counts only."""
        return KeyStateView.model_validate(asdict(await rotation.state(who.tenant)))

    @router.post("/root")
    async def wrap_under_the_newest_root(
        who: Annotated[Caller, Depends(caller("ops:rotate-root-key"))], key: Key
    ) -> Rewrapped:
        """Wrap every tenant's key under the newest root key. Safe to repeat; goes on where it was stopped."""
        rewrapped = await rotation.to_newest_root()
        if rewrapped:
            await retention.write_down(who.tenant, who.actor, "root key replaced", f"{rewrapped} keys wrapped anew")
        return Rewrapped(rewrapped=rewrapped)

    @router.post("/tenant")
    async def replace_tenant_key(
        body: TenantKeyBody, who: Annotated[Caller, Depends(caller("ops:rotate-tenant-key"))], key: Key
    ) -> Rewrapped:
        """Give the tenant a key of this version and wrap everything under it. Safe to repeat; goes on where it was stopped."""
        rewrapped = await rotation.to_tenant_key(who.tenant, body.version)
        if rewrapped:
            what = f"tenant key replaced: version {body.version}"
            await retention.write_down(who.tenant, who.actor, what, f"{rewrapped} keys wrapped anew")
        return Rewrapped(rewrapped=rewrapped)

    @router.post("/retire")
    async def retire_tenant_keys(who: Annotated[Caller, Depends(caller("ops:rotate-tenant-key"))], key: Key) -> Retired:
        """Remove older versions of the tenant's key, for ever. Refused while anything needs one of them."""
        retired = await rotation.retire(who.tenant)
        if retired:
            await retention.write_down(who.tenant, who.actor, "older tenant keys removed", f"{retired} versions")
        return Retired(retired=retired)

    @router.get("/deeds")
    async def list_deeds(
        who: Annotated[Caller, Depends(caller("openings:read-openings"))],
        subject: Annotated[str | None, Query(max_length=80)] = None,
        before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
        limit: Limit = 100,
    ) -> Deeds:
        """What was done to keys, by whom and why, newest first."""
        found = await retention.deeds(who.tenant, subject=subject, before=before, limit=limit)
        rows = [DeedRow.model_validate(row) for row in found]
        return Deeds(items=rows, next=rows[-1].deed if len(rows) == limit else None)

    @router.get("/subjects/{subject}")
    async def read_subject_key(
        subject: Subject, who: Annotated[Caller, Depends(caller("keys:read-subject"))]
    ) -> SubjectKeyView:
        """Until when a person's key is kept, which holds stand, or when it was destroyed."""
        return _view(await retention.about(who.tenant, subject))

    @router.put("/subjects/{subject}/retention")
    async def keep_subject_key(
        subject: Subject, body: RetentionBody, who: Annotated[Caller, Depends(caller("keys:lock-subject"))], key: Key
    ) -> SubjectKeyView:
        """Keep the key until a day. A later one may be set, never an earlier one."""
        return _view(await retention.keep(who.tenant, subject, body.until, actor=who.actor, because=body.because))

    @router.post("/subjects/{subject}/holds")
    async def hold_subject_key(
        subject: Subject, body: HoldBody, who: Annotated[Caller, Depends(caller("keys:lock-subject"))], key: Key
    ) -> SubjectKeyView:
        """Keep the key until this legal hold is lifted."""
        return _view(await retention.hold(who.tenant, subject, body.hold, actor=who.actor, because=body.because))

    @router.post("/subjects/{subject}/holds/{hold}/lift")
    async def lift_hold(
        subject: Subject,
        hold: Hold,
        body: ReasonBody,
        who: Annotated[Caller, Depends(caller("keys:lock-subject"))],
        key: Key,
    ) -> SubjectKeyView:
        """The legal hold no longer stands."""
        return _view(await retention.lift(who.tenant, subject, hold, actor=who.actor, because=body.because))

    @router.post("/subjects/{subject}/destroy")
    async def destroy_subject_key(
        subject: Subject, body: ReasonBody, who: Annotated[Caller, Depends(caller("keys:destroy-subject"))], key: Key
    ) -> SubjectKeyView:
        """Destroy the key: nothing that was sealed under it can be read again, by anyone. Refused while it is locked."""
        destroyed = await retention.destroy(who.tenant, subject, actor=who.actor, because=body.because)
        vault.forget(who.tenant, subject)
        return _view(destroyed)

    return router


def _view(about: SubjectKey) -> SubjectKeyView:
    told: dict[str, Any] = asdict(about)
    return SubjectKeyView.model_validate(told)
