"""How does a payer's list of members come in?

CSV with `member_number`; `person` tells apart who share one. `category` is one of the contract's rates; where it is empty, `age` and `sex`
(F, M) find it. In a list of changes `action` is add or remove. The file is kept first and read as a whole: with anything wrong in it nothing
of it is used. Member numbers leave here as blind indexes, ages not at all, and no problem quotes either.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.payments.domain.capitation_roster.commands import TakeRoster
from services.payments.domain.capitation_roster.identity import roster_id_of
from services.payments.domain.errors import ContractUnknown, NotCapitated, OutsideOfContract
from services.payments.domain.payer_contracts.state import PayerContracts, capitated_term
from shared.codecs.lists import Columns, Line, lines_of
from shared.codecs.problems import Problem, Problems, named
from shared.events.capitation import RosterMember
from shared.events.contracts import MemberRate
from shared.events.values import DocumentReference
from shared.kernel.errors import Malformed
from shared.runtime.command import Aggregate, Cause, Commands, Outcome
from shared.runtime.documents import Documents
from shared.runtime.vault import Vault, member_index

LINES_MAX = 50_000
_COLUMNS = Columns(needed=("member_number",), others=("person", "category", "age", "sex", "action"))
_NUMBER = re.compile(r"[A-Za-z0-9 .-]{1,50}", re.ASCII)
_PERSON = re.compile(r"[A-Za-z0-9]{0,10}", re.ASCII)
_AGE = re.compile(r"\d{1,3}", re.ASCII)
_SEX = re.compile(r"[FM]?", re.ASCII)


class RosterRefused(Malformed):
    """The file was kept and nothing of it is used. `facts` has what is wrong: line, column and rule."""

    code = "roster-refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """What is said of a list beside its lines."""

    payer_id: str
    contract_id: str
    month_on: date
    kind: Literal["whole", "changes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRead:
    """A line of a list. Without a category: the person is taken off."""

    number: str
    person: str
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterRead:
    members: tuple[MemberRead, ...]
    problems: Sequence[Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterTaken:
    document_id: str
    roster_id: str
    lines: int
    done: Outcome


def read_roster(content: bytes, rates: Sequence[MemberRate], *, kind: Literal["whole", "changes"]) -> RosterRead:
    """Never raises. The header is line 1. A whole list may be empty: then nobody is a member."""
    problems = Problems("line")
    members: list[MemberRead] = []
    seen: dict[tuple[str, str], int] = {}
    for line in lines_of(content, _COLUMNS, problems, most=LINES_MAX):
        before = len(problems)
        number = _secret(line, "member_number", _NUMBER, "a member number has letters, digits, blanks, dots and dashes")
        person = _secret(line, "person", _PERSON, "who shares a number is told apart by at most ten letters and digits")
        category = "" if _is_removal(line, kind) else _category(line, rates)
        key = ("".join(number.split()).upper(), person)
        if key in seen and len(problems) == before:
            line.refuse("member_number", f"a person stands once in a list, line {seen[key]} has it too", found="")
        seen.setdefault(key, line.number)
        members.append(MemberRead(number=number, person=person, category=category))
    return RosterRead(members=() if problems else tuple(members), problems=problems)


def _secret(line: Line, column: str, pattern: re.Pattern[str], rule: str) -> str:
    """What a problem does not quote."""
    text = line.text(column)
    if not pattern.fullmatch(text):
        line.refuse(column, rule, found="")
    return text


def _is_removal(line: Line, kind: Literal["whole", "changes"]) -> bool:
    action = line.text("action").lower()
    if kind == "whole" and action:
        line.refuse("action", "a whole list has no actions", found="")
    if kind == "changes" and action not in ("add", "remove"):
        line.refuse("action", "a change is add or remove", found="")
    return action == "remove"


def _category(line: Line, rates: Sequence[MemberRate]) -> str:
    if text := line.text("category"):
        if text not in {each.category for each in rates}:
            known = ", ".join(each.category for each in rates)
            line.refuse("category", "a category is one of the contract's", found="", expected=known)
        return text
    age, sex = line.text("age"), line.text("sex").upper()
    if not _AGE.fullmatch(age) or not _SEX.fullmatch(sex):
        line.refuse("category", "without a category a line has an age in years, and F or M where it matters", found="")
        return ""
    found = list(_fitting(rates, int(age), sex))
    if len(found) != 1:
        line.refuse("category", f"age and sex fit one category, and these fit {len(found)}", found="")
        return ""
    return found[0]


def _fitting(rates: Sequence[MemberRate], age: int, sex: str) -> Iterator[str]:
    """A rate without any limit is for categories that a list names."""
    for each in rates:
        is_banded = bool(each.sex) or each.age_from is not None or each.age_to is not None
        is_old_enough = each.age_from is None or each.age_from <= age
        is_young_enough = each.age_to is None or age <= each.age_to
        if is_banded and is_old_enough and is_young_enough and each.sex in ("", sex):
            yield each.category


class CapitationRosters:
    """Takes lists of members in."""

    def __init__(
        self,
        *,
        commands: Commands,
        documents: Documents,
        vault: Vault,
        payer_contracts: Aggregate,
        capitation_roster: Aggregate,
    ) -> None:
        self._commands = commands
        self._documents = documents
        self._vault = vault
        self._payer_contracts = payer_contracts
        self._capitation_roster = capitation_roster

    async def receive(self, content: bytes, announced: Announced, cause: Cause) -> RosterTaken:
        """Safe to repeat. Raises ContractUnknown, OutsideOfContract, NotCapitated, RosterRefused, and what the store raises."""
        rates = await self._rates(announced, cause.tenant)
        document_id = await self._documents.put(cause.tenant, content, "csv")
        read = await asyncio.to_thread(read_roster, content, rates, kind=announced.kind)
        if read.problems:
            raise RosterRefused(
                f"nothing of the list is used: {read.problems[0].message}",
                document_id=document_id,
                **named(read.problems),
            )
        members = [
            RosterMember(
                member_index=await member_index(self._vault, cause.tenant, each.number),
                person=each.person,
                category=each.category,
            )
            for each in read.members
        ]
        command = TakeRoster(
            payer_id=announced.payer_id,
            contract_id=announced.contract_id,
            month_on=announced.month_on,
            kind=announced.kind,
            added=tuple(each for each in members if each.category),
            removed=tuple(each for each in members if not each.category),
            source=DocumentReference(document_id=document_id),
            taken_by=cause.actor,
        )
        key = roster_id_of(payer_id=announced.payer_id, contract_id=announced.contract_id, day=announced.month_on)
        outcome = await self._commands.handle(self._capitation_roster, key, command, cause)
        return RosterTaken(document_id=document_id, roster_id=key, lines=len(members), done=outcome)

    async def _rates(self, announced: Announced, tenant: str) -> Sequence[MemberRate]:
        known: PayerContracts = await self._commands.state(self._payer_contracts, tenant, announced.payer_id)
        contract = known.contracts.get(announced.contract_id)
        if contract is None:
            raise ContractUnknown("the payer has no contract of this id")
        if not contract.holds(announced.month_on):
            raise OutsideOfContract("the contract is not in force on the first day", first_on=str(announced.month_on))
        term = capitated_term(contract.in_force(announced.month_on))
        if term is None:
            raise NotCapitated("the contract pays by the service in this month", month=str(announced.month_on))
        return term.rates
