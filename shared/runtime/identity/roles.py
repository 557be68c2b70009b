"""What may each role do?

One row an action: `service:verb-noun` and the roles that have it. What is not in a row is denied, and an action that is in no
row does not exist: a route that names one does not start. Source: 45 CFR 164.308(a)(4), 164.312(a)(1), minimum necessary.

Three roles are said once instead of in every row: `auditor` has every action whose verb is `read`, and nothing else;
`admin` has every action; `operator` keeps the machinery going and sees no patient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum


class Role(StrEnum):
    FRONT_DESK = "front-desk"
    CODER = "coder"
    BILLER = "biller"
    DENIAL_SPECIALIST = "denial-specialist"
    POSTER = "poster"
    COLLECTOR = "collector"
    MANAGER = "manager"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    INTEGRATION = "integration"
    ADMIN = "admin"


_EVERY_DESK = "front-desk coder biller denial-specialist poster collector manager"

_TABLE: Mapping[str, str] = {
    # eligibility: patients, coverage, appointments, checks, authorisations, estimates
    "eligibility:read-patient": f"{_EVERY_DESK} integration",
    "eligibility:register-patient": "front-desk biller manager integration",
    "eligibility:merge-patients": "front-desk manager integration",
    "eligibility:read-coverage": f"{_EVERY_DESK} integration",
    "eligibility:record-coverage": "front-desk biller manager integration",
    "eligibility:read-appointments": f"{_EVERY_DESK} integration",
    "eligibility:record-appointment": "front-desk manager integration",
    "eligibility:read-checks": f"{_EVERY_DESK} integration",
    "eligibility:request-check": "front-desk biller denial-specialist manager integration",
    "eligibility:receive-answer": "biller manager integration",
    "eligibility:read-authorizations": f"{_EVERY_DESK} integration",
    "eligibility:record-authorization": "front-desk biller denial-specialist manager integration",
    "eligibility:read-payers": f"{_EVERY_DESK} integration",
    "eligibility:list-payer": "manager integration",
    "eligibility:read-worklists": "front-desk biller manager",
    # charges: the practice, encounters, coding, prices, code tables
    "charges:read-practice": f"{_EVERY_DESK} integration",
    "charges:set-up-practice": "manager",
    "charges:read-encounters": f"{_EVERY_DESK} integration",
    "charges:record-encounter": "front-desk coder biller manager integration",
    "charges:capture-charge": "coder biller manager integration",
    "charges:code-encounter": "coder manager integration",
    "charges:override-edit": "coder manager",
    "charges:choose-bills": "biller manager",
    "charges:set-prices": "manager",
    "charges:read-worklists": "coder biller manager",
    # claims: claims, batches, acknowledgements, denials, appeals
    "claims:read-claims": f"{_EVERY_DESK} integration",
    "claims:edit-claim": "biller denial-specialist manager",
    "claims:hold-claim": "biller denial-specialist manager",
    "claims:release-claim": "biller denial-specialist manager",
    "claims:submit-claims": "biller manager",
    "claims:void-claim": "biller denial-specialist manager",
    "claims:close-claim": "biller denial-specialist manager",
    "claims:follow-up-claim": "biller denial-specialist manager",
    "claims:read-follow-up-notes": "biller denial-specialist manager",
    "claims:receive-acknowledgement": "biller manager integration",
    "claims:read-batches": "biller denial-specialist manager integration",
    "claims:read-denials": "biller denial-specialist poster manager integration",
    "claims:work-denial": "denial-specialist biller manager",
    "claims:assign-denial": "denial-specialist manager",
    "claims:approve-write-off": "manager",
    "claims:read-printed-claim": "coder biller denial-specialist poster manager",
    "claims:read-appeals": "denial-specialist biller manager",
    "claims:keep-appeal-template": "manager",
    "claims:keep-denial-rules": "manager",
    "claims:file-appeal": "denial-specialist manager",
    "claims:decide-appeal": "denial-specialist manager",
    "claims:read-rules": "coder biller denial-specialist manager",
    "claims:write-rules": "manager",
    "claims:try-rules": "biller denial-specialist manager",
    "claims:read-partners": "biller denial-specialist manager integration",
    "claims:set-up-partner": "manager",
    "claims:read-worklists": "biller denial-specialist manager",
    # payments: the ledger, remittances, deposits
    "payments:read-balances": f"{_EVERY_DESK} integration",
    "payments:read-ledger": "biller denial-specialist poster collector manager integration",
    "payments:read-remittances": "biller denial-specialist poster manager integration",
    "payments:receive-remittance": "poster manager integration",
    "payments:release-remittance": "poster manager",
    "payments:reverse-remittance": "poster manager",
    "payments:take-payment": "front-desk poster collector manager integration",
    "payments:receive-card-webhook": "integration",
    "payments:read-card-payments": "front-desk poster collector manager integration",
    "payments:adjust-account": "biller poster collector manager",
    "payments:approve-adjustment": "manager",
    "payments:take-back-payment": "poster manager",
    "payments:request-refund": "biller poster collector manager",
    "payments:approve-refund": "manager",
    "payments:reverse-refund": "poster manager",
    "payments:move-credit": "poster manager",
    "payments:read-deposits": "poster manager integration",
    "payments:record-deposit": "poster manager integration",
    "payments:import-balances": "manager",
    "payments:undo-identification": "poster manager",
    "payments:close-period": "manager",
    "payments:reopen-period": "manager",
    "payments:read-contracts": "biller denial-specialist poster manager",
    "payments:agree-contract": "manager",
    "payments:load-fee-schedule": "manager",
    "payments:take-roster": "poster manager integration",
    "payments:assign-capitation": "poster manager",
    "payments:read-variances": "biller denial-specialist poster manager integration",
    "payments:read-variance-notes": "denial-specialist poster manager",
    "payments:ask-what-if": "poster manager",
    "payments:work-variance": "denial-specialist poster manager",
    "payments:read-worklists": "poster manager",
    # collections: statements, plans, disputes, assistance, agencies
    "collections:read-accounts": "front-desk biller poster collector manager integration",
    "collections:log-contact": "front-desk collector manager",
    "collections:issue-statement": "collector manager",
    "collections:read-statements": "front-desk poster collector manager integration",
    "collections:agree-plan": "front-desk collector manager",
    "collections:record-promise": "front-desk collector manager",
    "collections:record-dispute": "front-desk collector manager integration",
    "collections:resolve-dispute": "collector manager",
    "collections:decide-assistance": "manager",
    "collections:place-hold": "front-desk collector manager",
    "collections:lift-hold": "collector manager",
    "collections:place-account": "manager",
    "collections:recall-account": "collector manager",
    "collections:read-strategy": "collector manager",
    "collections:read-worklists": "collector manager",
    # the edge, documents, the log, the machinery
    "gateway:submit-message": "integration manager",
    "gateway:read-messages": "biller manager integration",
    "gateway:replay-message": "biller manager",
    "documents:read-document": "coder biller denial-specialist poster manager",
    "events:read-events": "manager integration",
    "events:read-stream": f"{_EVERY_DESK} integration",
    "evidence:read-account": "manager",
    "evidence:read-documents": "manager",
    "openings:read-openings": "",  # who watches the watchers is none of them
    "emergencies:break-glass": _EVERY_DESK,
    "keys:read-subject": "manager",
    "keys:lock-subject": "manager",
    "keys:destroy-subject": "",
    "dashboard:read-pages": f"{_EVERY_DESK} operator",
    "dashboard:read-kpis": "biller denial-specialist poster collector manager operator",
    "ops:read-metrics": "operator",
    "ops:read-readers": "operator manager",
    "ops:read-freshness": f"{_EVERY_DESK} operator",
    "ops:read-parked": "operator manager",
    "ops:replay-parked": "operator",
    "ops:rebuild-projection": "operator",
    "ops:read-invariants": "operator manager",
    "ops:continue-heads": "operator",
    "ops:drive-clock": "operator",
    "ops:read-keys": "operator manager",
    "ops:rotate-root-key": "operator",
    "ops:rotate-tenant-key": "operator",
    "ops:read-refused": "operator biller poster collector manager",
}

# What whoever breaks the glass may read besides, for an hour: about people, and nothing of the machinery.
EMERGENCY_ACTIONS = frozenset(
    {
        "eligibility:read-patient",
        "eligibility:read-coverage",
        "eligibility:read-checks",
        "eligibility:read-authorizations",
        "eligibility:read-appointments",
        "charges:read-encounters",
        "claims:read-claims",
        "claims:read-denials",
        "payments:read-ledger",
        "payments:read-remittances",
        "collections:read-accounts",
        "collections:read-statements",
        "collections:read-worklists",
        "documents:read-document",
    }
)

# Of every tenant at once: what they answer, or do, is not one tenant's alone.
OF_THE_INSTALLATION = frozenset(
    {
        "ops:rebuild-projection",
        "ops:read-invariants",
        "ops:continue-heads",
        "ops:drive-clock",
        "ops:read-metrics",
        "ops:rotate-root-key",
    }
)


def _roles(action: str, named: str) -> Iterator[Role]:
    yield from map(Role, named.split())
    yield Role.ADMIN
    if action.partition(":")[2].startswith("read-"):
        yield Role.AUDITOR


ROLES_OF: Mapping[str, frozenset[Role]] = {action: frozenset(_roles(action, named)) for action, named in _TABLE.items()}
ACTIONS: frozenset[str] = frozenset(ROLES_OF)


def may(roles: frozenset[Role], action: str) -> bool:
    """Whether any of the roles has the action. An action that does not exist is denied to everyone."""
    return not roles.isdisjoint(ROLES_OF.get(action, frozenset()))


def refuse_unknown_action(action: str) -> None:
    """Raises LookupError for an action that is in no row: a misspelt one would be a route that nobody can use."""
    if action not in ACTIONS:
        raise LookupError(f"{action} is not in the table of roles and actions")
