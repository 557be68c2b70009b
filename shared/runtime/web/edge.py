"""What happens to every request before and after a route sees it?

From the outside in: it is recorded (span, metric, one log line: method, route template, status, time; never a path, query or body),
an unexpected error becomes a 500 that says nothing, safe headers are set, the token is verified before a byte of the body is read,
and the body is bounded and hashed as it comes in.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka.errors import KafkaError
from opentelemetry import context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.kernel.errors import DomainError
from shared.runtime import telemetry
from shared.runtime.availability import LogUnavailable, StoreUnavailable, is_outage
from shared.runtime.identity import Identity, InvalidToken, TokenVerifier
from shared.runtime.web.problems import answer, refusal

_LOG = logging.getLogger(__name__)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
IDENTITY = "ledgerline.identity"
BODY = "ledgerline.body"

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Recorded:
    """One span, one metric and one log line a request; no error leaves it."""

    def __init__(self, app: ASGIApp, *, service: str, template_of: Callable[[Scope], str]) -> None:
        self._app = app
        self._service = service
        self._template_of = template_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = context.attach(telemetry.remote_context(Headers(scope=scope).get("traceparent")))
        try:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            with telemetry.span(method, kind=SpanKind.SERVER, service=self._service, method=method) as span:
                await self._answer(scope, receive, send, span, method)
        finally:
            context.detach(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, span: Span, method: str) -> None:
        started = time.perf_counter()
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        failure: Exception | None = None
        try:
            await self._app(scope, receive, watch)
        except Exception as error:  # noqa: BLE001 - the edge: logged below, once, without its text
            failure = error
            if status == 0:  # otherwise the client sees a broken answer, which is what it is
                await _confession(error)(scope, receive, watch)
        self._record(scope, span, method, status, time.perf_counter() - started, failure)

    def _record(
        self, scope: Scope, span: Span, method: str, status: int, seconds: float, failure: Exception | None
    ) -> None:
        route = self._template_of(scope)
        telemetry.REQUESTS.labels(self._service, method, route, str(status)).inc()
        telemetry.REQUEST_SECONDS.labels(self._service, method, route).observe(seconds)
        span.update_name(f"{method} {route}")
        span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        fields: dict[str, Any] = {"service": self._service, "method": method, "route": route, "status": status}
        fields["duration_ms"] = round(seconds * 1000, 1)
        if isinstance(who := scope.get(IDENTITY), Identity):
            fields |= {"actor": who.actor, "client": who.client}
        if failure is not None:
            _LOG.error("request failed", extra=fields, exc_info=failure)
        elif not route.startswith("/health"):
            _LOG.info("request answered", extra=fields)


def _confession(error: Exception) -> ASGIApp:
    if is_outage(error):
        return refusal(StoreUnavailable("a database does not answer"))
    if isinstance(error, KafkaError):
        return refusal(LogUnavailable("the brokers of the log do not answer"))
    return answer(500, "internal-error", "something went wrong here; the trace id finds it")


class SafeHeaders:
    """Headers that keep an answer from being cached, framed, sniffed or run; a route may set its own instead.

    `headers` are added to those that every answer has, or stand in their place.
    """

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._headers = {**_HEADERS, **(headers or {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._wanted(scope).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)

    def _wanted(self, scope: Scope) -> Mapping[str, str]:
        if scope.get("scheme") == "https":
            return self._headers | {"Strict-Transport-Security": "max-age=31536000"}
        return self._headers


class Authenticated:
    """Everything but what is public needs a token that verifies, before its body is read. Who it is goes with the request."""

    def __init__(self, app: ASGIApp, *, verifier: TokenVerifier, is_public: Callable[[str], bool]) -> None:
        self._app = app
        self._verifier = verifier
        self._is_public = is_public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            presented = Headers(scope=scope).getlist("authorization")
            try:
                if presented:
                    scope[IDENTITY] = await self._verifier.verify(_bearer(presented))
                elif not self._is_public(path):
                    raise InvalidToken("this needs a bearer token")
            except DomainError as error:
                await refusal(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _bearer(presented: list[str]) -> str:
    scheme, _, token = presented[0].partition(" ")
    if len(presented) != 1 or scheme.lower() != "bearer" or not token:
        raise InvalidToken("the Authorization header is not one bearer token")
    return token


class Body:
    """The body of a request as it comes in: counted, bounded, hashed."""

    def __init__(self, receive: Receive, limit_bytes: int) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._left_bytes = limit_bytes
        self._hash = hashlib.sha256()
        self.is_complete = False

    async def receive(self) -> Message:
        """As ASGI's receive. Raises HTTPException 413 beyond the limit."""
        message = await self._receive()
        if message["type"] == "http.request":
            part = message.get("body", b"")
            self._left_bytes -= len(part)
            if self._left_bytes < 0:
                raise HTTPException(413)
            self._hash.update(part)
            self.is_complete = not message.get("more_body", False)
        return message

    def digest(self) -> bytes:
        """SHA-256 of the body. Raises RuntimeError while it is still coming in."""
        if not self.is_complete:
            raise RuntimeError("the body has not been read to its end")
        return self._hash.digest()


class BoundedBody:
    """JSON has one limit and uploads another; a body that says it is larger is refused before it is read."""

    def __init__(self, app: ASGIApp, *, json_bytes_max: int, upload_bytes_max: int) -> None:
        self._app = app
        self._json_bytes_max = json_bytes_max
        self._upload_bytes_max = upload_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit_bytes = self._limit_bytes(headers)
        said = headers.get("content-length", "0")
        if not said.isascii() or not said.isdigit() or int(said[:19]) > limit_bytes:
            await answer(413, "too-large", "the body is larger than this service takes")(scope, receive, send)
            return
        scope[BODY] = body = Body(receive, limit_bytes)
        await self._app(scope, body.receive, send)

    def _limit_bytes(self, headers: Headers) -> int:
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        is_small = not media_type or "json" in media_type or media_type == "application/x-www-form-urlencoded"
        return self._json_bytes_max if is_small else self._upload_bytes_max
