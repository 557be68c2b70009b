"""In which files is any of the words? Reads every byte of every file below a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.canary.words import Finder

_CHUNK = 1 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    place: str
    word: str
    way: str


def files_below(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def search_files(folder: Path, finder: Finder) -> tuple[list[Hit], int]:
    """What was found below the folder, each word once a file, in contents and in names; and the bytes that were read."""
    hits: list[Hit] = []
    size = 0
    for path in files_below(folder):
        place = str(path.relative_to(folder))
        hits += search(f"name of {place}", place.encode(), finder)
        for hit, read in _in_file(path, place, finder):
            size += read
            hits += hit
    return hits, size


def _in_file(path: Path, place: str, finder: Finder) -> Iterator[tuple[list[Hit], int]]:
    kept = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield search(place, kept + chunk, finder), len(chunk)
            kept = (kept + chunk)[-2 * finder.longest :]  # in UTF-16 twice as long


def search(place: str, content: bytes, finder: Finder) -> list[Hit]:
    """Each word once."""
    found = {word: Hit(place=place, word=word, way=way) for word, way in finder.found(content)}
    return list(found.values())


def search_lines(place: str, lines: Iterable[bytes], finder: Finder) -> list[Hit]:
    """One place made of many pieces."""
    return search(place, b"\n".join(lines), finder)
