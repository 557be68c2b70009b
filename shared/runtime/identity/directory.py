"""Who are the users, programs and tenants of the local issuer?

One file under the home folder, readable by its owner only, edited by `ledgerline tenant add` and `ledgerline user add`. Passwords
are kept as scrypt hashes; those of the demo users, which are made up anew for each home, also lie in clear beside it,
because the demo has to say how to log in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from shared.kernel.errors import Conflict, Malformed, NotFound
from shared.runtime.identity.caller import is_tenant_name
from shared.runtime.identity.revocations import FILE, revoke
from shared.runtime.identity.roles import Role
from shared.runtime.private_files import refuse_open_to_others, write_privately

FOLDER = "identity"
_USER = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}\Z")
_PASSWORD_CHARACTERS_MIN = 12
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 << 20}


class User(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    password_hash: str  # scrypt, salt and hash in hex
    tenants: dict[str, list[str]]  # tenant -> roles
    is_disabled: bool = False


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A program that proves itself with a key of its own (SMART Backend Services)."""

    client_id: str
    key_set: dict[str, Any]  # its public keys; empty where it publishes them at `key_set_url`
    tenants: dict[str, list[str]]
    key_set_url: str = ""
    is_disabled: bool = False


class Content(msgspec.Struct, frozen=True, kw_only=True):
    tenants: list[str] = []
    users: dict[str, User] = {}
    clients: dict[str, Client] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoLogin:
    user: str
    password: str
    role: str


