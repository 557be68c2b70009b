"""How much may one caller ask, and how does one tenant's storm not become everybody's?

Three bounds, each looked at before the body of a request is read. A bucket of requests for each caller in a tenant and one for each
tenant, filled at a steady rate; beyond them the answer is 429. And a bound on the requests in progress in one service of one process:
with n tenants at work each may have 1/(n+1) of it, so that there is always room for one more; beyond its share a tenant is answered
429, beyond the whole everybody 503. Every refusal says in Retry-After when to ask again, and nothing of the request was done.

Health, metrics and descriptions are never refused. Event streams stay open for minutes and are counted apart from requests. Who has no
token (the issuer's endpoints) is counted by network address. Source: RFC 6585 (429), RFC 9110 10.2.3 (Retry-After).
"""

from __future__ import annotations

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.runtime.identity import Identity
from shared.runtime.settings import Settings
from shared.runtime.web.edge import IDENTITY
from shared.runtime.web.problems import answer

_REMEMBERED_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many requests a second on average, and so many at once after a pause."""

    per_second: float
    burst: int


class Buckets:
    """Token buckets by name; the names not heard of for longest are forgotten, which can only be to their advantage."""

    def __init__(self, rate: Rate, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name -> requests left, and when that was

    def wait_seconds(self, name: str) -> float:
        """How long until this name may ask again; 0 when it may now."""
        left = self._left(name)
        return 0.0 if left >= 1 else (1 - left) / self._rate.per_second

    def take(self, name: str) -> None:
        """Count one request."""
        self._levels[name] = (self._left(name) - 1, self._monotonic())
        self._levels.move_to_end(name)
        while len(self._levels) > _REMEMBERED_MAX:
            self._levels.popitem(last=False)

    def _left(self, name: str) -> float:
        left, at = self._levels.get(name, (float(self._rate.burst), self._monotonic()))
        return min(float(self._rate.burst), left + (self._monotonic() - at) * self._rate.per_second)


class Places:
    """Who has how many requests in progress, of a bounded number."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._taken: Counter[str] = Counter()

    def is_full(self) -> bool:
        return self._taken.total() >= self._count_max

    def is_beyond_its_share(self, tenant: str) -> bool:
        """Whether the tenant has all that it may have while others are at work, and one more may come."""
        at_work = len(self._taken.keys() | {tenant})
        return self._taken[tenant] >= max(1, self._count_max // (at_work + 1))

    def take(self, tenant: str) -> None:
        self._taken[tenant] += 1

    def leave(self, tenant: str) -> None:
        self._taken[tenant] -= 1
        if not self._taken[tenant]:
            del self._taken[tenant]


class Limits:
    """The bounds of one service in one process."""

    def __init__(self, settings: Settings, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        def buckets(per_second: float) -> Buckets:
            burst = max(1, round(per_second * settings.burst_seconds))
            return Buckets(Rate(per_second=per_second, burst=burst), monotonic=monotonic)

        self.callers = buckets(settings.requests_per_second_per_caller)
        self.tenants = buckets(settings.requests_per_second_per_tenant)
        self.addresses = buckets(settings.requests_per_second_per_address)
        self.requests = Places(settings.requests_in_progress_max)
        self.streams = Places(settings.streams_max)
        self.exempt = settings.callers_without_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    status: int
    code: str
    detail: str
    retry_after_seconds: float


class Limited:
    """Admits a request, or says when to ask again."""

    def __init__(self, app: ASGIApp, *, limits: Limits, is_exempt: Callable[[str], bool]) -> None:
        self._app = app
        self._limits = limits
        self._is_exempt = is_exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_exempt(scope["path"].removeprefix(scope.get("root_path", ""))):
            await self._app(scope, receive, send)
            return
        who = scope.get(IDENTITY)
        if isinstance(who, Identity) and who.actor in self._limits.exempt:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        tenant, caller = _names(who, headers, scope)
        places = self._limits.streams if "text/event-stream" in headers.get("accept", "") else self._limits.requests
        if refused := self._refused(places, tenant, caller, is_known=isinstance(who, Identity)):
            retry_after = {"Retry-After": str(max(1, math.ceil(refused.retry_after_seconds)))}
            await answer(refused.status, refused.code, refused.detail, headers=retry_after)(scope, receive, send)
            return
        places.take(tenant)
        try:
            await self._app(scope, receive, send)
        finally:
            places.leave(tenant)

    def _refused(self, places: Places, tenant: str, caller: str, *, is_known: bool) -> Refused | None:
        rates = [(self._limits.callers, caller), (self._limits.tenants, tenant)]
        buckets = rates if is_known else [(self._limits.addresses, caller)]
        if wait := max(each.wait_seconds(name) for each, name in buckets):
            return Refused(
                status=429,
                code="too-many-requests",
                detail="more requests than this caller, or this tenant, may send in this time",
                retry_after_seconds=wait,
            )
        if places.is_full():
            return Refused(
                status=503,
                code="too-busy",
                detail="as many requests as this service takes at once are in progress",
                retry_after_seconds=1,
            )
        if places.is_beyond_its_share(tenant):
            return Refused(
                status=429,
                code="too-many-requests",
                detail="this tenant has its share of the requests in progress",
                retry_after_seconds=1,
            )
        for each, name in buckets:
            each.take(name)
        return None


def _names(who: object, headers: Headers, scope: Scope) -> tuple[str, str]:
    """Tenant and caller as they are counted. A tenant that is not the caller's counts as theirs: naming others is no way out."""
    if not isinstance(who, Identity):
        return "", (scope.get("client") or ("unknown", 0))[0]
    named = headers.get("x-ledgerline-tenant", "")
    tenant = named if named in who.tenants else min(who.tenants, default="")
    return tenant, f"{tenant} {who.actor}"
