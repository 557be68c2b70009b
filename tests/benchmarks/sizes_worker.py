"""What does one X12 file cost one process? Prints claims, CPU seconds and memory as JSON: `... read|split|write|check KIND FILE`."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from shared.codecs.x12.check import check
from shared.codecs.x12.claim_837p import ProfessionalClaim, read_837p, stream_837p, write_837p
from shared.codecs.x12.remittance_835 import read_835, write_835
from tests.benchmarks.documents import balanced, split_835, split_837

_PIECE = 1024 * 1024


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece


def _read(kind: str, file: Path) -> int:
    if kind == "835":
        return balanced(_pieces(file))
    return sum(isinstance(part, ProfessionalClaim) for part in stream_837p(_pieces(file)))


def _split(kind: str, file: Path) -> int:
    return len((split_835 if kind == "835" else split_837)(file.read_bytes()))


def _check(kind: str, file: Path) -> int:
    assert not [each for each in check(_pieces(file)) if each.severity == "error"]
    return _claims_in(kind, file)


def _claims_in(kind: str, file: Path) -> int:
    return file.read_bytes().count(b"~CLP*" if kind == "835" else b"~CLM*")


def _writing(kind: str, file: Path) -> Callable[[], int]:
    if kind == "835":
        advices = list(read_835(_pieces(file)))
        return lambda: write_835(advices).count(b"~CLP*")
    batches = list(read_837p(_pieces(file)))
    return lambda: write_837p(batches).count(b"~CLM*")


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(what: str, kind: str, file: Path) -> None:
    do: dict[str, Callable[[str, Path], int]] = {"read": _read, "split": _split, "check": _check}
    work = _writing(kind, file) if what == "write" else lambda: do[what](kind, file)
    start, began = _peak_kib(), time.process_time()
    claims = work()
    took = time.process_time() - began
    print(json.dumps({"claims": claims, "seconds": took, "peak_kib": _peak_kib(), "start_kib": start}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
