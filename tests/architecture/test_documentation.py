"""Do the pages name everything that there is, and only what there is?"""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from click import Group

from deploy.cli import app
from deploy.schemas.pages import SETTINGS, names_of
from deploy.state import CHECKOUT
from shared.events.registry import SERVICES, TYPES
from shared.runtime.broker import Broker
from tests.architecture.checkout import pages, texts

REFERENCE = Path("docs/reference")
VARIABLE = re.compile(r"LEDGERLINE_[A-Z0-9_]*[A-Z0-9]")
TARGET = re.compile(r"^([a-z][a-z0-9-]*):.*##", re.MULTILINE)
FENCE = re.compile(r"^```(?:sh|bash|shell|console)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def page(path: Path) -> str:
    return pages()[path]


@pytest.mark.parametrize("name", TYPES)
def test_every_event_is_named(name: str) -> None:
    assert f"`{name}`" in page(REFERENCE / "events.md") or f"### {name}\n" in page(REFERENCE / "events.md")


@pytest.mark.parametrize("service", SERVICES)
def test_every_topic_is_named(service: str) -> None:
    topic = Broker(bootstrap="").events_topic(service)
    assert f"`{topic}`" in page(REFERENCE / "events.md")


def test_every_setting_is_named() -> None:
    told = page(REFERENCE / "settings.md")
    assert [name for cls in SETTINGS for name in names_of(cls) if f"`{name}`" not in told] == []


def test_a_variable_that_any_file_names_is_explained() -> None:
    told = set(VARIABLE.findall(page(REFERENCE / "settings.md")))
    prefixes = {str(cls.model_config["env_prefix"]).rstrip("_") for cls in SETTINGS}
    named = {name: path for path, text in texts().items() for name in VARIABLE.findall(text)}
    assert {name: str(path) for name, path in named.items() if name not in told | prefixes} == {}


def targets() -> set[str]:
    return set(TARGET.findall(texts()[Path("Makefile")]))


def test_every_make_target_is_named_in_a_page() -> None:
    told = "\n".join(pages().values())
    assert [target for target in sorted(targets()) if not re.search(rf"\bmake {target}\b", told)] == []


def commands() -> Iterator[tuple[Path, list[str]]]:
    """Every command line that a page gives: in a shell block, or between backticks when it begins like one."""
    for path, text in pages().items():
        blocks = "\n".join(FENCE.findall(text)).splitlines()
        for line in (*blocks, *SPAN.findall(text)):
            words = line.removeprefix("$ ").removeprefix(".venv/bin/").split("#")[0]
            if words.startswith(("make ", "ledgerline ", "python -m ")):
                yield path, shlex.split(words, posix=False)


def test_every_command_of_a_page_exists() -> None:
    given = list(commands())
    assert given
    assert [f"{path}: {' '.join(words)}" for path, words in given if not exists(words)] == []


def exists(words: list[str]) -> bool:
    match words:
        case ["make", *names]:
            return all(name in targets() for name in names if "=" not in name)
        case ["python", "-m", module, *_]:
            return importlib.util.find_spec(module) is not None
        case ["ledgerline", *names]:
            return is_command(names)
    return False


def is_command(names: list[str]) -> bool:
    known = typer.main.get_command(app)
    for name in names:
        if not isinstance(known, Group):
            return True  # arguments and options follow
        if name not in known.commands:
            return False
        known = known.commands[name]
    return True


def test_every_link_of_a_page_leads_to_a_file() -> None:
    broken = [
        f"{path}: {target}"
        for path, text in pages().items()
        for target in LINK.findall(text)
        if "://" not in target and not (CHECKOUT / path.parent / target).exists()
    ]
    assert broken == []
