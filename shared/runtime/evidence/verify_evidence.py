"""Does this evidence pack prove what it says? Runs offline, with the standard library and `cryptography` alone.

    python verify_evidence.py PACK [--key FINGERPRINT]

A pack is one ZIP file about one account: a document of each service, signed by the installation, and this program. A document holds
every event about the account as its exact bytes, with the way from each to the signed head of that service's log. Run a copy of
this program that you trust, not the one in the pack, and compare the key's fingerprint with one that you were given by other means.

Exit code 0: everything that is said to be proven is. 1: not; each reason is named. 2: wrong usage.

What is hashed (SHA-256 throughout):
  event   previous hash (32 bytes), envelope, line feed, data
  leaf    00, place, line feed, hash of the event
  node    01, left, right (RFC 6962)
What is signed (Ed25519): a line that names its kind, then the exact bytes.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import struct
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SERVICES = ("eligibility", "charges", "claims", "payments", "collections")
PROGRAM = "verify_evidence.py"
FORMAT = "ledgerline evidence v1"
_HEAD, _KEY, _EVIDENCE = b"ledgerline head v1\n", b"ledgerline key v1\n", b"ledgerline evidence v1\n"
_FIRST = "00" * 32
_DATE, _LOCAL, _CENTRAL, _END = 0x21, b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


class NotProven(Exception):
    """A reason why the pack does not prove what it says."""


# --- the file ---------------------------------------------------------------------------------------------------------


def write_pack(members: Mapping[str, bytes]) -> bytes:
    """A ZIP file with these members, stored as they are. The same members give the same bytes, so every byte can be checked."""
    files, directory = b"", b""
    for name, content in members.items():
        about = struct.pack(
            "<HHHHHIIIHH", 20, 0, 0, 0, _DATE, zlib.crc32(content), len(content), len(content), len(name), 0
        )
        directory += _CENTRAL + struct.pack("<H", 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, len(files))
        directory += name.encode()
        files += _LOCAL + about + name.encode() + content
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(files), 0)
    return files + directory + _END + end


def read_pack(pack: bytes) -> dict[str, bytes]:
    """The members of a pack. Raises NotProven for a file that `write_pack` would not have written like this."""
    members: dict[str, bytes] = {}
    at = 0
    try:
        while pack[at : at + 4] == _LOCAL:
            size, _, name_size, _ = struct.unpack_from("<IIHH", pack, at + 18)
            name = pack[at + 30 : at + 30 + name_size].decode("ascii")
            at += 30 + name_size + size
            members[name] = pack[at - size : at]
    except (struct.error, UnicodeDecodeError):
        raise NotProven("the file is no evidence pack, or is damaged") from None
    if not members or write_pack(members) != pack:
        raise NotProven("the file is not byte for byte as packs are written: it was changed after it was made")
    return members


# --- keys -------------------------------------------------------------------------------------------------------------


class Keys:
    """The public keys of an installation: the first vouches for itself, each later one is vouched for by one before it."""

    def __init__(self, certificates: Sequence[str]) -> None:
        self._keys: dict[str, Ed25519PublicKey] = {}
        self.fingerprint = ""  # of the first
        waiting = list(certificates)
        while waiting:
            taken = [text for text in waiting if self._take(text)]
            if not taken:
                raise NotProven("a public key is vouched for by none of the keys before it")
            waiting = [text for text in waiting if text not in taken]

    def _take(self, text: str) -> bool:
        body, _, signature = text.encode().rpartition(b"\n")
        said = _json(body)
        raw = base64.b64decode(said["public"], validate=True)
        public, fingerprint = Ed25519PublicKey.from_public_bytes(raw), hashlib.sha256(raw).hexdigest()
        if said["key"] != fingerprint[:16]:
            raise NotProven("a public key is not the one that its name says")
        if said["endorsed_by"] == said["key"]:
            if self.fingerprint:
                raise NotProven("two public keys vouch for themselves")
            self.fingerprint = fingerprint
            by: Ed25519PublicKey | None = public
        else:
            by = self._keys.get(said["endorsed_by"])
        if by is None:
            return False
        if not _is_signed(by, signature.decode(), _KEY + body):
            raise NotProven(f"key {said['key']} is not vouched for by key {said['endorsed_by']}")
        self._keys[said["key"]] = public
        return True

    def require(self, key: str, signature: str, message: bytes, what: str) -> None:
        """Raises NotProven unless this key signed the message."""
        if key not in self._keys:
            raise NotProven(f"{what} is signed with key {key}, which nobody vouches for")
        if not _is_signed(self._keys[key], signature, message):
            raise NotProven(f"{what} is not what key {key} signed")


def _is_signed(key: Ed25519PublicKey, signature: str, message: bytes) -> bool:
    try:
        raw = bytes.fromhex(signature)
        key.verify(raw, message)
    except (InvalidSignature, ValueError):
        return False
    return raw.hex() == signature  # written in one way only


# --- one service's document -------------------------------------------------------------------------------------------


class Event:
    """One event as it lies in the log, and the way from it to the head."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self.index, self.path = int(said["index"]), [bytes.fromhex(each) for each in said["path"]]
        self.previous: str = said["previous"]
        envelope, data, place = said["envelope"].encode(), said["data"].encode(), said["place"].encode()
        hashed = hashlib.sha256(bytes.fromhex(self.previous) + envelope + b"\n" + data).digest()
        self.hash = hashed.hex()
        self.leaf = hashlib.sha256(b"\x00" + place + b"\n" + hashed).digest()
        self.tenant, self.stream, self.version, self.type = _json(envelope)[:4]
        self.position = _json(place)[0]

    @property
    def name(self) -> str:
        return f"{self.stream} version {self.version}"


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """RFC 9162, 2.1.3.2."""
    if not 0 <= index < size:
        return None
    at, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = hashlib.sha256(b"\x01" + sibling + root).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = hashlib.sha256(b"\x01" + root + sibling).digest()
        at, last = at >> 1, last >> 1
    return root if last == 0 else None


