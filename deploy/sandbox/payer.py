"""What does an invented payer answer to a claim?

A pure function of the seed and of what the claim says: who pays, whose it is, when, what was done and for how much. No control number,
file name or order of arrival matters, so two practices that send the same claims are paid the same cents.

A claim can also ask for a behaviour: the cents of its total charge are looked up in `MARKERS` (prices end in other cents).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from shared.codecs.x12.claim_837d import DentalLine
from shared.codecs.x12.claim_837i import InstitutionalClaim, InstitutionalLine
from shared.codecs.x12.claim_837p import ServiceLine
from shared.codecs.x12.claim_parts import Claim, ClaimLine, OtherCoverage
from shared.codecs.x12.elements import Adjustment, Procedure


class Behaviour(Enum):
    PAY = "pay"
    REJECT_AT_CLEARINGHOUSE = "reject at the clearinghouse (277CA A7)"
    REJECT_AT_PAYER = "reject at the payer's door (277CA A3)"
    SILENT = "never answer"
    DENY_MISSING_INFORMATION = "deny CO-16"
    DENY_AUTHORIZATION = "deny CO-197"
    DENY_MEDICAL_NECESSITY = "deny CO-50"
    DENY_LAST_LINE = "pay but for the last line, CO-97"
    REVERSE_AND_CORRECT = "pay, take back and pay less a week later, by PLB WO"
    SHORT_BY_A_CENT = "an 835 that does not balance"
    DELIVER_TWICE = "the same 835 in two files"
    INTEREST = "pay late, with interest by PLB L6"
    NOT_COVERED = "deny PR-204: the patient's"


MARKERS = {
    1: Behaviour.REJECT_AT_CLEARINGHOUSE,
    2: Behaviour.REJECT_AT_PAYER,
    3: Behaviour.SILENT,
    4: Behaviour.DENY_MISSING_INFORMATION,
    5: Behaviour.DENY_AUTHORIZATION,
    6: Behaviour.DENY_MEDICAL_NECESSITY,
    7: Behaviour.DENY_LAST_LINE,
    8: Behaviour.REVERSE_AND_CORRECT,
    9: Behaviour.SHORT_BY_A_CENT,
    11: Behaviour.DELIVER_TWICE,
    12: Behaviour.INTEREST,
    13: Behaviour.NOT_COVERED,
    14: Behaviour.PAY,
}

# Out of a thousand claims without a marker; what is left is paid.
CHANCES = (
    (12, Behaviour.REJECT_AT_CLEARINGHOUSE),
    (12, Behaviour.REJECT_AT_PAYER),
    (12, Behaviour.SILENT),
    (25, Behaviour.DENY_MISSING_INFORMATION),
    (25, Behaviour.DENY_AUTHORIZATION),
    (20, Behaviour.DENY_MEDICAL_NECESSITY),
    (40, Behaviour.DENY_LAST_LINE),
    (25, Behaviour.REVERSE_AND_CORRECT),
    (15, Behaviour.DELIVER_TWICE),
    (20, Behaviour.INTEREST),
    (15, Behaviour.NOT_COVERED),
)

# What a payer allows of a charge in percent, and how it shares with the patient: copay cents, coinsurance percent.
CONTRACTS = {
    "BLPL1": (72, 25_00, 0),
    "PRHM2": (64, 30_00, 0),
    "MEDB3": (58, 0, 20),
    "STMC4": (41, 0, 0),
    "SLVS5": (100, 0, 0),
}
_OTHER_CONTRACT = (70, 20_00, 0)
CROSSOVER = ("MEDB3", "SLVS5")  # Medicare forwards to the supplement by itself for some patients


@dataclass(frozen=True, slots=True, kw_only=True)
class LineAnswer:
    """One service line of an 835."""

    line: ClaimLine
    paid_cents: int
    adjustments: tuple[Adjustment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One payer's adjudication of one claim: charge - adjustments = paid, line by line."""

    status: str  # CLP02
    lines: tuple[LineAnswer, ...]
    behaviour: Behaviour
    days: int  # from the claim's acceptance to the 835
    interest_cents: int = 0  # PLB L6
    correction: tuple[LineAnswer, ...] = field(default=())  # what it becomes a week later

    @property
    def paid_cents(self) -> int:
        return sum(line.paid_cents for line in self.lines)

    @property
    def patient_cents(self) -> int:
        return patient_share(self.lines)


