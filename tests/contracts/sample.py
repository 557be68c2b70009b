"""How is a stored sample of an event made? `python -m tests.contracts.sample` writes one for every event that has none.

A sample is the JSON of an event as a store holds it, with invented values in every field. It is kept for ever: when an event changes,
its old samples must still be read. So a sample that is there is never written again, and a new version gets a new file.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

import msgspec

from shared.events.base import EventType, Sealed
from shared.events.registry import TYPES

SAMPLES = Path(__file__).parent / "samples"


def sample_of(cls: EventType) -> bytes:
    """Bytes of an event in which every field has a value, the same at every call."""
    return msgspec.json.format(msgspec.json.encode(_struct(cls)), indent=2) + b"\n"


def _struct(cls: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: _value(field.name, field.type) for field in msgspec.structs.fields(cls)}


def _value(name: str, of: Any) -> Any:
    origin, arguments = get_origin(of), get_args(of)
    if origin in (Union, types.UnionType):
        return _value(name, next(each for each in arguments if each is not type(None)))
    if origin is Literal:
        return arguments[-1]
    if origin is Sealed:
        return {"subject": "patient-1", "field": name, "token": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}
    if origin is tuple:
        return [_value(name, arguments[0])]
    if origin in (dict, Mapping):
        return {name: _value(name, arguments[1])}
    if isinstance(of, type) and issubclass(of, msgspec.Struct):
        return _struct(of)
    return _PLAIN[of](name)


_PLAIN: Mapping[Any, Any] = {
    str: lambda name: f"{name.replace('_', '-')}-1",
    bool: lambda name: True,
    int: lambda name: 12_345 if name.endswith("_cents") else 2,
    date: lambda name: date(2026, 3, 14),
    datetime: lambda name: datetime(2026, 3, 14, 15, 9, 26, 535_897, tzinfo=UTC),
    UUID: lambda name: UUID("018f2e6a-6c5b-7c3e-9d2a-0123456789ab"),
}


def main() -> None:
    for name, cls in TYPES.items():
        path = SAMPLES / f"{name}.json"
        if not path.exists():
            path.write_bytes(sample_of(cls))
            print(f"{path.name} written")


if __name__ == "__main__":
    main()