class Document:
    """What one service says about the account, checked. Raises NotProven."""

    def __init__(self, service: str, content: bytes) -> None:
        text, _, signature = content.rpartition(b"\n")
        self.said = _json(text)
        if self.said["format"] != FORMAT or self.said["service"] != service:
            raise NotProven(f"this is no document of {service} in a format that this program knows")
        self.keys = Keys(self.said["keys"])
        self.keys.require(self.said["signed_with"], signature.decode(), _EVIDENCE + text, "the document")
        self.head = self._checked_head()
        self.events = [Event(each) for each in self.said["events"]]
        for event in self.events:
            self._check_event(event)
        self.whole = self._checked_chains()

    def _checked_head(self) -> dict[str, Any] | None:
        if (signed := self.said["head"]) is None:
            return None
        head: dict[str, Any] = _json(signed["body"].encode())
        self.keys.require(head["key"], signed["signature"], _HEAD + signed["body"].encode(), f"head {head['number']}")
        if head["service"] != self.said["service"]:
            raise NotProven(f"head {head['number']} is one of {head['service']}")
        return head

    def _check_event(self, event: Event) -> None:
        if event.tenant != self.said["tenant"]:
            raise NotProven(f"{event.name} is of another tenant")
        if self.head is None:
            raise NotProven(f"{event.name} is under no head")
        root = root_by_path(event.leaf, event.index, self.head["size"], event.path)
        if root is None or root.hex() != self.head["root"]:
            raise NotProven(f"{event.name} at {event.position} is not in the log under head {self.head['number']}")

    def _checked_chains(self) -> int:
        """How many streams are there from their first event on, each event following from the one before it."""
        streams: dict[str, dict[int, Event]] = {}
        for event in self.events:
            versions = streams.setdefault(event.stream, {})
            if event.version in versions:
                raise NotProven(f"{event.name} is there twice")
            versions[event.version] = event
        for versions in streams.values():
            for version, event in versions.items():
                before = _FIRST if version == 1 else versions[version - 1].hash if version - 1 in versions else None
                if before is not None and event.previous != before:
                    raise NotProven(f"{event.name} does not follow from the event before it")
        for stream, last in self.said["whole"].items():
            if sorted(streams.get(stream, ())) != list(range(1, last + 1)):
                raise NotProven(f"{stream} is said to be whole up to version {last} and is not")
        return len(self.said["whole"])

    def lines(self) -> Iterator[str]:
        """What is proven, for a person."""
        if self.head is None:
            yield "no event was ever recorded"
            return
        head = self.head
        yield f"in the log as they are here, under head {head['number']}: {_counted(len(self.events), 'event')}"
        yield f"  the head: over {_counted(head['size'], 'event')}, made {head['made_at']}, signed with key {head['key']}"
        yield f"  whole, each event following from the one before it: {_counted(self.whole, 'stream')}"
        if self.said["opened"]:
            yield f"  {len(self.said['opened'])} personal values are shown in clear, as the service says for {self.said['purpose']}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _json(text: bytes) -> Any:
    return json.loads(text.decode())


