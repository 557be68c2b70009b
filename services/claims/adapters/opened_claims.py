"""How do a claim's personal values become clear for whoever writes or prints it? On the record, and for many claims at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.events.base import Sealed
from shared.events.claims import ClaimCreated
from shared.events.values import Finding, Person
from shared.kernel.errors import NotFound
from shared.runtime.vault import Opener, Vault

ERASED = Finding(
    rule="person-erased",
    place="patient",
    message="the personal data of this claim was erased",
    fix="Void the claim.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedCoverage:
    """The personal side of one coverage."""

    member_number: str
    group_number: str = ""
    subscriber: Person | None = None  # absent: the patient


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedClaim:
    """A claim with its personal values in clear: it lives as long as the interchange is being written."""

    claim: ClaimCreated
    patient: Person
    coverages: dict[int, OpenedCoverage]  # by rank

    def __repr__(self) -> str:
        return f"OpenedClaim({self.claim.claim_id})"  # never the values


async def open_claim(vault: Vault, tenant: str, claim: ClaimCreated, opener: Opener) -> OpenedClaim:
    """One claim. Raises NotFound when somebody on it was erased."""
    pairs = _sealed_values(claim)
    values = await vault.open_many(tenant, [one for one, _ in pairs], [kind for _, kind in pairs], opener)
    return _opened(claim, iter(values))


async def open_claims(
    vault: Vault, tenant: str, claims: Sequence[ClaimCreated], opener: Opener
) -> list[OpenedClaim | None]:
    """All in two round trips, in their order; None for one on which somebody was erased: then they are opened one by one."""
    pairs = [pair for claim in claims for pair in _sealed_values(claim)]
    try:
        values = await vault.open_many(tenant, [one for one, _ in pairs], [kind for _, kind in pairs], opener)
    except NotFound:
        return [await _opened_or_erased(vault, tenant, claim, opener) for claim in claims]
    following = iter(values)
    return [_opened(claim, following) for claim in claims]


async def _opened_or_erased(vault: Vault, tenant: str, claim: ClaimCreated, opener: Opener) -> OpenedClaim | None:
    try:
        return await open_claim(vault, tenant, claim, opener)
    except NotFound:
        return None


def _sealed_values(claim: ClaimCreated) -> list[tuple[Sealed[Any], Any]]:
    """Every personal value of a claim, in the order in which `_opened` takes them."""
    pairs: list[tuple[Sealed[Any], Any]] = [(claim.patient, Person)]
    for coverage in claim.coverages:
        pairs.append((coverage.member_number, str))
        if coverage.group_number is not None:
            pairs.append((coverage.group_number, str))
        if coverage.subscriber is not None:
            pairs.append((coverage.subscriber, Person))
    return pairs


def _opened(claim: ClaimCreated, values: Iterator[Any]) -> OpenedClaim:
    patient = next(values)
    coverages = {
        coverage.rank: OpenedCoverage(
            member_number=next(values),
            group_number=next(values) if coverage.group_number is not None else "",
            subscriber=next(values) if coverage.subscriber is not None else None,
        )
        for coverage in claim.coverages
    }
    return OpenedClaim(claim=claim, patient=patient, coverages=coverages)
