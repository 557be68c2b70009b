"""The payments service with everything around it in memory: where a story is played without a database.

The bytes of an 835 go the way that they go in production: document store, codec, adapter, deciders, events, policies, projections.
Only the places where things are kept are simulated (`tests/simulation`), in a world without trouble.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid5

import msgspec

from services.payments.adapters.remittance_files import RemittanceFiles
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
from shared.events.base import Event
from shared.events.envelope import Recorded, Stored
from shared.events.values import DocumentReference
from shared.runtime.clock import DrivenClock
from shared.runtime.command import Cause, Outcome
from shared.runtime.handler import CommandHandler
from shared.runtime.queries import rows
from shared.runtime.verify import check_store
from tests.golden import said
from tests.golden.found import Found, Row, money
from tests.golden.story import Charges, Deed, File835, Step
from tests.simulation import loop
from tests.simulation.feed import SimulatedFeed
from tests.simulation.log import ServiceLog, SimulatedStore
from tests.simulation.outside import Clearinghouse, PlainVault, SimulatedDocuments
from tests.simulation.process import CODEC, TENANT, Ground, Process, tasks_by_process
from tests.simulation.rows import Mirrors, ServiceRows
from tests.simulation.weather import CALM, Weather

T = TypeVar("T")
SERVICES = (*said.NEIGHBOURS, "claims", "collections", "payments")
MORNING = datetime(2026, 4, 15, 9, tzinfo=UTC)
BOOKED_FOR_SURE = timedelta(minutes=1)
_LOOK_SECONDS = 0.25
_MIRRORS = Mirrors()
_IDS = UUID("6f1b3a52-7f0c-4bd5-9a43-5a0b0f7c1d2e")


class Office:
    def __init__(self) -> None:
        weather, clock = Weather(random.Random(1), CALM), DrivenClock(MORNING)
        self.clock = clock
        self.feed = SimulatedFeed(weather, dict.fromkeys(SERVICES, 1))
        self.ground = Ground(
            weather=weather,
            clock=clock,
            feed=self.feed,
            logs={service: ServiceLog(service) for service in SERVICES},
            rows={service: ServiceRows(service) for service in SERVICES},
            vault=PlainVault(),
            documents=SimulatedDocuments(weather, clock),
            clearinghouse=Clearinghouse(weather, clock, seed=1),
            mirrors=_MIRRORS,
        )
        self.process = Process(self.ground, "payments", "payments-1", set())
        self.neighbours = {
            service: CommandHandler(
                SimulatedStore(self.ground.logs[service], self.feed, weather, clock),
                CODEC,
                self.ground.vault,
                clock,
                service,
            )
            for service in said.NEIGHBOURS
        }
        self.files = RemittanceFiles(
            commands=self.process.commands,
            documents=self.ground.documents,
            clock=clock,
            remittances=self.process.aggregates["remittance"],
        )
        self.asked = 0

    # --- what happens ---

    async def play(self, step: Step) -> None:
        match step:
            case Charges():
                for service, event in said.of(step):
                    await self.neighbours[service].handle(said.told, "x", event, self.cause())
                    await self.settle()
            case File835():
                await self.send(step.content(self.asked + 1))
            case Deed():
                await self.do(step)
        await self.settle()

    async def send(self, content: bytes) -> None:
        await self.process.call(lambda _: self.files.receive(content, self.cause()))
        await self.settle()

    async def do(self, deed: Deed) -> None:
        match deed.kind:
            case "match":
                claim = self.claim(deed)
                command = RematchAnswer(
                    remittance_id=claim["remittance_id"], ordinal=deed.ordinal, to_claim_id=deed.account_id
                )
                await self.handle("claim-account", claim["account_id"], command)
            case "unpost":
                for claim in self.claims_of(deed):
                    reversal = ReverseClaimPayment(
                        remittance_id=claim["remittance_id"],
                        ordinal=claim["ordinal"],
                        reversed_on=self.clock.now().date(),
                    )
                    await self.handle("claim-account", claim["account_id"], reversal)
            case "retry":
                claim = self.claim(deed)
                whole = self.remittance(deed.trace)
                document = DocumentReference(document_id=whole["document_id"], place=whole["place"])
                answers = await self.files.answers(TENANT, whole["remittance_id"], document)
                answer = next(each for each in answers if each.ordinal == deed.ordinal)
                again = msgspec.structs.replace(answer, account_id=claim["account_id"])
                await self.handle("claim-account", claim["account_id"], RetryHeldAnswer(answer=again))
            case "dismiss":
                dismissed = DismissRemittance(reason="payer-sent-another", dismissed_by="user:poster")
                await self.handle("remittance", self.remittance(deed.trace, "held")["remittance_id"], dismissed)
            case "refund":
                refund = RequestRefund(
                    account_id=deed.account_id,
                    refund_id=f"refund-{self.asked}",
                    to_party=deed.party,
                    amount_cents=deed.cents,
                    requested_by="user:poster",
                )
                await self.handle("claim-account", deed.account_id, refund)
                agreed = ApproveRefund(refund_id=refund.refund_id, approved_by="user:manager")
                await self.handle("claim-account", deed.account_id, agreed)
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
        await self.handle("patient-account", said.PATIENT, payment)

    async def close(self, day: str) -> None:
        """What the screen finds before it closes a day is found here in the rows: nothing is under way."""
        period, books = period_named(day), await self.books()
        known_until = self.clock.now()
        inside = [
            row
            for row in self.table("postings")
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
        await self.handle("books", LEDGER, command)

    async def books(self) -> Books:
        found: Books = await self.process.commands.state(self.process.aggregates["books"], TENANT, LEDGER)
        return found

    async def handle(self, aggregate: str, key: str, command: Any) -> Outcome:
        cause = self.cause()
        return await self.process.call(
            lambda process: process.commands.handle(process.aggregates[aggregate], key, command, cause)
        )

    def cause(self) -> Cause:
        self.asked += 1
        number = uuid5(_IDS, str(self.asked))
        return Cause(tenant=TENANT, actor="user:poster", command_id=number, correlation_id=str(number))

    async def settle(self) -> None:
        """Until nothing goes on any more. The loop's clock jumps, so to wait takes no time."""
        is_quiet = False
        while not is_quiet:
            await asyncio.sleep(_LOOK_SECONDS)
            is_quiet = await self.process.is_at_rest() and await self.process.has_no_work()

    # --- what is found ---

    @property
    def stored(self) -> Sequence[Stored]:
        return self.ground.logs["payments"].events

    def recorded(self) -> list[Recorded[Event]]:
        return [CODEC.decode(stored) for stored in self.stored]

    def table(self, name: str) -> list[Row]:
        return list(self.ground.rows["payments"].tables[name].rows.values())

    def remittance(self, trace: str, status: str = "posted") -> Row:
        return next(row for row in self.table("remittances") if (row["trace_number"], row["status"]) == (trace, status))

    def claims_of(self, deed: Deed) -> list[Row]:
        found = [row for row in self.table("remittance_claims") if row["remittance_id"] == self._id(deed.trace)]
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
        for row in self.table("postings"):
            ledger[row["ledger"]] += row["amount_cents"]
        payers = {row["remittance_id"]: row["payer_identifier"] for row in self.table("remittances")}
        for row in self.table("provider_adjustments"):
            if row["reason"] not in ("L6", "CR", "CT", "IR", "LE"):
                chain = f"{payers[row['remittance_id']]}:{row['reference'] or row['reason']}"
                chains[f"provider-adjustment:{chain}"] += row["amount_cents"]
        accounts = [row for row in self.table("claim_accounts") if row["release"] > 0]
        parties: dict[str, dict[str, int]] = {row["account_id"]: {} for row in accounts}
        for row in self.table("claim_account_parties"):
            parties.setdefault(row["account_id"], {})[row["party"]] = row["owed_cents"]
        books = await self.books()
        return Found(
            ledger=_without_zeros(ledger),
            remittances=self.table("remittances"),
            claims=self.table("remittance_claims"),
            provider_adjustments=self.table("provider_adjustments"),
            chains=_without_zeros(chains),
            accounts=accounts,
            parties=parties,
            events=[recorded.event for recorded in self.recorded()],
            late=[text for row in self.table("postings") if (text := _late(row, books))],
        )

    async def violations(self) -> list[str]:
        """What `ledgerline verify` finds in the log; and every event that does not sum to zero, by a plain sum."""
        found = [
            f"{check.name}: {each.where}: {each.expected}, found {each.found}"
            for check in await check_store(self.feed, "payments", CODEC, self.process.parts.invariants)
            for each in check.violations
        ]
        sums = [
            (each, sum(leg.amount_cents for leg in getattr(each.event, "postings", ()))) for each in self.recorded()
        ]
        found += [f"{each.stored.type} is {cents} cents off" for each, cents in sums if cents]
        refused = [stored.type for stored in self.stored if "ReactionRefused" in stored.type]
        parked = [
            f"parked by {reader}: {code}" for (reader, _), (_, code) in self.ground.rows["payments"].parked.items()
        ]
        return [*found, *refused, *parked]


def in_office(work: Callable[[Office], Awaitable[T]]) -> T:
    """Do something in an office of its own, from its opening until everything has come to rest."""

    async def whole() -> T:
        asyncio.get_running_loop().set_task_factory(tasks_by_process)
        _MIRRORS.clear()
        office = Office()
        await office.process.start()
        try:
            return await work(office)
        finally:
            office.ground.clearinghouse.book.close()

    return loop.run(whole())


def _without_zeros(sums: Counter[str]) -> dict[str, int]:
    return {name: cents for name, cents in sums.items() if cents}


def _late(row: Row, books: Books) -> str:
    happened_on = row["occurred_at"].date()
    posted_on = books.posted_on(happened_on, row["recorded_at"])
    if posted_on == happened_on or row["ledger"] != "cash":
        return ""
    return f"cash {money(row['amount_cents'])} of {happened_on} stands on {posted_on}"
