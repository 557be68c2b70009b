"""Does every operation answer as its description says, when what is sent is well formed and when it is nonsense?

The short form of `make test-api`: the smallest well-formed request of every operation, and the same with each kind of broken body.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from tests.asgi import Answer, ask
from tests.integration.security.conftest import Operation, System
from tests.integration.security.wrong_requests import Request, request_to

pytestmark = pytest.mark.asyncio

NONSENSE = (
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"1e999",
    b"\x00\xff\xfe",
    b'{"a": "\\ud800"}',
    b"[" * 5000,
    b'{"": {}}',
    b"{}",
)
TENANT = "described"
LEFT_OUT = ("/clock", "/ops/verify", "/ops/rebuild")  # of the whole installation, and slow


def undescribed(operation: Operation, answer: Answer) -> str | None:
    """What is not in the description of the operation: a status, or a media type."""
    described = operation.described["responses"].get(str(answer.status))
    if described is None or answer.status >= 500:
        return f"{operation}: {answer.status} {answer.body[:200]!r}"
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if answer.body and media_type not in described.get("content", {}):
        return f"{operation}: {answer.status} as {media_type}"
    return None


async def sent(system: System, request: Request) -> Answer:
    return await ask(system.app, request.operation.method, request.target, request.headers, request.body)


async def test_well_formed_requests_are_answered_as_described(system: System) -> None:
    authorization = f"Bearer {system.token({TENANT: ['admin']}, subject='reader')}"
    statuses: Counter[int] = Counter()
    wrong = []
    for operation in system.operations:
        if not operation.path.endswith(LEFT_OUT):
            answer = await sent(system, request_to(operation, system.objects, authorization))
            statuses[answer.status] += 1
            wrong += [found] if (found := undescribed(operation, answer)) else []
    assert wrong == []
    assert statuses[200] + statuses[201] > 80  # most of them do something
    print(dict(statuses))


async def test_nonsense_is_answered_as_described_and_changes_nothing(system: System) -> None:
    authorization = f"Bearer {system.token({TENANT: ['admin']}, subject='reader')}"
    wrong = []
    count = 0
    for operation in system.operations:
        if "requestBody" not in operation.described or operation.path.endswith(LEFT_OUT):
            continue
        good = request_to(operation, system.objects, authorization)
        for number, body in enumerate(NONSENSE):
            request = replace(good, body=body, headers={**good.headers, "Idempotency-Key": f"nonsense-{number}"})
            answer = await sent(system, request)
            count += 1
            wrong += [found] if (found := undescribed(operation, answer)) else []
            is_file = "json" not in good.headers["Content-Type"]  # kept as it came, whatever it is
            if answer.status < 300 and body != b"{}" and not is_file:
                wrong.append(f"{operation}: {answer.status} for {body[:20]!r}")
    assert wrong == []
    assert count > 500


async def test_a_faulty_request_is_told_by_place_and_never_by_value(system: System) -> None:
    """The bodies of the first test, with a canary in every member that is text."""
    authorization = f"Bearer {system.token({TENANT: ['admin']}, subject='reader')}"
    told = []
    for operation in system.operations:
        good = request_to(operation, system.objects, authorization)
        if not good.body.startswith(b"{") or operation.path.startswith("/fhir"):
            continue
        spoilt = {name: {"zebulon-canary": 1} for name in json.loads(good.body)} or {"zebulon-canary": 1}
        answer = await sent(system, replace(good, body=json.dumps(spoilt).encode()))
        assert answer.status in (422, 400), str(operation)
        told += [str(operation)] if b"zebulon" in answer.body else []
    assert told == []
