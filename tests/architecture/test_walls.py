"""Do imports point the right way, and do all services have the same rooms?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.services import build_of
from deploy.state import CHECKOUT
from shared.events.registry import SERVICES


def test_no_import_goes_through_a_wall() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    answer = subprocess.run([program, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_who_knows_one_service_knows_all(service: str) -> None:
    room = CHECKOUT / "services" / service
    rooms = {path.name for path in room.iterdir()}
    assert {"domain", "api", "policies", "projections", "adapters", "main.py", "README.md"} <= rooms
    assert (room / "domain" / "errors.py").exists()
    assert (CHECKOUT / "tests" / "unit" / service).is_dir()


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_of_the_vocabulary_can_be_built(service: str) -> None:
    assert callable(build_of(service))


@pytest.mark.parametrize("role", [*SERVICES, "front"])
def test_a_process_imports_only_what_it_runs(role: str) -> None:
    program = (
        f"import sys; from deploy.serve import import_parts_of; import_parts_of({role!r});"
        "print(*{name.split('.')[1] for name in sys.modules if name.startswith('services.')})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert set(done.stdout.split()) == ({"gateway", "dashboard"} if role == "front" else {role})
