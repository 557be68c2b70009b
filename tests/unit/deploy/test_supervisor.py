"""What happens to the rest when the database or a broker cannot be started again at once?"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from deploy.supervisor import Pause, Server
from shared.runtime.native.kafka import KafkaFailed
from shared.runtime.native.postgres import PostgresFailed


@dataclass(slots=True)
class Stubborn:
    """A server that is down and does not start until the failures are used up."""

    failures: list[Exception]
    is_up: bool = False
    tries: int = field(default=0)

    def start(self) -> None:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.is_up = True


@dataclass(slots=True)
class Watch:
    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr("deploy.supervisor.time", made)
    return made


def server_of(stubborn: Stubborn) -> Server:
    return Server(name="PostgreSQL", is_running=lambda: stubborn.is_up, start=stubborn.start)


def test_a_server_that_does_not_start_is_told_and_tried_again(clock: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    troubles = [
        PostgresFailed("killed while it recovered"),
        KafkaFailed("no quorum"),
        OSError("disk full"),
        ValueError("pid"),
    ]
    stubborn = Stubborn(troubles.copy())
    server = server_of(stubborn)
    for _ in range(100):
        server.watch()
        server.finish()
        clock.now += 0.1
    assert stubborn.is_up
    assert stubborn.tries == 5
    told = capsys.readouterr().out.splitlines()
    assert [line.split(": ", 1)[1] for line in told] == [str(trouble) for trouble in troubles]


def test_the_pause_grows_to_five_seconds_and_begins_anew_after_a_success(clock: Watch) -> None:
    stubborn = Stubborn([PostgresFailed("no")] * 8)
    server = server_of(stubborn)
    pauses = []
    while not stubborn.is_up:
        before = stubborn.tries
        server.watch()
        server.finish()
        if stubborn.tries > before:
            pauses.append(server.pause.seconds)
        clock.now += 0.05
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 0.0]


def test_what_lived_for_a_while_is_started_again_at_once(clock: Watch) -> None:
    pause = Pause()
    pause.begin(lived_seconds=1)
    pause.begin(lived_seconds=1)
    assert pause.seconds == 0.4
    pause.begin(lived_seconds=11)
    assert pause.seconds == 0.1


def test_what_runs_is_left_alone(clock: Watch) -> None:
    stubborn = Stubborn([], is_up=True)
    server = server_of(stubborn)
    server.watch()
    server.finish()
    assert stubborn.tries == 0


def test_a_server_that_takes_its_time_holds_nobody_up_and_is_started_once(clock: Watch) -> None:
    begun, may_end = threading.Event(), threading.Event()
    stubborn = Stubborn([])

    def start_slowly() -> None:
        begun.set()
        assert may_end.wait(10)
        stubborn.start()

    server = Server(name="broker 1", is_running=lambda: stubborn.is_up, start=start_slowly)
    for _ in range(3):
        server.watch()  # returns while it is being started
    assert begun.wait(10)
    assert not stubborn.is_up
    may_end.set()
    server.finish()
    server.watch()
    assert (stubborn.is_up, stubborn.tries) == (True, 1)
