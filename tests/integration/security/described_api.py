"""Does every service answer as its description says, whatever is sent? Schemathesis makes the requests up from the description.

Run by `make test-api`, because it takes minutes: examples, every boundary, made-up requests and sequences of them. `test_descriptions.py`
is the short form.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn

from deploy.state import CHECKOUT
from shared.events.registry import SERVICES
from tests.integration.security.conftest import System

pytestmark = pytest.mark.asyncio

SEED = os.environ.get("LEDGERLINE_TEST_API_SEED", "7")
EXAMPLES = os.environ.get("LEDGERLINE_TEST_API_EXAMPLES", "100")  # of each operation and phase
TENANT = "fuzz"  # of its own: nothing of the other tests' clinic is touched
PHASES = "examples,coverage,fuzzing,stateful"
HOOKS = "tests.integration.security.x12_serializer"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "use_after_free",
)
# Moving the clock would move it for the other tests; a full verification of everything takes its time.
LEFT_OUT = ("/clock", "/ops/verify", "/ops/rebuild")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def address(system: System) -> AsyncIterator[str]:
    """Where the front door listens."""
    server = uvicorn.Server(
        uvicorn.Config(system.app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
    )
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # pytest has its own
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([listening]))  # who connects before it serves waits in the backlog
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await serving


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [*SERVICES, "front"])
async def test_every_answer_is_one_that_the_description_names(
    system: System, address: str, name: str, tmp_path: Path
) -> None:
    token = system.token({TENANT: ["admin"]}, subject="fuzzer", seconds=3 * 3600)
    mount = "" if name == "front" else f"/api/{name}"
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}{mount}/openapi.json"),
        *("--url", f"{address}{mount}", "--header", f"Authorization: Bearer {token}"),
        *("--header", f"X-Ledgerline-Tenant: {TENANT}", "--phases", PHASES, "--max-examples", EXAMPLES),
        *("--checks", ",".join(CHECKS), "--seed", SEED, "--suppress-health-check", "all", "--no-shrink"),
        *("--warnings", "off", "--request-timeout", "60", "--continue-on-failure"),
        *(part for path in LEFT_OUT for part in ("--exclude-path", path)),
    ]
    running = await asyncio.create_subprocess_exec(
        *command,
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(CHECKOUT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await running.communicate()
    text = told.decode().replace(token, "…")
    print(text)
    assert running.returncode == 0, text[-8000:]
