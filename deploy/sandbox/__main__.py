"""`python -m deploy.sandbox --state DIR`: the sandbox clearinghouse, over real SFTP and HTTP, until SIGTERM.

At `/cards` of its HTTP stands the sandbox processor of cards (`deploy.sandbox.cards`).

It lets one partner in, by key, and writes how to reach it to `DIR/partner.json`, as a real clearinghouse would send a letter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from deploy.sandbox import cards
from deploy.sandbox.book import Book
from deploy.sandbox.clearinghouse import Sandbox
from deploy.sandbox.door import open_door
from deploy.sandbox.realtime import NotAQuestion, answer
from shared.runtime.clock import Clock, FileClock, SystemClock
from shared.runtime.native.processes import end_with_the_parent
from shared.runtime.web import FRAMEWORK_TELEMETRY_OFF

PARTNER = "ledgerline"
_LOOK_SECONDS = 0.05
_log = logging.getLogger("ledgerline.sandbox")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--sftp-port", type=int, default=int(os.environ.get("LEDGERLINE_SANDBOX_SFTP_PORT", "2222")))
    parser.add_argument("--http-port", type=int, default=int(os.environ.get("LEDGERLINE_SANDBOX_HTTP_PORT", "8090")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("LEDGERLINE_SANDBOX_SEED", "1")))
    parser.add_argument("--clock-file", type=Path, default=None)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    if os.environ.get("LEDGERLINE_SUPERVISED") == "1":  # standard input is a pipe whose other end the supervisor holds
        end_with_the_parent()
    options.state.mkdir(parents=True, exist_ok=True)
    clock: Clock = FileClock(options.clock_file) if options.clock_file else SystemClock()
    asyncio.run(serve(options.state, clock, options.sftp_port, options.http_port, options.seed))


async def serve(state: Path, clock: Clock, sftp_port: int, http_port: int, seed: int) -> None:
    """Until cancelled or told to end."""
    root = state / "partners"
    book = Book(state / "book.sqlite")
    sandbox = Sandbox(root, book, seed=seed)
    async with open_door(state, root, sftp_port) as door:
        door.open_account(PARTNER)
        _write_letter(state, {**door.letter(PARTNER), "realtime_url": f"http://127.0.0.1:{http_port}/realtime"})
        await _answer(sandbox, book, clock, http_port, state)


async def _answer(sandbox: Sandbox, book: Book, clock: Clock, http_port: int, state: Path) -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            _application(sandbox, book, clock, cards.application(state / "cards", clock)),
            port=http_port,
            log_config=None,
            access_log=False,
        )
    )
    work = asyncio.create_task(_work(sandbox, clock))
    try:
        await server.serve()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        book.close()


async def _work(sandbox: Sandbox, clock: Clock) -> None:
    while True:
        if not sandbox.step(clock.now()):
            await asyncio.sleep(_LOOK_SECONDS)


def _application(sandbox: Sandbox, book: Book, clock: Clock, cards: FastAPI) -> FastAPI:
    app = FastAPI(title="Sandbox clearinghouse", docs_url=None, redoc_url=None, telemetry=FRAMEWORK_TELEMETRY_OFF)
    app.mount("/cards", cards)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/idle")
    async def idle() -> dict[str, object]:
        """Whether everything that came in was worked on and nothing is due; and when the next answer is."""
        next_at = book.next_at()
        return {"idle": sandbox.is_idle(clock.now()), "next_at": next_at.isoformat() if next_at else None}

    @app.post("/realtime")
    async def realtime(request: Request) -> Response:
        """A 270 is answered with a 271, a 276 with a 277."""
        try:
            with book.round():
                number = book.next_number("interchange")
            return Response(answer(await request.body(), number, clock.now()), media_type="application/edi-x12")
        except NotAQuestion as refused:
            return JSONResponse({"detail": str(refused)}, 422)

    return app


def _write_letter(state: Path, letter: Mapping[str, object]) -> None:
    fresh = state / ".partner.json"
    fresh.write_text(json.dumps(letter, indent=2) + "\n")
    fresh.replace(state / "partner.json")


if __name__ == "__main__":
    main()
