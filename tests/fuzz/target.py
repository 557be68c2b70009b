"""Does any input of one set make the codec raise, or take longer than a second?

Run by `tests.fuzz` with atheris: `python -m tests.fuzz.target FOLDER SECONDS`. Every input is checked, read into words,
and answered. How many inputs there were, to the last full hundred, and how long the slowest took is written
to `FOLDER.report`.
"""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["shared.codecs.x12"]):
    from shared.codecs.x12.acknowledge import answers_to
    from shared.codecs.x12.acknowledgement_999 import write_999
    from shared.codecs.x12.acknowledgement_ta1 import write_ta1
    from shared.codecs.x12.check import check
    from shared.codecs.x12.documents import json_document

SECONDS_MAX = 1.0
_NOW = datetime(2026, 2, 1, tzinfo=UTC)
_seen = {"inputs": 0, "slowest": 0.0}
_report_to = Path("report")


def one_input(data: bytes) -> None:
    started = time.process_time()
    check(data)
    json.dumps(json_document(data))
    answers = answers_to(data, written_at=_NOW, number=1)
    for interchange in answers.interchanges:
        write_ta1([interchange])
    for group in answers.groups:
        write_999([group])
    took = time.process_time() - started
    _seen["inputs"] += 1
    _seen["slowest"] = max(_seen["slowest"], took)
    if _seen["inputs"] % 100 == 0 or took > SECONDS_MAX:  # the fuzzer ends the process without asking us
        _report_to.write_text(json.dumps(_seen))
    if took > SECONDS_MAX:
        raise RuntimeError(f"an input of {len(data)} bytes took {took:.2f} s")


if __name__ == "__main__":
    folder, seconds = sys.argv[1], int(sys.argv[2])
    _report_to = Path(folder).with_suffix(".report")
    arguments = [
        sys.argv[0],
        folder,
        f"-artifact_prefix={folder}/failed-",
        f"-max_total_time={seconds}",
        "-max_len=16384",
        "-timeout=120",
        "-verbosity=0",
    ]
    atheris.Setup(arguments, one_input)
    atheris.Fuzz()
