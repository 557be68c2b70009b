"""Who is calling, for which tenant, and what may they do? Deny by default."""

from shared.runtime.identity.caller import Caller, Identity
from shared.runtime.identity.roles import ACTIONS, Role, may
from shared.runtime.identity.tokens import InvalidToken, TokenVerifier

__all__ = ["ACTIONS", "Caller", "Identity", "InvalidToken", "Role", "TokenVerifier", "may"]
