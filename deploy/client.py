"""How does the command line talk to a running system? HTTP, with the token of LEDGERLINE_TOKEN or of the local issuer."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deploy.state import TENANT, State
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.runtime.settings import Settings

_TOKEN_SECONDS = 300.0


class Refused(Exception):
    """The system answered no. The text is the problem's own: code and detail."""

    def __init__(self, answer: httpx.Response) -> None:
        try:
            problem = answer.json()
            text = f"{problem.get('code', answer.status_code)}: {problem.get('detail', '')}"
        except ValueError:
            problem, text = {}, f"HTTP {answer.status_code}"
        super().__init__(text)
        self.code: str = problem.get("code", "")
        self.status = answer.status_code
        self.facts: Mapping[str, Any] = problem.get("facts", {})


class NotRunning(Exception):
    """Nothing answers at the address."""


class _Token(httpx.Auth):
    def __init__(self, folder: Path, state: State, tenant: str) -> None:
        self._tenant = tenant
        self._settings = Settings(mode="embedded", home=folder, http_port=state.port)
        self._made_at = -_TOKEN_SECONDS
        self._token = ""

    def auth_flow(self, request: httpx.Request):  # type: ignore[no-untyped-def]
        request.headers["Authorization"] = f"Bearer {self._current()}"
        yield request

    def _current(self) -> str:
        if given := os.environ.get("LEDGERLINE_TOKEN"):
            return given
        if time.monotonic() - self._made_at >= _TOKEN_SECONDS:
            self._token = local_token(self._settings, [Role.ADMIN], self._tenant)
            self._made_at = time.monotonic()
        return self._token


class Client:
    """The running system, as its administrator or as whoever the token speaks of."""

    def __init__(
        self,
        folder: Path,
        state: State,
        *,
        timeout_seconds: float = 120.0,
        transport: httpx.BaseTransport | None = None,
        tenant: str = TENANT,
    ) -> None:
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{state.port}",
            auth=_Token(folder, state, tenant),
            headers={"X-Ledgerline-Tenant": tenant} if tenant != TENANT else {},
            timeout=timeout_seconds,
            transport=transport,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Raises Refused, NotRunning."""
        return self._send("GET", path, params={name: value for name, value in query.items() if value is not None})

    def post(self, path: str, body: Any, *, key: str | None = None) -> Any:
        return self._send("POST", path, json=body, headers={"Idempotency-Key": key or str(uuid4())})

    def put(self, path: str, body: Mapping[str, Any], *, key: str) -> Any:
        return self._send("PUT", path, json=body, headers={"Idempotency-Key": key})

    def hand_in(self, file: Path) -> Any:
        """What `/intake` says of each message of a file. The name travels in a header: URLs are written down elsewhere."""
        headers = {
            "Content-Type": "application/octet-stream",
            "Idempotency-Key": str(uuid4()),
            "X-File-Name": file.name.encode("ascii", "replace").decode(),
        }
        return self._send("POST", "/intake", content=file.read_bytes(), headers=headers)

    def events(
        self, service: str, after: str | None, limit: int, *, types: str = ""
    ) -> tuple[list[dict[str, Any]], str, bool]:
        """The next events of a service, where to go on, and whether that is the head. Raises Refused, NotRunning."""
        query = {"limit": str(limit), "types": types} | ({"after": after} if after else {})
        answer = self._answer("GET", f"/api/{service}/events", params=query)
        return answer.json(), answer.headers["Ledgerline-Cursor"], answer.headers["Ledgerline-Head"] == "true"

    def is_ready(self) -> tuple[bool, Mapping[str, bool]]:
        """Whether everything answers, and what does not yet."""
        try:
            answer = self._http.get("/health/ready", timeout=5)
        except httpx.TransportError:
            return False, {"front": False}
        return answer.status_code == HTTPStatus.OK, answer.json().get("checks", {})

    def _send(self, method: str, path: str, **options: Any) -> Any:
        return self._answer(method, path, **options).json()

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.TransportError:
            raise NotRunning(f"nothing answers at {self._http.base_url}: `ledgerline up` starts the system") from None
        if answer.status_code >= 400:
            raise Refused(answer)
        return answer
