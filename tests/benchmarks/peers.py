"""How do other libraries read the same file? Run in a peer's own environment: `python peers.py NAME FILE`; needs nothing of ours.

Prints claims, CPU seconds and memory as JSON, like `tests.benchmarks.sizes_worker`.
"""

import io
import json
import re
import resource
import sys
import time
from pathlib import Path


def _peak_kib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _pyx12(file):
    import pyx12.params
    import pyx12.x12n_document

    def do():
        text = file.read_text("ascii")
        sound = pyx12.x12n_document.x12n_document(
            pyx12.params.params(), io.StringIO(text), None, None, fd_json=io.StringIO()
        )
        assert sound
        return text.count("~CLP*") + text.count("~CLM*")

    return do


def _edi_835_parser(file):
    from edi_835_parser import parse

    return lambda: parse(str(file)).count_claims()


def _openx12(file):
    from openx12 import x835, x837p

    reader = x835 if file.suffix == ".835" else x837p
    return lambda: len(reader.parse(file.read_text("ascii")).claims)


def _linuxforhealth(file):
    from linuxforhealth.x12.io import X12ModelReader

    def do():
        claims = 0
        with X12ModelReader(str(file)) as reader:
            for model in reader.models():
                text = model.x12() if hasattr(model, "x12") else ""
                claims += len(re.findall(r"[~\n](?:CLP|CLM)\*", text))
        return claims

    return do


PEERS = {
    "pyx12": _pyx12,
    "edi-835-parser": _edi_835_parser,
    "openx12": _openx12,
    "linuxforhealth-x12": _linuxforhealth,
}


if __name__ == "__main__":
    work = PEERS[sys.argv[1]](Path(sys.argv[2]))
    start, began = _peak_kib(), time.process_time()
    found = work()
    took = time.process_time() - began
    print(json.dumps({"claims": found, "seconds": took, "peak_kib": _peak_kib(), "start_kib": start}))
