"""Does any request succeed that must not? Every operation x role x tenant x object, and what each is answered.

`make test` runs the short plan, in which every operation meets every wrong role; `make test-matrix` the full one.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import Iterable

import pytest

from shared.runtime.verify import every_event
from shared.testing.hosting import TENANT
from tests.asgi import Answer, ask
from tests.integration.security.conftest import System
from tests.integration.security.wrong_requests import Planner, Request, Wrong, request_to

pytestmark = pytest.mark.asyncio

IS_FULL = os.environ.get("LEDGERLINE_TEST_LONG") == "1"
LEAST = 20_000 if IS_FULL else 4_500
AT_A_TIME = 8
AGAIN_MAX = 5


async def test_the_clinics_own_administrator_finds_every_object_that_the_wrong_requests_are_about(
    system: System,
) -> None:
    """Without this, a matrix of 404s would say nothing."""
    missing = []
    for operation in system.operations:
        if operation.method == "GET" and "{" in operation.path:
            found = await sent(system, request_to(operation, system.objects, f"Bearer {system.admin}"))
            if found.status != 200:
                missing.append(f"{operation}: {found.status} {found.body[:200]!r}")
    assert missing == []


@pytest.mark.timeout(1200)
async def test_no_wrong_request_succeeds_and_foreign_looks_like_absent(system: System) -> None:
    before = await told_of_the_clinic(system)
    counted: Counter[str] = Counter()
    holes: list[str] = []
    wrongs = iter(Planner(system, is_full=IS_FULL).plan())

    async def work() -> None:
        for wrong in wrongs:
            counted[wrong.kind] += 1 if wrong.twin is None else 2
            holes.extend(await holes_in(system, wrong))

    await asyncio.gather(*(work() for _ in range(AT_A_TIME)))
    assert not holes, "\n".join([f"{len(holes)} of {counted.total()}", *holes[:50]])
    print(f"{counted.total()} wrong requests to {len(system.operations)} operations: {dict(counted)}")
    assert counted.total() >= LEAST
    assert await told_of_the_clinic(system) == before


async def holes_in(system: System, wrong: Wrong) -> list[str]:
    answer = await sent(system, wrong.request)
    where = f"{wrong.kind}: {wrong.request.operation}"
    if wrong.twin is None:
        if (answer.status, answer.code) != (wrong.status, wrong.code):
            return [f"{where}: {answer.status} {answer.body[:200]!r}"]
        if answer.status == 401 and not answer.headers.get("www-authenticate", "").startswith("Bearer"):
            return [f"{where}: 401 without WWW-Authenticate"]
        return []
    twin = await sent(system, wrong.twin)
    if comparable(answer, wrong.request) != comparable(twin, wrong.twin):
        return [f"{where}: foreign {answer.status} {answer.body[:300]!r}, absent {twin.status} {twin.body[:300]!r}"]
    leaks = [each for each in clinics_own(system, wrong.request) if each in answer.body]
    return [f"{where}: tells {leaks}"] if leaks else []


async def sent(system: System, request: Request) -> Answer:
    """A 503 says nothing about rights: it is asked again, as a client would."""
    for _ in range(AGAIN_MAX):
        answer = await ask(system.app, request.operation.method, request.target, request.headers, request.body)
        if answer.status != 503:
            break
        await asyncio.sleep(float(answer.headers["retry-after"]))
    return answer


def comparable(answer: Answer, request: Request) -> tuple[int, object]:
    """Status and what is said, with the ids that were asked for told by their names alone. Of a success, which is in the stranger's own
    tenant, its form."""
    text = answer.body.decode("utf-8", "replace")
    for name, value in request.asked_for.items():
        text = re.sub(rf"(?<![\w-]){re.escape(value)}(?![\w-])", f"<{name}>", text) if len(value) > 3 else text
    if not text.startswith(("{", "[")):
        return answer.status, text
    told = json.loads(text)
    if answer.status >= 400:
        told.pop("trace_id", None)
        return answer.status, told
    return answer.status, sorted(told) if isinstance(told, dict) else len(told)


def clinics_own(system: System, request: Request) -> Iterable[bytes]:
    """What can be in an answer only when it was read from the clinic: ids that the request does not name, and names."""
    named = f"{request.target} {request.body.decode()}"
    ids = [value for name, value in system.objects.items() if name.endswith("_id") and value not in named]
    return [each.encode() for each in (*filter(lambda each: len(each) > 6, ids), "STONE", "OAK STREET", "MRN-")]


async def told_of_the_clinic(system: System) -> dict[str, int]:
    """How many events each service has of the clinic."""
    await system.clinic.system.settle(60)
    return {
        service: len([each async for each in every_event(host.store_feed, service) if each.tenant == TENANT])
        for service, host in system.clinic.system.hosts.items()
    }
