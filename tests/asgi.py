"""How does a test ask an application thousands of times? Straight through ASGI, with nothing between that costs time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def problem(self) -> dict[str, Any]:
        """The body without the trace id, which is another for every request."""
        told: dict[str, Any] = json.loads(self.body)
        told.pop("trace_id", None)
        return told

    @property
    def code(self) -> str:
        return str(self.problem().get("code", ""))


async def ask(
    app: ASGIApp,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    client: str = "192.0.2.7",
) -> Answer:
    """One request; `target` is path and query. The caller is not on this machine unless `client` says so."""
    path, _, query = target.partition("?")
    lines = [(name.lower().encode(), value.encode("utf-8", "surrogatepass")) for name, value in (headers or {}).items()]
    if body:
        lines.append((b"content-length", str(len(body)).encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": lines,
        "client": (client, 40000),
        "server": ("ledgerline", 80),
    }
    sent = False
    told: list[Message] = []

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    await app(scope, receive, send)
    start = told[0]
    return Answer(
        status=start["status"],
        headers={name.decode(): value.decode() for name, value in start["headers"]},
        body=b"".join(message.get("body", b"") for message in told[1:]),
    )
