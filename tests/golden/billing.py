"""The claims and payments services with everything around them in memory: from released charges to a closed claim."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, time
from typing import Any, TypeVar

import msgspec

from services.claims.adapters.interchange_writer import X12InterchangeWriter
from services.claims.adapters.paper_writer import PaperWriter
from services.claims.adapters.x12_acknowledgements import read_acknowledgements
from services.claims.api.bodies import CorrectBody
from services.claims.api.claims import correction
from services.claims.domain.batch.commands import RecordMailing
from services.claims.domain.claim.commands import CloseClaim, HoldClaim, RaiseNextClaim, ReleaseClaim, VoidClaim
from services.claims.domain.claim.state import Claim
from services.claims.domain.denial.appeals import terms_of
from services.claims.domain.denial.commands import (
    ApproveWriteOff,
    DecideAppeal,
    FileAppeal,
    RefuseWriteOff,
    ResolveDenial,
    WriteOffDenial,
)
from services.claims.domain.partner.commands import ListPartner
from services.claims.policies.send_batches import SendBatches
from services.claims.policies.send_batches import Streams as SendingStreams
from services.claims.policies.take_acknowledgements import Streams, TakeAcknowledgements
from services.claims.projections import directories
from services.claims.projections.sending import SendingReads
from shared.codecs.x12.envelope import sniff
from shared.events.charges import EncounterCancelled
from shared.events.eligibility import FilingLimit, PayerListed
from shared.kernel.errors import DomainError
from shared.runtime.availability import Unavailable
from tests.golden.claim_found import FoundClaims
from tests.golden.claim_story import (
    PARTNERS,
    US,
    Again,
    Answer,
    Cancelled,
    Day,
    Deed,
    Leave,
    Limit,
    Mail,
    Print,
    Step,
    Terms,
    correction_of,
)
from tests.golden.found import Row
from tests.golden.house import House, in_house
from tests.golden.said import encounter_of, payer_id_of
from tests.golden.story import Charges, File835
from tests.simulation.process import TENANT
from tests.simulation.weather import Weather

T = TypeVar("T")
POST = "post"  # the partner of paper
BILLER, MANAGER = "user:biller", "user:manager"
_ALONE_CENTS_MAX = 25_00
_NO_TERMS = terms_of((), version=0, filing_indicator="CI", first_appeal_days=90)  # what counts where a payer lists none


class Mailbox:
    """A partner's side of the line: what arrived, under which name. Implements `shared.runtime.partners.Clearinghouse`."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.trouble, self.troubles_left = "", 0

    async def send(self, file_name: str, content: bytes) -> None:
        if self.trouble == "no line" and self._is_in_trouble():
            raise Unavailable("nobody answers the line")
        assert self.files.setdefault(file_name, content) == content, "another file under the same name"
        if self.trouble == "no receipt" and self._is_in_trouble():
            raise Unavailable("the receipt was lost")

    def _is_in_trouble(self) -> bool:
        self.troubles_left -= 1
        return self.troubles_left >= 0


