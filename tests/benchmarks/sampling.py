"""In which part of the code does a process spend its time?

A thread looks at every other thread a few hundred times a second and books the moment on the innermost frame that belongs to a
named part. A moment without such a frame is waiting: for PostgreSQL, the disk, Kafka, or this machine's other users. It is for the
reports by part only, never running while something is timed.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType

WAITING = "waiting (PostgreSQL, disk) and the event loop"
_INTERVAL_SECONDS = 0.004
_SWITCH_SECONDS = 0.0005  # so that a moment is taken when it is due, not when the code next waits

# Parts of a path, in the order in which they are looked for.
PARTS: Mapping[str, str] = {
    "shared/runtime/store/hashing": "hash",
    "shared/runtime/store/loader": "load",
    "shared/runtime/store/rows": "rows to events",
    "shared/runtime/store": "append",
    "shared/runtime/codec": "codec of events",
    "shared/runtime/local_vault": "vault",
    "shared/runtime/local_documents": "document store",
    "shared/runtime/handler": "command handler",
    "shared/runtime/policy_runner": "policies",
    "shared/runtime/postgres_feed": "feed",
    "shared/runtime/kafka": "feed",
    "shared/runtime/relay": "relay",
    "shared/runtime/projector": "read models",
    "shared/runtime/folding": "read models",
    "shared/runtime/rebuild": "read models",
    "shared/runtime/fresh_fold": "read models",
    "shared/runtime/comparison": "read models",
    "shared/runtime/read_tables": "read models",
    "shared/runtime/web": "HTTP",
    "shared/runtime/queries": "queries",
    "shared/runtime/process": WAITING,
    "shared/runtime": "readers and leases",
    "shared/codecs": "codecs of documents",
    "/projections/": "read models",
    "/policies/": "policies",
    "/domain/": "decide and evolve",
    "shared/kernel/decider": "decide and evolve",
    "/adapters/": "adapters",
    "tests/benchmarks/account": "decide and evolve",
    "tests/benchmarks/append": "the callers themselves",
    "tests/benchmarks/balances": "read models",
}


@dataclass(slots=True)
class Profile:
    """Moments by part. `cpu_seconds` is of this process alone, `seconds` what passed."""

    moments: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def shares(self, *, least: float = 0.01) -> dict[str, str]:
        """Each part in per cent, the largest first, and how busy this process was."""
        total = sum(self.moments.values())
        if not total:
            return {}
        found = {
            part: f"{moments / total:.0%}" for part, moments in self.moments.most_common() if moments / total >= least
        }
        return found | {"CPU of this process": f"{self.cpu_seconds / self.seconds:.0%} of one core"}


@contextlib.contextmanager
def profiled() -> Iterator[Profile]:
    """What happens within, by part."""
    profile, is_over = Profile(), threading.Event()
    sampler = threading.Thread(target=_sample, args=(profile, is_over), daemon=True)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    began, cpu_began = time.perf_counter(), time.process_time()
    sampler.start()
    try:
        yield profile
    finally:
        is_over.set()
        sampler.join()
        profile.seconds, profile.cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
        sys.setswitchinterval(switch)


def _sample(profile: Profile, is_over: threading.Event) -> None:
    mine, main = threading.get_ident(), threading.main_thread().ident
    while not is_over.wait(_INTERVAL_SECONDS):
        for thread, frame in sys._current_frames().items():
            if thread == mine:
                continue
            part = _part_of(frame)
            if part is not None or thread == main:  # an idle thread of a pool is nobody's time
                profile.moments[part or WAITING] += 1


def _part_of(innermost: FrameType) -> str | None:
    frame: FrameType | None = innermost
    while frame is not None:
        path = frame.f_code.co_filename
        for fragment, part in PARTS.items():
            if fragment in path:
                return part
        frame = frame.f_back
    return None
