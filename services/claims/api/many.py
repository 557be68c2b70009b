"""Many of one kind at once: what would become of each, and each by itself. No rule lives here.

Every one is a command of its own with an id of its own, so one that is refused keeps none of the others from being done, and a
request that comes again after a crash does what is missing and nothing twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from shared.events.envelope import Position
from shared.kernel.errors import DomainError
from shared.kernel.identifiers import derived_id
from shared.runtime.command import Aggregate, Cause, ChangedMeanwhile, Commands

AT_A_TIME = 16

State = TypeVar("State")
Asked: TypeAlias = Callable[[str], Awaitable[Any]]  # the command for the one of this key


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[State]):
    """What is worked on, and how a request about many of it tells one from another."""

    aggregate: Aggregate
    becomes: Callable[
        [Sequence[Any]], str
    ]  # of what was decided, in a word; raises DomainError when it is not what was asked
    version_of: Callable[[State], int]  # of its stream; 0: there is no such one


@dataclass(frozen=True, slots=True, kw_only=True)
class Became(Generic[State]):
    """What became of one of them, or would. `state` is as it stands then, or as it stood when it was looked at or refused."""

    key: str
    state: State
    version: int
    result: Literal["done", "unchanged", "refused"]
    becomes: str = ""
    code: str = ""
    detail: str = ""
    position: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Many(Generic[State]):
    """One request about many."""

    commands: Commands
    kind: Kind[State]
    cause: Cause
    is_preview: bool

    async def each(self, seen: Mapping[str, int | None], asked: Asked) -> list[Became[State]]:
        """Of every key in turn; with the version that was seen, another one by now refuses it, and no other."""
        turns = asyncio.Semaphore(AT_A_TIME)

        async def one(key: str, version: int | None) -> Became[State]:
            async with turns:
                return await self._one(key, version, asked)

        return list(await asyncio.gather(*(one(key, version) for key, version in seen.items())))

    async def _one(self, key: str, seen: int | None, asked: Asked) -> Became[State]:
        try:
            command = await asked(key)
            return await (self._foresee(key, seen, command) if self.is_preview else self._do(key, seen, command))
        except DomainError as refusal:
            state = await self._state(key)
            return Became(
                key=key,
                state=state,
                version=self.kind.version_of(state),
                result="refused",
                code=refusal.code,
                detail=str(refusal),
            )

    async def _foresee(self, key: str, seen: int | None, command: Any) -> Became[State]:
        state = await self._state(key)
        version = self.kind.version_of(state)
        if version and seen not in (None, version):
            raise ChangedMeanwhile("something happened here since: look again")
        word = self.kind.becomes(self.kind.aggregate.decider.decide(command, state))
        return Became(key=key, state=state, version=version, result="done" if word else "unchanged", becomes=word)

    async def _do(self, key: str, seen: int | None, command: Any) -> Became[State]:
        command_id = derived_id(self.cause.command_id, self.kind.aggregate.name, key)
        own = replace(self.cause, command_id=command_id, expected_version=seen)
        outcome = await self.commands.handle(self.kind.aggregate, key, command, own)
        word = self.kind.becomes([recorded.event for recorded in outcome.events])
        return Became(
            key=key,
            state=await self._state(key),
            version=outcome.version,
            result="done" if word else "unchanged",
            becomes=word,
            position=outcome.position,
        )

    async def _state(self, key: str) -> State:
        state: State = await self.commands.state(self.kind.aggregate, self.cause.tenant, key)
        return state


def counted(became: Sequence[Became[Any]]) -> dict[str, Any]:
    """`done`, `unchanged`, `refused`, and `after` for a read that must include all of it; null when nothing changed."""
    results = Counter(each.result for each in became)
    last = max((each.position for each in became if each.position is not None), default=None)
    return {
        "done": results["done"],
        "unchanged": results["unchanged"],
        "refused": results["refused"],
        "after": None if last is None else f"claims:{last}",
    }