# --- the pack ---------------------------------------------------------------------------------------------------------


def verify(pack: bytes, key: str = "") -> list[str]:
    """What the pack proves, line by line. `key`: the beginning (at least 16 digits) of the fingerprint that its first key must have.

    Raises NotProven.
    """
    members = read_pack(pack)
    if list(members) != [PROGRAM, *(f"{service}.json" for service in SERVICES)]:
        raise NotProven("a pack has this program and a document of each service, and nothing else")
    program = hashlib.sha256(members[PROGRAM]).hexdigest()
    documents = [_document(service, members[f"{service}.json"]) for service in SERVICES]
    first = documents[0]
    for document in documents:
        said, of = document.said, f"{document.said['service']}: "
        if (said["tenant"], said["account"]) != (first.said["tenant"], first.said["account"]):
            raise NotProven(of + "the document is about another account")
        if document.keys.fingerprint != first.keys.fingerprint:
            raise NotProven(of + "the document is of another installation: its first key is another one")
        if said["program"] != program:
            raise NotProven(of + "the program in the pack is not the one that the service put there: do not run it")
    if key and (len(key) < 16 or not first.keys.fingerprint.startswith(key.lower())):
        raise NotProven(f"the first key is {first.keys.fingerprint}, not {key}")
    lines = [f"account {first.said['account']} of {first.said['tenant']}, as recorded up to {first.said['made_at']}"]
    lines += [
        f"{service}: {line}" for service, document in zip(SERVICES, documents, strict=True) for line in document.lines()
    ]
    return [*lines, f"all of it vouched for by the key with fingerprint {first.keys.fingerprint}"]


def _document(service: str, content: bytes) -> Document:
    try:
        return Document(service, content)
    except NotProven as reason:
        raise NotProven(f"{service}: {reason}") from None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, binascii.Error):
        raise NotProven(f"{service}: the document cannot be read") from None


NOT_SHOWN = """
Not shown by this: that what was recorded is true; that values shown in clear are those that are sealed in the events, or that these are all
events about the account (for both the signature of the service stands); anything recorded after the heads named above."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify an evidence pack, offline.")
    parser.add_argument("pack", type=Path)
    parser.add_argument("--key", default="", help="fingerprint of the installation's first key, at least 16 digits")
    options = parser.parse_args()
    try:
        lines = verify(options.pack.read_bytes(), options.key)
    except OSError as error:
        print(f"cannot read {options.pack}: {error.strerror}", file=sys.stderr)
        return 2
    except NotProven as reason:
        print(f"NOT PROVEN: {reason}")
        return 1
    print("PROVEN\n" + "\n".join(lines))
    if not options.key:
        print("No --key was given: compare the fingerprint with one that you have from elsewhere.")
    print(NOT_SHOWN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