class Directory:
    """The file of users and clients. Read anew when it changed, so that an addition needs no restart."""

    def __init__(self, home: Path, *, now: Callable[[], float] = time.time) -> None:
        self._home = home
        self._now = now
        self._folder = home / FOLDER
        self._path = self._folder / "directory.json"
        self._read: tuple[tuple[int, int, int], Content] | None = None

    def content(self) -> Content:
        """What the file says now; nothing when it is not there."""
        try:
            state = self._path.stat()
        except FileNotFoundError:
            return Content()
        stamp = (state.st_mtime_ns, state.st_ino, state.st_size)
        if self._read is None or self._read[0] != stamp:
            refuse_open_to_others(self._path)
            self._read = (stamp, msgspec.json.decode(self._path.read_bytes(), type=Content))
        return self._read[1]

    def add_tenant(self, tenant: str) -> None:
        """Raises Malformed for a name that cannot be a tenant's, Conflict when it is there."""
        if not is_tenant_name(tenant):
            raise Malformed("a tenant is named in lower case letters, digits and dashes, 63 at most")
        content = self.content()
        if tenant in content.tenants:
            raise Conflict("that tenant is there already", tenant=tenant)
        self._write(msgspec.structs.replace(content, tenants=[*content.tenants, tenant]))

    def add_user(self, name: str, password: str, tenant: str, roles: Iterable[str]) -> None:
        """Add a user, or give one that is there roles in a further tenant (the password is then set anew).

        Raises Malformed, NotFound for an unknown tenant.
        """
        if not _USER.match(name):
            raise Malformed("a user is named in lower case letters, digits and . _ @ -, 64 at most")
        if len(password) < _PASSWORD_CHARACTERS_MIN:
            raise Malformed(f"a password has {_PASSWORD_CHARACTERS_MIN} characters or more")
        content = self.content()
        before = content.users[name].tenants if name in content.users else {}
        user = User(
            name=name, password_hash=hash_password(password), tenants=before | self._rights(content, tenant, roles)
        )
        self._write(msgspec.structs.replace(content, users=content.users | {name: user}))

    def add_client(self, client_id: str, keys: Mapping[str, Any] | str, tenant: str, roles: Iterable[str]) -> None:
        """Register a program by its public keys, or by the URL where it publishes them and changes them by itself.

        Raises Malformed, NotFound for an unknown tenant, Conflict for one that is there: its keys are its identity.
        """
        if not _USER.match(client_id):
            raise Malformed("a client is named in lower case letters, digits and . _ @ -, 64 at most")
        content = self.content()
        if client_id in content.clients:
            raise Conflict("that client is there already", client_id=client_id)
        client = Client(
            client_id=client_id,
            key_set={} if isinstance(keys, str) else _public_keys(keys),
            key_set_url=_key_set_url(keys) if isinstance(keys, str) else "",
            tenants=self._rights(content, tenant, roles),
        )
        self._write(msgspec.structs.replace(content, clients=content.clients | {client_id: client}))

    def disable_user(self, name: str) -> None:
        """No new token from now on, and those that are out are believed no longer. Raises NotFound."""
        content = self.content()
        if name not in content.users:
            raise NotFound("there is no such user")
        disabled = msgspec.structs.replace(content.users[name], is_disabled=True)
        self._write(msgspec.structs.replace(content, users=content.users | {name: disabled}))
        self._revoke(f"user:{name}")

    def disable_client(self, client_id: str) -> None:
        """No new token from now on, and those that are out are believed no longer. Raises NotFound."""
        content = self.content()
        if client_id not in content.clients:
            raise NotFound("there is no such client")
        disabled = msgspec.structs.replace(content.clients[client_id], is_disabled=True)
        self._write(msgspec.structs.replace(content, clients=content.clients | {client_id: disabled}))
        self._revoke(f"client:{client_id}")

    def add_demo_users(self, tenant: str) -> None:
        """One user for each role, named after it. Those that are there keep their passwords."""
        content = self.content()
        missing = [role for role in Role if role is not Role.INTEGRATION and role.value not in content.users]
        logins = [DemoLogin(user=role.value, password=secrets.token_urlsafe(12), role=role.value) for role in missing]
        for login in logins:
            self.add_user(login.user, login.password, tenant, [login.role])
        if logins:
            kept = [login for login in self.demo_logins() if login.user not in {new.user for new in logins}]
            write_privately(self._folder / "demo-logins.json", msgspec.json.encode([*kept, *logins]))

    def demo_logins(self) -> list[DemoLogin]:
        """How to log in as each demo user; empty without a demo."""
        path = self._folder / "demo-logins.json"
        return msgspec.json.decode(path.read_bytes(), type=list[DemoLogin]) if path.exists() else []

    def _revoke(self, name: str) -> None:
        revoke(self._home / FILE, name, at=int(self._now()))

    @staticmethod
    def _rights(content: Content, tenant: str, roles: Iterable[str]) -> dict[str, list[str]]:
        if tenant not in content.tenants:
            raise NotFound("there is no such tenant", tenant=tenant)
        named = list(roles)
        known = {role.value for role in Role}
        if not named or not known.issuperset(named):
            raise Malformed(f"a role is one of {', '.join(sorted(known))}")
        return {tenant: named}

    def _write(self, content: Content) -> None:
        write_privately(self._path, msgspec.json.format(msgspec.json.encode(content), indent=1))


def _public_keys(key_set: Mapping[str, Any]) -> dict[str, Any]:
    keys = key_set.get("keys")
    if not isinstance(keys, list) or not keys or any("d" in key or key.get("kty") == "oct" for key in keys):
        raise Malformed("a client is registered with a JWK set of public keys")
    return dict(key_set)


def _key_set_url(url: str) -> str:
    if not url.startswith("https://"):
        raise Malformed("a client publishes its keys at an https URL")
    return url


def hash_password(password: str) -> str:
    """scrypt with a fresh salt, as text."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT).hex()}"


def is_password(password: str, hashed: str) -> bool:
    """Whether this is the password that was hashed. Takes tens of milliseconds on purpose."""
    salt, _, expected = hashed.partition("$")
    found = hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=bytes.fromhex(salt), **_SCRYPT)
    return hmac.compare_digest(found, bytes.fromhex(expected))
