"""May an event's schema change like this?

A published event only gains optional fields. What an old consumer relied on must still be there, and what was stored must still be
readable: so nothing is removed, renamed, tightened or made required, and a default keeps its meaning. Anything else is a new version of
the event, sent beside the old one, with an upcaster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy.schemas.events import Schema

_LIMITS = (
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
)


def breaks(old: Schema, new: Schema) -> list[str]:
    """What the new document of a service's events breaks, each by event, field and rule; empty when nothing."""
    comparison = _Comparison(old=old["$defs"], new=new["$defs"])
    return [found for name in old["$defs"] if "." in name for found in comparison.event(name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """Two sets of definitions. Events are not recursive: a struct that held itself would not end here."""

    old: Schema
    new: Schema

    def event(self, name: str) -> Iterator[str]:
        if name not in self.new:
            yield f"{name}: the event is gone"
        else:
            yield from self._value(name, self.old[name], self.new[name])

    def _value(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        """Every form that a value could have must be one that it can have now."""
        for before in old.get("anyOf", [old]):
            found = [list(self._form(place, before, after)) for after in new.get("anyOf", [new])]
            if all(found):
                yield from min(found, key=len)
        if old.get("x-holds") != new.get("x-holds"):
            yield f"{place}: what is sealed in it was {old.get('x-holds')}, is {new.get('x-holds')}"

    def _form(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        old, new = _resolved(old, self.old), _resolved(new, self.new)
        if _kind(old) != _kind(new):
            yield f"{place}: was {_kind(old)}, is {_kind(new)}"
            return
        yield from _tightened(place, old, new)
        yield from self._fields(place, old, new)
        for part in ("items", "additionalProperties"):
            if isinstance(old.get(part), dict):
                yield from self._value(f"{place}[]", old[part], new.get(part, {}))

    def _fields(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        was_required, is_required = set(old.get("required", ())), set(new.get("required", ()))
        for name, field in before.items():
            where = f"{place}.{name}"
            if name not in after:
                yield f"{where}: the field is gone"
                continue
            if (name in was_required) != (name in is_required):
                yield f"{where}: was {_presence(name in was_required)}, is {_presence(name in is_required)}"
            elif field.get("default") != after[name].get("default"):
                yield f"{where}: its default changed, and with it what events say that leave it out"
            yield from self._value(where, field, after[name])
        for name in sorted(is_required - before.keys()):
            yield f"{place}.{name}: a new field is optional, this one is required"


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].removeprefix("#/$defs/")]
    return schema


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return type(schema["enum"][0]).__name__.replace("str", "string").replace("int", "integer")
    return str(schema.get("type", "anything"))


def _presence(is_required: Any) -> str:
    return "always there" if is_required else "optional"


def _tightened(place: str, old: Schema, new: Schema) -> Iterator[str]:
    if "enum" in new and (lost := sorted(set(old.get("enum", ["any value"])) - set(new["enum"]), key=str)):
        yield f"{place}: no longer takes {', '.join(map(str, lost))}"
    for limit in _LIMITS:
        if limit in new and new[limit] != old.get(limit):
            yield f"{place}: {limit} was {old.get(limit, 'free')}, is {new[limit]}"
