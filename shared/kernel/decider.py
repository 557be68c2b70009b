"""What does a command do to what has already happened?

A decider is three pure things: what a command decides, how an event changes what must be remembered, and the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider(Generic[C, E, S]):
    """`decide(command, state) -> events` raises DomainError to refuse; `evolve(state, event) -> state`."""

    decide: Callable[[C, S], Sequence[E]]
    evolve: Callable[[S, E], S]
    initial: S

    def state_after(self, past: Iterable[E], since: S | None = None) -> S:
        """The state once `past` has happened, from the start or from `since`."""
        state = self.initial if since is None else since
        for event in past:
            state = self.evolve(state, event)
        return state
