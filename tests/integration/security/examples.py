"""What does a well-formed request look like, for every operation of a description? The smallest one that its schema allows."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

import hypothesis
from hypothesis import strategies as st

FORMATS = {"date": "2026-06-02", "date-time": "2026-06-02T08:00:00Z", "uuid": "00000000-0000-4000-8000-000000000001"}
X12 = b"ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260601*0800*^*00501*000000001*0*T*:~IEA*0*000000001~"


def example(schema: Mapping[str, Any], components: Mapping[str, Any], given: Mapping[str, Any], name: str = "") -> Any:
    """A value of the schema: required members only, and `given` for members of that name."""
    if name in given:
        return given[name]
    if "$ref" in schema:
        return example(components[schema["$ref"].rpartition("/")[2]], components, given, name)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return example(schema[several][0], components, given, name)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            members = schema.get("properties", {})
            return {each: example(members[each], components, given, each) for each in schema.get("required", ())}
        case "array":
            item = schema.get("items") or schema.get("prefixItems", [{}])[0]
            singular = name.removesuffix("s")
            return [example(item, components, given, singular)] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        case "boolean":
            return False
        case "null":
            return None
        case _:
            return _text(schema)


def _text(schema: Mapping[str, Any]) -> str:
    if "format" in schema and schema["format"] in FORMATS:
        return FORMATS[schema["format"]]
    if "pattern" in schema:
        return matching(schema["pattern"], schema.get("minLength", 0))
    return "x" * schema.get("minLength", 0)


@functools.cache
def matching(pattern: str, characters_min: int = 0) -> str:
    """The simplest text of a pattern."""
    return hypothesis.find(st.from_regex(pattern, fullmatch=True), lambda text: len(text) >= characters_min)


def body_of(operation: Mapping[str, Any], components: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[str, bytes]:
    """Media type and bytes of a well-formed request; both empty when the operation takes none."""
    content = operation.get("requestBody", {}).get("content", {})
    for media_type, described in content.items():
        if "json" in media_type:
            schema = described.get("schema", {})
            value = {"resourceType": "Patient"} if "fhir" in media_type else example(schema, components, given)
            return media_type, json.dumps(value).encode()
        return media_type, X12
    return "", b""


def query_of(operation: Mapping[str, Any], components: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The parameters that a request must have."""
    return "&".join(
        f"{each['name']}={given.get(each['name'], example(each['schema'], components, given, each['name']))}"
        for each in operation.get("parameters", ())
        if each["in"] == "query" and each.get("required")
    )
