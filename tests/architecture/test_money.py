"""Is money whole cents everywhere: in events, in rows and in JSON?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from deploy.schemas.events import structs_of
from shared.events.registry import SERVICES, TYPES
from tests.architecture.checkout import host, sources


def test_an_amount_of_an_event_is_a_whole_number_of_cents() -> None:
    wrong = [
        f"{struct.__name__}.{field.name}"
        for struct in structs_of(TYPES.values())
        for field in msgspec.structs.fields(struct)
        if field.name.endswith("_cents") and field.type not in (int, int | None)
    ]
    assert wrong == []


def test_no_event_holds_a_float() -> None:
    wrong = [
        f"{struct.__name__}.{field.name}"
        for struct in structs_of(TYPES.values())
        for field in msgspec.structs.fields(struct)
        if "float" in str(field.type)
    ]
    assert wrong == []


@pytest.mark.parametrize("service", SERVICES)
def test_an_amount_of_a_read_model_is_an_integer_column(service: str) -> None:
    for projection in host(service).projections:
        for table in projection.tables:
            for column in table.columns:
                if column.name.endswith("_cents"):
                    assert isinstance(column.type, sa.BigInteger), f"{table.name}.{column.name} is {column.type}"


@pytest.mark.parametrize("service", SERVICES)
def test_an_amount_over_http_is_an_integer(service: str) -> None:
    document = host(service).app.openapi()
    for name, schema in document["components"]["schemas"].items():
        for field, said in schema.get("properties", {}).items():
            if field.endswith("_cents"):
                assert set(kinds(said)) <= {"integer", "null", "object"}, f"{name}.{field}"


def kinds(schema: dict[str, Any]) -> Iterator[str]:
    """The JSON types that a field may have; amounts by name are objects of integers."""
    for each in schema.get("anyOf", [schema]):
        yield each["type"]
        if each["type"] == "object":
            yield from (kind for kind in kinds(each["additionalProperties"]) if kind != "integer")


def test_no_domain_computes_with_floats() -> None:
    wrong = [
        f"{path}:{node.lineno}"
        for path, text in sources().items()
        if "domain" in path.parts or path.parts[:2] in {("shared", "kernel"), ("shared", "events")}
        for node in ast.walk(ast.parse(text))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
    ]
    assert wrong == []
