"""Is a file a bank's, and which service takes it in?

BAI2 by its first record, a list of deposits by the names of its columns. Such a file is whole or refused, so it is read to its end
before anything is sent; payments reads it with the same codec and records its credits.
"""

from __future__ import annotations

from services.gateway.mapping.naming import Naming
from services.gateway.notes import Note
from services.gateway.parts import CSV, PLAIN, Fate, Part, Plan
from shared.codecs.bank.bai2 import is_bai2, read_bai2
from shared.codecs.bank.deposit_list import is_deposit_list, read_deposit_list
from shared.codecs.problems import Problem

KINDS = ("bai2", "csv")
PATH = "/deposits/files"


def is_bank_file(content: bytes) -> bool:
    """By the first line."""
    return is_bai2(content) or is_deposit_list(content)


def plan_bank_file(content: bytes, naming: Naming) -> Plan:
    """What to do with a bank's file. Never raises."""
    is_statement = is_bai2(content)
    kind, type_ = ("bai2", "BAI2") if is_statement else ("csv", "deposit list")
    problems = (read_bai2 if is_statement else read_deposit_list)(content).problems
    if problems:
        return Plan(kind=kind, type=type_, fate=Fate.REFUSE_CONTENT, notes=tuple(map(_note, problems)))
    part = Part(
        service="payments",
        path=PATH,
        place="file",
        what="take in the bank's file",
        content=content,
        media_type=PLAIN if is_statement else CSV,
    )
    return Plan(kind=kind, type=type_, fate=Fate.DELIVER, parts=(part,))


def _note(problem: Problem) -> Note:
    place = f"{problem.unit} {problem.number} {problem.field}" if problem.number else problem.field
    return Note(place=place, rule=problem.broken, value=problem.found, code="102")
