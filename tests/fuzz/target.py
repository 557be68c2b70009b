"""Does any input of one set make the codec raise, or take longer than a second?

Run by `tests.fuzz`: `python -m tests.fuzz.target FOLDER SECONDS covered|counted`. Every input is checked, read into words, told
as JSON and answered. `covered` is atheris: it damages what reached new code before. `counted` damages the seeds
alone, without looking at what is reached, many times as fast. Each adds to its counts in `FOLDER.covered.report` or `FOLDER.counted.report`.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom

from tests.fuzz.mutations import damaged

SECONDS_MAX = 1.0
BYTES_MAX = 16_384
_NOW = datetime(2026, 2, 1, tzinfo=UTC)
_SAVE_EVERY = 200


class Report:
    """The counts of a set over all runs, kept in a file: the fuzzer ends its process without asking us."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.seen: dict[str, float] = {"inputs": 0, "slowest": 0.0}
        if file.exists():
            self.seen |= json.loads(file.read_text())
        self.unsaved = 0

    def note(self, took: float) -> None:
        self.seen["inputs"] += 1
        self.unsaved += 1
        is_slowest = took > self.seen["slowest"]
        self.seen["slowest"] = max(self.seen["slowest"], took)
        if self.unsaved >= _SAVE_EVERY or is_slowest:
            self.save()

    def save(self) -> None:
        self.unsaved = 0
        self.file.write_text(json.dumps(self.seen))


def target(report: Report) -> Callable[[bytes], None]:
    """What is asked of one input. Imports the codec when it is called, for atheris has to see that."""
    from shared.codecs.x12.acknowledge import answers_to
    from shared.codecs.x12.acknowledgement_999 import write_999
    from shared.codecs.x12.acknowledgement_ta1 import write_ta1
    from shared.codecs.x12.check import finding_of, problems_of
    from shared.codecs.x12.documents import json_document

    def one_input(data: bytes) -> None:
        started = time.process_time()
        problems = problems_of(data)
        for problem in problems:
            finding_of(problem)
        json.dumps(json_document(data))
        answers = answers_to(data, written_at=_NOW, number=1, problems=problems)
        for interchange in answers.interchanges:
            write_ta1([interchange])
        for group in answers.groups:
            write_999([group])
        took = time.process_time() - started
        report.note(took)
        if took > SECONDS_MAX:
            raise RuntimeError(f"an input of {len(data)} bytes took {took:.2f} s")

    return one_input


def covered(folder: Path, seconds: int, report: Report, others: Sequence[bytes]) -> None:
    """With atheris. Half of the inputs are damaged by rule, half by the fuzzer's own ways."""
    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=["shared.codecs.x12"]):
        one_input = target(report)

    def changed(data: bytes, longest: int, seed: int) -> bytes:
        if seed % 2:
            return bytes(atheris.Mutate(data, longest))
        return damaged(data, Random(seed), others)[:longest]

    arguments = [
        sys.argv[0],
        str(folder),
        f"-artifact_prefix={folder}/failed-",
        f"-max_total_time={seconds}",
        f"-max_len={BYTES_MAX}",
        "-timeout=120",
        "-verbosity=0",
    ]
    atheris.Setup(arguments, one_input, custom_mutator=changed)
    atheris.Fuzz()


def counted(folder: Path, seconds: int, report: Report, others: Sequence[bytes]) -> None:
    """Without coverage. What fails is kept beside the seeds, and the next run of `covered` begins with it."""
    one_input = target(report)
    seeds = [path.read_bytes() for path in sorted(folder.glob("seed*"))]
    random = Random(SystemRandom().getrandbits(64))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = damaged(random.choice(seeds), random, others)[:BYTES_MAX]
        try:
            one_input(data)
        except Exception:
            (folder / f"failed-{random.getrandbits(32):08x}").write_bytes(data)
            report.save()
            raise
    report.save()


if __name__ == "__main__":
    where, how = Path(sys.argv[1]), sys.argv[3]
    seeds_of_others = [path.read_bytes() for path in sorted(where.parent.glob("*/seed")) if path.parent != where]
    {"covered": covered, "counted": counted}[how](
        where, int(sys.argv[2]), Report(where.with_suffix(f".{how}.report")), seeds_of_others
    )
