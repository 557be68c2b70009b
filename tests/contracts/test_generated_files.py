"""Is what is generated what the code says?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.schemas.asyncapi import asyncapi_document
from deploy.schemas.events import event_schema, types_of
from deploy.schemas.files import SCHEMAS, generated, not_current
from deploy.schemas.openapi import Unconnected
from deploy.state import CHECKOUT
from shared.events.registry import SERVICES, TYPES


def test_every_generated_file_is_current() -> None:
    assert not_current(CHECKOUT, generated()) == [], "run `make schemas` and commit what it writes"


def test_a_file_that_is_missing_or_differs_is_named(tmp_path: Path) -> None:
    files = {Path("a/one.json"): "1\n", Path("two.json"): "2\n", Path("three.json"): "3\n"}
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.json").write_text("1\n")
    (tmp_path / "two.json").write_text("changed\n")
    assert not_current(tmp_path, files) == ["two.json", "three.json"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_reference_of_a_schema_leads_somewhere(service: str) -> None:
    document = event_schema(service)
    text = json.dumps(document)
    wanted = {part.split('"')[0] for part in text.split('"$ref": "#/$defs/')[1:]}
    assert wanted <= document["$defs"].keys()
    assert types_of(service).keys() <= document["$defs"].keys()


def test_the_log_names_every_event_with_a_schema_that_exists() -> None:
    channels = asyncapi_document()["channels"]
    said = {name: message for channel in channels.values() for name, message in channel["messages"].items()}
    assert said.keys() == TYPES.keys()
    for name, message in said.items():
        file, _, place = message["payload"]["schema"]["$ref"].partition("#/$defs/")
        assert place in json.loads((CHECKOUT / SCHEMAS / file).read_text())["$defs"], name


def test_what_is_not_connected_refuses_whatever_is_asked_of_it() -> None:
    vault: object = Unconnected("vault")
    with pytest.raises(RuntimeError, match=r"vault\.seal"):
        vault.seal  # type: ignore[attr-defined]  # noqa: B018
