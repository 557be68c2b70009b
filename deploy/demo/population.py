"""Who comes to the invented practice, when, and what is done?

Everything follows from the seed: the same seed, patients and days give the same visits, so that two runs can be compared to the cent.
No name or number belongs to anybody.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

AUTHORITY = "RIVER"  # assigns record and visit numbers

_LAST = "ABBOT BAKER CORTEZ DAWSON ELLIS FINCH GRANT HAYES IVERS JONES KEMP LOWRY MARSH NOLAN ORTIZ PRICE QUINN REYES STONE TRAN".split()
_FIRST_F = "ADA BELLA CLARA DORA EMMA FAITH GRACE HELEN IRIS JUNE KARA LENA MIA NORA OLIVE".split()
_FIRST_M = "ABE BEN CARL DEAN EVAN FRANK GUS HUGO IAN JACK KURT LEO MAX NED OTTO".split()
_STREETS = "OAK ELM MAPLE CEDAR BIRCH WALNUT CHERRY WILLOW".split()


_COMMERCIAL = ("BLUEPLAINS", "PRAIRIE")
_PROVIDERS = ("ADAMS1", "BROOK1", "CHEN1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Insurance:
    payer: str  # alias that the practice's directory knows
    member_number: str
    group_number: str
    effective_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    record_number: str
    last: str
    first: str
    birth_on: date
    sex: str
    street: str
    postal_code: str
    phone: str
    insurances: tuple[Insurance, ...]  # primary first; none: self-pay
    provider: str
    pays_promptly: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    transaction: str  # FT1-2
    code: str
    units: int
    charged_cents: int | None  # None: priced by the practice's price list
    diagnoses: tuple[str, ...]
    modifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    number: str
    day: date
    hour: int
    patient: Patient
    services: tuple[Service, ...]
    diagnoses: tuple[str, ...]
    copay_cents: int  # paid at the desk; 0: none


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    patients: tuple[Patient, ...]
    visits: tuple[Visit, ...]  # by day and hour


# What is usually done, why, and how often: (weight, services, diagnoses)
_REASONS: Sequence[tuple[int, tuple[tuple[str, int], ...], tuple[str, ...]]] = (
    (6, (("99213", 1),), ("J069",)),
    (5, (("99213", 1), ("36415", 1), ("85025", 1)), ("E119", "I10")),
    (4, (("99214", 1), ("93000", 1)), ("I10", "R0789")),
    (3, (("99203", 1),), ("M545",)),
    (2, (("99214", 1), ("81002", 1)), ("N390",)),
    (2, (("G0439", 1),), ("Z0000",)),
    (1, (("99215", 1), ("J1100", 4)), ("M5416",)),
    (1, (("99204", 1), ("90471", 1)), ("Z23", "J309")),
)


def invent(*, patients: int, first_day: date, days: int, seed: int) -> Practice:
    """A practice's people and visits between `first_day` and the last of `days` days. Closed at weekends."""
    dice = random.Random(seed)
    people = tuple(_patient(dice, number, first_day) for number in range(1, patients + 1))
    visits: list[Visit] = []
    open_days = [day for day in (first_day + timedelta(days=n) for n in range(days)) if day.weekday() < 5]
    for person in people:
        for day in sorted(dice.sample(open_days, min(len(open_days), dice.choice((1, 1, 1, 2, 2, 3))))):
            visits.append(_visit(dice, len(visits) + 1, person, day))
    return Practice(
        patients=people, visits=tuple(sorted(visits, key=lambda visit: (visit.day, visit.hour, visit.number)))
    )


def _patient(dice: random.Random, number: int, first_day: date) -> Patient:
    sex = dice.choice("FM")
    age = dice.choice((4, 9, 16, 24, 33, 38, 45, 52, 58, 66, 71, 78))
    birth_on = date(first_day.year - age, dice.randint(1, 12), dice.randint(1, 28))
    return Patient(
        record_number=f"R{number:06d}",
        last=dice.choice(_LAST),
        first=dice.choice(_FIRST_F if sex == "F" else _FIRST_M),
        birth_on=birth_on,
        sex=sex,
        street=f"{dice.randint(1, 999)} {dice.choice(_STREETS)} STREET",
        postal_code=f"6270{dice.randint(1, 9)}{dice.randint(1000, 9999)}",
        phone=f"217555{dice.randint(1000, 9999)}",
        insurances=_insurances(dice, number, age, first_day),
        provider=dice.choice(_PROVIDERS),
        pays_promptly=dice.random() < 0.6,
    )


def _insurances(dice: random.Random, number: int, age: int, first_day: date) -> tuple[Insurance, ...]:
    since = first_day - timedelta(days=dice.randint(200, 2000))
    if age >= 65:
        medicare = _insurance("MEDICARE", number, since)
        return (medicare, _insurance("SILVER", number, since)) if dice.random() < 0.6 else (medicare,)
    if dice.random() < 0.08:
        return ()
    if dice.random() < 0.15:
        return (_insurance("MEDICAID", number, since),)
    return (_insurance(dice.choice(_COMMERCIAL), number, since),)


def _insurance(payer: str, number: int, since: date) -> Insurance:
    return Insurance(
        payer=payer,
        member_number=f"{payer[:3]}{number:07d}",
        group_number=f"G{payer[:2]}{number % 7:03d}",
        effective_on=since,
    )


def _visit(dice: random.Random, number: int, patient: Patient, day: date) -> Visit:
    [(_, done, diagnoses)] = dice.choices(_REASONS, weights=[weight for weight, _, _ in _REASONS])
    visit = f"V{number:06d}"
    services = tuple(
        Service(transaction=f"{visit}-{index}", code=code, units=units, charged_cents=None, diagnoses=diagnoses[:4])
        for index, (code, units) in enumerate(done, start=1)
    )
    copay = 2500 if patient.insurances and patient.insurances[0].payer in _COMMERCIAL and dice.random() < 0.5 else 0
    return Visit(
        number=visit,
        day=day,
        hour=dice.randint(8, 16),
        patient=patient,
        services=services,
        diagnoses=diagnoses,
        copay_cents=copay,
    )