def patient_share(lines: Sequence[LineAnswer]) -> int:
    """CLP05: what the lines leave to the patient."""
    return sum(each.cents for line in lines for each in line.adjustments if each.group == "PR")


def behaviour_of(claim: Claim, seed: int) -> Behaviour:
    """By marker, else by chance. Claims to a later payer are always worked."""
    if marked := MARKERS.get(claim.charged_cents % 100):
        return marked
    if _prior(claim):
        return Behaviour.PAY
    number = _dice(claim, seed, "behaviour") % 1000
    for share, behaviour in CHANCES:
        if number < share:
            return behaviour
        number -= share
    return Behaviour.PAY


def adjudicate(claim: Claim, seed: int) -> Answer:
    """What the payer decides. Raises ValueError for a claim that is never adjudicated."""
    behaviour = behaviour_of(claim, seed)
    prior = _prior(claim)
    lines = tuple(_after(prior, claim)) if prior else tuple(_as_first(claim, behaviour))
    days = 5 + _dice(claim, seed, "days") % 9 + (20 if behaviour is Behaviour.INTEREST else 0)
    answer = Answer(
        status=_status(claim, prior, seed),
        lines=lines,
        behaviour=behaviour,
        days=days,
        interest_cents=1_25 if behaviour is Behaviour.INTEREST else 0,
    )
    if behaviour is Behaviour.REVERSE_AND_CORRECT and not prior:
        corrected = tuple(_corrected(line) for line in lines)
        return Answer(status="1", lines=lines, behaviour=behaviour, days=days, correction=corrected)
    return answer


def _status(claim: Claim, prior: Sequence[OtherCoverage], seed: int) -> str:
    position = min(len(prior), 2)
    forwards = (
        claim.payer.id == CROSSOVER[0]
        and any(other.payer.id == CROSSOVER[1] for other in claim.other_coverages)
        and not prior
        and _dice(claim, seed, "crossover") % 4 == 0
    )
    return ("19", "20", "21")[position] if forwards else ("1", "2", "3")[position]


# --- the first payer --------------------------------------------------------------------------------------------------


def _as_first(claim: Claim, behaviour: Behaviour) -> Iterator[LineAnswer]:
    percent, copay, coinsurance = CONTRACTS.get(claim.payer.id, _OTHER_CONTRACT)
    copay_left = copay
    for number, line in enumerate(claim.lines, start=1):
        is_last = number == len(claim.lines) and len(claim.lines) > 1
        denial = _denial(behaviour, is_last=is_last)
        if denial is not None:
            yield LineAnswer(
                line=line,
                paid_cents=0,
                adjustments=(Adjustment(group=denial[0], reason=denial[1], cents=line.charged_cents),),
            )
            continue
        allowed = line.charged_cents * percent // 100
        of_copay = min(copay_left, allowed)
        copay_left -= of_copay
        of_coinsurance = (allowed - of_copay) * coinsurance // 100
        yield _priced(line, allowed, of_copay, of_coinsurance)


def _denial(behaviour: Behaviour, *, is_last: bool) -> tuple[str, str] | None:
    match behaviour:
        case Behaviour.DENY_MISSING_INFORMATION:
            return "CO", "16"
        case Behaviour.DENY_AUTHORIZATION:
            return "CO", "197"
        case Behaviour.DENY_MEDICAL_NECESSITY:
            return "CO", "50"
        case Behaviour.NOT_COVERED:
            return "PR", "204"
        case Behaviour.DENY_LAST_LINE if is_last:
            return "CO", "97"
        case _:
            return None


