"""What does an appeal letter say, by the kind of denial?

The words are ours; a practice may keep its own. Places in braces are filled in from our own events; what is not on record is left as
a place to be filled in by a person, and no letter is written while one is left. Nothing personal is in a text: who it is about stands in
the letter's head.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.claims.domain.errors import AppealTextUnfinished, TemplateMalformed

PLACES: Mapping[str, str] = {
    "claim": "our claim number",
    "payer_claim": "the payer's claim number",
    "payer": "the payer's name",
    "level": "the level of the appeal",
    "notice_on": "the date of the notice that is appealed",
    "service_on": "the date of service",
    "denied": "the denied amount",
    "reason": "group and claim adjustment reason code",
    "remarks": "remark codes",
    "submitted": "when and in which interchange the claim was first sent",
    "accepted": "when the payer accepted it, and in what",
    "authorization": "the authorization number",
    "eligibility": "what the payer answered about coverage on the date of service",
    "grounds": "why the denial is wrong, in your own words",
}
_PLACE = re.compile(r"\{([^{}]*)\}")
_LEFT_OPEN = re.compile(r"\[fill in: [^\]]+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    template_id: str
    title: str
    categories: tuple[str, ...]  # of denials; empty: of all
    text: str


_OPENING = (
    "We ask for a {level} of your decision of {notice_on} on claim {claim} (your number {payer_claim}), service of {service_on}. "
    "You denied {denied} with {reason}."
)
_CLOSING = "Please reprocess the claim and pay it. The evidence is listed below and enclosed."


def _template(template_id: str, title: str, categories: str, *paragraphs: str) -> Template:
    text = "\n\n".join((_OPENING, *paragraphs, _CLOSING))
    return Template(template_id=template_id, title=title, categories=tuple(categories.split()), text=text)


OURS: tuple[Template, ...] = (
    _template(
        "timely-filing",
        "Filed in time",
        "timely-filing",
        "The claim was filed within your limit. We sent it {submitted}. You accepted it: {accepted}. "
        "Your own acknowledgement shows that you had the claim in time.",
    ),
    _template(
        "authorization",
        "Authorised",
        "authorization",
        "The service was authorised before it was given, under number {authorization}, which stands on the claim that we sent "
        "{submitted}.",
        "{grounds}",
    ),
    _template(
        "eligibility",
        "Covered on the day",
        "eligibility registration benefit",
        "The patient was covered on the date of service. Before it we asked you, and your answer was: {eligibility}.",
        "We relied on that answer when we gave the service.",
    ),
    _template(
        "medical-necessity",
        "Medically necessary",
        "medical-necessity documentation",
        "The service was medically necessary. {grounds}",
        "The record of the visit is enclosed. We ask that a clinician of the same specialty reviews it.",
    ),
    _template(
        "coding",
        "Coded correctly",
        "coding bundling billing-data",
        "The services were coded as they were documented. {grounds}",
    ),
    _template(
        "duplicate",
        "Not a duplicate",
        "duplicate",
        "The service is not a duplicate of another one that you paid. {grounds}",
    ),
    _template(
        "cob",
        "Order of payers",
        "cob",
        "You are the payer whose turn it is for this date of service. {grounds}",
    ),
    _template("general", "Any other ground", "", "{grounds}"),
)


def fitting(templates: Sequence[Template], category: str) -> list[Template]:
    """The templates for a kind of denial, those made for it first."""
    made = [each for each in templates if category in each.categories]
    return [*made, *(each for each in templates if not each.categories)]


def refuse_unknown_places(text: str) -> None:
    """Raises TemplateMalformed for a place that no letter has."""
    unknown = sorted({name for name in _PLACE.findall(text) if name not in PLACES})
    if unknown:
        raise TemplateMalformed(f"no such place: {', '.join(unknown)}; there are {', '.join(PLACES)}")


def filled_in(text: str, known: Mapping[str, str]) -> str:
    """The text with what is known in its places; what is not stays to be filled in by a person."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        return known.get(name, "") or f"[fill in: {PLACES.get(name, name)}]"

    return _PLACE.sub(value, text)


def refuse_unfinished(text: str) -> None:
    """Raises AppealTextUnfinished while a place is left to be filled in."""
    left = _LEFT_OPEN.findall(text)
    if left:
        raise AppealTextUnfinished(f"still to be filled in: {', '.join(each[10:-1].strip() for each in left)}")
