"""Which process is ours, which port is free, and what ends a server when its starter dies?

Sources: proc(5) for `/proc/PID/cmdline`; POSIX `read`, which returns when the last writer of a pipe is gone.
"""

import os
import random
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
SERVER_PORTS = range(20_000, 32_000)
_STANDARD_INPUT = 0


def free_ports(count: int) -> list[int]:
    """Loopback TCP ports that nobody listens on now. Another process may take one before its user does.

    Taken from below the range that the system gives to outgoing connections. Inside it, a client that keeps knocking
    at a server that is down may be given that very port, and is then connected to itself in the server's place.
    """
    found: list[int] = []
    for port in random.sample(SERVER_PORTS, len(SERVER_PORTS)):
        if len(found) == count:
            break
        if is_free(port):
            found.append(port)
    return found


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closing connections do not count
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


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


def end_with_the_parent() -> None:
    """End this process, as by SIGTERM, once whoever holds the other end of its standard input is gone, however they went.

    Reads the descriptor and not `sys.stdin`: a thread that sleeps in a buffered read holds the buffer's lock, and an interpreter that
    ends for a reason of its own dies in "could not acquire lock for <_io.BufferedReader name='<stdin>'>" over that reason.
    """
    threading.Thread(target=_wait_for_the_end, name="parent's pipe", daemon=True).start()


def _wait_for_the_end() -> None:
    while os.read(_STANDARD_INPUT, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


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
