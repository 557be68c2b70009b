"""Write the generated files, or say which are not current: `python -m deploy.schemas [--check]`.

Writing refuses to break a published event (`compatibility`), because the committed schema is what consumers have.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.schemas.files import broken, generated, not_current
from deploy.state import CHECKOUT


def main() -> int:
    """Exit codes: 0 current or written, 1 a file is not current or an event would break."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.schemas", description="Generated schemas and reference pages."
    )
    parser.add_argument(
        "--check", action="store_true", help="compare only; exit 1 naming the files that are not current"
    )
    parser.add_argument(
        "--unreleased",
        action="store_true",
        help="write even where an event loses or tightens something: only while no release has it",
    )
    options = parser.parse_args()
    files = generated()
    if options.check:
        return _complain(not_current(CHECKOUT, files), "not current, `make schemas` writes it")
    if not options.unreleased and (found := broken(CHECKOUT)):
        return _complain(found, "a published event only gains optional fields")
    _write(CHECKOUT, files)
    return 0


def _write(checkout: Path, files: Mapping[Path, str]) -> None:
    for path, content in files.items():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text(content)
    print(f"{len(files)} files written")


def _complain(findings: list[str], rule: str) -> int:
    for finding in findings:
        print(f"{finding}: {rule}", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
