"""What goes wrong in a run, and when? One seeded die decides everything."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

# By the first word of what is noted of it.
TROUBLE = frozenset(
    {
        "lost before",
        "lost after",
        "raced",
        "moved",
        "repeat",
        "fenced",
        "stolen",
        "kill",
        "no answer",
        "answer lost",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Climate:
    """How likely each trouble is in a run, and how long what is slow takes, in seconds of the loop."""

    yields: float = 0.0  # an operation lets others go first
    slow: float = 0.0  # an operation takes a while
    seconds_max: float = 0.0
    lost_before: float = 0.0  # the connection breaks, and nothing was done
    lost_after: float = 0.0  # it breaks when everything is done
    raced: float = 0.0  # the database wants the transaction again
    answer_lost: float = 0.0  # a client does not hear what became of its command
    repeated: float = 0.0  # a client sends again what was answered, or a partner the same file
    stolen: float = 0.0  # a lease is taken by somebody who gives it back
    replicas: int = 1  # processes of a service
    kills: int = 0  # processes that die in a run
    zombies: int = 0  # processes that are replaced and go on
    news_seconds_max: float = 0.0  # until an event can be read
    partitions_max: int = 1  # of a service's log
    page_max: int | None = None


CALM = Climate()


def climate_of(dice: random.Random) -> Climate:
    """Some runs have a little of everything, some much of one thing."""

    def some(most: float) -> float:
        return dice.choice((0.0, most / 4, most)) if dice.random() < 0.7 else 0.0

    return Climate(
        yields=dice.choice((0.2, 0.5)),
        slow=some(0.3),
        seconds_max=dice.choice((0.01, 0.1, 1.0)),
        lost_before=some(0.05),
        lost_after=some(0.05),
        raced=some(0.1),
        answer_lost=some(0.3),
        repeated=some(0.3),
        stolen=some(0.01),
        replicas=dice.choice((1, 1, 2)),
        kills=dice.choice((0, 1, 3)),
        zombies=dice.choice((0, 0, 1, 2)),
        news_seconds_max=dice.choice((0.0, 0.05, 1.0)),
        partitions_max=dice.choice((1, 1, 3)),
        page_max=dice.choice((None, None, 1, 3, 20)),
    )


class Broken(ConnectionResetError):
    """The connection to something is gone."""


@dataclass(slots=True)
class Weather:
    """The die and the climate of one run, and the trace of what it did."""

    dice: random.Random
    climate: Climate
    trace: list[str] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    is_over: bool = False  # for now, so that what is unfinished can come to its end

    def note(self, *words: object) -> None:
        self.trace.append(f"{asyncio.get_running_loop().time():.6f} " + " ".join(map(str, words)))
        if words[0] in TROUBLE:
            self.troubles[str(words[0])] += 1

    def happens(self, chance: float) -> bool:
        return chance > 0 and not self.is_over and self.dice.random() < chance

    async def pass_time(self) -> None:
        """An operation of the world takes its time."""
        if self.happens(self.climate.slow):
            await asyncio.sleep(self.dice.random() * self.climate.seconds_max)
        elif self.happens(self.climate.yields):
            await asyncio.sleep(0)

    async def before(self, what: str) -> None:
        """Raises Broken when the connection breaks before anything is done."""
        await self.pass_time()
        if self.happens(self.climate.lost_before):
            self.note("lost before", what)
            raise Broken(what)

    async def after(self, what: str) -> None:
        """Raises Broken when it breaks after everything was done."""
        await self.pass_time()
        if self.happens(self.climate.lost_after):
            self.note("lost after", what)
            raise Broken(what)
