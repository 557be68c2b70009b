"""Several visits of one practice, with the policies that carry news between them; a driver says which news comes first."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.charges.domain.directory.knowledge import Knowledge
from services.charges.domain.encounter.commands import JoinVisits, PostCharges, VisitFacts
from services.charges.domain.encounter.decider import encounter
from services.charges.domain.encounter.state import Encounter, EncounterEvent
from services.charges.invariants import JoinedVisitsAgree, ReleasesMatchCharges
from services.charges.policies import join_visits, review
from shared.events.charges import ChargesReleased
from shared.runtime.invariants import CheckResult
from tests.unit.charges.stories import KNOWN, PATIENT, TODAY, charge
from tests.unit.claims.examples import recorded

COVERED = ("blue",)


def first(_: int) -> int:
    return 0


@dataclass(slots=True)
class Desk:
    """The visits' streams, and what waits to be read of each by each policy, in the order of the stream."""

    knowledge: Knowledge = KNOWN
    coverage_ids: dict[str, tuple[str, ...] | None] = field(default_factory=dict)  # where not the ordinary one
    log: list[tuple[str, EncounterEvent]] = field(default_factory=list)
    visits: dict[str, Encounter] = field(default_factory=dict)
    waiting: dict[tuple[str, str], deque[EncounterEvent]] = field(default_factory=lambda: defaultdict(deque))

    def visit(self, visit: str) -> Encounter:
        return self.visits.get(visit, encounter.initial)

    def do(self, command: Any, visit: str = "") -> list[EncounterEvent]:
        key = visit or command.encounter_id
        events = list(encounter.decide(command, self.visit(key)))
        self.visits[key] = self.visit(key).state_with(events)
        for event in events:
            self.log.append((key, event))
            for policy, reads in (("review", review.CHANGES), ("join", join_visits.JOININGS)):
                if isinstance(event, reads):
                    self.waiting[(policy, key)].append(event)
        return events

    def settle(self, pick: Callable[[int], int] = first, steps: int = 10_000) -> None:
        """Let the policies read; `pick` chooses among those that have something to."""
        for _ in range(steps):
            ready = sorted(key for key, events in self.waiting.items() if events)
            if not ready:
                return
            policy, visit = ready[pick(len(ready))]
            event = self.waiting[(policy, visit)].popleft()
            if policy == "review":
                for command in review.react(event, self.knowledge, TODAY):
                    self.do(command)
            else:
                for key, asked in join_visits.react(event):
                    self.do(asked, key)

    def charge(self, visit: str, *numbers: int, patient: str = PATIENT, **changes: Any) -> None:
        """Charges of a visit, each with a number that no other visit has."""
        charges = tuple(charge(number, modifiers=("76",), **changes) for number in numbers)
        self.do(PostCharges(encounter_id=visit, patient_id=patient, charges=charges, coder="coder-1"))

    def join(self, visit: str, *others: str, **changes: Any) -> list[EncounterEvent]:
        return self.do(self.joining(visit, *others, **changes))

    def joining(self, visit: str, *others: str, **changes: Any) -> JoinVisits:
        facts = {
            each: VisitFacts(encounter=self.visit(each), coverage_ids=self.coverage_ids.get(each, COVERED))
            for each in others
        }
        return JoinVisits(
            encounter_id=visit,
            encounter_ids=others,
            reason="one week",
            chosen_by="user:biller",
            coverage_ids=self.coverage_ids.get(visit, COVERED),
            visits=facts,
            **changes,
        )

    def bills(self) -> dict[str, ChargesReleased]:
        """The last release of each account that has charges."""
        last = {event.account_id: event for _, event in self.log if isinstance(event, ChargesReleased)}
        return {account_id: each for account_id, each in last.items() if each.lines}

    def bill(self, visit: str) -> list[int]:
        """The numbers of the charges on a visit's bills."""
        return [
            int(line.charge_id.removeprefix("charge-"))
            for each in self.bills().values()
            if each.encounter_id == visit
            for line in each.lines
        ]

    def violations(self) -> list[Any]:
        return [violation for each in checked(self.log) for violation in each.violations]


def checked(log: Sequence[tuple[str, EncounterEvent]]) -> list[CheckResult]:
    """What the invariants find in a log."""
    invariants = (ReleasesMatchCharges(), JoinedVisitsAgree())
    for version, (visit, event) in enumerate(log, start=1):
        for invariant in invariants:
            invariant.see(recorded(event, stream=f"encounter/{visit}", version=version))
    return [invariant.result() for invariant in invariants]
