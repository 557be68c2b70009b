"""What kind of denial is it, where did it begin, and how often is such a one won?

The table is ours: it sorts claim adjustment reason codes into the work they lead to. The chances are starting values by
experience of the trade, to be replaced by a practice's own history; each says why, because the queue shows it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    name: str
    origin: str  # the step at which it could have been prevented
    win_chance_percent: int
    because: str
    next_action: str


def _category(name: str, origin: str, win_chance_percent: int, because: str, next_action: str) -> Category:
    return Category(
        name=name, origin=origin, win_chance_percent=win_chance_percent, because=because, next_action=next_action
    )


OTHER = _category(
    "other", "unknown", 35, "the reason says little: about a third are won after a call", "Ask the payer what it means."
)

CATEGORIES: tuple[Category, ...] = (
    _category(
        "registration",
        "registration",
        75,
        "a corrected name or number is usually accepted",
        "Correct the registration.",
    ),
    _category(
        "eligibility",
        "registration",
        35,
        "won only when coverage can be shown for the day",
        "Check coverage for the day.",
    ),
    _category(
        "authorization", "scheduling", 45, "retroactive authorisation depends on the payer", "Ask for authorisation."
    ),
    _category("coding", "coding", 65, "a corrected code is usually paid", "Send to a coder."),
    _category("bundling", "coding", 40, "won when a modifier is documented", "Review modifiers with the record."),
    _category(
        "medical-necessity", "documentation", 50, "half are won with the record and a letter", "Appeal with the record."
    ),
    _category(
        "documentation", "documentation", 70, "most are paid once the record is sent", "Send what was asked for."
    ),
    _category(
        "timely-filing", "billing", 15, "won only with the payer's own proof of receipt", "Find the proof of filing."
    ),
    _category("duplicate", "billing", 20, "most are true duplicates", "Compare with the first claim."),
    _category("cob", "registration", 70, "paid once the order of payers is settled", "Settle the order of payers."),
    _category(
        "benefit", "plan", 10, "the plan does not cover it; appeals seldom change that", "Bill the patient or drop."
    ),
    _category(
        "provider-enrollment",
        "enrolment",
        40,
        "won when enrolment is made retroactive",
        "Check the provider's enrolment.",
    ),
    _category("billing-data", "billing", 80, "a corrected claim is paid", "Correct and replace the claim."),
    _category("contract", "contract", 30, "needs the contract's own words", "Check against the contract."),
    OTHER,
)

_BY_NAME = {category.name: category for category in CATEGORIES}

_REASONS: dict[str, str] = {  # category: claim adjustment reason codes
    "registration": "31 32 33 34 140",
    "eligibility": "26 27 166 177 200",
    "authorization": "15 38 39 165 197 198 210 243 288 302",
    "coding": "4 5 6 7 8 9 10 11 12 58 110 146 147 181 182 189 199",
    "bundling": "59 60 97 107 134 231 234 236 B10 B15",
    "medical-necessity": "50 55 56 150 151 152 153 154 167 272 273",
    "documentation": "163 164 226 227 250 251 252 B17",
    "timely-filing": "29",
    "duplicate": "18 B13",
    "cob": "19 20 21 22 23 24 109 129 136 B9 B11",
    "benefit": "35 49 51 96 119 149 168 204 256 258 B1",
    "provider-enrollment": "170 171 172 183 184 185 242 B7",
    "billing-data": "16 125 148 206 207 208",
    "contract": "131 144 203 219 222 245 P12",
}
_BY_REASON = {code: _BY_NAME[name] for name, codes in _REASONS.items() for code in codes.split()}


def category_of(reason: str) -> Category:
    """The category of a claim adjustment reason code; an unknown code is kept, as `other`."""
    return _BY_REASON.get(reason.strip().upper(), OTHER)


def category_named(name: str) -> Category:
    """The category of that name, `other` when it is not one of ours any more."""
    return _BY_NAME.get(name, OTHER)
