"""What was agreed with each payer: contracts with their versions and terms, the price lists that they name, and what a service is worth
by them. Managers agree, amend, end, load and withdraw; what is refused is said over the form, which keeps what was typed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.responses import Response

from services.dashboard.amounts import cents_or_text
from services.dashboard.client import Refused
from services.dashboard.conflicts import do_or_tell
from services.dashboard.pages.underpayments import steps_of
from services.dashboard.visits import Page, Visit

_CONTRACTS = "/api/payments/contracts"
_SCHEDULES = "/api/payments/fee-schedules"
_ROWS = 200
_TERMS_LEAST = 4
RULES = ("schedule", "percent-of-schedule", "percent-of-charge", "capitated")
KINDS = (
    ("amounts", "Amounts"),
    ("relative-values", "Relative values, with columns of your own"),
    ("medicare-file", "Medicare's relative value file (PPRRVU)"),
)
_FACTORS = ("conversion_factor", "work_gpci", "expense_gpci", "malpractice_gpci")
_BLANK_TERM: Mapping[str, Any] = {"rule": "", "schedule_id": "", "percent": "", "procedure_codes": [], "rates_text": ""}
NO_TERMS: Mapping[str, Any] = {"terms": [], "lesser_of_charge": True, "tolerance_cents": 0, "tolerance_percent": "0"}


# --- contracts --------------------------------------------------------------------------------------------------------


async def contracts(visit: Visit) -> Response:
    """The newest version of every contract, of one payer or all, in force on a day or ever."""
    wanted = {name: value for name in ("payer_id", "on") if (value := visit.asked(name))}
    found = await visit.get(_CONTRACTS, **wanted, limit=_ROWS, cursor=visit.asked("cursor"))
    newest = {(row["payer_id"], row["contract_id"]): row for row in found["items"]}
    return visit.show("contracts/list.html", found=found, rows=list(newest.values()), wanted=wanted)


async def new(visit: Visit) -> Response:
    payers, known = await asyncio.gather(
        visit.get_if("eligibility:read-payers", "/api/eligibility/payers", limit=_ROWS), schedule_ids(visit)
    )
    payer_id = visit.asked("payer_id")
    there = await visit.get(_CONTRACTS, payer_id=payer_id, limit=1) if payer_id else {"items": []}
    return visit.show(
        "contracts/new.html",
        payers=(payers or {"items": []})["items"],
        payer_id=payer_id,
        version=there["items"][0]["stream_version"] if there["items"] else "",
        schedule_ids=known,
        terms=filled([]),
        rules=RULES,
        newest=NO_TERMS,
    )


async def one(visit: Visit) -> Response:
    """One contract with every version of its terms, the newest first, and what a service is worth by it."""
    payer_id, contract_id = visit.path("payer_id"), visit.path("contract_id")
    found, known = await asyncio.gather(
        visit.get(_CONTRACTS, payer_id=payer_id, contract_id=contract_id, limit=_ROWS), schedule_ids(visit)
    )
    if not found["items"]:
        raise Refused(HTTPStatus.NOT_FOUND, {"code": "not-found", "detail": "the payer has no contract of this id"})
    newest = found["items"][-1]
    return visit.show(
        "contracts/contract.html",
        found=found,
        versions=found["items"][::-1],
        newest=newest,
        schedule_ids=known,
        terms=filled(newest["terms"]),
        rules=RULES,
        version=newest["stream_version"],
    )


async def schedule_ids(visit: Visit) -> list[str]:
    """Of every fee schedule that is loaded."""
    found = await visit.get(_SCHEDULES, limit=_ROWS)
    return list(dict.fromkeys(row["schedule_id"] for row in found["items"]))


def filled(terms: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of a form: the terms and some without one."""
    told = [{**term, "rates_text": _rates_text(term.get("rates", ()))} for term in terms]
    return [*told, *([_BLANK_TERM] * max(1, _TERMS_LEAST - len(terms)))]


def _rates_text(rates: Sequence[Mapping[str, Any]]) -> str:
    """As a form has them: `CHILD 0-17 12.50; F18-44 F 18-44 30.00`."""
    told: list[str] = []
    for each in rates:
        first, last = each["age_from"], each["age_to"]
        ages = f"{'' if first is None else first}-{'' if last is None else last}"
        cents = each["amount_cents"]
        words = (each["category"], each["sex"], ages if ages != "-" else "", f"{cents // 100}.{cents % 100:02}")
        told.append(" ".join(word for word in words if word))
    return "; ".join(told)


