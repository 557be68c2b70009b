"""What must be true between the services?

Folds of what each service has said, read from the running system's event endpoints: every charge that was not taken back is in a
release or a named hold, every released account is on exactly one live claim, self-pay, or in a named hold; and the ledger has
posted exactly what charges released, and collections ask patients for exactly what the ledger says they owe.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any, TypeAlias

from deploy.client import Client
from shared.events.registry import SERVICES
from shared.runtime.invariants import CheckResult, note

CloudEvent: TypeAlias = dict[str, Any]
_PAGE = 1000
_STATES_LINES = ("ClaimCreated", "ClaimCorrected", "ClaimRepaired", "ClaimEditedByRules")


def cross_checks(client: Client) -> list[dict[str, Any]]:
    """The checks that no service can make alone, as `verify` reports them."""
    said = {service: list(every_event(client, service)) for service in SERVICES}
    return [asdict(result) for result in between_services(said)]


def between_services(said: Mapping[str, Sequence[CloudEvent]]) -> list[CheckResult]:
    """What must hold between the services, from what each has said."""
    return [
        charges_are_released_or_held(said["charges"]),
        releases_are_billed_once(said["charges"], said["eligibility"], said["claims"]),
        ledger_has_what_was_released(said["charges"], said["payments"]),
        collections_ask_for_what_the_ledger_says(said["payments"], said["collections"]),
    ]


def every_event(client: Client, service: str) -> Iterator[CloudEvent]:
    """What a service has said, from the first event to the head."""
    cursor: str | None = None
    while True:
        events, cursor, is_head = client.events(service, cursor, _PAGE)
        yield from events
        if is_head:
            return


def charges_are_released_or_held(charges: Iterable[CloudEvent]) -> CheckResult:
    """Every charge with units left is in the last release of its encounter, or of the one that it is billed with; or one of these is held or cancelled."""
    result = CheckResult(name="every charge is released or in a named hold")
    left: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    released: defaultdict[str, dict[str, set[str]]] = defaultdict(dict)  # by visit and account
    excused: dict[str, bool] = defaultdict(bool)
    carrier: dict[str, str] = {}  # of a visit that is billed with another one
    for event in charges:
        visit, data = event["subject"], event["data"]
        match _name(event):
            case "ChargeCaptured":
                left[visit][data["charge_id"]] = Decimal(data["units"])
                excused[visit] = False
            case "ChargeCredited":
                of_charge = left[visit]
                of_charge[data["charge_id"]] = of_charge.get(data["charge_id"], Decimal(0)) - Decimal(data["units"])
            case "ChargesHeld" | "EncounterCancelled":
                excused[visit] = True
            case "ChargesReleased":
                released[visit][data["account_id"]] = {line["charge_id"] for line in data["lines"]}
                excused[visit] = False
            case "ChargesHandedOver":
                carrier[visit] = f"encounter/{data['billed_with']}"
                excused[visit] = False
            case "VisitBilledWith" if not data["billed_with"]:
                carrier.pop(visit, None)
    for visit, units in left.items():
        bills = [*released[visit].values(), *released[carrier.get(visit, visit)].values()]
        billed = set[str]().union(*bills)
        is_excused = excused[visit] or excused[carrier.get(visit, visit)]
        for charge_id, remaining in units.items():
            result.checked += 1
            if remaining > 0 and charge_id not in billed and not is_excused:
                note(result, f"{visit} charge {charge_id}", "released or held", "neither")
    return result


def releases_are_billed_once(
    charges: Iterable[CloudEvent], eligibility: Iterable[CloudEvent], claims: Iterable[CloudEvent]
) -> CheckResult:
    """Every released account with something to bill is on one live first claim, self-pay, or held for its coverage."""
    result = CheckResult(name="every released charge is on exactly one live claim, self-pay, or in a named hold")
    accounts = {
        event["data"]["account_id"]: {line["charge_id"] for line in event["data"]["lines"]}
        for event in charges
        if _name(event) == "ChargesReleased"
    }
    waiting = _accounts_waiting_for_coverage(eligibility)
    live, not_billed, billed = _first_claims(claims)
    for account, charge_ids in accounts.items():
        result.checked += 1
        if not charge_ids or account in waiting or account in not_billed:
            continue
        if (count := len(live[account])) != 1:
            note(result, f"account {account}", "one live claim to the first payer", str(count))
    for charge_id, times in billed.items():
        if times > 1:
            note(result, f"charge {charge_id}", "on one live claim to a first payer", str(times))
    return result


def _accounts_waiting_for_coverage(eligibility: Iterable[CloudEvent]) -> set[str]:
    waiting: set[str] = set()
    for event in eligibility:
        match _name(event):
            case "CoverageSelectionHeld":
                waiting.add(event["data"]["account_id"])
            case "CoverageSelected" | "NoCoverageFound":
                waiting.discard(event["data"]["account_id"])
    return waiting


def _first_claims(claims: Iterable[CloudEvent]) -> tuple[dict[str, set[str]], set[str], Counter[str]]:
    """Live claims to payers of rank 1 by account, accounts that are not billed to any, and on how many of these claims each charge is."""
    not_billed: set[str] = set()
    account_of: dict[str, str] = {}
    replaced: set[str] = set()
    voided: set[str] = set()
    charges_on: dict[str, set[str]] = {}
    taken_back: set[str] = set()  # claims that only take back what was sent
    for event in claims:
        data = event["data"]
        match _name(event):
            case "AccountIsSelfPay" | "BillingCancelled":
                not_billed.add(data["account_id"])
            case "AccountReadyToBill":
                not_billed.discard(data["account_id"])
            case "ClaimCreated" if data["rank"] == 1:
                account_of[data["claim_id"]] = data["account_id"]
                if data.get("frequency") == "8":
                    taken_back.add(data["claim_id"])
            case "ReplacementClaimDue":
                replaced.add(data["claim_id"])
            case "ReplacementWithdrawn":
                replaced.discard(data["claim_id"])
            case "ClaimVoided":
                voided.add(data["claim_id"])
            case "ClaimCorrected":
                voided.discard(data["claim_id"])
                if data.get("frequency"):
                    (taken_back.add if data["frequency"] == "8" else taken_back.discard)(data["claim_id"])
        if data.get("claim_id") in account_of and _name(event) in _STATES_LINES and data.get("services"):
            charges_on[data["claim_id"]] = {line["charge_id"] for line in data["services"]["lines"]}
    live: defaultdict[str, set[str]] = defaultdict(set)
    for claim_id in account_of.keys() - replaced - voided - taken_back:
        live[account_of[claim_id]].add(claim_id)
    billed = Counter(
        charge_id for claims_of in live.values() for claim_id in claims_of for charge_id in charges_on.get(claim_id, ())
    )
    return live, not_billed, billed


def ledger_has_what_was_released(charges: Iterable[CloudEvent], payments: Iterable[CloudEvent]) -> CheckResult:
    """Per account, the ledger's charges equal those of the last release."""
    result = CheckResult(name="the ledger has exactly what charges released")
    released = {
        event["data"]["account_id"]: event["data"]["charged_cents"]
        for event in charges
        if _name(event) == "ChargesReleased"
    }
    posted: defaultdict[str, int] = defaultdict(int)
    for event in payments:
        if _name(event) == "ChargesPosted":
            legs = event["data"]["postings"]
            posted[event["data"]["account_id"]] -= sum(
                leg["amount_cents"] for leg in legs if leg["account"] == "charges"
            )
    for account in released.keys() | posted.keys():
        result.checked += 1
        if released.get(account, 0) != posted[account]:
            expected, found = f"{released.get(account, 0)} cents", f"{posted[account]} cents"
            note(result, f"account {account}", expected, found)
    return result


def collections_ask_for_what_the_ledger_says(
    payments: Iterable[CloudEvent], collections: Iterable[CloudEvent]
) -> CheckResult:
    """Per account, what collections holds the patient to owe is what stands on the ledger for the patient."""
    result = CheckResult(name="collections ask for exactly what the ledger says the patient owes")
    ledger: defaultdict[str, int] = defaultdict(int)
    for event in payments:
        for leg in event["data"].get("postings", ()):
            if leg["account"] == "receivable:patient":
                ledger[event["data"]["account_id"]] += leg["amount_cents"]
    noted = {
        event["data"]["account_id"]: event["data"]["balance_cents"]
        for event in collections
        if _name(event) == "PatientBalanceNoted"
    }
    for account in ledger.keys() | noted.keys():
        result.checked += 1
        if ledger[account] != noted.get(account, 0):
            note(result, f"account {account}", f"{ledger[account]} cents", f"{noted.get(account, 0)} cents")
    return result


def _name(event: CloudEvent) -> str:
    return str(event["type"]).split(".")[1]
