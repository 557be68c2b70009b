"""How do the parts of a message reach the services?

Each part is one HTTP command under a key of its own: receipt and ordinal. Parts for one service go in order, since a coverage needs
its patient; parts for different services go side by side, since services do not wait for each other.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx
import msgspec

from services.gateway.notes import Note
from services.gateway.parts import CSV, PLAIN, X12, Part
from services.gateway.receipts import PartState
from services.gateway.service_answers import remarks

COMMITTED, REFUSED, WAITING = "committed", "refused", "waiting"
FOUND = "found"  # committed without a command: it was there, and was to be left as it is
_TRY_LATER = frozenset({401, 403, 408, 425, 429, 500, 502, 503, 504})  # nothing that the sender could mend
_CHANGED_MEANWHILE = "conflict"  # others wrote to the same patient or visit, more often than the service tries again
_COMMITTED_BEFORE = "idempotency-key-reused"  # by an older release that read the message in other words
_CONFLICT_PAUSES = (0.05, 0.2, 0.5)
_ERRORS_TOLD_MAX = 20
_FILES = frozenset({X12, PLAIN, CSV})  # of which a service has more to say than that they were taken in
_NAMELESS = "the patient is named neither here nor by an earlier registration"


class Later(Exception):
    """A service does not answer, or not now."""


class Delivery:
    """Sends parts as commands. `client` has paths that begin with /api/<service> and signs its requests."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def deliver(
        self, tenant: str, receipt_id: UUID, parts: Sequence[Part], before: Sequence[PartState]
    ) -> tuple[tuple[PartState, ...], tuple[Note, ...]]:
        """Send what is not committed yet. Returns how far each part got, and why those that did not get through."""
        states: list[PartState] = [
            before[ordinal] if ordinal < len(before) else waiting(part) for ordinal, part in enumerate(parts)
        ]
        notes: list[Note] = []
        lanes: defaultdict[str, list[int]] = defaultdict(list)
        for ordinal, part in enumerate(parts):
            if states[ordinal].state != COMMITTED:
                lanes[part.service].append(ordinal)

        async def go_along(lane: Sequence[int]) -> None:
            for ordinal in lane:
                try:
                    states[ordinal], said = await self._send(tenant, receipt_id, ordinal, parts[ordinal])
                except Later:
                    for left in lane[lane.index(ordinal) :]:
                        states[left] = replace(states[left], state=WAITING, code="")
                    notes.append(_try_later(parts[ordinal]))
                    return
                notes.extend(said)

        await asyncio.gather(*(go_along(lane) for lane in lanes.values()))
        return tuple(states), tuple(notes)

    async def _send(self, tenant: str, receipt_id: UUID, ordinal: int, part: Part) -> tuple[PartState, Sequence[Note]]:
        if part.unless_found and await self._is_there(tenant, part):
            return replace(waiting(part), state=COMMITTED, code=FOUND), ()
        key = f"{receipt_id}.{ordinal}"
        content = part.content
        if part.completed_from:
            body = await self._completed(tenant, part)
            if not body["person"].get("last"):
                nameless = replace(waiting(part), state=REFUSED, code="name-missing")
                return nameless, [Note(place=part.place, rule=_NAMELESS, value="name-missing", code="101")]
            content = msgspec.json.encode(body)
            # What is known may have changed between two tries; then it is another request.
            key += f".{hashlib.sha256(content).hexdigest()[:16]}"
        headers = {
            "X-Ledgerline-Tenant": tenant,
            "Idempotency-Key": key,
            "X-Correlation-Id": str(receipt_id),
            "Content-Type": part.media_type,
        }
        path = f"/api/{part.service}{part.path}"
        answer = await self._command(part.method, path, content=content, headers=headers)
        told = replace(waiting(part), state=COMMITTED, stream=_stream(answer))
        if answer.is_success:
            return told, remarks(answer.json()) if part.media_type in _FILES else ()
        problem = _problem(answer)
        code = str(problem.get("code", answer.status_code))[:80]
        if code == _COMMITTED_BEFORE:
            return told, ()
        return replace(told, state=REFUSED, code=code), _reasons(part, problem, code)

    async def _is_there(self, tenant: str, part: Part) -> bool:
        path = f"/api/{part.service}{part.unless_found}"
        return (await self._request("GET", path, headers={"X-Ledgerline-Tenant": tenant})).is_success

    async def _completed(self, tenant: str, part: Part) -> dict[str, Any]:
        """The body, with what the message leaves out of the person as it is known."""
        path = f"/api/{part.service}{part.completed_from}"
        answer = await self._request("GET", path, headers={"X-Ledgerline-Tenant": tenant})
        body: dict[str, Any] = msgspec.json.decode(part.content)
        if answer.is_success:  # otherwise nobody is known there, and what was said is all there is
            body["person"] = {**answer.json()["person"], **body["person"]}
        body["person"] = _plain(body["person"])
        return body

    async def _command(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer to a command; one that others were quicker than is sent again, since they were not wrong nor was it."""
        for pause_seconds in _CONFLICT_PAUSES:
            answer = await self._request(method, path, **options)
            if answer.status_code != HTTPStatus.CONFLICT or _problem(answer).get("code") != _CHANGED_MEANWHILE:
                return answer
            await asyncio.sleep(pause_seconds)
        raise Later

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = await self._client.request(method, path, **options)
        except httpx.TransportError as broken:
            raise Later from broken
        if answer.status_code in _TRY_LATER:
            raise Later
        return answer


def _plain(person: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing, so that the same person is the same bytes, known before or not."""
    address = {name: value for name, value in (person.get("address") or {}).items() if value}
    told = {**person, "address": address, "sex": "" if person.get("sex") == "U" else person.get("sex")}
    return {name: value for name, value in told.items() if value}


def waiting(part: Part) -> PartState:
    """A part before it is sent."""
    return PartState(place=part.place, what=part.what, state=WAITING, made=part.made)


def _try_later(part: Part) -> Note:
    rule = f"the {part.service} service does not answer; the message is kept and goes on by itself"
    return Note(place=part.place, rule=rule)


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _reasons(part: Part, problem: dict[str, Any], code: str) -> Sequence[Note]:
    """The refusal in the service's own words, which quote no person."""
    detail = str(problem.get("detail") or "the service refused this part")[:200]
    faults = [
        Note(place=part.place, rule=f"{part.what}: {fault.get('place')}: {fault.get('rule')}"[:200], value=code)
        for fault in problem.get("errors") or ()
        if isinstance(fault, dict)
    ]
    if faults:
        return faults[:_ERRORS_TOLD_MAX]
    return [Note(place=place, rule=f"{part.what}: {detail}", value=code) for place in (part.place, *part.covers)]


def _stream(answer: httpx.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        return ""
    return str(told.get("stream", ""))[:120] if isinstance(told, dict) else ""
