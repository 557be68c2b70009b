"""Which payment does the bank's text name?

An EFT for health care is a CCD entry with an addenda record that holds the TRN segment of the 835: TRN*1*trace*payer, ended by a
tilde or a backslash. Banks hand it on inside the text of a line, which may be cut anywhere into continuations.
Sources: 45 CFR 162.1602; NACHA operating rules, CCD addenda; CAQH CORE 370; TRN03 is ten characters (005010X221A1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_ENDED = re.compile(r"TRN\*1\*([!-)+-\[\]-}]{1,50})\*([0-9A-Za-z]{10})(?:\*[^*~\\\s]{0,50})?[~\\]", re.ASCII)
_SPACED = re.compile(r"TRN\*1\*([!-)+-\[\]-}]{1,50})\*([0-9A-Za-z]{10})(?=[\s*~\\]|$)", re.ASCII)
_BEGUN = re.compile(r"TRN\*1\*", re.ASCII)
_COMPANY_ID = re.compile(r"\b(?:ORIG|ORIG CO|ORIGINATOR|COMPANY|CO) ID ?[:=] ?([0-9A-Z]{10})(?![0-9A-Z])", re.ASCII)
_COMPANY_NAME = re.compile(r"\b(?:ORIG CO|ORIGINATOR|COMPANY|CO) NAME ?[:=] ?([!-~][ -~]{0,15})", re.ASCII)
_NEXT_LABEL = re.compile(r" {2,}| (?:ORIG|CO|COMPANY|DESC|SEC|ENTRY|TRACE)\b.*$", re.ASCII)


class Trace(NamedTuple):
    trace_number: str  # TRN02
    payer_identifier: str  # TRN03


def traces_in(parts: Sequence[str]) -> frozenset[Trace]:
    """The payments that a line names: one, unless the line is about several. `parts`: its texts in their order.

    Cut inside a word, the parts are joined without a space; an unended segment ends with its part.
    """
    joined = "".join(parts)
    if not _BEGUN.search(joined):
        return frozenset()
    ended = _found(_ENDED, joined)
    return ended or _found(_SPACED, " ".join(parts))


def _found(pattern: re.Pattern[str], text: str) -> frozenset[Trace]:
    return frozenset(Trace(trace.upper(), payer.upper()) for trace, payer in pattern.findall(text))


def company_id_in(text: str) -> str:
    """The id of the company that sent an ACH transfer; empty when the text does not say it."""
    found = _COMPANY_ID.search(text)
    return found[1] if found else ""


def company_name_in(text: str) -> str:
    """Its name, sixteen characters at most as in an ACH batch; empty when the text does not say it."""
    found = _COMPANY_NAME.search(text)
    return _NEXT_LABEL.split(found[1], maxsplit=1)[0].strip() if found else ""
