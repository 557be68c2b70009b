"""The payments service with everything around it in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import msgspec

from services.payments.domain.books.commands import ClosePeriod, Figures
from services.payments.domain.books.period import period_named
from services.payments.domain.books.state import LEDGER, Books
from services.payments.domain.claim_account.commands import (
    ApproveRefund,
    RematchAnswer,
    RequestRefund,
    RetryHeldAnswer,
    ReverseClaimPayment,
)
from services.payments.domain.patient_account.commands import AccountDue, Named, ReceivePatientPayment
from services.payments.domain.remittance.commands import DismissRemittance
from services.payments.projections import claim_accounts
from shared.events.values import DocumentReference
from shared.runtime.queries import rows
from tests.golden import said
from tests.golden.found import Found, Row, money
from tests.golden.house import House, in_house
from tests.golden.story import Charges, Deed, File835, Step
from tests.simulation.process import TENANT

T = TypeVar("T")
BOOKED_FOR_SURE = timedelta(minutes=1)


class Office(House):
    def __init__(self) -> None:
        super().__init__("payments")
        self.process = self.processes["payments"]

    # --- what happens ---

    async def play(self, step: Step) -> None:
        match step:
            case Charges():
                await self.charge(step)
            case File835():
                await self.send_835(step.content(self.asked + 1))
            case Deed():
                await self.do(step)
        await self.settle()

    async def do(self, deed: Deed) -> None:
        match deed.kind:
            case "match":
                claim = self.claim(deed)
                command = RematchAnswer(
                    remittance_id=claim["remittance_id"], ordinal=deed.ordinal, to_claim_id=deed.account_id
                )
                await self.handle("payments", "claim-account", claim["account_id"], command)
            case "unpost":
                for claim in self.claims_of(deed):
                    reversal = ReverseClaimPayment(
                        remittance_id=claim["remittance_id"],
                        ordinal=claim["ordinal"],
                        reversed_on=self.clock.now().date(),
                    )
                    await self.handle("payments", "claim-account", claim["account_id"], reversal)
            case "retry":
                claim = self.claim(deed)
                whole = self.remittance(deed.trace)
                document = DocumentReference(document_id=whole["document_id"], place=whole["place"])
                answers = await self.files.answers(TENANT, whole["remittance_id"], document)
                answer = next(each for each in answers if each.ordinal == deed.ordinal)
                again = msgspec.structs.replace(answer, account_id=claim["account_id"])
                await self.handle("payments", "claim-account", claim["account_id"], RetryHeldAnswer(answer=again))
            case "dismiss":
                dismissed = DismissRemittance(reason="payer-sent-another", dismissed_by="user:poster")
                await self.handle(
                    "payments", "remittance", self.remittance(deed.trace, "held")["remittance_id"], dismissed
                )
            case "refund":
                refund = RequestRefund(
                    account_id=deed.account_id,
                    refund_id=f"refund-{self.asked}",
                    to_party=deed.party,
                    amount_cents=deed.cents,
                    requested_by="user:poster",
                )
                await self.handle("payments", "claim-account", deed.account_id, refund)
                agreed = ApproveRefund(refund_id=refund.refund_id, approved_by="user:manager")
                await self.handle("payments", "claim-account", deed.account_id, agreed)
            case "pay":
                await self.pay(deed)
            case _:
                await self.close(deed.day)

    async def pay(self, deed: Deed) -> None:
        async with self.process.reads.read(TENANT) as connection:
            due = await rows(connection, claim_accounts.due_of_patient([said.PATIENT]))
        payment = ReceivePatientPayment(
            payment_id=f"payment-{self.asked}",
            patient_id=said.PATIENT,
            amount_cents=deed.cents,
            method="card",
            received_on=self.clock.now().date(),
            named=(Named(deed.account_id, deed.cents),) if deed.account_id else (),
            due=tuple(AccountDue(each["account_id"], each["due_cents"]) for each in due),
        )
        await self.handle("payments", "patient-account", said.PATIENT, payment)

    async def close(self, day: str) -> None:
        """What the screen finds before it closes a day is found here in the rows: nothing is under way."""
        period, books = period_named(day), await self.books()
        known_until = self.clock.now()
        inside = [
            row
            for row in self.table("payments", "postings")
            if books.posted_on(row["occurred_at"].date(), row["recorded_at"]) <= period.through_on
        ]
        figures = Figures(
            entries=len(inside),
            receivable_cents=sum(row["amount_cents"] for row in inside if row["party"]),
            cash_cents=sum(row["amount_cents"] for row in inside if row["ledger"] == "cash"),
        )
        command = ClosePeriod(
            period=period,
            seen=len(books.steps),
            today=known_until.date(),
            known_until=known_until,
            figures=figures,
            closed_by="user:manager",
        )
        self.clock.advance_to(known_until + BOOKED_FOR_SURE)
        await self.handle("payments", "books", LEDGER, command)

    async def books(self) -> Books:
        found: Books = await self.process.commands.state(self.process.aggregates["books"], TENANT, LEDGER)
        return found

    # --- what is found ---

    def remittance(self, trace: str, status: str = "posted") -> Row:
        return next(
            row
            for row in self.table("payments", "remittances")
            if (row["trace_number"], row["status"]) == (trace, status)
        )

    def claims_of(self, deed: Deed) -> list[Row]:
        found = [
            row for row in self.table("payments", "remittance_claims") if row["remittance_id"] == self._id(deed.trace)
        ]
        found.sort(key=lambda row: int(row["ordinal"]))
        if deed.ordinal:
            return [row for row in found if row["ordinal"] == deed.ordinal]
        moved = [row for row in found if row["outcome"] in ("posted", "reversal", "unapplied")]
        return [row for row in reversed(moved) if not row["is_reversed"]]

    def claim(self, deed: Deed) -> Row:
        return self.claims_of(deed)[-1]

    def _id(self, trace: str) -> str:
        found: str = self.remittance(trace)["remittance_id"]
        return found

    async def found(self) -> Found:
        ledger, chains = Counter[str](), Counter[str]()
        for row in self.table("payments", "postings"):
            ledger[row["ledger"]] += row["amount_cents"]
        payers = {row["remittance_id"]: row["payer_identifier"] for row in self.table("payments", "remittances")}
        for row in self.table("payments", "provider_adjustments"):
            if row["reason"] not in ("L6", "CR", "CT", "IR", "LE"):
                chain = f"{payers[row['remittance_id']]}:{row['reference'] or row['reason']}"
                chains[f"provider-adjustment:{chain}"] += row["amount_cents"]
        accounts = [row for row in self.table("payments", "claim_accounts") if row["release"] > 0]
        parties: dict[str, dict[str, int]] = {row["account_id"]: {} for row in accounts}
        for row in self.table("payments", "claim_account_parties"):
            parties.setdefault(row["account_id"], {})[row["party"]] = row["owed_cents"]
        books = await self.books()
        return Found(
            ledger=_without_zeros(ledger),
            remittances=self.table("payments", "remittances"),
            claims=self.table("payments", "remittance_claims"),
            provider_adjustments=self.table("payments", "provider_adjustments"),
            chains=_without_zeros(chains),
            accounts=accounts,
            parties=parties,
            events=[recorded.event for recorded in self.recorded("payments")],
            late=[text for row in self.table("payments", "postings") if (text := _late(row, books))],
        )

    async def violations(self) -> list[str]:
        """Of every house; and every event that does not sum to zero, by a plain sum, and what a policy was refused."""
        sums = [
            (each, sum(leg.amount_cents for leg in getattr(each.event, "postings", ())))
            for each in self.recorded("payments")
        ]
        uneven = [f"{each.stored.type} is {cents} cents off" for each, cents in sums if cents]
        refused = [stored.type for stored in self.stored("payments") if "ReactionRefused" in stored.type]
        return [*await super().violations(), *uneven, *refused]


def in_office(work: Callable[[Office], Awaitable[T]]) -> T:
    """Do something in an office of its own, from its opening until everything has come to rest."""
    return in_house(Office, work)


def _without_zeros(sums: Counter[str]) -> dict[str, int]:
    return {name: cents for name, cents in sums.items() if cents}


def _late(row: Row, books: Books) -> str:
    happened_on = row["occurred_at"].date()
    posted_on = books.posted_on(happened_on, row["recorded_at"])
    if posted_on == happened_on or row["ledger"] != "cash":
        return ""
    return f"cash {money(row['amount_cents'])} of {happened_on} stands on {posted_on}"
