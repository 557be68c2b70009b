"""An EOB on paper: what is printed is typed in, with sums that say at once whether it was read right.

The form is flat fields named after their place (`c0-l1-a0-amount`), drawn again by the server with everything that was typed whenever a
claim, a line or an adjustment is added, and whenever something is refused. Payments decides whether it is taken; the sums here are
shown, never posted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import Response

from services.dashboard.amounts import cents_of
from services.dashboard.client import Refused
from services.dashboard.visits import Page, Visit

CLAIMS_MAX, LINES_MAX, ADJUSTMENTS_MAX = 20, 30, 12
_INDEX = re.compile(r"\d+")
_NO_AMOUNT = "an amount is dollars, such as 120.00"
_HEADER = ("payer_identifier", "payer_name", "payer_electronic_id", "trace_number", "payment_on", "method")
# What the API calls a field, and what the form does.
_RENAMED = {"payment_cents": "payment", "charged_cents": "charged", "paid_cents": "paid", "amount_cents": "amount"}
_TYPE_IN = "payments:receive-remittance"
_PICTURES = frozenset({"application/pdf", "image/png", "image/jpeg"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How many lines and adjustments each claim has on the form: (adjustments of the claim, adjustments of each line)."""

    claims: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A form as it was typed: its shape, its amounts as cents, and what is no amount, by field."""

    form: Mapping[str, str]
    shape: Shape
    errors: Mapping[str, str]

    def cents(self, name: str) -> int:
        """Zero for what is empty or no amount."""
        return cents_of(self.form.get(name, "")) or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What stands apart, in cents: all zero when it was read right."""

    paid_cents: int  # of all claims
    short_cents: int  # paid by the claims less the payment
    claims: Sequence[int]  # charged less adjusted less paid, of each claim
    lines: Sequence[Sequence[int]]  # the same of each line
    unlined: Sequence[int]  # paid by a claim less what its lines say; 0 without lines

    @property
    def is_right(self) -> bool:
        apart = (self.short_cents, *self.claims, *self.unlined, *(each for lines in self.lines for each in lines))
        return not any(apart)


def read(form: Mapping[str, str]) -> Typed:
    """What was typed. The shape is in the names of the fields; at least one claim."""
    claims = 1 + max((int(each[1]) for name in form if (each := re.match(r"c(\d+)-", name))), default=0)
    shape = []
    for claim in range(min(claims, CLAIMS_MAX)):
        at = f"c{claim}"
        lines = min(_many(form, f"{at}-l"), LINES_MAX)
        own = min(_many(form, f"{at}-a"), ADJUSTMENTS_MAX)
        of_lines = (min(_many(form, f"{at}-l{line}-a"), ADJUSTMENTS_MAX) for line in range(lines))
        shape.append((own, tuple(of_lines)))
    amounts = {name: text for name, text in form.items() if name.rpartition("-")[2] in _RENAMED.values()}
    errors = {name: _NO_AMOUNT for name, text in amounts.items() if text and cents_of(text) is None}
    return Typed(form=form, shape=Shape(claims=tuple(shape)), errors=errors)


def _many(form: Mapping[str, str], prefix: str) -> int:
    pattern = re.compile(rf"{prefix}(\d+)-")
    return 1 + max((int(each[1]) for name in form if (each := pattern.match(name))), default=-1)


def grown(shape: Shape, what: str) -> Shape:
    """With one more of something: `claim`, `c0-l` a line, `c0-a` an adjustment of the claim, `c0-l1-a` one of the line."""
    if what == "claim" and len(shape.claims) < CLAIMS_MAX:
        return Shape(claims=(*shape.claims, (0, (0,))))
    numbers = [int(each) for each in _INDEX.findall(what)]
    if not numbers or numbers[0] >= len(shape.claims):
        return shape
    claims = list(shape.claims)
    own, lines = claims[numbers[0]]
    if what.endswith("-l") and len(lines) < LINES_MAX:
        claims[numbers[0]] = (own, (*lines, 0))
    elif what.endswith("-a") and len(numbers) == 1 and own < ADJUSTMENTS_MAX:
        claims[numbers[0]] = (own + 1, lines)
    elif what.endswith("-a") and len(numbers) == 2 and numbers[1] < len(lines) and lines[numbers[1]] < ADJUSTMENTS_MAX:
        more = tuple(n + (place == numbers[1]) for place, n in enumerate(lines))
        claims[numbers[0]] = (own, more)
    return Shape(claims=tuple(claims))


