"""How does an event lead to commands, at least once and with one effect?

A page of events is reacted to with many source streams at once, so that the group committer has something to group, and in order
within each stream. A command's id is derived from policy, event, stream and ordinal: a page that is read again after a crash repeats
commands that the store already knows. The position moves after the page.

A refusal is a fact: it becomes `ReactionRefused` in a stream of its own, named after the refused command.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

from opentelemetry import propagate, trace

from shared.events.envelope import Recorded, Stored
from shared.events.platform import ReactionRefused
from shared.kernel.decider import Decider
from shared.kernel.errors import DomainError
from shared.kernel.identifiers import derived_id
from shared.runtime.codec import EventCodec
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.faults import Pause, is_worth_retrying
from shared.runtime.held import Held
from shared.runtime.parked import BehindParked, WorkerCrashed, park, parked_keys, split_parked
from shared.runtime.policy import Policy, Reaction
from shared.runtime.transaction import Place, Transaction

STREAMS_AT_ONCE = 64
_QUIET_ATTEMPTS = 4  # a conflict or a read model that is behind is over by then

Refusal: TypeAlias = Callable[[DomainError], ReactionRefused]

_log = logging.getLogger(__name__)
_tracer = trace.get_tracer(__name__)


# --- a refusal is a fact ----------------------------------------------------------------------------------------------


def _record_refusal(refused: ReactionRefused, is_recorded: bool) -> Sequence[ReactionRefused]:
    return [] if is_recorded else [refused]


def _is_recorded(_before: bool, _event: ReactionRefused) -> bool:
    return True


reaction_refused: Aggregate = Aggregate(
    name="reaction-refused",
    decider=Decider(decide=_record_refusal, evolve=_is_recorded, initial=False),
)


class Reactions:
    """Sends reactions to the service's own command runtime, and records what is refused."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def send(self, reaction: Reaction, cause: Cause, refusal: Refusal) -> None:
        """Raises what is worth retrying (conflict, full queue, outage); any other refusal is recorded."""
        try:
            await self._commands.handle(reaction.aggregate, reaction.key, reaction.command, cause)
        except DomainError as error:
            if is_worth_retrying(error):
                raise
            recording = replace(cause, command_id=derived_id(cause.command_id, "refused"), fingerprint=b"")
            await self._commands.handle(reaction_refused, str(cause.command_id), refusal(error), recording)


# --- policies ---------------------------------------------------------------------------------------------------------