def _rates_of(text: str) -> list[dict[str, Any]]:
    """The same back. What is none of it goes on as it is, and the service says what is wrong with it."""
    rates: list[dict[str, Any]] = []
    for told in text.split(";"):
        if not (words := told.split()):
            continue
        category, *between, amount = words if len(words) > 1 else [words[0], ""]
        rate: dict[str, Any] = {"category": category, "amount_cents": cents_or_text(amount)}
        for word in between:
            first, dash, last = word.partition("-")
            if dash:
                rate["age_from"], rate["age_to"] = _years(first), _years(last)
            else:
                rate["sex"] = word
        rates.append(rate)
    return rates


def _years(text: str) -> int | str | None:
    return int(text) if text.isascii() and text.isdecimal() else text or None


async def expected(visit: Visit) -> Response:
    """What the contract says that a service is worth, step by step, or why it has no price."""
    names = ("procedure_code", "service_on", "modifiers", "units", "place_of_service")
    asked = {name: visit.asked(name) for name in names}
    asked["charged_cents"] = str(cents_or_text(visit.asked("charged")))
    told = await visit.get(f"/api/payments/payers/{quote(visit.path('payer_id'), safe='')}/expected", **asked)
    steps = steps_of(told["basis"], told["expected_cents"]) if told["basis"] else []
    return visit.show("contracts/_expected.html", told=told, steps=steps)


def terms_of(form: Mapping[str, str]) -> dict[str, Any]:
    """What the form says, as the API takes it: the terms in their order, rows without a rule left out."""
    return {"effective_from": form.get("effective_from", ""), **terms_only(form)}


def terms_only(form: Mapping[str, str]) -> dict[str, Any]:
    """The same without a day."""
    numbers = sorted(int(name[5:]) for name in form if name.startswith("rule_") and name[5:].isdecimal())
    terms = [
        {
            "rule": form[f"rule_{at}"],
            "schedule_id": form.get(f"schedule_id_{at}") or None,
            "percent": form.get(f"percent_{at}") or None,
            "procedure_codes": form.get(f"procedure_codes_{at}", "").upper().replace(",", " ").split(),
            **({"rates": rates} if (rates := _rates_of(form.get(f"rates_{at}", ""))) else {}),
        }
        for at in numbers
        if form[f"rule_{at}"]
    ]
    return {
        "terms": terms,
        "lesser_of_charge": bool(form.get("lesser_of_charge")),
        "tolerance_cents": cents_or_text(form.get("tolerance") or "0"),
        "tolerance_percent": form.get("tolerance_percent") or "0",
    }


async def agree(visit: Visit) -> Response:
    form, names = visit.form, ("contract_id", "name", "billing_npi", "filing_indicator")
    body = terms_of(form) | {name: form.get(name, "") for name in names}
    body["effective_to"] = form.get("effective_to") or None
    payer_id, contract_id = form.get("payer_id", ""), str(body["contract_id"])
    path = f"/api/payments/payers/{quote(payer_id, safe='')}/contracts"
    return await _worked(visit, path, body, payer_id=payer_id, contract_id=contract_id)


async def amend(visit: Visit) -> Response:
    return await _changed(visit, "amend", terms_of(visit.form))


async def end(visit: Visit) -> Response:
    return await _changed(visit, "end", {"last_on": visit.form.get("last_on", "")})


async def _changed(visit: Visit, deed: str, body: Mapping[str, Any]) -> Response:
    payer_id, contract_id = visit.path("payer_id"), visit.path("contract_id")
    path = f"/api/payments/payers/{quote(payer_id, safe='')}/contracts/{quote(contract_id, safe='')}/{deed}"
    told = {**body, "reason": visit.form.get("reason", "")}
    return await _worked(visit, path, told, payer_id=payer_id, contract_id=contract_id)


async def _worked(visit: Visit, path: str, body: Mapping[str, Any], *, payer_id: str, contract_id: str) -> Response:
    stream = f"/api/payments/streams/payer-contracts/{quote(payer_id, safe='')}"
    done = await do_or_tell(visit, path, body, stream=stream)
    if isinstance(done, Response):
        return done
    await visit.settled(_CONTRACTS, done["after"])
    address = f"/contracts/{quote(payer_id, safe='')}/{quote(contract_id, safe='')}"
    return Response(headers={"HX-Redirect": address})


# --- fee schedules ----------------------------------------------------------------------------------------------------


