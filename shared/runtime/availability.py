"""Which part of the world is down?

What needs a missing part fails clearly (503, try again later) and the rest goes on. An outage is told apart from a bug, so
that a caller is never told "internal error" when all that helps is waiting.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import asyncpg
from sqlalchemy import exc

from shared.kernel.errors import DomainError


class Unavailable(DomainError):
    """Something that this work needs does not answer. Nothing was done; the same request may be sent again."""

    code = "unavailable"
    retry_after_seconds: ClassVar[int] = 2


class StoreUnavailable(Unavailable):
    code = "store-unavailable"


class LogUnavailable(Unavailable):
    """The brokers that carry the log do not answer; what was committed is in the stores, and comes when they do."""

    code = "log-unavailable"


class VaultUnavailable(Unavailable):
    code = "vault-unavailable"


class DocumentsUnavailable(Unavailable):
    code = "documents-unavailable"


class IssuerUnavailable(Unavailable):
    """The issuer's keys cannot be had, so no token can be verified."""

    code = "issuer-unavailable"


# Class 08 connection exceptions, 57P0x shutdown and crash, 53300 too many connections, 3D000 no such database; 57014 and 25P03: the
# server, or this process, was too busy for a statement or a transaction to end in its time. An internal error of the driver: a
# connection that the server is taking leave of is asked for something more.
_OUTAGES: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.QueryCanceledError,
    asyncpg.InternalClientError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    exc.TimeoutError,
)


def is_outage(error: BaseException) -> bool:
    """Whether a database error means that the server does not answer, rather than that a statement was wrong."""
    if isinstance(error, asyncpg.InterfaceError):  # misuse of the driver, too, but a closed connection is an outage
        return "clos" in str(error)
    if isinstance(error, exc.DBAPIError):
        return error.connection_invalidated or any(map(is_outage, _below(error)))
    return isinstance(error, _OUTAGES)


@contextmanager
def outage_means(refusal: type[Unavailable], what: str) -> Iterator[None]:
    """Turn an outage inside the block into `refusal`; anything else rises as it is."""
    try:
        yield
    except BaseException as error:
        if not is_outage(error):
            raise
        raise refusal(f"{what} does not answer") from error


def _below(error: exc.DBAPIError) -> Iterator[BaseException]:
    """SQLAlchemy's dialect wraps the driver's error, which it keeps as a cause."""
    below: BaseException | None = error.orig
    while below is not None:
        yield below
        below = below.__cause__
