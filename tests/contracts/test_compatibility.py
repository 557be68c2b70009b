"""A published event only gains optional fields."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.schemas.compatibility import breaks
from deploy.schemas.events import event_schema
from deploy.schemas.files import broken
from deploy.state import CHECKOUT
from shared.events.registry import SERVICES

NAME = "payments.MoneyMoved.v1"


def schema(fields: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """A document of one event, whose fields may refer to a struct `Leg` and to `Sealed`."""
    leg = {"type": "object", "properties": {"account": {"type": "string"}}, "required": ["account"]}
    moved = {"title": "MoneyMoved", "type": "object", "properties": fields, "required": required}
    return {"$defs": {NAME: {"$ref": "#/$defs/MoneyMoved"}, "MoneyMoved": moved, "Leg": leg}}


CENTS = {"type": "integer"}
REASON = {"enum": ["payer", "patient"]}
OLD = schema(
    {"amount_cents": CENTS, "reason": REASON, "note": {"type": "string", "default": ""}}, ["amount_cents", "reason"]
)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"trace": {"type": "string", "default": ""}}, id="a new optional field"),
        pytest.param({"note": {"type": "string", "default": "", "description": "why"}}, id="a description"),
        pytest.param({"reason": {"enum": ["payer", "patient", "agency"]}}, id="one more reason"),
        pytest.param({"reason": {"type": "string"}}, id="any reason"),
        pytest.param({"note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": ""}}, id="a note or none"),
    ],
)
def test_an_event_may_take_more(fields: dict[str, Any]) -> None:
    before = OLD["$defs"]["MoneyMoved"]
    assert breaks(OLD, schema(before["properties"] | fields, before["required"])) == []


@pytest.mark.parametrize(
    ("fields", "required", "complaint"),
    [
        pytest.param({"reason": REASON}, ["reason"], "amount_cents: the field is gone", id="removed"),
        pytest.param(
            {"cents": CENTS, "reason": REASON, "note": {"type": "string", "default": ""}},
            ["cents", "reason"],
            "amount_cents: the field is gone",
            id="renamed",
        ),
        pytest.param(
            OLD["$defs"]["MoneyMoved"]["properties"] | {"payer_id": {"type": "string"}},
            ["amount_cents", "reason", "payer_id"],
            "payer_id: a new field is optional, this one is required",
            id="a new required field",
        ),
        pytest.param(
            OLD["$defs"]["MoneyMoved"]["properties"],
            ["amount_cents", "reason", "note"],
            "note: was optional, is always there",
            id="made required",
        ),
        pytest.param(
            OLD["$defs"]["MoneyMoved"]["properties"],
            ["reason"],
            "amount_cents: was always there, is optional",
            id="made optional",
        ),
        pytest.param(
            OLD["$defs"]["MoneyMoved"]["properties"] | {"amount_cents": {"type": "string"}},
            ["amount_cents", "reason"],
            "amount_cents: was integer, is string",
            id="another type",
        ),
        pytest.param(
            OLD["$defs"]["MoneyMoved"]["properties"] | {"reason": {"enum": ["payer"]}},
            ["amount_cents", "reason"],
            "reason: no longer takes patient",
            id="a value less",
        ),
        pytest.param(
            OLD["$defs"]["MoneyMoved"]["properties"] | {"note": {"enum": ["a"], "default": ""}},
            ["amount_cents", "reason"],
            "note: no longer takes any value",
            id="a closed list",
        ),
        pytest.param(
            OLD["$defs"]["MoneyMoved"]["properties"] | {"note": {"type": "string", "default": "", "maxLength": 9}},
            ["amount_cents", "reason"],
            "note: maxLength was free, is 9",
            id="a limit",
        ),
        pytest.param(
            OLD["$defs"]["MoneyMoved"]["properties"] | {"note": {"type": "string", "default": "none"}},
            ["amount_cents", "reason"],
            "note: its default changed",
            id="another default",
        ),
    ],
)
def test_what_breaks_an_event_is_named_by_event_and_field(
    fields: dict[str, Any], required: list[str], complaint: str
) -> None:
    found = breaks(OLD, schema(fields, required))
    assert any(f"{NAME}.{complaint}" in each for each in found), found


def test_a_change_deep_in_an_event_is_found() -> None:
    legs = {"type": "array", "items": {"$ref": "#/$defs/Leg"}}
    old, new = schema({"legs": legs}, ["legs"]), schema({"legs": legs}, ["legs"])
    new["$defs"]["Leg"]["properties"]["account"] = {"type": "integer"}
    assert breaks(old, new) == [f"{NAME}.legs[].account: was string, is integer"]


def test_a_sealed_field_keeps_what_is_in_it() -> None:
    def sealed(held: str) -> dict[str, Any]:
        document = schema({"person": {"$ref": "#/$defs/Sealed", "x-holds": held}}, ["person"])
        document["$defs"]["Sealed"] = {"type": "object", "properties": {"token": {"type": "string"}}}
        return document

    assert breaks(sealed("Person"), sealed("Person")) == []
    assert breaks(sealed("Person"), sealed("str")) == [f"{NAME}.person: what is sealed in it was Person, is str"]


def test_an_event_is_not_taken_away() -> None:
    assert breaks(OLD, {"$defs": {}}) == [f"{NAME}: the event is gone"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_schema_agrees_with_itself(service: str) -> None:
    document = event_schema(service)
    assert document["$defs"], service
    assert breaks(document, document) == []


def test_no_event_breaks_the_schema_that_is_committed() -> None:
    assert broken(CHECKOUT) == []
