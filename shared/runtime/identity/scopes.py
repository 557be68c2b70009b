"""Which of our actions does a scope of SMART on FHIR open?

A program that asks for `system/Coverage.rs` gets a token that reads coverages and nothing else, whatever its roles would allow besides:
an action needs a role and, where the token has scopes, a scope. What belongs to no resource below needs the scope for all of them,
`system/*.…`. Reading takes read and search together, and writing create and update, because our actions do not tell them apart.

Source: SMART App Launch 2.2, "Scopes for requesting FHIR Resources", versions 1 (`read`, `write`, `*`) and 2 (`cruds`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SCOPE = re.compile(r"system/(\*|[A-Z][A-Za-z]{1,63})\.(read|write|\*|c?r?u?d?s?)\Z")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
_READING = frozenset("rs")
_WRITING = frozenset("cu")

# The resource whose scope opens an action. Whole messages and bundles may hold any resource, so they are in no row.
_RESOURCES: Mapping[str, str] = {
    "eligibility:read-patient": "Patient",
    "eligibility:register-patient": "Patient",
    "eligibility:merge-patients": "Patient",
    "eligibility:read-coverage": "Coverage",
    "eligibility:record-coverage": "Coverage",
    "eligibility:read-appointments": "Appointment",
    "eligibility:record-appointment": "Appointment",
    "eligibility:read-checks": "CoverageEligibilityResponse",
    "eligibility:request-check": "CoverageEligibilityRequest",
    "charges:read-encounters": "Encounter",
    "charges:record-encounter": "Encounter",
    "charges:capture-charge": "ChargeItem",
    "charges:code-encounter": "Condition",
    "claims:read-claims": "ClaimResponse",
    "payments:read-ledger": "Account",
    "payments:read-balances": "Account",
    "payments:read-remittances": "PaymentReconciliation",
    "payments:receive-remittance": "PaymentReconciliation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    resource: str  # "*": every one
    letters: frozenset[str]  # of cruds

    def opens(self, action: str) -> bool:
        """Whether an action is among what this scope is for."""
        needed = _READING if action.partition(":")[2].startswith("read-") else _WRITING
        return needed <= self.letters and self.resource in ("*", _RESOURCES.get(action))


def parse_scope(text: str) -> Scope | None:
    """A scope that we understand; None for another, which gives no right. Restrictions behind `?` are not understood."""
    found = _SCOPE.match(text)
    if found is None or not found[2]:
        return None
    return Scope(resource=found[1], letters=frozenset(_VERSION_1.get(found[2], found[2])))


def opens(scopes: Iterable[str], action: str) -> bool:
    """Whether any of the scopes is for the action."""
    return any(scope.opens(action) for scope in map(parse_scope, scopes) if scope is not None)


def granted(asked: str, actions: Iterable[str]) -> list[str]:
    """Of the scopes asked for (by blanks), in their order and once, those that open at least one of these actions."""
    of_client = list(actions)
    return [text for text in dict.fromkeys(asked.split()) if any(opens([text], action) for action in of_client)]
