"""How does everything stand, in the words of a story?

The rows that the screens show and the events that subscribers read, said in the same lines as `Then` says them; so a difference is
read as a person would tell it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from shared.events.payments import ClaimDeniedByPayer, ResponsibilityTransferred
from shared.kernel.money import Money
from tests.golden.reading import Then
from tests.golden.story import SECTIONS

Row: TypeAlias = Mapping[str, Any]


class Answers(Protocol):
    """How everything stands: lines by section."""

    def sections(self) -> Mapping[str, Sequence[str]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a system answers: read models as rows, and the events."""

    ledger: Mapping[str, int]  # cents by account, zeros left out
    remittances: Sequence[Row]
    claims: Sequence[Row]  # of all remittances
    provider_adjustments: Sequence[Row]
    chains: Mapping[str, int]  # open cents by clearing account
    accounts: Sequence[Row]  # those with charges
    parties: Mapping[str, Mapping[str, int]]  # what each owes, by account
    events: Sequence[Any]
    late: Sequence[str]

    def sections(self) -> dict[str, list[str]]:
        said = (
            self._ledger(),
            self._remittances(),
            self._answers(),
            accounts_told(self.accounts, self.parties),
            self._moved(),
            self._denied(),
            self._adjustments(),
            self._chains(),
            iter(self.late),
        )
        return {name: sorted(lines) for name, lines in zip(SECTIONS, said, strict=True)}

    @property
    def traces(self) -> dict[str, str]:
        return {each["remittance_id"]: each["trace_number"] for each in self.remittances}

    def cents_short(self) -> dict[str, int]:
        """BPR02 less what was posted, held and is unapplied, plus the PLBs: by trace, of every 835 that was taken in."""
        return {
            each["trace_number"]: each["payment_cents"] - sum(self._parts(each).values())
            for each in self.remittances
            if each["status"] == "posted"
        }

    def _ledger(self) -> Iterator[str]:
        for account, cents in self.ledger.items():
            yield f"{account} {'debit' if cents > 0 else 'credit'} {money(abs(cents))}"

    def _remittances(self) -> Iterator[str]:
        for each in self.remittances:
            told = "".join(f"; {rule}" for rule in rules(each))
            if each["status"] in ("held", "dismissed"):
                yield f"{each['trace_number']} {each['status']}, {money(each['payment_cents'])} not posted{told}"
            else:
                terms = [(name, cents) for name, cents in self._parts(each).items() if cents or name == "posted"]
                (first, cents), *rest = terms
                sums = "".join(f" {'-' if cents < 0 else '+'} {money(abs(cents))} {name}" for name, cents in rest)
                equation = f"{money(each['payment_cents'])} = {money(cents)} {first}{sums}"
                yield f"{each['trace_number']} {each['status']}, {equation}{told}"

    def _parts(self, remittance: Row) -> dict[str, int]:
        parts = Counter[str]()
        for claim in self.claims:
            if claim["remittance_id"] == remittance["remittance_id"]:
                parts[_place_of(claim["outcome"])] += claim["paid_cents"]
        parts["PLB"] = -remittance["provider_adjustments_cents"]
        return {name: parts[name] for name in ("posted", "held", "unapplied", "PLB")}

    def _answers(self) -> Iterator[str]:
        for each in self.claims:
            where = f"{self.traces[each['remittance_id']]}/{each['ordinal']} {claim_named(each['claim_id'])}"
            of = f" of payer:{each['payer_rank']}" if each["outcome"] in ("posted", "reversal") else ""
            amounts = f"paid {money(each['paid_cents'])}"
            if of:
                for name, column in (("contractual", "contractual"), ("share", "patient_responsibility")):
                    amounts += _unless_zero(name, each[f"{column}_cents"])
                amounts += _unless_zero("denied", each["denied_cents"])
            taken_back = ", taken back" if each["is_reversed"] and each["outcome"] == "posted" else ""
            findings = "".join(f"; {rule}" for rule in rules(each))
            yield f"{where} {each['outcome']}{of}: {amounts}{taken_back}{findings}"

    def _moved(self) -> Iterator[str]:
        for event in self.events:
            if isinstance(event, ResponsibilityTransferred):
                way = f"{event.from_party} to {event.to_party}"
                yield f"{event.account_id} {way} {money(event.amount_cents)} {event.reason}"

    def _denied(self) -> Iterator[str]:
        for event in self.events:
            if isinstance(event, ClaimDeniedByPayer):
                lines = f" on {' '.join(event.line_ids)}" if event.line_ids else ""
                remarks = f", {' '.join(event.remarks)}" if event.remarks else ""
                reason = f"{event.group}-{event.reason}{lines}{remarks}"
                yield f"{event.claim_id} payer:{event.payer_rank} {money(event.denied_cents)} {reason}"

    def _adjustments(self) -> Iterator[str]:
        for each in self.provider_adjustments:
            told = " ".join(filter(None, (each["reason"], each["reference"])))
            yield f"{self.traces[each['remittance_id']]} {told} {money(each['amount_cents'])}"

    def _chains(self) -> Iterator[str]:
        for clearing, cents in self.chains.items():
            yield f"{clearing.removeprefix('provider-adjustment:')} {money(cents)}"


def differences(then: Then, found: Answers) -> list[str]:
    """What a story expects and is not so, and what is so and no story expects. Empty when everything stands as told."""
    wrong: list[str] = []
    for name, lines in found.sections().items():
        if name in then.sections or then.is_last:
            expected, is_so = Counter(then.sections.get(name, ())), Counter(lines)
            wrong += [f"{name}: expected  {line}" for line in sorted((expected - is_so).elements())]
            wrong += [f"{name}: found     {line}" for line in sorted((is_so - expected).elements())]
    return wrong


def accounts_told(accounts: Sequence[Row], parties: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    figures = (
        ("paid", "paid_by_payers"),
        ("contractual", "contractual"),
        ("patient paid", "paid_by_patient"),
        ("written off", "written_off"),
        ("refunded", "refunded"),
    )
    for each in accounts:
        amounts = "".join(_unless_zero(name, each[f"{column}_cents"]) for name, column in figures)
        owed = [
            f"{party} {'owes' if cents > 0 else 'is owed'} {money(abs(cents))}"
            for party, cents in sorted(parties[each["account_id"]].items())
            if cents
        ]
        rest = ", ".join(owed) or "nothing is owed"
        yield f"{each['account_id']} charged {money(each['charged_cents'])}{amounts}; {rest}"


def money(cents: int) -> str:
    return str(Money(cents))


def rules(row: Row) -> Iterable[str]:
    return [finding["rule"] for finding in row["findings"] or ()]


def claim_named(claim_id: str) -> str:
    """The number, or that it is none of ours: then it is not kept."""
    return "not-ours" if claim_id.startswith("unmatched-") else claim_id


def _unless_zero(name: str, cents: int) -> str:
    return f", {name} {money(cents)}" if cents else ""


def _place_of(outcome: str) -> str:
    return outcome if outcome in ("held", "unapplied") else "posted"
