"""How does an event become bytes, and bytes an event?

JSON by msgspec. A fresh personal value is sealed on the way in; on the way out it stays sealed. Old versions are read through
the upcasters of the registry. A type that the registry does not know is an error, never skipped: a later version of a service
may have written what a reader must not miss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import Any, TypeVar, get_origin

import msgspec

from shared.events.base import Event, EventType, Sealed, Upcaster
from shared.events.envelope import Recorded, Stored
from shared.events.registry import TYPES, UPCASTERS
from shared.runtime.vault import Vault

E = TypeVar("E", bound=Event)


class UnknownEventType(Exception):
    """The registry has no such event type: the code is older than the event."""

    def __init__(self, type: str) -> None:
        super().__init__(f"unknown event type {type}")
        self.type = type


class UnreadableEvent(Exception):
    """The bytes of an event are not what its type says. `place` is a JSON path; no value is named."""

    def __init__(self, type: str, place: str) -> None:
        super().__init__(f"an event of type {type} cannot be read at {place}")
        self.type = type
        self.place = place


class EventCodec:
    """Between events and bytes, by a table of types. Pass other tables in tests only."""

    def __init__(
        self,
        types: Mapping[str, EventType] = TYPES,
        upcasters: Mapping[str, tuple[str, Upcaster]] = UPCASTERS,
    ) -> None:
        self._types = types
        self._upcasters = upcasters
        self._names = {(name.partition(".")[0], cls): name for name, cls in types.items()}
        self._decoders: dict[str, Callable[[bytes], Any]] = {}
        self._encode = msgspec.json.Encoder(enc_hook=_refuse_fresh).encode

    def name_of(self, service: str, event: Event) -> str:
        """The wire name under which a service stores an event. Raises KeyError for one outside its vocabulary."""
        return self._names[service, type(event)]

    async def encode(self, vault: Vault, tenant: str, event: Event) -> tuple[bytes, bool]:
        """The event's bytes, and whether fresh values were sealed on the way (so that the event at rest differs)."""
        try:
            return self._encode(event), False
        except _Fresh:
            subjects: set[str] = set()
            msgspec.json.encode(event, enc_hook=partial(_note_subject, subjects))
            await vault.keys_for(tenant, sorted(subjects))
            return msgspec.json.encode(event, enc_hook=partial(_seal, vault, tenant)), True

    def decode(self, stored: Stored) -> Recorded[Any]:
        """What a stored event says, in today's shape. Raises UnknownEventType, UnreadableEvent."""
        return Recorded(stored=stored, event=self.event_of(stored.type, stored.data))

    def decode_if(self, stored: Stored, wanted: Iterable[EventType]) -> Recorded[Any] | None:
        """As `decode`, but None for a type that is not wanted, without looking at its bytes."""
        return self.decode(stored) if self.type_of(stored.type) in wanted else None

    def type_of(self, name: str) -> EventType:
        """The class as which an event of that wire name is read today. Raises UnknownEventType."""
        while name in self._upcasters:
            name = self._upcasters[name][0]
        try:
            return self._types[name]
        except KeyError:
            raise UnknownEventType(name) from None

    def event_of(self, name: str, data: bytes) -> Event:
        """The event in these bytes. Raises UnknownEventType, UnreadableEvent."""
        decode = self._decoders.get(name) or self._decoder(name)
        try:
            event: Event = decode(data)
        except msgspec.MsgspecError as error:
            raise UnreadableEvent(name, str(error).rpartition(" at ")[2].strip("`") or "$") from None
        return event

    def _decoder(self, name: str) -> Callable[[bytes], Any]:
        decode = msgspec.json.Decoder(self.type_of(name), dec_hook=_unwrap).decode
        if name in self._upcasters:
            self._decoders[name] = lambda data: decode(self._upcast(name, data))
        else:
            self._decoders[name] = decode
        return self._decoders[name]

    def _upcast(self, name: str, data: bytes) -> bytes:
        plain = msgspec.json.decode(data)
        while name in self._upcasters:
            name, upcaster = self._upcasters[name]
            plain = upcaster(plain)
        return msgspec.json.encode(plain)


class _Fresh(Exception):
    """A value is not sealed yet."""


def _at_rest(sealed: Sealed[Any], token: str | None) -> dict[str, str | None]:
    return {"subject": sealed.subject, "field": sealed.field, "token": token}


def _refuse_fresh(value: Any) -> dict[str, str | None]:
    sealed = _sealed(value)
    if sealed.is_fresh:
        raise _Fresh
    return _at_rest(sealed, sealed.token)


def _note_subject(subjects: set[str], value: Any) -> dict[str, str | None]:
    sealed = _sealed(value)
    if sealed.is_fresh:
        subjects.add(sealed.subject)
    return _at_rest(sealed, sealed.token)


def _seal(vault: Vault, tenant: str, value: Any) -> dict[str, str | None]:
    sealed = _sealed(value)
    return _at_rest(sealed, vault.seal(tenant, sealed) if sealed.is_fresh else sealed.token)


def _sealed(value: Any) -> Sealed[Any]:
    if not isinstance(value, Sealed):
        raise NotImplementedError(f"events hold no {type(value).__name__}")
    return value


@cache
def _is_sealed(cls: Any) -> bool:
    return (get_origin(cls) or cls) is Sealed


def _unwrap(cls: Any, value: Any) -> Sealed[Any]:
    if not _is_sealed(cls):
        raise NotImplementedError(f"events hold no {cls}")
    match value:
        case {"subject": str(subject), "field": str(field), "token": str(token)}:
            return Sealed(subject, field, token)
        case _:
            raise ValueError("a sealed value has subject, field and token")
