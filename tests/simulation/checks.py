"""What must hold when a run has come to rest?

What `ledgerline verify` asks of a running system, by the same code: of each log, of the read models against a fresh fold, and between the
services. What clients were told. And that trouble has changed nothing: the same story without any comes to the same cents and states.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from deploy.crosschecks import between_services
from shared.events.envelope import Stored
from shared.events.registry import SERVICES
from shared.kernel.identifiers import derived_id
from shared.runtime.policy_runner import command_id_of, reaction_refused
from shared.runtime.projection import Projection
from shared.runtime.rebuild import FreshFold
from shared.runtime.timer_runner import TIMERS, plan_of
from shared.runtime.verify import check_store
from tests.simulation import loop
from tests.simulation.feed import SimulatedFeed
from tests.simulation.process import CODEC, projections_of
from tests.simulation.rows import Row, RowKey, fresh_rows
from tests.simulation.weather import CALM, Weather
from tests.simulation.world import Run

_REACTIONS_MAX = 20  # of a policy to one event, in one stream
_SET_WHEN_FIRED = "fired_at"  # by the runner of timers, not by their plan
# What a person would call the result, in columns that do not depend on who came first: control numbers, batches and times do.
RESULTS: Mapping[tuple[str, str], str] = {
    ("claims", "claims_worklist"): (
        "account_id patient_id payer_id rank frequency status is_open charged_cents paid_cents"
        " patient_responsibility_cents denied_cents hold_reason next_action waiting_for"
    ),
    ("claims", "denial_queue"): (
        "claim_id account_id payer_id category reason_group reason denied_cents status is_open appeal_by_on"
        " recovered_cents"
    ),
    ("charges", "encounters"): "state held_reason charge_count",
    ("eligibility", "coverage_selections"): "state patient_id",
    (
        "collections",
        "collection_accounts",
    ): "patient_id balance_cents reason since_on service_on notices dispute_id plan_id",
}


def violations(run: Run, calm: Run | None = None) -> list[str]:
    """Everything that is wrong, in words. `calm`: the same story without trouble."""
    return [
        *run.contradictions,
        *loop.run(_verified(run)),
        *_between(run),
        *_unkept(run),
        *_not_derived(run),
        *_keys_taken_twice(run),
        *_parked(run),
        *(_other_results(run, calm) if calm else ()),
    ]


async def _verified(run: Run) -> list[str]:
    feed = SimulatedFeed(Weather(run.ground.weather.dice, CALM), dict.fromkeys(SERVICES, 1))
    for service, log in run.ground.logs.items():
        feed.appended(service, log.events)
    found: list[str] = []
    for service, process in run.processes.items():
        for check in await check_store(feed, service, CODEC, process.parts.invariants):
            found += [f"{check.name}: {each.where}: {each.expected}, found {each.found}" for each in check.violations]
        for projection in projections_of(service, process.parts):
            found += await _differs(run, feed, service, projection)
        found += await _timers_differ(run, feed, service)
    return found


async def _differs(run: Run, feed: SimulatedFeed, service: str, projection: Projection) -> list[str]:
    fresh = FreshFold(projection, CODEC, feed)
    await fresh.read_up_to(await fresh.heads())
    found: list[str] = []
    for table, expected in fresh_rows(projection, fresh.fold).items():
        live = run.ground.rows[service].tables[table].rows
        found += [f"{projection.name} equals a fresh fold: {where}" for where in _differences(table, expected, live)]
    return found


async def _timers_differ(run: Run, feed: SimulatedFeed, service: str) -> list[str]:
    expected: dict[RowKey, Row] = {}
    for timers in run.processes[service].parts.timers:
        fresh = FreshFold(plan_of(timers), CODEC, feed)
        await fresh.read_up_to(await fresh.heads())
        expected |= fresh_rows(plan_of(timers), fresh.fold)[TIMERS.name]
    live = run.ground.rows[service].tables[TIMERS.name].rows
    planned = {key: row | {_SET_WHEN_FIRED: None} for key, row in live.items()}
    late = [
        key for key, row in live.items() if row[_SET_WHEN_FIRED] is None and row["due_at"] <= run.ground.clock.now()
    ]
    return [
        *(f"timers of {service} are as planned: {where}" for where in _differences("timers", expected, planned)),
        *(f"timer {key} of {service} was never fired" for key in late),
    ]


def _differences(table: str, expected: Mapping[RowKey, Row], found: Mapping[RowKey, Row]) -> Iterator[str]:
    for key in sorted(expected.keys() | found.keys(), key=repr):
        if key not in found:
            yield f"{table} {key} is missing"
        elif key not in expected:
            yield f"{table} {key} is too many"
        elif expected[key] != found[key]:
            names = [name for name in expected[key] if expected[key][name] != found[key][name]]
            yield f"{table} {key} differs in {names}"


def _between(run: Run) -> list[str]:
    return between({service: log.events for service, log in run.ground.logs.items()})


def between(logs: Mapping[str, Sequence[Stored]]) -> list[str]:
    """What does not hold between the services, from what each recorded."""
    said = {service: [_told(stored) for stored in events] for service, events in logs.items()}
    return [
        f"{check.name}: {each.where}: {each.expected}, found {each.found}"
        for check in between_services(said)
        for each in check.violations
    ]


def _told(stored: Stored) -> dict[str, Any]:
    """An event as subscribers read it, as far as the checks between services look."""
    return {"type": stored.type, "subject": stored.stream, "data": json.loads(stored.data)}


def _unkept(run: Run) -> Iterator[str]:
    """What a client was told was done is done, once."""
    stored = {event.event_id for log in run.ground.logs.values() for event in log.events}
    for name, outcome in run.acknowledged.items():
        if not stored.issuperset(outcome.event_ids):
            yield f"{name} was acknowledged, and its events are not there"


def _not_derived(run: Run) -> Iterator[str]:
    """What a policy did for an event it does for that event only: under another id it could do it again."""
    for log in run.ground.logs.values():
        for stored in log.events:
            kind, _, policy = stored.actor.partition(":")
            if kind == "policy" and stored.causation_id is not None and not _is_derived(stored, policy):
                yield f"{policy} sent {stored.type} {stored.key} under an id of its own"


def _is_derived(stored: Stored, policy: str) -> bool:
    if stored.stream.startswith(f"{reaction_refused.name}/"):
        return stored.command_id == derived_id(stored.stream_key, "refused")
    cause = UUID(stored.causation_id)
    return any(
        command_id_of(policy, cause, stored.stream, ordinal) == stored.command_id for ordinal in range(_REACTIONS_MAX)
    )


def _keys_taken_twice(run: Run) -> Iterator[str]:
    for service, process in run.processes.items():
        holders: defaultdict[tuple[str, Any], set[str]] = defaultdict(set)
        for stored in run.ground.logs[service].events:
            aggregate = process.aggregates.get(stored.stream.partition("/")[0])
            if aggregate is not None:
                for key in aggregate.business_keys(CODEC.decode(stored).event):
                    holders[stored.tenant, key].add(stored.stream)
        for key, streams in holders.items():
            if len(streams) > 1:
                yield f"{service}: {key} is held by {sorted(streams)}"


def _parked(run: Run) -> Iterator[str]:
    for service, rows in run.ground.rows.items():
        for (reader, _), (stored, code) in rows.parked.items():
            yield f"{reader} of {service} has parked {stored.type} {stored.key}: {code}"


# --- trouble changes nothing ------------------------------------------------------------------------------------------


def _other_results(run: Run, calm: Run) -> Iterator[str]:
    expected, found = results(calm), results(run)
    for where in sorted(expected.keys() | found.keys(), key=repr):
        if expected.get(where) != found.get(where):
            yield f"without trouble {where} is {expected.get(where)}, found {found.get(where)}"


def results(run: Run) -> dict[Any, Any]:
    """Who owes what, and what stands on the lists of those who work."""
    found: dict[Any, Any] = {("refused", name): code for name, code in run.refused.items()}
    for (service, table), columns in RESULTS.items():
        for key, row in run.ground.rows[service].tables[table].rows.items():
            if not _was_never_asked(row):
                found[table, key] = tuple(row[column] for column in columns.split())
    return found | _ledger(run.ground.logs["payments"].events)


def _was_never_asked(row: Row) -> bool:
    """Who owes nothing and was told nothing: a coverage that came a moment later may have left that, and may not."""
    return row.get("balance_cents") == 0 and not row.get("notices")


def _ledger(events: Sequence[Stored]) -> dict[Any, int]:
    """Cents on each account of the ledger, by claim account."""
    sums: defaultdict[Any, int] = defaultdict(int)
    for stored in events:
        data = json.loads(stored.data)
        for leg in data.get("postings", ()):
            sums["ledger", data.get("account_id", ""), leg["account"]] += leg["amount_cents"]
    return {where: cents for where, cents in sums.items() if cents}