def summed(typed: Typed) -> Sums:
    paid: list[int] = []
    claims: list[int] = []
    lines: list[list[int]] = []
    unlined: list[int] = []
    for number, (own, of_lines) in enumerate(typed.shape.claims):
        at = f"c{number}"
        adjusted = _adjusted(typed, at, own)
        of_claim = [_adjusted(typed, f"{at}-l{line}", n) for line, n in enumerate(of_lines)]
        said = [line for line in range(len(of_lines)) if _is_said(typed.form, f"{at}-l{line}-")]
        paid.append(typed.cents(f"{at}-paid"))
        claims.append(typed.cents(f"{at}-charged") - adjusted - sum(of_claim) - paid[-1])
        lines.append(
            [
                typed.cents(f"{at}-l{line}-charged") - of_claim[line] - typed.cents(f"{at}-l{line}-paid")
                for line in range(len(of_lines))
            ]
        )
        of_its_lines = sum(typed.cents(f"{at}-l{line}-paid") for line in said)
        unlined.append(paid[-1] - of_its_lines if said else 0)
    short = sum(paid) - typed.cents("payment")
    return Sums(paid_cents=sum(paid), short_cents=short, claims=claims, lines=lines, unlined=unlined)


def _adjusted(typed: Typed, at: str, many: int) -> int:
    return sum(typed.cents(f"{at}-a{number}-amount") for number in range(many))


def _is_said(form: Mapping[str, str], prefix: str) -> bool:
    """Whether anything was typed in this part. What is chosen from a list says nothing alone."""
    return any(text for name, text in form.items() if name.startswith(prefix) and not name.endswith("-group"))


def body_of(typed: Typed, image_id: str | None) -> tuple[dict[str, Any], dict[str, str]]:
    """What is sent, and for each place of it (as the service names places) the field that it was typed in."""
    form = typed.form
    fields = {name: name for name in _HEADER} | {"payment_cents": "payment"}
    body: dict[str, Any] = {name: form.get(name) or None for name in _HEADER} | {
        "payment_cents": typed.cents("payment"),
        "claims": [],
        "image_id": image_id,
    }
    for number, (own, of_lines) in enumerate(typed.shape.claims):
        at, place = f"c{number}", f"claims.{len(body['claims'])}"
        if not _is_said(form, f"{at}-"):
            continue
        names = ("claim_id", "payer_control_number", "original_payer_control_number")
        claim: dict[str, Any] = {name: form.get(f"{at}-{name}") or None for name in names} | {
            "status": form.get(f"{at}-status") or "1",
            "charged_cents": typed.cents(f"{at}-charged"),
            "paid_cents": typed.cents(f"{at}-paid"),
            "adjustments": _adjustments(typed, at, own, place, fields),
            "lines": [],
        }
        _named(fields, place, at, claim)
        for line, many in enumerate(of_lines):
            where, of_line = f"{at}-l{line}", f"{place}.lines.{len(claim['lines'])}"
            if not _is_said(form, f"{where}-"):
                continue
            told: dict[str, Any] = {
                "procedure_code": form.get(f"{where}-procedure_code", "").upper() or None,
                "modifiers": form.get(f"{where}-modifiers", "").upper().split(),
                "line_id": form.get(f"{where}-line_id") or None,
                "service_on": form.get(f"{where}-service_on") or None,
                "charged_cents": typed.cents(f"{where}-charged"),
                "paid_cents": typed.cents(f"{where}-paid"),
                "adjustments": _adjustments(typed, where, many, of_line, fields),
            }
            _named(fields, of_line, where, told)
            claim["lines"].append(told)
        body["claims"].append(claim)
    return body, fields


