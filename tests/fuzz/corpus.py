"""Which files does the fuzzer begin with? One sound file of each set, of our own, as `FOLDER/SET/seed`."""

import sys
from pathlib import Path

from tests.unit.codecs.x12.examples import REVIEW_REQUEST, REVIEW_RESPONSE
from tests.unit.codecs.x12.test_check import SOUND


def main(folder: Path) -> None:
    for kind, data in {**SOUND, "278-request": REVIEW_REQUEST, "278-response": REVIEW_RESPONSE}.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / "seed").write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
