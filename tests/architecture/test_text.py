"""Is there anything in a file that has no place in any?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.checkout import sources, texts

# Spelled in pieces, so that this file is not its own first finding.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("repo", "maven", "apache", "org"),
        ("repo1", "maven", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("proxy", "golang", "org"),
        ("deb", "debian", "org"),
        ("crates", "io"),
    )
)
MACHINE_PATHS = re.compile(r"(?<![\w$}])/" + "(?:" + "work|root|home/[a-z]+" + ")/")
LEFT_TO_DO = re.compile(r"\b(?:" + "TO" + "DO|FIX" + "ME|X" + "XX)\\b")


def lines_with(pattern: re.Pattern[str], files: dict[Path, str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in files.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_no_file_names_a_package_registry(host: str) -> None:
    """Where packages come from is the machine's business: an index that a file names cannot be a mirror."""
    assert lines_with(re.compile(re.escape(host)), texts()) == []


def test_no_file_names_a_place_of_one_machine() -> None:
    files = {path: text for path, text in texts().items() if path.name != Path(__file__).name}
    assert lines_with(MACHINE_PATHS, files) == []


def test_nothing_is_left_to_do_in_a_comment() -> None:
    assert (
        lines_with(LEFT_TO_DO, {p: t for p, t in texts().items() if p.suffix in {".py", ".md", ".yaml", ".sql"}}) == []
    )


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils.py", "common.py", "helpers.py", "misc.py"}
    assert [path for path in sources() if path.name in drawers] == []


def test_every_module_of_the_product_says_what_it_is_for() -> None:
    silent = [path for path, text in sources().items() if text.strip() and not text.lstrip().startswith('"""')]
    assert silent == []
