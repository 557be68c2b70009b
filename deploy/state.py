"""What does this machine remember of the system that runs on it?

Everything lies below `LEDGERLINE_HOME` (default `.ledgerline/` in the checkout): database cluster, broker logs, keys, users, outside
folders, logs. `state.json` says what was chosen when the state was made; a state keeps its feed.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

FORMAT = 1
TENANT = "demo"  # of a machine of one's own
CHECKOUT = Path(__file__).resolve().parent.parent


class StateRefused(Exception):
    """What is kept here does not fit what was asked, or is newer than this program; the text names both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What was chosen when the state was made, and where its processes listen."""

    format: int
    feed: Literal["postgres", "kafka"]
    brokers: int  # 0 on the postgres feed
    clock: Literal["real", "driven"]
    clock_from: str  # where driven business time begins, ISO 8601; empty: real time
    port: int
    mllp_port: int
    sandbox_sftp_port: int
    sandbox_http_port: int
    postgres_port: int


def home() -> Path:
    """The folder of everything that is kept."""
    return Path(os.environ.get("LEDGERLINE_HOME") or CHECKOUT / ".ledgerline").absolute()


def load(folder: Path) -> State | None:
    """The state kept in a folder, or None for a new one. Raises StateRefused for one that a newer version wrote."""
    try:
        kept = json.loads((folder / "state.json").read_text())
    except FileNotFoundError:
        return None
    if kept["format"] > FORMAT:
        raise StateRefused(
            f"{folder} was written by a newer Ledgerline (format {kept['format']}, this one knows up to {FORMAT})"
        )
    return State(**kept)


def save(folder: Path, state: State) -> None:
    fresh = folder / ".state.json"
    fresh.write_text(json.dumps(asdict(state), indent=2) + "\n")
    fresh.replace(folder / "state.json")
