"""Which process of Ledgerline is this?

`python -m deploy.serve all` runs every service in one event loop (the embedded default); a service's name runs that one; `front` runs
the edge: gateway, issuer, and the way to the services. Settings come from the environment. It ends with its supervisor.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from deploy.services import build_of, service_port
from shared.events.registry import SERVICES
from shared.runtime import process, telemetry
from shared.runtime.faults import Pause, is_worth_retrying
from shared.runtime.host import Build, Host, open_host
from shared.runtime.native.processes import end_with_the_parent
from shared.runtime.platform import Platform, open_platform
from shared.runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from deploy.front import Front

_FINISH_SECONDS = 8  # for requests under way when it ends; streams that are followed have no end of their own
_log = logging.getLogger(__name__)

OpenFront: TypeAlias = Callable[[Platform, Sequence[Host]], contextlib.AbstractAsyncContextManager["Front"]]
Parts: TypeAlias = tuple[Mapping[str, Build], OpenFront | None]


def main() -> None:
    parser = argparse.ArgumentParser(description="One process of Ledgerline.")
    parser.add_argument("role", choices=["all", "front", *SERVICES])
    role = parser.parse_args().role
    settings = load_settings()
    telemetry.configure_logging(settings)
    telemetry.configure_tracing(settings, role)
    if _is_supervised():
        end_with_the_parent()
    process.run(serve(settings, role))


def import_parts_of(role: str) -> Parts:
    """The services of a process, and its front where it has one. Nothing else is imported: that is most of the time of a start."""
    names = SERVICES if role == "all" else () if role == "front" else (role,)
    has_front = role in ("all", "front")
    open_front = importlib.import_module("deploy.front").open_front if has_front else None
    return {name: build_of(name) for name in names}, open_front


async def serve(settings: Settings, role: str) -> None:
    """Run the process's part until SIGTERM, waiting for what it stands on first."""
    parts = import_parts_of(role)
    async with contextlib.AsyncExitStack() as stack:
        hosts, front = await _patiently_opened(settings, parts, stack)
        await _run(settings, role, hosts, front)


async def _patiently_opened(
    settings: Settings, parts: Parts, closing: contextlib.AsyncExitStack
) -> tuple[Sequence[Host], Front | None]:
    """All of it, once all that it stands on answers; what was opened before something failed is closed again."""
    pause = Pause()
    while True:
        async with contextlib.AsyncExitStack() as opened:
            try:
                hosts, front = await _open(settings, parts, opened)
            except Exception as error:
                if not is_worth_retrying(error):
                    raise
                _log.warning("what this process stands on does not answer yet", exc_info=error)
            else:
                closing.push_async_exit(opened.pop_all())
                return hosts, front
        await pause.rest()


async def _open(
    settings: Settings, parts: Parts, opened: contextlib.AsyncExitStack
) -> tuple[Sequence[Host], Front | None]:
    builds, open_front = parts
    platform = await open_platform(settings)
    opened.push_async_callback(platform.close)
    hosts = [await opened.enter_async_context(open_host(platform, name, build)) for name, build in builds.items()]
    front = None if open_front is None else await opened.enter_async_context(open_front(platform, hosts))
    return hosts, front


async def _run(settings: Settings, role: str, hosts: Sequence[Host], front: Front | None) -> None:
    if front is not None:
        app, port = front.app, settings.http_port
    else:
        app, port = _alone(hosts[0]), service_port(settings.http_port, role)
    config = uvicorn.Config(
        app,
        host=settings.http_host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_FINISH_SECONDS,
    )
    server = _Server(config)
    process.collect_seldom()
    work = [asyncio.create_task(host.run(), name=host.name) for host in hosts]
    if front is not None:
        work.append(asyncio.create_task(front.run(), name="front"))
    serving = asyncio.create_task(server.serve(), name="http")
    done, _ = await asyncio.wait([serving, *work], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    for task in work:
        task.cancel()
    await asyncio.gather(serving, *work, return_exceptions=True)
    for task in done:
        if task is not serving:
            task.result()  # a bug that ended a host ends the process, with its traceback


class _Server(uvicorn.Server):
    """Leaves signals to us: SIGTERM and SIGINT ask it to finish what it is answering."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._finish)
        yield

    def _finish(self) -> None:
        self.should_exit = True


def _alone(host: Host) -> ASGIApp:
    """One service in a process of its own, at the same path as everywhere."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield

    return Starlette(routes=[Mount(f"/api/{host.name}", app=host.app)], lifespan=lifespan)


def _is_supervised() -> bool:
    """Then standard input is a pipe whose other end the supervisor holds; the kernel closes it when that dies."""
    return sys.stdin is not None and not sys.stdin.isatty() and os.environ.get("LEDGERLINE_SUPERVISED") == "1"


if __name__ == "__main__":
    main()
