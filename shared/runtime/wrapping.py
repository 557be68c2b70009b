"""How is one key kept under another? AES-256-GCM; the associated data bind it to what it is the key of, so that it opens nowhere else.

The root key is in a file (mode 0600) or the environment, never in a database. While it is being replaced there are several, newest
first: the newest wraps, each opens what it wrapped.

Sources: NIST SP 800-38D (GCM, random 96-bit nonces), NIST SP 800-57 part 1 (key-wrapping keys and their replacement).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.kernel.errors import DomainError
from shared.runtime.private_files import key_lines, keys_of, make_privately, refuse_open_to_others, write_privately
from shared.runtime.settings import Settings

ROOT_KEY_FILE = Path("keys") / "root.key"
KEY_BYTES = 32
NONCE_BYTES = 12


class WrongRootKey(Exception):
    """The root key is not the one under which this vault was made, or cannot be had. Nothing could be opened with another."""


class SealBroken(DomainError):
    """A sealed value does not open under its tenant, subject and field: it was changed or moved."""

    code = "seal-broken"


def wrap_key(cipher: AESGCM, key: bytes, *names: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, key, bound(*names))


def unwrap_key(cipher: AESGCM, kept: bytes, *names: str) -> bytes:
    """Raises SealBroken."""
    try:
        return cipher.decrypt(kept[:NONCE_BYTES], kept[NONCE_BYTES:], bound(*names))
    except InvalidTag:
        raise SealBroken(f"the key of a {names[0]} does not open: it was changed or moved") from None


def bound(*names: str) -> bytes:
    """Associated data that no other names give: each part with its length."""
    parts = [name.encode() for name in names]
    return b"".join(len(part).to_bytes(4) + part for part in parts)


class RootKeys:
    """The root keys at hand, newest first, by their ids, which tell nothing of them."""

    def __init__(self, keys: Sequence[bytes], read_again: Callable[[], Sequence[bytes]] | None = None) -> None:
        self._read_again = read_again
        self._take(keys)

    def _take(self, keys: Sequence[bytes]) -> None:
        self._keys = {_id_of(key): key for key in keys}
        self.newest = _id_of(keys[0])

    def refresh(self) -> None:
        """Look again where they lie: another process may have put a newer one there. Raises as `load_root_keys`."""
        if self._read_again is not None:
            self._take(self._read_again())

    @property
    def marks(self) -> list[bytes]:
        """By which a vault knows the key that it was made under, newest first."""
        return [hmac.digest(key, b"ledgerline root key", "sha256") for key in self._keys.values()]

    def wrap(self, key: bytes, *names: str) -> bytes:
        return wrap_key(AESGCM(self._keys[self.newest]), key, *names)

    def unwrap(self, root: str, kept: bytes, *names: str) -> bytes:
        """`root` names the key it was wrapped under; "" where that was not written down. Raises SealBroken, WrongRootKey."""
        if root and root not in self._keys:
            self.refresh()
        tried = [self._keys[root]] if root in self._keys else [] if root else list(self._keys.values())
        if not tried:
            raise WrongRootKey(f"what was wrapped under root key {root} needs it: put it behind the newest one")
        for number, key in enumerate(tried, start=1):
            try:
                return unwrap_key(AESGCM(key), kept, *names)
            except SealBroken:
                if number == len(tried):
                    raise
        raise AssertionError("unreachable: the last one returns or raises")


def _id_of(key: bytes) -> str:
    return hmac.digest(key, b"ledgerline root key id", "sha256").hex()[:12]


def load_root_keys(settings: Settings) -> RootKeys:
    """The root keys from the environment, or from their file, which is made on first use in the embedded mode.

    Raises WrongRootKey when there is none or one is not 32 bytes, PermissionError when others can read the file.
    """
    if text := settings.root_key.get_secret_value():
        return RootKeys(_keys_of(text))
    path = settings.home / ROOT_KEY_FILE
    if not path.exists() and settings.mode != "embedded":
        raise WrongRootKey(f"no root key: set LEDGERLINE_ROOT_KEY or put it into {path}")
    make_privately(path, key_lines([os.urandom(KEY_BYTES)]))
    return RootKeys(_read(path), lambda: _read(path))


def add_root_key(home: Path) -> str:
    """Put a new root key in front of those in the file. Returns its id. Raises WrongRootKey."""
    path = home / ROOT_KEY_FILE
    kept = _read(path)
    new = os.urandom(KEY_BYTES)
    write_privately(path, key_lines([new, *kept]))
    return _id_of(new)


def drop_older_root_keys(home: Path) -> int:
    """Leave only the newest root key in the file; how many went. Raises WrongRootKey."""
    path = home / ROOT_KEY_FILE
    kept = _read(path)
    write_privately(path, key_lines(kept[:1]))
    return len(kept) - 1


def _read(path: Path) -> list[bytes]:
    if not path.exists():
        raise WrongRootKey(f"{path} is not there: the root key is not in a file of this machine")
    refuse_open_to_others(path)
    return _keys_of(path.read_text())


def _keys_of(text: str) -> list[bytes]:
    try:
        return keys_of(text, size=KEY_BYTES)
    except ValueError:
        raise WrongRootKey("a root key is 32 bytes in base64, one a line, the newest first") from None
