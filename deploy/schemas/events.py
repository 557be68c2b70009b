"""How does every event look on the wire, as JSON Schema?

One document a service, `shared/events/schemas/<service>.json`. `$defs` has an entry under each wire name, and under each class name.
Fields that are not required are left out of the JSON when they have their default. Readers ignore fields that they do not know.

Source: JSON Schema 2020-12; the structs of `shared.events`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, get_args, get_origin

import msgspec

from deploy.schemas.source import comments_of
from shared.events.base import EventType, Sealed
from shared.events.registry import TYPES

Schema: TypeAlias = dict[str, Any]

_SEALED: Schema = {
    "title": "Sealed",
    "description": "A personal value, encrypted under its subject's key. Only the vault opens it, on the record.",
    "type": "object",
    "properties": {
        "subject": {"type": "string", "description": "whose key"},
        "field": {"type": "string", "description": "stable name of the value; part of what the token is bound to"},
        "token": {"type": "string", "description": "base64: key version, nonce, AES-GCM ciphertext"},
    },
    "required": ["subject", "field", "token"],
}


def types_of(service: str) -> Mapping[str, EventType]:
    """The events of a service by wire name, in the order of its vocabulary."""
    return {name: cls for name, cls in TYPES.items() if name.startswith(f"{service}.")}


def event_schema(service: str) -> Schema:
    """The JSON Schema document of a service's events."""
    types = types_of(service)
    references, components = msgspec.json.schema_components(
        types.values(), schema_hook=_sealed, ref_template="#/$defs/{name}"
    )
    _describe(components, types)
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ledgerline:events:{service}",
        "title": f"Events of {service}",
        "$defs": dict(zip(types, references, strict=True)) | dict(sorted(components.items())) | {"Sealed": _SEALED},
    }
    as_written: Schema = json.loads(json.dumps(document))  # a default () is [] in JSON
    return as_written


def _sealed(cls: Any) -> Schema:
    if (get_origin(cls) or cls) is not Sealed:
        raise NotImplementedError(f"events hold no {cls}")
    return {"$ref": "#/$defs/Sealed"}


def _describe(components: Mapping[str, Schema], types: Mapping[str, EventType]) -> None:
    """Give every field the comment that stands beside it in the code, and say of a sealed one what is in it."""
    for struct in structs_of(types.values()):
        if about := components[struct.__name__].get("description"):
            components[struct.__name__]["description"] = inspect.cleandoc(about)
        comments = comments_of(struct)
        for field in msgspec.structs.fields(struct):
            told = components[struct.__name__]["properties"][field.name]
            if comment := comments[field.name]:
                told["description"] = comment
            if held := _held(field.type):
                told["x-holds"] = held


def _held(type: Any) -> str | None:
    """The name of what is inside a sealed field."""
    if get_origin(type) is Sealed:
        return str(get_args(type)[0].__name__)
    return next((held for each in get_args(type) if (held := _held(each))), None)


def structs_of(types: Iterable[Any]) -> list[type[msgspec.Struct]]:
    """The structs given and all that their fields are made of, each once. What is inside `Sealed` is not looked at."""
    found: dict[type[msgspec.Struct], None] = {}
    waiting = list(types)
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, type) and issubclass(each, msgspec.Struct):
            if each not in found:
                found[each] = None
                waiting += [field.type for field in msgspec.structs.fields(each)]
        elif get_origin(each) is not Sealed:
            waiting += get_args(each)
    return list(found)
