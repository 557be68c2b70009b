from __future__ import annotations

import signal
import subprocess
import sys

BEGIN = """
import select, sys, time
from shared.runtime.native.processes import end_with_the_parent
select.select([0], [], [])  # the parent's byte is there
end_with_the_parent()
while select.select([0], [], [], 0)[0]: time.sleep(0.001)  # until the leash took it, and reads on
"""


def started(ending: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + ending], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()
    return process


def test_a_process_that_gives_up_while_its_parent_lives_says_its_own_last_words_and_nothing_else() -> None:
    with started("sys.exit('the database does not answer')") as process:
        assert process.stderr is not None
        assert process.stderr.read() == b"the database does not answer\n"
        assert process.wait() == 1


def test_a_process_ends_when_its_parent_lets_go() -> None:
    with started("print('up', flush=True); import signal; signal.pause()") as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.stdin.close()
        assert process.wait() == -signal.SIGTERM
