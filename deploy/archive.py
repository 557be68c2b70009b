"""Which process keeps the database's log in a second place?

`python -m deploy.archive HOME`: streams the write-ahead log of the running database into the folder that `ledgerline backup DIR` named, until
its standard input closes or the database ends. The supervisor starts it, and starts it again when it ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

from shared.runtime.native import backups, postgres

_MARK = "archive.json"
LOG = "log"  # below the folder


def archive_of(home: Path) -> Path | None:
    """The folder into which the log of this home is copied, or None."""
    try:
        return Path(json.loads((home / _MARK).read_text())["folder"])
    except FileNotFoundError:
        return None


def set_archive(home: Path, folder: Path | None) -> None:
    """Copy the log into this folder from now on; None: no longer."""
    mark = home / _MARK
    if folder is None:
        mark.unlink(missing_ok=True)
        return
    fresh = home / f".{_MARK}"
    fresh.write_text(json.dumps({"folder": str(folder)}) + "\n")
    fresh.replace(mark)


def main() -> None:
    home = Path(sys.argv[1])
    folder, server = archive_of(home), postgres.running(home / "postgres")
    if folder is None or server is None:
        return
    (folder / LOG).mkdir(mode=0o700, exist_ok=True)
    command, environment = backups.receiver(server, folder / LOG)
    receiving = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)

    def end_with_the_supervisor() -> None:
        while sys.stdin.buffer.read(1):
            pass
        receiving.terminate()

    threading.Thread(target=end_with_the_supervisor, daemon=True).start()
    sys.exit(receiving.wait())


if __name__ == "__main__":
    main()