def _priced(line: ClaimLine, allowed: int, copay: int, coinsurance: int) -> LineAnswer:
    adjustments = [
        Adjustment(group="CO", reason="45", cents=line.charged_cents - allowed),
        Adjustment(group="PR", reason="3", cents=copay),
        Adjustment(group="PR", reason="2", cents=coinsurance),
    ]
    return LineAnswer(
        line=line,
        paid_cents=allowed - copay - coinsurance,
        adjustments=tuple(each for each in adjustments if each.cents),
    )


def _corrected(line: LineAnswer) -> LineAnswer:
    """The payer finds that it paid a tenth too much; the patient's share stays."""
    less = line.paid_cents // 10
    others = tuple(each for each in line.adjustments if (each.group, each.reason) != ("CO", "45"))
    contractual = sum(each.cents for each in line.adjustments if (each.group, each.reason) == ("CO", "45")) + less
    first = (Adjustment(group="CO", reason="45", cents=contractual),) if contractual else ()
    return LineAnswer(line=line.line, paid_cents=line.paid_cents - less, adjustments=(*first, *others))


# --- a later payer ----------------------------------------------------------------------------------------------------


def _prior(claim: Claim) -> list[OtherCoverage]:
    """The payers that have already answered, as the claim's 2320 loops tell."""
    return [other for other in claim.other_coverages if other.paid_cents is not None]


def _after(prior: Sequence[OtherCoverage], claim: Claim) -> Iterator[LineAnswer]:
    """A supplement pays nine tenths of what the others left to the patient; their effect is told as OA-23."""
    payers = {other.payer.id for other in prior}
    for line in claim.lines:
        left = _patient_left(line, payers)
        pays = left * 9 // 10
        adjustments = (
            Adjustment(group="OA", reason="23", cents=line.charged_cents - left),
            Adjustment(group="PR", reason="2", cents=left - pays),
        )
        yield LineAnswer(line=line, paid_cents=pays, adjustments=tuple(each for each in adjustments if each.cents))


def _patient_left(line: ClaimLine, payers: set[str]) -> int:
    """The patient's share of the last payer that answered for this line."""
    told = [each for each in line.adjudications if each.payer_id in payers]
    if not told:
        return 0
    return sum(each.cents for each in told[-1].adjustments if each.group == "PR")


# --- chance -----------------------------------------------------------------------------------------------------------


def content_of(claim: Claim) -> str:
    """What the claim says, without any number that somebody generated."""
    lines = ",".join(f"{_done(line)}-{_day(line.service_on)}-{line.charged_cents}" for line in claim.lines)
    diagnoses = (
        claim.codes.diagnosis_codes if isinstance(claim, InstitutionalClaim) else getattr(claim, "diagnoses", ())
    )
    return "|".join((claim.payer.id, claim.subscriber.party.id, lines, ",".join(diagnoses), claim.frequency))


def procedure_of(line: ClaimLine) -> Procedure | None:
    """CPT, HCPCS or CDT; a hospital's line may have none."""
    return line.procedure if isinstance(line, ServiceLine | InstitutionalLine | DentalLine) else None


def _done(line: ClaimLine) -> str:
    procedure = procedure_of(line) or Procedure(code="")
    said = f"{procedure.code}-{'-'.join(procedure.modifiers)}"
    return f"{line.revenue_code}-{said}" if isinstance(line, InstitutionalLine) else said


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _dice(claim: Claim, seed: int, purpose: str) -> int:
    digest = hmac.digest(str(seed).encode(), f"{purpose}|{content_of(claim)}".encode(), "sha256")
    return int.from_bytes(digest[:8], "big")


def payer_control_number(claim: Claim, seed: int) -> str:
    """The payer's own number of the claim."""
    return f"{claim.payer.id}{_dice(claim, seed, 'control number') % 10**10:010d}"