def _adjustments(typed: Typed, at: str, many: int, place: str, fields: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number in range(many):
        where = f"{at}-a{number}"
        if not _is_said(typed.form, f"{where}-"):
            continue
        told = {
            "group": typed.form.get(f"{where}-group") or None,
            "reason": typed.form.get(f"{where}-reason", "").upper() or None,
            "amount_cents": typed.cents(f"{where}-amount"),
        }
        _named(fields, f"{place}.adjustments.{len(found)}", where, told)
        found.append(told)
    return found


def _named(fields: dict[str, str], place: str, at: str, told: Mapping[str, Any]) -> None:
    for name in told:
        fields[f"{place}.{name}"] = f"{at}-{_RENAMED.get(name, name)}"


def errors_at(faults: Sequence[Mapping[str, Any]], fields: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """What a service found wrong, by the field that it was typed in; the rest in words of its own."""
    at: dict[str, str] = {}
    others: list[str] = []
    for fault in faults:
        place, rule = str(fault.get("place", "")), str(fault.get("rule", ""))
        known = re.sub(r"\[(\d+)\]", r".\1", place).removeprefix("body.")
        while known and known not in fields:
            known = known.rpartition(".")[0]
        if known:
            at[fields[known]] = rule
        else:
            others.append(f"{place}: {rule}")
    return at, others


# --- the pages --------------------------------------------------------------------------------------------------------


def _drawn(
    visit: Visit,
    typed: Typed,
    *,
    shape: Shape | None = None,
    status: int = 200,
    errors: Mapping[str, str] | None = None,
    said: str = "",
) -> Response:
    return visit.show(
        "remittances/_paper_fields.html",
        status=status,
        form=typed.form,
        shape=(shape or typed.shape).claims,
        sums=summed(typed),
        errors=typed.errors if errors is None else errors,
        said=said,
    )


async def blank(visit: Visit) -> Response:
    """Only for those who may send it: the form shows nothing that is worth reading."""
    if not visit.may(_TYPE_IN):
        raise Refused(HTTPStatus.FORBIDDEN, {"code": "forbidden", "facts": {"action": _TYPE_IN}})
    empty = Shape(claims=((0, (0,)),))
    typed = Typed(form={}, shape=empty, errors={})
    return visit.show("remittances/paper.html", form={}, shape=empty.claims, sums=summed(typed), errors={}, said="")


async def more(visit: Visit) -> Response:
    """The form with one more claim, line or adjustment, and everything that was typed."""
    typed = read(visit.form)
    return _drawn(visit, typed, shape=grown(typed.shape, visit.form.get("more", "")))


async def totals(visit: Visit) -> Response:
    return visit.show("remittances/_paper_totals.html", sums=summed(read(visit.form)))


async def type_in(visit: Visit) -> Response:
    """Taken in like an 835; what is wrong is said at its field, and all that was typed stays."""
    typed = read(visit.form)
    if typed.errors:
        return _drawn(visit, typed, status=HTTPStatus.UNPROCESSABLE_ENTITY, said="Some amounts cannot be read.")
    fields: dict[str, str] = {}
    try:
        body, fields = body_of(typed, await _image(visit))
        received = await visit.services.post("/api/payments/remittances/paper", body, key=visit.form["key"])
    except Refused as refused:
        if refused.status not in (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY):
            raise
        at, others = errors_at(refused.errors, fields)
        said = "; ".join(others) or (refused.detail if not at else "Some fields cannot be taken as they are.")
        return _drawn(visit, typed, status=refused.status, errors=at, said=said)
    path = f"/remittances/{received['remittance_id']}"
    await visit.settled(f"/api/payments{path}", received["done"]["after"])
    return Response(headers={"HX-Redirect": path})


async def _image(visit: Visit) -> str | None:
    """The picture of the EOB, kept before what was read from it is taken in."""
    file = (await visit.request.form()).get("image")
    if not isinstance(file, UploadFile) or not (content := await file.read()):
        return None
    kind = file.content_type if file.content_type in _PICTURES else "application/octet-stream"
    key = f"{visit.form['key']}-image"
    kept = await visit.services.send_file("/api/payments/remittances/images", content, kind or "", key=key)
    return str(kept["document_id"])


PAGES = (
    Page(path="/remittances/paper", action="payments:read-remittances", handler=blank),
    Page(path="/remittances/paper", action=_TYPE_IN, handler=type_in, method="POST"),
    Page(path="/remittances/paper/more", action=_TYPE_IN, handler=more, method="POST"),
    Page(path="/remittances/paper/totals", action=_TYPE_IN, handler=totals, method="POST"),
)