async def schedules(visit: Visit) -> Response:
    found = await visit.get(_SCHEDULES, limit=_ROWS, cursor=visit.asked("cursor"))
    return visit.show("contracts/schedules.html", found=found, kinds=KINDS, schedule_id="")


async def schedule(visit: Visit) -> Response:
    """One schedule with its versions, and what it says about a procedure."""
    schedule_id = visit.path("schedule_id")
    found = await visit.get(_SCHEDULES, schedule_id=schedule_id, limit=_ROWS)
    if not found["items"]:
        raise Refused(HTTPStatus.NOT_FOUND, {"code": "not-found", "detail": "there is no such fee schedule"})
    return visit.show("contracts/schedule.html", found=found, kinds=KINDS, schedule_id=schedule_id)


async def rates(visit: Visit) -> Response:
    """What a schedule says about a procedure on a day of service."""
    asked = {"procedure_code": visit.asked("procedure_code").upper(), "service_on": visit.asked("service_on")}
    told = await visit.get(f"{_SCHEDULES}/{quote(visit.path('schedule_id'), safe='')}/rates", **asked)
    return visit.show("contracts/_rates.html", told=told)


async def load(visit: Visit) -> Response:
    """A whole list, or every line of it that is wrong, by its name. Nothing of a list is used while anything of it is wrong."""
    form, file = visit.form, (await visit.request.form()).get("file")
    content = await file.read() if isinstance(file, UploadFile) else b""
    kind = form.get("kind", "")
    if not content or kind not in dict(KINDS):
        return visit.show("contracts/_refused.html", problems=["Choose a file and what it is first."], left_out=0)
    names = ("name", "effective_from", "effective_to", *(_FACTORS if kind != "amounts" else ()))
    query = {name: form.get(name, "") for name in names}
    schedule_id = form.get("schedule_id", "")
    path = f"{_SCHEDULES}/{quote(schedule_id, safe='')}/{kind}"
    try:
        loaded = await visit.services.send_file(path, content, "text/csv", key=form["key"], query=query)
    except Refused as refused:
        if refused.code != "fee-schedule-refused":
            raise
        count = int(refused.facts["problems"])
        named = [refused.facts[name] for at in range(1, count + 1) if (name := f"problem_{at}") in refused.facts]
        return visit.show("contracts/_refused.html", problems=named, left_out=count - len(named))
    await visit.settled(_SCHEDULES, loaded["done"]["after"])
    return Response(headers={"HX-Redirect": f"/fee-schedules/{quote(schedule_id, safe='')}"})


async def withdraw(visit: Visit) -> Response:
    schedule_id = quote(visit.path("schedule_id"), safe="")
    path = f"{_SCHEDULES}/{schedule_id}/versions/{quote(visit.path('number'), safe='')}/withdraw"
    stream = f"/api/payments/streams/fee-schedule/{schedule_id}"
    done = await do_or_tell(visit, path, {"reason": visit.form.get("reason", "")}, stream=stream)
    if isinstance(done, Response):
        return done
    await visit.settled(_SCHEDULES, done["after"])
    return Response(headers={"HX-Redirect": f"/fee-schedules/{schedule_id}"})


_READ, _AGREE, _LOAD = "payments:read-contracts", "payments:agree-contract", "payments:load-fee-schedule"
_ONE = "/contracts/{payer_id}/{contract_id}"
_SCHEDULE = "/fee-schedules/{schedule_id}"
PAGES = (
    Page(path="/contracts", action=_READ, handler=contracts),
    Page(path="/contracts", action=_AGREE, handler=agree, method="POST"),
    Page(path="/contracts/new", action=_READ, handler=new),
    Page(path="/expected-amounts/{payer_id}", action=_READ, handler=expected),
    Page(path=_ONE, action=_READ, handler=one),
    Page(path=f"{_ONE}/amend", action=_AGREE, handler=amend, method="POST"),
    Page(path=f"{_ONE}/end", action=_AGREE, handler=end, method="POST"),
    Page(path="/fee-schedules", action=_READ, handler=schedules),
    Page(path="/fee-schedules", action=_LOAD, handler=load, method="POST"),
    Page(path=_SCHEDULE, action=_READ, handler=schedule),
    Page(path=f"{_SCHEDULE}/rates", action=_READ, handler=rates),
    Page(path=f"{_SCHEDULE}/versions/{{number}}/withdraw", action=_LOAD, handler=withdraw, method="POST"),
)
