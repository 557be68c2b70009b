"""What does a head say, and who vouches for it?

A head is the Merkle root over the first `size` events of a service's feed, in commit order. It names the head before it by its hash, so
heads are a chain of their own, and is signed. With each head the second place keeps a listing of the events that it took in: which
event is where, and its leaf. Head and listing are exact bytes; what was signed is never written anew.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from hashlib import sha256

import msgspec
from msgspec import Struct

from shared.events.envelope import Position, Stored
from shared.runtime.evidence.merkle import leaf_hash
from shared.runtime.store.hashing import hash_of

HEAD_PREFIX = b"ledgerline head v1\n"  # before the bytes that are signed: a signature of one thing is none of another
_BYTES_MAX = 64 << 20  # of a kept head with its listing

_encode = msgspec.json.Encoder().encode


class Unreadable(Exception):
    """What lies where a head should is none."""


class Head(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is signed. Hashes in hex; `position` is the last event's, `previous` the hash of the head before ("": the first).

    `continues`: after an acknowledged restore, the number of the head that this one goes on from, those between being abandoned.
    """

    service: str
    number: int  # from 1, gapless
    size: int
    root: str
    position: str
    listing: str  # SHA-256 of the listing of the events that came with this head
    previous: str
    made_at: str  # UTC, by the machine's clock
    key: str  # id of the key that signed
    continues: int | None = None
    because: str | None = None


class SignedHead(Struct, frozen=True):
    """A head as exact bytes, with its signature."""

    body: bytes
    signature: bytes

    def read(self) -> Head:
        """Raises Unreadable."""
        try:
            return msgspec.json.decode(self.body, type=Head)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Unreadable("the bytes of a head cannot be read") from None

    @property
    def digest(self) -> str:
        """The hash by which the next head names this one."""
        return sha256(HEAD_PREFIX + self.body).hexdigest()


class Listed(Struct, frozen=True, array_like=True, gc=False):
    """One event of a listing."""

    position: str  # epoch.tx.pos
    tenant: str
    stream: str
    version: int
    leaf: str  # hex

    @property
    def place(self) -> Position:
        return Position.parse(self.position)


class Kept(Struct, frozen=True):
    """What the second place has of one head."""

    signed: SignedHead
    listing: bytes  # JSON lines

    def lines(self) -> Iterator[Listed]:
        """Raises Unreadable."""
        try:
            for line in self.listing.splitlines():
                yield msgspec.json.decode(line, type=Listed)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Unreadable("a listing cannot be read") from None

    def content(self) -> bytes:
        """As one file: body, signature in hex, listing, compressed."""
        signed = self.signed
        return zlib.compress(b"\n".join((signed.body, signed.signature.hex().encode(), self.listing)))

    @classmethod
    def of_content(cls, content: bytes) -> Kept:
        """The reverse of `content`. Raises Unreadable."""
        try:
            opened = zlib.decompressobj()
            text = opened.decompress(content, _BYTES_MAX)
            if not opened.eof or opened.unused_data:
                raise Unreadable("a kept head is cut off, too long, or has something behind it")
            body, signature, listing = text.split(b"\n", 2)
            return cls(SignedHead(body, bytes.fromhex(signature.decode())), listing)
        except (zlib.error, ValueError):
            raise Unreadable("a kept head cannot be read") from None


def event_leaf(stored: Stored) -> bytes:
    """The leaf of an event: its place in the feed, its trace, and its hash by its own envelope and bytes.

    What is hashed: `event_place`, a line feed, the 32 bytes of `shared.runtime.store.hashing.event_hash`.
    """
    return leaf_hash(event_place(stored) + b"\n" + hash_of(stored))


def event_place(stored: Stored) -> bytes:
    """What a leaf holds beside the event's hash: compact JSON of [position, traceparent]."""
    return _encode((str(stored.position), stored.traceparent))


def listing_of(events: Iterable[tuple[Stored, bytes]]) -> bytes:
    """The listing of events with their leaves."""
    return b"".join(
        _encode((str(stored.position), stored.tenant, stored.stream, stored.version, leaf.hex())) + b"\n"
        for stored, leaf in events
    )


def encoded(head: Head) -> bytes:
    """The bytes that are signed and kept."""
    return _encode(head)
