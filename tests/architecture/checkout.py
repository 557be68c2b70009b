"""What lies in the checkout, as text; and the services, put together once for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from deploy.schemas.openapi import host_of
from deploy.state import CHECKOUT
from shared.runtime.host import Host

_FOLDERS = ("services", "shared", "deploy", "tests", "docs", ".ci", ".github")
_ROOT_FILES = ("Makefile", "pyproject.toml", "requirements.lock", ".pre-commit-config.yaml", ".gitignore")
_LEFT_OVER = {"__pycache__", "node_modules"}


@cache
def texts() -> dict[Path, str]:
    """Every text file of the project by its path in the checkout; what is not UTF-8 is none."""
    return {path.relative_to(CHECKOUT): text for path in _paths() if (text := _text(path)) is not None}


@cache
def pages() -> dict[Path, str]:
    """Every page of documentation."""
    return {path: text for path, text in texts().items() if path.suffix == ".md"}


@cache
def sources() -> dict[Path, str]:
    """Every Python file of the product."""
    return {path: text for path, text in texts().items() if path.suffix == ".py" and path.parts[0] != "tests"}


@cache
def host(service: str) -> Host:
    """A service that is not connected to anything."""
    return host_of(service)


def _paths() -> Iterator[Path]:
    for name in _FOLDERS:
        yield from (
            path for path in (CHECKOUT / name).rglob("*") if path.is_file() and not _LEFT_OVER & set(path.parts)
        )
    yield from (CHECKOUT / name for name in _ROOT_FILES)
    yield from CHECKOUT.glob("*.md")


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return None
