"""May these balances be taken over from another system, and may that be taken back?

All imports of a tenant are one stream, so that two files with the same line cannot be taken in at the same moment. A file is taken whole
or not at all, and only when it comes to the control total to the cent. What the accounts do follows from the events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import assert_never

from msgspec.structs import replace as changed

from services.payments.domain.books.decider import refuse_closed_day, refuse_undoing_in_closed_day
from services.payments.domain.errors import (
    ControlTotalDiffers,
    OpeningBalanceKnown,
    OpeningBalancesTouched,
    OpeningBalancesUnknown,
)
from services.payments.domain.opening_balances.commands import (
    ImportOpeningBalances,
    LineKey,
    OpeningBalancesCommand,
    TakeBackOpeningBalances,
)
from shared.events.payments import (
    OpeningBalancesEvent,
    OpeningBalancesImported,
    OpeningBalancesTakenBack,
    OpeningBalanceStated,
    OpeningBalanceWithdrawn,
)
from shared.kernel.decider import Decider

IMPORTS = "imports"  # key of the one stream of opening balances that a tenant has
_NAMED_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stated:
    """An account of an import and its lines, behind those before it: an import of any size is folded line by line."""

    account_id: str
    keys: tuple[LineKey, ...]
    before: Stated | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Import:
    document_id: str
    as_of_on: date
    last: Stated | None = None
    is_in_force: bool = True

    def stated(self) -> Iterator[Stated]:
        """Its accounts, the last first."""
        each = self.last
        while each is not None:
            yield each
            each = each.before


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningBalances:
    imports: Mapping[str, Import] = field(default_factory=dict)

    def import_of(self, document_id: str) -> str:
        """The import in force of this file; empty when there is none."""
        found = (name for name, each in self.imports.items() if each.is_in_force and each.document_id == document_id)
        return next(found, "")

    def lines(self) -> dict[LineKey, str]:
        """Those in force, to their import. Costs as much as there are."""
        return {
            key: name
            for name, each in self.imports.items()
            if each.is_in_force
            for stated in each.stated()
            for key in stated.keys
        }


def decide(command: OpeningBalancesCommand, opening: OpeningBalances) -> Sequence[OpeningBalancesEvent]:
    match command:
        case ImportOpeningBalances():
            return _import(command, opening)
        case TakeBackOpeningBalances():
            return _take_back(command, opening)
        case _:
            assert_never(command)


def _import(command: ImportOpeningBalances, opening: OpeningBalances) -> list[OpeningBalancesEvent]:
    total, lines = sum(each.amount_cents for each in command.stated), sum(len(each.lines) for each in command.stated)
    if (total, lines) != (command.control_cents, command.control_lines):
        raise ControlTotalDiffers(
            f"the file has {lines} lines that come to {total} cents, and not {command.control_lines} lines of"
            f" {command.control_cents} cents: nothing of it was taken in",
            control_cents=command.control_cents,
            control_lines=command.control_lines,
            found_cents=total,
            found_lines=lines,
        )
    if opening.import_of(command.document.document_id):
        return []  # The same file again is no news.
    refuse_known_lines(command.stated, opening)
    if command.books is not None:
        refuse_closed_day(command.books, command.as_of_on)
    import_id = f"opening-{len(opening.imports) + 1}"
    imported = OpeningBalancesImported(
        import_id=import_id,
        as_of_on=command.as_of_on,
        lines=lines,
        accounts=len(command.stated),
        control_cents=command.control_cents,
        document=command.document,
        imported_by=command.imported_by,
    )
    return [imported, *(changed(each, import_id=import_id) for each in command.stated)]


def refuse_known_lines(stated: Sequence[OpeningBalanceStated], opening: OpeningBalances) -> None:
    """Raises OpeningBalanceKnown, which names the lines and the imports that have them."""
    lines = opening.lines()
    known = [(place, lines[key]) for key, place in keys_of(stated) if key in lines]
    if known:
        told = {
            f"line_{number}": f"{place} is of {import_id}"
            for number, (place, import_id) in enumerate(known[:_NAMED_MAX], start=1)
        }
        raise OpeningBalanceKnown(
            f"{len(known)} lines were taken in with another file: nothing of this one was", lines=len(known), **told
        )


def keys_of(stated: Sequence[OpeningBalanceStated]) -> Iterator[tuple[LineKey, str]]:
    """Each line's key, and its place in the file."""
    for each in stated:
        for line in each.lines:
            yield LineKey(each.account_id, line.party, line.original_on), line.place


def _take_back(command: TakeBackOpeningBalances, opening: OpeningBalances) -> list[OpeningBalancesEvent]:
    found = opening.imports.get(command.import_id)
    if found is None:
        raise OpeningBalancesUnknown("there is no such import")
    if not found.is_in_force:
        return []
    if command.touched:
        told = {f"account_{number}": each for number, each in enumerate(command.touched[:_NAMED_MAX], start=1)}
        raise OpeningBalancesTouched(
            f"something was posted on {len(command.touched)} accounts since: take that back first, or adjust these accounts",
            accounts=len(command.touched),
            **told,
        )
    if command.books is not None:
        refuse_undoing_in_closed_day(command.books, found.as_of_on)
    taken_back = OpeningBalancesTakenBack(
        import_id=command.import_id, reason=command.reason, taken_back_by=command.taken_back_by
    )
    withdrawn = (
        OpeningBalanceWithdrawn(import_id=command.import_id, account_id=each.account_id, as_of_on=found.as_of_on)
        for each in reversed(list(found.stated()))
    )
    return [taken_back, *withdrawn]


def evolve(opening: OpeningBalances, event: OpeningBalancesEvent) -> OpeningBalances:
    match event:
        case OpeningBalancesImported():
            new = Import(document_id=event.document.document_id, as_of_on=event.as_of_on)
            return replace(opening, imports={**opening.imports, event.import_id: new})
        case OpeningBalanceStated():
            of = opening.imports[event.import_id]
            keys = tuple(key for key, _ in keys_of((event,)))
            more = replace(of, last=Stated(account_id=event.account_id, keys=keys, before=of.last))
            return replace(opening, imports={**opening.imports, event.import_id: more})
        case OpeningBalancesTakenBack():
            ended = replace(opening.imports[event.import_id], is_in_force=False)
            return replace(opening, imports={**opening.imports, event.import_id: ended})
        case OpeningBalanceWithdrawn():
            return opening
        case _:
            assert_never(event)


opening_balances: Decider[OpeningBalancesCommand, OpeningBalancesEvent, OpeningBalances] = Decider(
    decide=decide, evolve=evolve, initial=OpeningBalances()
)
