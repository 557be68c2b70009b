"""Which process is ours, which port is free, and what ends a server when its starter dies?

Sources: proc(5) for `/proc/PID/cmdline`; POSIX `read`, which returns when the last writer of a pipe is gone.
"""

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Loopback TCP ports that nobody listens on now. Another process may take one before its user does."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def runs_with_argument(pid: int, argument: str) -> bool:
    """Whether process `pid` lives and was started with exactly this argument.

    A process id in a file outlives its process and is given out again, so the number alone proves nothing. A zombie
    has no arguments any more and counts as dead.
    """
    if Path("/proc/self/cmdline").exists():
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return os.fsencode(argument) in arguments
    listing = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, check=False)  # macOS
    return os.fsencode(argument) in listing.stdout


class Leash:
    """Runs `command` once this process has died, however it died, unless released before.

    A shell waits on a pipe that only this process holds open; SIGKILL closes it too. PR_SET_PDEATHSIG would not do: it
    follows the thread that started the server, and a worker thread of asyncio may end long before the process.
    """

    def __init__(self, command: Sequence[str], *, popen: Mapping[str, Any] | None = None) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; exec "$@"', "leash", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal is for the starter, not for the leash
            **(popen or {}),
        )

    def release(self) -> None:
        """The server may now outlive this process. Safe to call twice."""
        self._shell.kill()
        self._shell.wait()
        if self._shell.stdin is not None:
            self._shell.stdin.close()
