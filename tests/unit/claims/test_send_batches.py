"""Whatever stops between two steps, each claim version leaves in one interchange, with the same bytes under the same name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.claims.adapters.interchange_writer import X12InterchangeWriter
from services.claims.adapters.paper_writer import PaperWriter
from services.claims.domain.batch.decider import batch
from services.claims.domain.claim.commands import CreateClaim, HoldClaim
from services.claims.domain.claim.decider import claim
from services.claims.domain.claim.numbering import first_claim_of_rank
from services.claims.domain.claim.state import Claim, Stage
from services.claims.domain.partner.commands import ListPartner
from services.claims.domain.partner.decider import partner
from services.claims.policies import follow_batches
from services.claims.policies.send_batches import SendBatches, Streams
from shared.codecs.x12.claim_837p import read_837p
from shared.events.base import Event, Sealed
from shared.events.batches import BatchAssembled, BatchedClaim, InterchangeSent
from shared.events.claims import ClaimReleased, ClaimSubmitted
from shared.events.values import Person, PersonName
from shared.kernel.errors import NotFound
from shared.kernel.identifiers import account_id_of
from shared.runtime.clock import DrivenClock
from shared.runtime.command import Aggregate, Cause, Outcome
from shared.runtime.documents import Document
from shared.runtime.vault import Opener
from shared.testing.vault import MemoryVault
from tests.unit.claims.examples import PARTNER, PATIENT, create
from tests.unit.claims.test_claim_read_models import recorded

TENANT = "clinic"
NOW = datetime(2026, 3, 23, 9, 0, tzinfo=UTC)
STREAMS = Streams(
    claim=Aggregate(name="claim", decider=claim),
    partner=Aggregate(name="partner", decider=partner),
    batch=Aggregate(name="batch", decider=batch),
)


class Stopped(Exception):
    """The process ends here."""


@dataclass(slots=True)
class Countdown:
    """Stops the process at the n-th thing that it does; never when there is no number."""

    left: int | None = None

    def tick(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Stopped


class MemoryCommands:
    """Implements `Commands` over dictionaries, with the idempotency of the real one. May stop before or after an append."""

    def __init__(self, countdown: Countdown) -> None:
        self.streams: defaultdict[str, list[Event]] = defaultdict(list)
        self.answers: dict[UUID, Outcome] = {}
        self.countdown = countdown

    async def handle(self, aggregate: Aggregate, key: str, command: Any, cause: Cause) -> Outcome:
        self.countdown.tick()
        if cause.command_id in self.answers:
            return self.answers[cause.command_id]
        stream = aggregate.stream(key)
        events = aggregate.decider.decide(command, aggregate.decider.state_after(self.streams[stream]))
        self.streams[stream] += events
        outcome = Outcome(
            stream=stream,
            version=len(self.streams[stream]),
            position=None,
            events=tuple(recorded(event, stream=stream) for event in events),
        )
        self.answers[cause.command_id] = outcome
        self.countdown.tick()
        return outcome

    async def state(self, aggregate: Aggregate, tenant: str, key: str) -> Any:
        return aggregate.decider.state_after(self.streams[aggregate.stream(key)])

    def all(self, kind: type[Any]) -> list[Any]:
        return [event for events in self.streams.values() for event in events if isinstance(event, kind)]


@dataclass(slots=True)
class MemoryDocuments:
    countdown: Countdown
    stored: dict[str, bytes] = field(default_factory=dict)

    async def put(self, tenant: str, content: bytes, kind: str) -> str:
        document_id = f"{hash(content) & (2**63 - 1):016x}"
        self.stored[document_id] = content
        self.countdown.tick()
        return document_id

    async def get(self, tenant: str, document_id: str, opener: Opener) -> Document:
        if document_id not in self.stored:
            raise NotFound("no such document")
        return Document(document_id=document_id, kind="x12", stored_at=NOW, content=self.stored[document_id])


@dataclass(slots=True)
class FolderInMemory:
    """The partner: remembers every file that was left, in order."""

    countdown: Countdown
    files: list[tuple[str, bytes]] = field(default_factory=list)

    async def send(self, file_name: str, content: bytes) -> None:
        self.countdown.tick()
        self.files.append((file_name, content))
        self.countdown.tick()

    async def waiting(self) -> Sequence[str]:
        return []

    async def fetch(self, file_name: str) -> bytes:
        raise NotFound("no such file")

    async def mark_done(self, file_name: str) -> None:
        raise NotFound("no such file")


class StaleQueue:
    """The read models at their worst: every claim that was ever released still waits, every batch is unfinished."""

    def __init__(self, commands: MemoryCommands) -> None:
        self.commands = commands

    async def partners_with_work(self, tenant: str) -> Sequence[str]:
        return [PARTNER]

    async def waiting(self, tenant: str, partner_id: str, limit: int) -> tuple[BatchedClaim, ...]:
        return tuple(
            BatchedClaim(
                claim_id=event.claim_id, version=event.version, charged_cents=event.charged_cents, kind=event.kind
            )
            for event in self.commands.all(ClaimReleased)
        )

    async def unfinished(self, tenant: str, partner_id: str) -> Sequence[BatchAssembled]:
        return self.commands.all(BatchAssembled)


@dataclass(slots=True)
class Office:
    """A practice with claims to send, whose process can be stopped anywhere."""

    countdown: Countdown = field(default_factory=Countdown)
    commands: MemoryCommands = field(init=False)
    documents: MemoryDocuments = field(init=False)
    folder: FolderInMemory = field(init=False)

    def __post_init__(self) -> None:
        self.commands = MemoryCommands(self.countdown)
        self.documents = MemoryDocuments(self.countdown)
        self.folder = FolderInMemory(self.countdown)

    async def open(self, *claims: CreateClaim) -> None:
        listing = ListPartner(
            partner_id=PARTNER,
            name="Northern",
            transport="folder",
            sender_id="LAKESIDE",
            receiver_id="NORTHERN",
            claims_per_batch_max=2,
        )
        await self._tell(STREAMS.partner, PARTNER, listing)
        for one in claims:
            await self._tell(STREAMS.claim, one.claim_id, one)

    async def _tell(self, aggregate: Aggregate, key: str, command: Any) -> None:
        stream = self.commands.streams[aggregate.stream(key)]
        stream += aggregate.decider.decide(command, aggregate.decider.state_after(stream))

    def batcher(self) -> SendBatches:
        async def routes() -> Mapping[str, Mapping[str, FolderInMemory]]:
            return {TENANT: {PARTNER: self.folder}}

        return SendBatches(
            commands=self.commands,
            documents=self.documents,
            writer=X12InterchangeWriter(MemoryVault()),
            paper=PaperWriter(MemoryVault()),
            queue=StaleQueue(self.commands),
            routes=routes,
            clock=DrivenClock(NOW),
            streams=STREAMS,
        )

    async def send_all(self) -> None:
        """Rounds until nothing is left to do; then claims hear what was sent."""
        while await self.batcher().step():
            pass
        for sent in self.commands.all(InterchangeSent):
            for key, command in follow_batches.react(recorded(sent)):
                await self._tell(STREAMS.claim, key, command)

    def state(self, claim_id: str) -> Claim:
        found: Claim = STREAMS.claim.decider.state_after(self.commands.streams[f"claim/{claim_id}"])
        return found

    def sent_claims(self) -> list[str]:
        """Claim numbers in every file with a name of its own."""
        distinct = dict(self.folder.files)
        return [each.claim_id for content in distinct.values() for one in read_837p(content) for each in one.claims]


def claim_to_send(number: int, **changes: Any) -> CreateClaim:
    account = account_id_of(f"visit-{number}")
    return create(claim_id=first_claim_of_rank(account, rank=1), account_id=account, **changes)


CLAIMS = tuple(claim_to_send(number) for number in range(3))
NAMES = [one.claim_id for one in CLAIMS]


@pytest.mark.asyncio
async def test_every_claim_leaves_once_in_batches_of_the_partners_size() -> None:
    office = Office()
    await office.open(*CLAIMS)
    await office.send_all()
    assert sorted(office.sent_claims()) == sorted(NAMES)
    assert [len(event.claims) for event in office.commands.all(BatchAssembled)] == [2, 1]
    assert [office.state(claim_id).stage for claim_id in NAMES] == [Stage.SUBMITTED] * 3


@pytest.mark.asyncio
@pytest.mark.parametrize("stops_at", range(40))
async def test_a_process_that_stops_anywhere_sends_each_claim_once_when_it_starts_again(stops_at: int) -> None:
    office = Office()
    await office.open(*CLAIMS)
    office.countdown.left = stops_at
    try:
        await office.batcher().step()
    except ExceptionGroup as stopped:
        assert stopped.split(Stopped)[1] is None  # nothing else went wrong
    office.countdown.left = None
    await office.send_all()

    assert sorted(office.sent_claims()) == sorted(NAMES)
    assert len(office.commands.all(ClaimSubmitted)) == len(CLAIMS)
    contents = defaultdict(set)
    for name, content in office.folder.files:
        contents[name].add(content)
    assert all(len(same) == 1 for same in contents.values())  # a name never stands for other bytes
    numbers = [event.control_number for event in office.commands.all(BatchAssembled)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.asyncio
async def test_a_claim_that_was_held_meanwhile_stays_here() -> None:
    office = Office()
    await office.open(*CLAIMS)
    await office._tell(STREAMS.claim, NAMES[0], HoldClaim(reason="chart missing", held_by="user:ann"))
    await office.send_all()
    assert sorted(office.sent_claims()) == sorted(NAMES[1:])
    assert office.state(NAMES[0]).stage is Stage.HELD


@pytest.mark.asyncio
async def test_a_claim_that_cannot_be_written_is_held_and_the_others_leave() -> None:
    nobody = Sealed.fresh(PATIENT, "person", Person(name=PersonName(last="")))
    office = Office()
    await office.open(CLAIMS[0], claim_to_send(1, patient=nobody))
    await office.send_all()
    assert office.sent_claims() == NAMES[:1]
    assert office.state(NAMES[1]).hold_reason == "cannot-be-written"


@pytest.mark.asyncio
async def test_a_batch_of_which_nothing_can_be_written_is_given_up_and_its_number_stays_unused() -> None:
    nobody = Sealed.fresh(PATIENT, "person", Person(name=PersonName(last="")))
    office = Office()
    await office.open(claim_to_send(1, patient=nobody))
    await office.send_all()
    await office._tell(STREAMS.claim, NAMES[0], CLAIMS[0])
    await office.send_all()
    assert office.sent_claims() == NAMES[:1]
    [name] = [name for name, _ in office.folder.files]
    assert name == f"{PARTNER}-000000002.837"
