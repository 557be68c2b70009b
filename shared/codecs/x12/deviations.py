"""Which payers' known habits may be let pass, by name?

A deviation turns one error into a warning, only where it is asked for: never silently. Source: payers' companion guides
and files as they arrive in the trade.
"""

from __future__ import annotations

from dataclasses import replace

from msgspec import Struct

from shared.codecs.x12.problems import X12Error


class Deviation(Struct, frozen=True, kw_only=True):
    """One rule that a sender is known to break."""

    kind: str  # transaction set; empty: any
    rule: str
    elements: frozenset[str]  # empty: any
    why: str


DEVIATIONS: dict[str, Deviation] = {
    "835-without-technical-contact": Deviation(
        kind="835",
        rule="the guide requires this segment",
        elements=frozenset(("PER",)),
        why="payers leave out PER*BL, which the 005010 guide made required",
    ),
    "835-with-st03": Deviation(
        kind="835",
        rule="the guide does not use this element",
        elements=frozenset(("ST03",)),
        why="senders put the guide into ST03 of an 835 as in every other set",
    ),
    "835-references-in-any-order": Deviation(
        kind="835",
        rule="segments stand in the order of the guide",
        elements=frozenset(("REF", "DTM", "CAS", "AMT")),
        why="payers write the details of a line in the order of their own system",
    ),
    "835-short-originator-id": Deviation(
        kind="835",
        rule="an element is not shorter than the standard allows",
        elements=frozenset(("BPR10", "TRN03")),
        why="payers send the tax id of nine digits without the 1 before it",
    ),
    "835-with-any-filing-indicator": Deviation(
        kind="835",
        rule="the code is in the list of the guide",
        elements=frozenset(("CLP06",)),
        why="payers echo the filing indicator of the claim, which has more codes than the remittance",
    ),
    "277ca-without-service-date": Deviation(
        kind="277CA",
        rule="the guide requires this segment",
        elements=frozenset(("DTP",)),
        why="clearinghouses leave out DTP*472 of a refused claim, whose dates they could not read",
    ),
    "repeated-interchange-numbers": Deviation(
        kind="",
        rule="ISA13 is unique in the file",
        elements=frozenset(("ISA13",)),
        why="portals join the downloads of several days to one file",
    ),
    "wrong-segment-count": Deviation(
        kind="",
        rule="SE01 counts the segments from ST to SE",
        elements=frozenset(("SE01",)),
        why="translators that drop segments keep the count of the source",
    ),
}


class UnknownDeviation(ValueError):
    """No deviation has this name."""


def deviations_named(names: tuple[str, ...]) -> tuple[Deviation, ...]:
    """The deviations with these names. Raises UnknownDeviation."""
    for name in names:
        if name not in DEVIATIONS:
            raise UnknownDeviation(f"{name} is none of {', '.join(sorted(DEVIATIONS))}")
    return tuple(DEVIATIONS[name] for name in names)


def let_pass(problem: X12Error, kind: str, allowed: tuple[Deviation, ...]) -> X12Error:
    """The problem, as a warning when one of these deviations covers it."""
    for each in allowed:
        if (
            problem.rule == each.rule
            and each.kind in ("", kind)
            and (not each.elements or problem.element in each.elements)
        ):
            return replace(problem, severity="warning")
    return problem