class Billing(House):
    def __init__(self, weather: Weather | None = None) -> None:
        super().__init__("claims", "payments", weather=weather)
        self.mailboxes = {partner_id: Mailbox() for partner_id in PARTNERS}
        self.came: list[bytes] = []  # answers and 835s

    async def open(self) -> None:
        for partner_id in PARTNERS:
            await self._list(Terms(partner_id=partner_id, claims_per_batch=500, claims_per_set=50))
        by_mail = ListPartner(partner_id=POST, name="The post", transport="paper")
        await self.handle("claims", "partner", POST, by_mail)

    # --- what happens ---

    async def play(self, step: Step) -> None:
        match step:
            case Charges():
                await self.charge(step)
            case Cancelled():
                cancelled = EncounterCancelled(encounter_id=encounter_of(step.account_id), reason="cancelled")
                await self.say("charges", cancelled)
            case Limit():
                await self.say("eligibility", listed(step))
            case Terms():
                await self._list(step)
            case Leave():
                await self._leave(step)
            case Print():
                await self._print()
            case Mail():
                await self._mail(step)
            case Day():
                await self.wait_until(datetime.combine(step.on, time(9), UTC))
            case Answer():
                await self.take(step.content(self.asked + 1))
            case File835():
                await self.take(step.content(self.asked + 1))
            case Again():
                await self.take(self.came[-1])
            case Deed():
                await self.do(step)
            case _:
                raise TypeError(step)
        await self.settle()

    async def take(self, content: bytes) -> None:
        """A file comes in, and everything follows from it."""
        await self.bring(content)
        await self.settle()
        self.came.append(content)

    async def bring(self, content: bytes) -> None:
        if sniff(content) == "835":
            await self.processes["payments"].call(lambda _: self.files.receive(content, self.cause()))
        else:
            await self.processes["claims"].call(lambda _: self.acknowledgements.take(content, self.cause()))

    @property
    def acknowledgements(self) -> TakeAcknowledgements:
        claims = self.processes["claims"]
        return TakeAcknowledgements(
            commands=claims.commands,
            documents=self.ground.documents,
            read=read_acknowledgements,
            partners=directories.PartnerReads(claims.reads),
            clock=self.clock,
            status_wait_days=14,
            information_days=30,
            streams=Streams(
                claim=claims.aggregates["claim"],
                batch=claims.aggregates["batch"],
                held_message=claims.aggregates["held-message"],
            ),
        )

    async def _list(self, terms: Terms) -> None:
        partner = ListPartner(
            partner_id=terms.partner_id,
            name=f"{PARTNERS[terms.partner_id]} CLEARING",
            transport="sftp",
            sender_id=US,
            receiver_id=PARTNERS[terms.partner_id],
            claims_per_batch_max=terms.claims_per_batch,
            claims_per_set_max=terms.claims_per_set,
        )
        await self.handle("claims", "partner", terms.partner_id, partner)

    async def _print(self) -> None:
        """As whoever makes a batch on the page."""
        claims, vault = self.processes["claims"], self.ground.vault
        batcher = SendBatches(
            commands=claims.commands,
            documents=self.ground.documents,
            writer=X12InterchangeWriter(vault),
            paper=PaperWriter(vault),
            queue=SendingReads(claims.reads, directories.answer_days, directories.on_paper),
            routes=_nobody,
            clock=self.clock,
            streams=SendingStreams(**{name: claims.aggregates[name] for name in ("claim", "partner", "batch")}),
        )
        await claims.call(lambda _: batcher.print(TENANT, POST, self.cause()))

    async def _mail(self, step: Mail) -> None:
        mailed = RecordMailing(mailed_on=step.on, by=BILLER, on=self.clock.now().date())
        try:
            await self.handle("claims", "batch", step.batch_id, mailed, BILLER)
        except DomainError as refusal:
            assert refusal.code == step.refused, refusal.code
            return
        assert not step.refused, f"the mailing of {step.batch_id} was not refused"

    async def _leave(self, step: Leave) -> None:
        """Only now the partners are reached."""
        for mailbox in self.mailboxes.values():
            mailbox.trouble, mailbox.troubles_left = step.trouble, 2
        self.ground.partners.update(self.mailboxes)
        await self.settle()
        self.ground.partners.clear()

    async def do(self, deed: Deed) -> None:
        try:
            await self._do(deed)
        except DomainError as refusal:
            if refusal.code != deed.refused:
                raise
            return
        assert not deed.refused, f"{deed.kind} of {deed.claim_id} was not refused"

    async def _do(self, deed: Deed) -> None:
        aggregate, key, actor = "claim", deed.claim_id, BILLER
        command: Any
        today = self.clock.now().date()
        match deed.kind:
            case "hold":
                command = HoldClaim(reason=deed.word, held_by=BILLER)
            case "release":
                command = ReleaseClaim(on=today)
            case "correct":
                body = CorrectBody.model_validate(correction_of(deed))
                command = correction(body, await self._content(deed.claim_id), by=BILLER, on=today)
            case "void":
                command = VoidClaim(reason=deed.word)
            case "close":
                command = CloseClaim(reason=deed.word)
            case "next":
                command = RaiseNextClaim()
            case _:
                aggregate, key = "denial", self._denial(deed)["denial_id"]
                command, actor = self._work(deed)
        await self.handle("claims", aggregate, key, command, actor)

    def _work(self, deed: Deed) -> tuple[Any, str]:
        today = self.clock.now().date()
        match deed.kind:
            case "resolve":
                return ResolveDenial(by=BILLER, on=today, outcome=deed.word), BILLER
            case "write off":
                return WriteOffDenial(by=BILLER, on=today, reason=deed.word, alone_cents_max=_ALONE_CENTS_MAX), BILLER
            case "approve":
                return ApproveWriteOff(by=MANAGER), MANAGER
            case "refuse":
                return RefuseWriteOff(by=MANAGER, on=today, reason=deed.word), MANAGER
            case "appeal":
                return FileAppeal(by=BILLER, on=today, filed_on=today, level=int(deed.word)), BILLER
            case _:
                level = self._denial(deed)["appeal_level"]
                decided = DecideAppeal(
                    by=BILLER, on=today, level=level, outcome=deed.word, decided_on=today, terms=_NO_TERMS
                )
                return decided, BILLER

    def _denial(self, deed: Deed) -> Row:
        group, _, reason = deed.denial.partition("-")
        told = (deed.claim_id, group, reason)
        rows = self.table("claims", "denial_queue")
        return next(row for row in rows if (row["claim_id"], row["reason_group"], row["reason"]) == told)

    async def _content(self, claim_id: str) -> Any:
        claims = self.processes["claims"]
        state: Claim = await claims.commands.state(claims.aggregates["claim"], TENANT, claim_id)
        return state.content

    # --- what is found ---

    async def found(self) -> FoundClaims:
        accounts = [row for row in self.table("payments", "claim_accounts") if row["release"] > 0]
        parties: dict[str, dict[str, int]] = {row["account_id"]: {} for row in accounts}
        for row in self.table("payments", "claim_account_parties"):
            parties.setdefault(row["account_id"], {})[row["party"]] = row["owed_cents"]
        return FoundClaims(
            claims=self.table("claims", "claims_worklist"),
            denials=self.table("claims", "denial_queue"),
            timers=self.table("claims", "timers"),
            held=self.table("claims", "held_acknowledgements"),
            limits=self.table("claims", "filing_limits"),
            accounts=accounts,
            parties=parties,
            events=[recorded for service in self.processes for recorded in self.recorded(service)],
            files={
                (partner_id, name): content
                for partner_id, mailbox in self.mailboxes.items()
                for name, content in mailbox.files.items()
            },
        )


async def _nobody() -> dict[str, Any]:
    return {}


def listed(limit: Limit) -> PayerListed:
    return PayerListed(
        payer_id=payer_id_of(limit.payer),
        name=limit.payer,
        electronic_id="",
        answer_days=limit.answer_days,
        filing_limits=tuple(_limits(limit)),
    )


def _limits(limit: Limit) -> Iterator[FilingLimit]:
    for kind, words in limit.limits:
        length, _, rest = words.partition(" behind ")
        number, unit = length.split()
        counts_from, _, workday = rest.partition(", ")
        told = {"kind": kind, unit: int(number), "counts_from": counts_from, "moves_to_workday": bool(workday)}
        yield msgspec.convert(told, FilingLimit)


def in_billing(work: Callable[[Billing], Awaitable[T]], weather: Weather | None = None) -> T:
    """Do something in a billing office of its own, from its opening until everything has come to rest."""

    async def whole(billing: Billing) -> T:
        await billing.open()
        return await work(billing)

    return in_house(lambda: Billing(weather), whole)
