"""Given what happened, when somebody asks for this, what is decided?

One sentence a test: `spec.given(charged).when(PostClaimPayment(...)).then(ClaimPaymentPosted(...))`. It runs a decider
and nothing else: no store, no clock. Style: given/when/then as in emmett's DeciderSpecification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from shared.kernel.decider import Decider
from shared.kernel.errors import DomainError

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(Generic[E, S]):
    """What came of the commands: their events in order, the state after them, and the refusal if there was one."""

    events: tuple[E, ...]
    state: S
    refusal: DomainError | None

    def then(self, *expected: E) -> Decided[E, S]:
        """Exactly these events, in this order."""
        self._accept()
        assert list(self.events) == list(expected), f"\nexpected {expected!r}\nfound    {self.events!r}"
        return self

    def then_nothing(self) -> Decided[E, S]:
        """Accepted, and no news."""
        return self.then()

    def then_refused(self, code: str) -> DomainError:
        """Refused with this stable code; returns the refusal, for its facts."""
        assert self.refusal is not None, f"expected the refusal {code!r}, found the events {self.events!r}"
        assert self.refusal.code == code, f"expected the refusal {code!r}, found {self.refusal.code!r}: {self.refusal}"
        return self.refusal

    def then_kinds(self, *kinds: type) -> Decided[E, S]:
        """Events of exactly these types, in this order, where the story is which and not what."""
        self._accept()
        assert [type(event) for event in self.events] == list(kinds), f"\nexpected {kinds!r}\nfound    {self.events!r}"
        return self

    def only(self, kind: type[Any]) -> Any:
        """The one event of this type."""
        self._accept()
        found = [event for event in self.events if isinstance(event, kind)]
        assert len(found) == 1, f"expected one {kind.__name__}, found {self.events!r}"
        return found[0]

    def _accept(self) -> None:
        assert self.refusal is None, f"refused with {self.refusal.code if self.refusal else ''}: {self.refusal}"


@dataclass(frozen=True, slots=True)
class Given(Generic[C, E, S]):
    """A decider and its past."""

    decider: Decider[C, E, S]
    past: tuple[E, ...] = ()

    def given(self, *more: E) -> Given[C, E, S]:
        """This also happened before."""
        return Given(self.decider, self.past + more)

    def when(self, *commands: C) -> Decided[E, S]:
        """Decide each command on what the ones before it led to; the first refusal ends it."""
        state = self.decider.state_after(self.past)
        events: list[E] = []
        for command in commands:
            try:
                decided = self.decider.decide(command, state)
            except DomainError as refusal:
                return Decided(events=tuple(events), state=state, refusal=refusal)
            events.extend(decided)
            state = self.decider.state_after(decided, since=state)
        return Decided(events=tuple(events), state=state, refusal=None)


class Specification(Generic[C, E, S]):
    """The start of every story about one decider: `spec = Specification(claim_account)`."""

    def __init__(self, decider: Decider[C, E, S]) -> None:
        self._start: Given[C, E, S] = Given(decider)

    def given(self, *past: E) -> Given[C, E, S]:
        """This happened before (nothing, when left out)."""
        return self._start.given(*past)

    def when(self, *commands: C) -> Decided[E, S]:
        """As `given()` with no past."""
        return self._start.when(*commands)