class PolicySink:
    """Takes pages of events that a policy wants: reacts to them, then moves the position."""

    def __init__(
        self, policy: Policy, codec: EventCodec, commands: Commands, *, streams_at_once: int = STREAMS_AT_ONCE
    ) -> None:
        self.policy = policy
        self._codec = codec
        self._reactions = Reactions(commands)
        self._room = asyncio.Semaphore(streams_at_once)

    def look_at(self, held: Held, events: Sequence[Stored]) -> None:
        """Reactions wait for their turn."""

    async def take(self, held: Held, place: Place, events: Sequence[Stored], *, suspect: Stored | None = None) -> None:
        """Return when every event has had its effect or its key is parked. Raises Fenced; anything done is harmless again."""
        free, failed = split_parked(events, parked_keys(held.state))
        if suspect is not None and suspect in free:
            free.remove(suspect)
            failed.append((suspect, WorkerCrashed()))
        failed += await self.react_to_all(free)
        async with held.moving(place) as transaction:
            if failed:
                await park(transaction, held, failed)

    async def apply(self, _transaction: Transaction, events: Sequence[Stored]) -> None:
        """React to events of one stream, in order, as a replay does. Raises what an event is to blame for."""
        for stored in events:
            await self.react_to(stored)

    async def react_to_all(self, events: Sequence[Stored]) -> list[tuple[Stored, Exception]]:
        """React to a page, many streams at once. Returns the events whose keys must be parked."""
        by_stream: dict[str, list[Stored]] = {}
        for stored in events:
            by_stream.setdefault(stored.key, []).append(stored)
        async with asyncio.TaskGroup() as group:
            runs = [group.create_task(self._one_stream(run)) for run in by_stream.values()]
        return [failed for run in runs for failed in run.result()]

    async def react_to(self, stored: Stored) -> None:
        """All reactions to one event: in order for each stream that they go to, many of those at once.

        Raises as `react` and the commands do; of several errors one that is not worth retrying.
        """
        recorded = self._codec.decode(stored)
        context = propagate.extract({"traceparent": stored.traceparent}) if stored.traceparent else None
        with _tracer.start_as_current_span(
            f"react {self.policy.name}", context=context, kind=trace.SpanKind.CONSUMER, attributes=_attributes(stored)
        ):
            to: dict[str, list[Reaction]] = {}
            for reaction in await self.policy.react(recorded):
                to.setdefault(reaction.aggregate.stream(reaction.key), []).append(reaction)
            room = asyncio.Semaphore(STREAMS_AT_ONCE)
            sent = [self._send_in_order(recorded, reactions, room) for reactions in to.values()]
            _raise_worst(await asyncio.gather(*sent, return_exceptions=True))

    async def _send_in_order(
        self, recorded: Recorded[Any], reactions: Sequence[Reaction], room: asyncio.Semaphore
    ) -> None:
        async with room:
            for ordinal, reaction in enumerate(reactions):
                cause = self._cause(recorded, reaction, ordinal)
                await self._reactions.send(reaction, cause, partial(self._refusal, recorded.stored, reaction))

    async def _one_stream(self, run: Sequence[Stored]) -> list[tuple[Stored, Exception]]:
        async with self._room:
            for index, stored in enumerate(run):
                error = await self._until_done(stored)
                if error is not None:
                    return [(stored, error), *((later, BehindParked()) for later in run[index + 1 :])]
        return []

    async def _until_done(self, stored: Stored) -> Exception | None:
        """None once every reaction has had its effect; the error when the event can never be worked on."""
        pause, attempts = Pause(), 0
        while True:
            try:
                await self.react_to(stored)
            except Exception as error:  # noqa: BLE001  the classification decides: wait, or park on the record
                if not is_worth_retrying(error):
                    return error
                attempts += 1
                if attempts >= _QUIET_ATTEMPTS:
                    _log.warning(
                        "event will be worked on again",
                        extra={"reader": self.policy.name, "error": type(error).__name__},
                    )
                await pause.rest()
            else:
                return None

    def _cause(self, recorded: Recorded[Any], reaction: Reaction, ordinal: int) -> Cause:
        return Cause(
            tenant=recorded.tenant,
            actor=f"policy:{self.policy.name}",
            command_id=command_id_of(
                self.policy.name, recorded.event_id, reaction.aggregate.stream(reaction.key), ordinal
            ),
            correlation_id=recorded.stored.correlation_id,
            causation_id=str(recorded.event_id),
            occurred_at=reaction.occurred_at or recorded.occurred_at,
        )

    def _refusal(self, stored: Stored, reaction: Reaction, error: DomainError) -> ReactionRefused:
        return ReactionRefused(
            policy=self.policy.name,
            cause_event_id=str(stored.event_id),
            cause_type=stored.type,
            cause_stream=stored.stream,
            aggregate=reaction.aggregate.name,
            key=reaction.key,
            code=error.code,
            message=error.message,
        )


def _raise_worst(results: Sequence[BaseException | None]) -> None:
    """The error that must not be tried again, if there is one; otherwise the first."""
    errors = [result for result in results if result is not None]
    for error in errors:
        if not isinstance(error, Exception) or not is_worth_retrying(error):
            raise error
    if errors:
        raise errors[0]


def command_id_of(policy: str, event_id: UUID, stream: str, ordinal: int) -> UUID:
    """The id of a policy's n-th command for an event to one stream: the same for ever, so a repeat has one effect.

    The stream is part of it: what a policy reacts with may depend on what it knows, and where the list of streams is another one when
    the event is read again, each stream still has its own command.
    """
    return derived_id(policy, str(event_id), stream, ordinal)


def _attributes(stored: Stored) -> dict[str, str | int]:
    return {"ledgerline.event.id": str(stored.event_id), "ledgerline.event.type": stored.type}
