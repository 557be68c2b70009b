"""Can every event that was ever stored still be read?"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from shared.events.base import Sealed
from shared.events.registry import TYPES, UPCASTERS
from shared.runtime.codec import EventCodec, UnreadableEvent
from tests.contracts.sample import SAMPLES

STORED_NAMES = [*TYPES, *UPCASTERS]


def at_rest(sealed: Sealed[Any]) -> dict[str, str | None]:
    return {"subject": sealed.subject, "field": sealed.field, "token": sealed.token}


@pytest.mark.parametrize("name", STORED_NAMES)
def test_every_event_has_a_stored_sample_and_it_can_be_read(name: str) -> None:
    path = SAMPLES / f"{name}.json"
    assert path.exists(), f"no sample of {name}: `python -m tests.contracts.sample` writes it; commit the file"
    event = EventCodec().event_of(name, path.read_bytes())
    assert type(event) is EventCodec().type_of(name)


def test_a_sample_says_every_field_of_its_event() -> None:
    """One that leaves fields out would not notice that their types changed."""
    for name, cls in TYPES.items():
        said = msgspec.json.decode((SAMPLES / f"{name}.json").read_bytes())
        assert isinstance(said, dict)
        required = {field.name for field in msgspec.structs.fields(cls) if field.required}
        assert required <= said.keys(), f"{name}: the sample is of another event"


def test_a_sample_belongs_to_an_event() -> None:
    left_over = {path.stem for path in SAMPLES.glob("*.json")} - set(STORED_NAMES)
    assert not left_over, "an event that was stored is gone: it needs its name in the registry, or an upcaster"


@pytest.mark.parametrize("name", TYPES)
def test_an_event_that_is_read_written_and_read_again_is_the_same(name: str) -> None:
    event = EventCodec().event_of(name, (SAMPLES / f"{name}.json").read_bytes())
    again = msgspec.json.encode(event, enc_hook=at_rest)
    assert EventCodec().event_of(name, again) == event


def test_a_field_of_another_type_is_named_and_its_value_is_not() -> None:
    with pytest.raises(
        UnreadableEvent, match=r"payments\.PaymentNotTaken\.v1 cannot be read at \$\.amount_cents"
    ) as refused:
        EventCodec().event_of(
            "payments.PaymentNotTaken.v1",
            b'{"account_id":"a","patient_id":"p","payment_id":"x","allocation":1,"amount_cents":"12.50"}',
        )
    assert "12.50" not in str(refused.value)


def test_an_event_that_a_later_version_wrote_with_more_fields_can_be_read() -> None:
    name = "payments.PaymentNotTaken.v1"
    data = (SAMPLES / f"{name}.json").read_bytes()
    more = msgspec.json.encode(msgspec.json.decode(data) | {"a_field_of_tomorrow": {"deep": [1]}})
    assert EventCodec().event_of(name, more) == EventCodec().event_of(name, data)
