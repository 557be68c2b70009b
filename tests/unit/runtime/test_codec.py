"""What must hold between an event and its bytes?"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from cryptography.exceptions import InvalidTag

from shared.events.base import Event, Sealed
from shared.events.collections import ContactLogged, PromiseMade
from shared.events.eligibility import PatientRegistered
from shared.events.envelope import START, Stored
from shared.events.registry import TYPES
from shared.events.values import Person, PersonName
from shared.runtime.codec import EventCodec, UnknownEventType, UnreadableEvent
from shared.runtime.vault import Opener
from shared.testing.vault import MemoryVault

pytestmark = pytest.mark.asyncio

TENANT = "clinic"
CLERK = Opener(actor="user:clerk", purpose="test")


class Noted(Event, frozen=True, kw_only=True):
    words: str
    author: Sealed[str] | None = None


def stored(type_: str, data: bytes) -> Stored:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    return Stored(
        service="collections",
        tenant=TENANT,
        stream="guarantor-account/1",
        version=1,
        event_id=uuid4(),
        type=type_,
        occurred_at=now,
        recorded_at=now,
        actor="user:clerk",
        command_id=uuid4(),
        correlation_id="c",
        causation_id=None,
        traceparent=None,
        clock="real",
        data=data,
        previous_hash=bytes(32),
        hash=bytes(32),
        position=START,
    )


async def test_an_event_comes_back_as_it_was() -> None:
    codec = EventCodec()
    event = PromiseMade(patient_id="p", promise_id="1", amount_cents=10_00, by_on=date(2026, 4, 1))
    data, was_sealed = await codec.encode(MemoryVault(), TENANT, event)
    assert not was_sealed
    assert codec.decode(stored("collections.PromiseMade.v1", data)).event == event


async def test_a_fresh_personal_value_is_stored_as_ciphertext_and_opens_for_who_may() -> None:
    codec, vault = EventCodec(), MemoryVault()
    person = Person(name=PersonName(last="Lovelace", first="Ada"), birth_on=date(1815, 12, 10))
    event = PatientRegistered(
        patient_id="p",
        medical_record_number=Sealed.fresh("p", "medical-record-number", "MRN-4711"),
        person=Sealed.fresh("p", "person", person),
    )
    data, was_sealed = await codec.encode(vault, TENANT, event)
    assert was_sealed
    assert b"Lovelace" not in data
    assert b"MRN-4711" not in data
    read = codec.decode(stored("eligibility.PatientRegistered.v1", data)).event
    assert not read.person.is_fresh
    assert await vault.open(TENANT, read.person, Person, CLERK) == person
    assert await vault.open(TENANT, read.medical_record_number, str, CLERK) == "MRN-4711"


async def test_a_sealed_value_is_copied_into_another_event_without_being_opened() -> None:
    codec, vault = EventCodec(), MemoryVault()
    first, _ = await codec.encode(
        vault,
        TENANT,
        ContactLogged(patient_id="p", outcome_code="left", note=Sealed.fresh("p", "note", "call after five")),
    )
    sealed = codec.decode(stored("collections.ContactLogged.v1", first)).event.note
    second, was_sealed = await codec.encode(
        vault, TENANT, ContactLogged(patient_id="p", outcome_code="answered", note=sealed)
    )
    assert not was_sealed
    copied = codec.decode(stored("collections.ContactLogged.v1", second)).event.note
    assert copied == sealed
    assert vault.openings == []
    assert await vault.open(TENANT, copied, str, CLERK) == "call after five"


async def test_an_event_may_hold_fresh_and_sealed_values_of_several_people() -> None:
    codec, vault = EventCodec(), MemoryVault()
    await vault.keys_for(TENANT, ["p"])
    at_rest = Sealed[str](
        "p", "medical-record-number", vault.seal(TENANT, Sealed.fresh("p", "medical-record-number", "1"))
    )
    event = PatientRegistered(
        patient_id="p",
        medical_record_number=at_rest,
        person=Sealed.fresh("p", "person", Person(name=PersonName(last="Child"))),
        guarantor=Sealed.fresh("q", "guarantor", Person(name=PersonName(last="Parent"))),
    )
    data, _ = await codec.encode(vault, TENANT, event)
    read = codec.decode(stored("eligibility.PatientRegistered.v1", data)).event
    assert read.medical_record_number == at_rest
    assert read.guarantor.subject == "q"
    assert (await vault.open(TENANT, read.guarantor, Person, CLERK)).name.last == "Parent"


async def test_an_unknown_type_is_an_error_and_never_skipped() -> None:
    codec = EventCodec()
    with pytest.raises(UnknownEventType) as error:
        codec.decode(stored("collections.PromiseMade.v9", b"{}"))
    assert error.value.type == "collections.PromiseMade.v9"
    with pytest.raises(UnknownEventType):
        codec.decode_if(stored("collections.PromiseMade.v9", b"{}"), (ContactLogged,))


async def test_bytes_that_are_not_the_event_are_refused_by_place_without_the_value() -> None:
    codec = EventCodec()
    with pytest.raises(UnreadableEvent) as error:
        codec.decode(
            stored(
                "collections.PromiseMade.v1",
                b'{"patient_id":"p","promise_id":"1","amount_cents":"Ada Lovelace","by_on":"2026-04-01"}',
            )
        )
    assert error.value.place == "$.amount_cents"
    assert "Lovelace" not in str(error.value)
    with pytest.raises(UnreadableEvent):
        codec.decode(stored("collections.PromiseMade.v1", b"{"))
    with pytest.raises(UnreadableEvent):
        codec.decode(
            stored("collections.ContactLogged.v1", b'{"patient_id":"p","outcome_code":"x","note":{"subject":"p"}}')
        )


async def test_an_old_version_is_read_through_its_upcasters_and_sealed_values_stay_sealed() -> None:
    def second(data: dict[str, Any]) -> dict[str, Any]:
        return {"words": data["text"], "author": data.get("author")}

    def third(data: dict[str, Any]) -> dict[str, Any]:
        return data | {"words": data["words"].capitalize()}

    codec = EventCodec(
        types={"collections.Noted.v3": Noted},
        upcasters={
            "collections.Noted.v1": ("collections.Noted.v2", second),
            "collections.Noted.v2": ("collections.Noted.v3", third),
        },
    )
    old = stored(
        "collections.Noted.v1", b'{"text":"late again","author":{"subject":"p","field":"author","token":"AQ=="}}'
    )
    assert codec.type_of("collections.Noted.v1") is Noted
    assert codec.decode(old).event == Noted(words="Late again", author=Sealed("p", "author", "AQ=="))


async def test_a_reader_decodes_only_what_it_wants() -> None:
    codec = EventCodec()
    unreadable = stored("collections.ContactLogged.v1", b"not even JSON")
    assert codec.decode_if(unreadable, (PromiseMade,)) is None
    with pytest.raises(UnreadableEvent):
        codec.decode_if(unreadable, (ContactLogged,))


async def test_every_event_of_the_vocabulary_can_be_read_by_name() -> None:
    codec = EventCodec()
    assert all(codec.type_of(name) is cls for name, cls in TYPES.items())
    for name in TYPES:  # that a decoder can be made for each also says that none holds what JSON cannot
        with pytest.raises(UnreadableEvent):
            codec.event_of(name, b"[]")


async def test_an_event_holds_only_what_the_vocabulary_allows() -> None:
    class Wrong(Event, frozen=True, kw_only=True):
        what: object

    with pytest.raises(NotImplementedError):
        await EventCodec().encode(MemoryVault(), TENANT, Wrong(what=object()))


async def test_a_value_sealed_for_one_field_does_not_open_as_another() -> None:
    vault = MemoryVault()
    await vault.keys_for(TENANT, ["p"])
    token = vault.seal(TENANT, Sealed.fresh("p", "note", "secret"))
    for moved in (Sealed[str]("p", "other", token), Sealed[str]("q", "note", token)):
        await vault.keys_for(TENANT, [moved.subject])
        with pytest.raises(InvalidTag):
            await vault.open(TENANT, moved, str, CLERK)


async def test_a_wire_name_belongs_to_its_service() -> None:
    codec = EventCodec()
    event = PromiseMade(patient_id="p", promise_id="1", amount_cents=1, by_on=date(2026, 4, 1))
    assert codec.name_of("collections", event) == "collections.PromiseMade.v1"
    with pytest.raises(KeyError):
        codec.name_of("payments", event)


async def test_encoding_is_plain_json_without_what_is_at_its_default() -> None:
    data, _ = await EventCodec().encode(MemoryVault(), TENANT, ContactLogged(patient_id="p", outcome_code="left"))
    assert msgspec.json.decode(data) == {"patient_id": "p", "outcome_code": "left"}
