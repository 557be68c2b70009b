"""What does this service say about one account, so that anybody can check it without us?

Every event that names the account, and the whole of each stream that is about one visit alone, as the exact bytes that were hashed;
with each the way to the newest signed head. The document is signed as a whole: that these are all of them is the service's word.
Personal values stay sealed in the events; when a purpose is given they are opened through the vault, which records it, and stand
beside the events. `verify_evidence.py` checks a pack of such documents offline.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from msgspec import Struct

from shared.events.base import Sealed
from shared.events.envelope import Position, Stored
from shared.kernel.errors import Conflict, DomainError
from shared.runtime.availability import Unavailable
from shared.runtime.evidence import book
from shared.runtime.evidence.heads import Head, SignedHead, event_place
from shared.runtime.evidence.keys import PublicKeys, load_signing_keys
from shared.runtime.evidence.places import HeadPlace
from shared.runtime.evidence.proofs import Proofs
from shared.runtime.evidence.sealer import HeadsDisagree, Sealer
from shared.runtime.feed import Feed
from shared.runtime.local_vault import SubjectErased
from shared.runtime.settings import Settings
from shared.runtime.store.hashing import envelope_bytes
from shared.runtime.store.rows import COLUMNS, stored_events
from shared.runtime.tenancy import tenant_transaction
from shared.runtime.vault import Opener, Vault

FORMAT = "ledgerline evidence v1"
PREFIX = b"ledgerline evidence v1\n"
PROGRAM = Path(__file__).with_name("verify_evidence.py")

# Streams of one visit: given whole. Of others (a remittance, a batch, a person) only the events that name the account.
OF_ONE_VISIT = frozenset({"encounter", "coverage-selection", "billing-case", "claim", "denial", "claim-account"})

EVENTS_MAX = 10_000
_SEAL_SECONDS = 10.0
_NAMING = (
    f"select {COLUMNS} from events e where e.tenant = $1"
    " and (position($2::bytea in e.data) > 0 or position($3::text in e.stream) > 0)"
    " order by e.epoch, e.tx, e.pos limit $4"
)
_WHOLE = f"select {COLUMNS} from events e where e.tenant = $1 and e.stream = any($2::text[]) limit $3"


class TooMuchEvidence(DomainError):
    """More events name this than a pack holds: it is no account number."""

    code = "too-much-evidence"


class SignedDocument(Struct, frozen=True):
    """The exact text, and its signature in hex."""

    text: str
    signature: str


class AccountEvidence:
    """Makes documents of one service."""

    def __init__(
        self,
        service: str,
        *,
        pool: asyncpg.Pool,
        open_store: Callable[[], Feed],
        sealer: Sealer,
        place: HeadPlace,
        vault: Vault,
        settings: Settings,
    ) -> None:
        self._service = service
        self._pool = pool
        self._open_store = open_store
        self._sealer = sealer
        self._place = place
        self._vault = vault
        self._settings = settings

    async def document(self, tenant: str, account: str, *, actor: str, purpose: str | None) -> SignedDocument:
        """Everything about an account. Raises Conflict when heads disagree, NotUnderTheHead, TooMuchEvidence, Unavailable."""
        events, whole = await self._about(tenant, account)
        signed, certificates = await self._head_over(events)
        said = {
            "format": FORMAT,
            "service": self._service,
            "tenant": tenant,
            "account": account,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "made_for": actor,
            "purpose": purpose,
            "program": hashlib.sha256(await asyncio.to_thread(PROGRAM.read_bytes)).hexdigest(),
            "head": None if signed is None else {"body": signed.body.decode(), "signature": signed.signature.hex()},
            "events": [] if signed is None else await self._proven(events, signed.read()),
            "whole": whole,
            "opened": []
            if purpose is None
            else await self._opened(tenant, events, Opener(actor=actor, purpose=purpose)),
            "keys": [content.decode() for content in certificates],
        }
        keys = load_signing_keys(self._settings)
        text = msgspec.json.encode({**said, "signed_with": keys.newest})
        return SignedDocument(text.decode(), keys.sign(PREFIX, text).hex())

    async def _about(self, tenant: str, account: str) -> tuple[list[Stored], dict[str, int]]:
        """The events in feed order, and the last version of each stream that is given whole."""
        async with tenant_transaction(self._pool, tenant) as connection:
            rows = await connection.fetch(_NAMING, tenant, account.encode(), account, EVENTS_MAX + 1)
            naming = stored_events(self._service, rows)
            streams = sorted({stored.stream for stored in naming if stored.aggregate in OF_ONE_VISIT})
            rows = await connection.fetch(_WHOLE, tenant, streams, EVENTS_MAX + 1)
        found = {stored.position: stored for stored in (*naming, *stored_events(self._service, rows))}
        if len(found) > EVENTS_MAX:
            raise TooMuchEvidence(f"more than {EVENTS_MAX} events name this: it is no account", account=account)
        whole = dict.fromkeys(streams, 0)
        for stored in found.values():
            if stored.stream in whole:
                whole[stored.stream] = max(whole[stored.stream], stored.version)
        return [found[position] for position in sorted(found)], whole

    async def _head_over(self, events: Sequence[Stored]) -> tuple[SignedHead | None, Sequence[bytes]]:
        """The newest head, made now when the events need it, and the public keys that are believed."""
        give_up_at = asyncio.get_running_loop().time() + _SEAL_SECONDS
        while True:
            async with self._pool.acquire() as connection:
                signed, first = await book.last_head(connection), await book.head(connection, 1)
            if not events or (signed is not None and events[-1].position <= Position.parse(signed.read().position)):
                break
            if asyncio.get_running_loop().time() > give_up_at:
                raise Unavailable("the newest events are still in flight: ask again in a moment")
            await self._seal()
        if signed is None or first is None:
            await self._seal()  # so that the keys are kept
            return None, list(load_signing_keys(self._settings).certificates().values())
        return signed, list(PublicKeys(await self._place.keys(), first.read().key).contents.values())

    async def _seal(self) -> None:
        try:
            if await self._sealer.seal() == 0:
                await asyncio.sleep(0.05)
        except HeadsDisagree as error:
            raise Conflict(f"{error}: `ledgerline verify` says more") from None

    async def _proven(self, events: Sequence[Stored], head: Head) -> list[dict[str, Any]]:
        store = self._open_store()
        try:
            async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
                proofs = await Proofs.begin(connection, store, head)
                return [await _told(stored, proofs) for stored in events]
        finally:
            await store.close()

    async def _opened(self, tenant: str, events: Sequence[Stored], opener: Opener) -> list[dict[str, Any]]:
        """Every sealed value of the events, opened and recorded; of an erased person that nobody can open it any more."""
        opened: list[dict[str, Any]] = []
        by_subject: dict[str, list[tuple[dict[str, Any], Sealed[Any]]]] = {}
        for stored in events:
            for path, sealed in _sealed_values(msgspec.json.decode(stored.data)):
                line: dict[str, Any] = {
                    "position": str(stored.position),
                    "path": path,
                    "subject": sealed.subject,
                    "field": sealed.field,
                }
                opened.append(line)
                by_subject.setdefault(sealed.subject, []).append((line, sealed))
        for lines in by_subject.values():
            values = [sealed for _, sealed in lines]
            try:
                clear = await self._vault.open_many(tenant, values, [Any] * len(values), opener)
            except SubjectErased:
                for line, _ in lines:
                    line["is_erased"] = True
            else:
                for (line, _), value in zip(lines, clear, strict=True):
                    line["value"] = value
        return opened


async def _told(stored: Stored, proofs: Proofs) -> dict[str, Any]:
    index, path = await proofs.of(stored)
    return {
        "index": index,
        "path": [each.hex() for each in path],
        "place": event_place(stored).decode(),
        "previous": stored.previous_hash.hex(),
        "envelope": envelope_bytes(stored).decode(),
        "data": stored.data.decode(),
    }


def _sealed_values(value: Any, path: str = "$") -> Iterator[tuple[str, Sealed[Any]]]:
    """The sealed values in an event's JSON, and where."""
    if isinstance(value, Mapping):
        if set(value) == {"subject", "field", "token"}:
            yield path, Sealed(value["subject"], value["field"], value["token"])
            return
        for name, inner in value.items():
            yield from _sealed_values(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _sealed_values(inner, f"{path}[{number}]")
