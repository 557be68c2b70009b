"""What will a claim need of a registration that was not said? The names of what is missing are not personal, so events may hold them.

Source: ASC X12N 005010X222A1, loops 2010BA and 2010CA.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared.events.values import Person

SELF = "18"


def missing_of_person(person: Person) -> tuple[str, ...]:
    return tuple(_gaps(person))


def missing_of_coverage(member_number: str, relationship: str, subscriber: Person | None) -> tuple[str, ...]:
    gaps = [] if member_number.strip() else ["member-number"]
    if relationship != SELF:
        gaps += ["subscriber"] if subscriber is None else [f"subscriber-{gap}" for gap in _gaps(subscriber)]
    return tuple(gaps)


def _gaps(person: Person) -> Iterator[str]:
    address = person.address
    needed = {
        "last-name": person.name.last,
        "first-name": person.name.first,
        "birth-date": person.birth_on,
        "street": address.line_1,
        "city": address.city,
        "state": address.state,
        "postal-code": address.postal_code,
    }
    for gap, said in needed.items():
        if not said:
            yield gap
