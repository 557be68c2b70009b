"""Who is this, once the token is believed, and for whom do they act in this request?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.kernel.errors import DomainError
from shared.runtime.identity.roles import Role, may
from shared.runtime.identity.scopes import opens

_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")


def is_tenant_name(text: str) -> bool:
    """Tenants are named by us: lower case, digits and dashes, so that they are safe in keys, folders and topics."""
    return _TENANT.match(text) is not None


class Forbidden(DomainError):
    """The caller is known and has no right to this."""

    code = "forbidden"


class TenantNotNamed(DomainError):
    """The caller belongs to several tenants and did not say which one is meant."""

    code = "tenant-not-named"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One subject acting for one tenant."""

    tenant: str
    actor: str  # user:… or client:…
    roles: frozenset[Role]
    client: str  # the program through which they act
    scopes: frozenset[str] | None = None  # of SMART; None: the roles alone decide

    def may(self, action: str) -> bool:
        """Whether the roles that they have in this tenant include the action, and the scopes of the token, if any, do too."""
        return may(self.roles, action) and (self.scopes is None or opens(self.scopes, action))

    def require(self, action: str) -> None:
        """Raises Forbidden."""
        if may(self.roles, action) and not self.may(action):
            raise Forbidden(f"the scopes of this token do not include {action}", action=action)
        if not self.may(action):
            raise Forbidden(f"the roles of this caller do not include {action}", action=action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a verified token says: who, through which program, with which roles in which tenants, until when."""

    subject: str
    client: str
    tenants: Mapping[str, frozenset[Role]]
    expires_at: int  # seconds since 1970
    token_id: str
    issued_at: int = 0  # seconds since 1970; 0: the token does not say
    scopes: frozenset[str] | None = None

    @property
    def actor(self) -> str:
        """A program that acts on its own account is its own subject (RFC 9068)."""
        return f"client:{self.client}" if self.subject == self.client else f"user:{self.subject}"

    def acting_for(self, tenant: str | None) -> Caller:
        """The caller in a tenant; None is the only one they have.

        A tenant that is not theirs is forbidden in the same words whether it exists or not. Raises Forbidden,
        TenantNotNamed.
        """
        chosen = tenant if tenant is not None else self._only_tenant()
        roles = self.tenants.get(chosen)
        if not roles:
            raise Forbidden("this caller has no role in that tenant")
        return Caller(tenant=chosen, actor=self.actor, roles=roles, client=self.client, scopes=self.scopes)

    def _only_tenant(self) -> str:
        if len(self.tenants) > 1:
            raise TenantNotNamed("this caller belongs to several tenants: name one in X-Ledgerline-Tenant")
        if not self.tenants:
            raise Forbidden("this caller has no role in any tenant")
        return next(iter(self.tenants))
