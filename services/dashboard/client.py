"""How do pages reach the services? Over the public API, as the person who looks, and in no other way.

Every call carries the person's own token, so a page can show and do what the person may and nothing more; a write carries the key
that was made when its form was drawn, so pressing twice is pressing once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx

Token = Callable[[], Awaitable[str]]
BLANK = "\x00"  # in a query: ask for the empty value itself; what is "" is left out


class Refused(Exception):
    """A service said no. `code`, `detail` and `trace_id` are the problem's own; they name no person."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", status))
        self.detail = str(problem.get("detail", ""))
        self.trace_id = str(problem.get("trace_id", ""))
        self.facts: Mapping[str, Any] = problem.get("facts") or {}
        self.errors: Sequence[Mapping[str, Any]] = problem.get("errors") or ()  # each with its place and rule
        self.action = str(self.facts.get("action", ""))
        super().__init__(f"{self.code}: {self.detail}")


class Silent(Exception):
    """A service does not answer."""

    def __init__(self, service: str) -> None:
        self.service = service
        super().__init__(f"{service} does not answer")


class Services:
    """The services as one person sees them."""

    def __init__(self, http: httpx.AsyncClient, token: Token, tenant: str) -> None:
        self._http = http
        self._token = token
        self._tenant = tenant

    async def get(self, path: str, **query: Any) -> Any:
        """JSON. What is None or empty in the query is left out. Raises Refused, Silent."""
        return (await self._send("GET", path, query=query)).json()

    async def file(self, path: str, **query: Any) -> httpx.Response:
        """A document with its headers. Raises Refused, Silent."""
        return await self._send("GET", path, query=query)

    async def post(self, path: str, body: Any = None, *, key: str, version: str = "") -> Any:
        """JSON. `version` of the stream that the person saw: another one by now is refused. Raises Refused, Silent."""
        headers = {"Idempotency-Key": key} | ({"Ledgerline-Expected-Version": version} if version else {})
        return (await self._send("POST", path, body=body, headers=headers)).json()

    async def send_file(
        self, path: str, content: bytes, media_type: str, *, key: str, query: Mapping[str, Any] | None = None
    ) -> Any:
        """JSON that says what became of a document. Raises Refused, Silent."""
        headers = {"Idempotency-Key": key, "Content-Type": media_type}
        return (await self._send("POST", path, query=query, content=content, headers=headers)).json()

    async def find(self, path: str, body: Any) -> Any:
        """A search: a POST, because what is looked for may be personal, that changes nothing. Raises Refused, Silent."""
        return (await self._send("POST", path, body=body)).json()

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        signed = {"Authorization": f"Bearer {await self._token()}", "X-Ledgerline-Tenant": self._tenant}
        asked = {name: _written(value) for name, value in (query or {}).items() if value not in (None, "", [], ())}
        try:
            answer = await self._http.request(
                method, path, params=asked, json=body, content=content, headers={**signed, **(headers or {})}
            )
        except httpx.TransportError:
            raise Silent(_service_of(path)) from None
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            raise _refusal(answer, path)
        return answer


def _written(value: Any) -> str | list[str]:
    """A list is asked for by one name many times."""
    if isinstance(value, list | tuple):
        return [str(each) for each in value]
    if value == BLANK:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _service_of(path: str) -> str:
    parts = path.split("/")
    return parts[2] if path.startswith("/api/") else parts[1]


def _refusal(answer: httpx.Response, path: str) -> Refused | Silent:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE and problem.get("code") == "service-unavailable":
        return Silent(_service_of(path))
    return Refused(answer.status_code, problem)
