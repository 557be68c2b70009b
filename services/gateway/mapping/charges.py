"""What was done and what does it cost, in the words of the charges service?

All charges and credits of a message for one visit travel in one command: together or not at all. FT1-2 with the sending facility
is the business key; a charge without one is known by its content.
Source: HL7 v2.8 FT1, table 0017.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from services.gateway.mapping.naming import Naming, text_or_none
from services.gateway.mapping.registration import patient_id_of
from services.gateway.mapping.visits import (
    CHARGES,
    billable,
    coded,
    encounter_id_of,
    location_reference,
    names_a_visit,
    opening,
    provider_reference,
)
from services.gateway.notes import Note
from services.gateway.parts import Part
from shared.codecs.code_systems import CodeSystem
from shared.codecs.hl7v2.charges import CHARGING, Charges, Transaction, TransactionKind
from shared.codecs.hl7v2.findings import Finding

LINES_A_COMMAND_MAX = 200
LINE_FINDINGS_MAX = 50
_NOT_CHARGES = {
    TransactionKind.PAYMENT: "a payment is not taken from a charge message; record it with payments",
    TransactionKind.ADJUSTMENT: "an adjustment is not taken from a charge message; record it with payments",
    TransactionKind.COPAYMENT: "a co-payment is not taken from a charge message; record it with payments",
}


def charge_parts(told: Charges, facility: str, findings: Sequence[Finding], naming: Naming) -> Iterator[Part]:
    """Open each visit that the message charges, then post its charges."""
    patient_id = patient_id_of(told.person, naming)
    named = encounter_id_of(told.person, told.visit, naming)
    visits: defaultdict[str, list[Transaction]] = defaultdict(list)
    for transaction in told.transactions:
        if transaction.kind in CHARGING:
            visits[named or naming.day(patient_id, transaction.service_on.on)].append(transaction)
    for encounter_id, transactions in visits.items():
        lines = _Lines(facility, encounter_id, findings, naming)
        first_on = min(each.service_on.on for each in transactions)
        yield opening(encounter_id, patient_id, told.visit, naming, service_on=first_on)
        yield from _postings(encounter_id, patient_id, transactions, coded(told.diagnoses), lines, naming)


def unposted(told: Charges) -> Iterator[Note]:
    """What the message says besides charges and credits, each with the reason why nothing is done with it."""
    for transaction in told.transactions:
        if transaction.kind not in CHARGING:
            rule = _NOT_CHARGES[transaction.kind]
            yield Note(place=f"{transaction.place}-6", rule=rule, severity="warning", value=transaction.type_sent)
    if not names_a_visit(told.person, told.visit):
        rule = "neither a visit nor an account is named: the charges stand under the day of service"
        yield Note(place="PV1-19", rule=rule, severity="warning", code="101")


def _postings(
    encounter_id: str,
    patient_id: str,
    transactions: Sequence[Transaction],
    diagnoses: Sequence[str],
    lines: _Lines,
    naming: Naming,
) -> Iterator[Part]:
    """One command, but for a message so long that it does not fit into one. Charges go before the credits of them."""
    ordered = sorted(transactions, key=lambda each: each.kind is TransactionKind.CREDIT)
    for start in range(0, len(ordered), LINES_A_COMMAND_MAX):
        some = ordered[start : start + LINES_A_COMMAND_MAX]
        place = some[0].place
        body = {
            "patient_id": patient_id,
            "charges": [lines.charge(each) for each in some if each.kind is TransactionKind.CHARGE],
            "credits": [lines.credit(each) for each in some if each.kind is TransactionKind.CREDIT],
            "diagnoses": list(diagnoses),
            "source": naming.source(place),
        }
        path = f"/encounters/{encounter_id}/charges"
        yield Part.command(CHARGES, path, body, place=place, what="post the charges")


class _Lines:
    """Charge and credit lines of one visit in a message; counts the like ones that have no transaction id."""

    def __init__(self, facility: str, encounter_id: str, findings: Sequence[Finding], naming: Naming) -> None:
        self._facility = facility
        self._encounter_id = encounter_id
        self._naming = naming
        self._like: Counter[str] = Counter()
        self._findings: defaultdict[str, list[Finding]] = defaultdict(list)
        for finding in findings:
            self._findings[_segment_of(finding)].append(finding)

    def charge(self, line: Transaction) -> dict[str, Any]:
        charge_id = self._naming.charge(self._facility, self._key(line))
        through = line.service_through.on
        body = {
            "charge_id": charge_id,
            "source_key": charge_id,
            "service_on": line.service_on.on,
            "service_to_on": through if through != line.service_on.on else None,
            "code": _code(line),
            "code_system": _code_system(line),
            "modifiers": list(line.modifiers),
            "units": units_text(line.quantity),
            "charged_cents": line.amount_cents,
            "diagnoses": billable(line.diagnoses),
            "rendering_reference": provider_reference(line.performers),
            "national_drug_code": _drug(line),
            "findings": [_finding(each) for each in self._findings[line.place][:LINE_FINDINGS_MAX]],
            "source": self._naming.source(line.place),
        }
        return {name: value for name, value in body.items() if value is not None}

    def credit(self, line: Transaction) -> dict[str, Any]:
        body = {
            "source_key": self._naming.credit(self._facility, self._key(line)),
            "code": _code(line),
            "service_on": line.service_on.on,
            "modifiers": list(line.modifiers),
            "units": units_text(line.quantity),
            "credited_cents": line.amount_cents,
            "reason": f"credited by the sender ({line.type_sent})",
            "source": self._naming.source(line.place),
        }
        return {name: value for name, value in body.items() if value is not None}

    def _key(self, line: Transaction) -> str:
        if line.transaction_id:
            return line.transaction_id
        content = (
            self._encounter_id,
            line.kind,
            line.service_on.on,
            line.service_through.on,
            _code(line),
            line.modifiers,
            units_text(line.quantity),
            line.amount_cents,
            provider_reference(line.performers),
            None if line.location is None else location_reference(line.location),
        )
        digest = hashlib.sha256(repr(content).encode()).hexdigest()
        self._like[digest] += 1
        return f"content {digest} {self._like[digest]}"


def units_text(quantity: Decimal) -> str:
    """Exact, without trailing zeros."""
    text = format(quantity, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _code(line: Transaction) -> str:
    """The procedure where one is named, since a claim needs it; else the sender's charge code, for the price list."""
    code = line.procedure or line.charge_code
    return "" if code is None else code.code


def _code_system(line: Transaction) -> str | None:
    code = line.procedure or line.charge_code
    return None if code is None or code.system is CodeSystem.UNSTATED else str(code.system)


def _drug(line: Transaction) -> str | None:
    is_ndc = line.drug_code_system in (CodeSystem.NDC, CodeSystem.UNSTATED)
    return text_or_none(line.drug_code[:20]) if is_ndc else None


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "rule": f"HL7-{finding.code}",
        "place": finding.place[:80],
        "message": finding.rule[:300],
        "value": finding.value[:80],
        "severity": "warning",
    }


def _segment_of(finding: Finding) -> str:
    at = finding.at
    return at.segment if at.occurrence == 1 else f"{at.segment}[{at.occurrence}]"
