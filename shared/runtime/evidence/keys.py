"""With which keys are heads signed, and which public keys are believed?

Ed25519. The private halves are seeds of 32 bytes in base64, one a line, the newest first: in the setting LEDGERLINE_HEADS_KEYS or in
the file `keys/heads.keys` below home (mode 0600), never in a database. The newest signs. Each public key is kept in the second place
for ever, with a signature of the key before it, so whoever believes the first one can follow to all later ones.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from shared.runtime.evidence.heads import HEAD_PREFIX, SignedHead
from shared.runtime.private_files import key_lines, keys_of, make_privately, refuse_open_to_others, write_privately
from shared.runtime.settings import Settings

KEY_FILE = Path("keys") / "heads.keys"
KEY_PREFIX = b"ledgerline key v1\n"
_SEED_BYTES = 32


class NoSigningKey(Exception):
    """There is no key to sign heads with, or what stands in its place is none."""


class Certificate(Struct, frozen=True, kw_only=True):
    """A public key, and which key vouches for it: the one before it, or itself when it is the first."""

    key: str
    public: str  # base64 of 32 bytes
    endorsed_by: str


def key_id(public: bytes) -> str:
    """How a key is named in heads: the beginning of the hash of its public half."""
    return sha256(public).hexdigest()[:16]


class SigningKeys:
    """The private keys of an installation, the newest first."""

    def __init__(self, seeds: Sequence[bytes]) -> None:
        self._keys = [Ed25519PrivateKey.from_private_bytes(seed) for seed in seeds]

    @property
    def newest(self) -> str:
        """The id of the key that signs."""
        return key_id(self._keys[0].public_key().public_bytes_raw())

    def sign(self, prefix: bytes, body: bytes) -> bytes:
        """A signature of the newest key; `prefix` says of what kind of thing."""
        return self._keys[0].sign(prefix + body)

    def certificates(self) -> Mapping[str, bytes]:
        """By key id, the public half with its endorsement as it is kept: body, line feed, signature in hex."""
        made: dict[str, bytes] = {}
        for key, older in zip(self._keys, [*self._keys[1:], self._keys[-1]], strict=True):
            public = key.public_key().public_bytes_raw()
            body = msgspec.json.encode(
                Certificate(
                    key=key_id(public),
                    public=base64.b64encode(public).decode(),
                    endorsed_by=key_id(older.public_key().public_bytes_raw()),
                )
            )
            made[key_id(public)] = body + b"\n" + older.sign(KEY_PREFIX + body).hex().encode()
        return made


class PublicKeys:
    """The public keys that are believed with one of them: the first that it goes back to, and all that can be followed from there."""

    def __init__(self, certificates: Iterable[bytes], key: str) -> None:
        found = dict(filter(None, map(_certificate, certificates)))
        self._keys: dict[str, Ed25519PublicKey] = {}
        self.contents: dict[str, bytes] = {}  # by key id, the certificate as it is kept
        endorsers = [_first(found, key)]
        for endorser in endorsers:  # grows on the way
            for name, (certificate, content) in sorted(found.items(), key=lambda item: item[0] != endorser):
                if certificate.endorsed_by != endorser or name in self._keys:
                    continue
                by = _public(certificate) if name == endorser else self._keys.get(endorser)
                body, _, signature = content.rpartition(b"\n")
                if by is not None and _is_signed(by, signature, KEY_PREFIX + body):
                    self._keys[name] = _public(certificate)
                    self.contents[name] = content
                    endorsers.append(name)

    def is_signed(self, signed: SignedHead, key: str) -> bool:
        """Whether this key, which is believed, signed the head."""
        public = self._keys.get(key)
        return public is not None and _is_signed(public, signed.signature.hex().encode(), HEAD_PREFIX + signed.body)


def load_signing_keys(settings: Settings) -> SigningKeys:
    """The keys of the setting, or of their file, which is made on first use in the embedded mode.

    Raises NoSigningKey, PermissionError when others can read the file.
    """
    if text := settings.heads_keys.get_secret_value():
        return SigningKeys(_seeds(text))
    path = settings.home / KEY_FILE
    if not path.exists():
        if settings.mode != "embedded":
            raise NoSigningKey(f"no key to sign heads with: set LEDGERLINE_HEADS_KEYS or put it into {path}")
        make_privately(path, key_lines([os.urandom(_SEED_BYTES)]))
    refuse_open_to_others(path)
    return SigningKeys(_seeds(path.read_text()))


def rotate_key(home: Path) -> str:
    """Put a new key before those in the file; the next head is signed with it. Returns its id. Raises NoSigningKey."""
    path = home / KEY_FILE
    if not path.exists():
        raise NoSigningKey(f"{path} is not there: heads are not signed with a file of this machine")
    kept = _seeds(path.read_text())
    seed = os.urandom(_SEED_BYTES)
    write_privately(path, key_lines([seed, *kept]))
    return SigningKeys([seed]).newest


def _seeds(text: str) -> list[bytes]:
    try:
        return keys_of(text, size=_SEED_BYTES)
    except ValueError:
        raise NoSigningKey("the keys of heads are 32 bytes in base64 each, one a line, the newest first") from None


def _certificate(content: bytes) -> tuple[str, tuple[Certificate, bytes]] | None:
    """None for what is no certificate or does not name its own key."""
    try:
        certificate = msgspec.json.decode(content.rpartition(b"\n")[0], type=Certificate)
        public = base64.b64decode(certificate.public, validate=True)
    except (msgspec.MsgspecError, ValueError):
        return None
    if len(public) != _SEED_BYTES or key_id(public) != certificate.key:
        return None
    return certificate.key, (certificate, content)


def _first(found: Mapping[str, tuple[Certificate, bytes]], key: str) -> str:
    """The key that vouches for itself, going back from a key; "" when the way ends elsewhere."""
    passed: set[str] = set()
    while key in found and key not in passed:
        passed.add(key)
        endorser = found[key][0].endorsed_by
        if endorser == key:
            return key
        key = endorser
    return ""


def _public(certificate: Certificate) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(certificate.public))


def _is_signed(key: Ed25519PublicKey, signature_hex: bytes, message: bytes) -> bool:
    try:
        key.verify(bytes.fromhex(signature_hex.decode()), message)
    except (InvalidSignature, ValueError):
        return False
    return True
