"""What is asked about a patient's coverage, and what is answered, in words? The typed documents of 270 and 271.

Source: ASC X12N 005010X279A1. Items are flat: each carries the payer, provider and subscriber above it. What a payer did not
state is None or empty, never 0 and never "yes": an absent remaining deductible is unknown.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from shared.codecs.x12.elements import Amount, Dated, Party, Procedure, Reference, Trace
from shared.codecs.x12.envelope import NOWHERE, Envelope, Place
from shared.codecs.x12.hierarchy import Beginning
from shared.codecs.x12.problems import X12Error
from shared.codecs.x12.tokenizer import Segment

SOURCE, RECEIVER, SUBSCRIBER, DEPENDENT = "20", "21", "22", "23"  # HL03

RETRYABLE_REJECTIONS = frozenset(("42", "80"))  # the payer could not answer now


class Rejection(Struct, frozen=True, kw_only=True):
    """AAA: the question was refused. 42 and 80 may be asked again; most others are for a person to correct."""

    is_valid_request: bool = False  # AAA01
    reason: str  # AAA03
    follow_up: str = ""  # AAA04: C correct and resend, N do not, R may resend ...

    @property
    def is_retryable(self) -> bool:
        return self.reason in RETRYABLE_REJECTIONS


class Participant(Struct, frozen=True, kw_only=True):
    """A payer (2000A) or a provider (2000B)."""

    party: Party
    system_rejections: tuple[Rejection, ...] = ()  # AAA before the name: the payer's system, 2000A
    rejections: tuple[Rejection, ...] = ()  # AAA after the name
    others: tuple[Segment, ...] = ()


class Member(Struct, frozen=True, kw_only=True):
    """A subscriber (2000C) or a dependent (2000D). Personal data."""

    party: Party
    traces: tuple[Trace, ...] = ()
    insured: str = ""  # INS01: Y the subscriber, N a dependent
    relationship: str = ""  # INS02
    dates: tuple[Dated, ...] = ()  # DTP: 291 plan, 307 eligibility, 346 plan begin, 347 plan end ...
    rejections: tuple[Rejection, ...] = ()
    others: tuple[Segment, ...] = ()


class Question(Struct, frozen=True, kw_only=True):
    """EQ: what is asked."""

    service_types: tuple[str, ...] = ("30",)  # EQ01
    procedure: Procedure | None = None  # EQ02
    coverage_level: str = ""  # EQ03
    references: tuple[Reference, ...] = ()  # REF 9F, G1
    dates: tuple[Dated, ...] = ()  # DTP*291; none means today
    amounts: tuple[Amount, ...] = ()
    others: tuple[Segment, ...] = ()


class Inquiry(Struct, frozen=True, kw_only=True):
    """One patient's question. The patient is the dependent if there is one."""

    payer: Participant
    provider: Participant
    subscriber: Member
    dependent: Member | None = None
    questions: tuple[Question, ...] = ()

    @property
    def patient(self) -> Member:
        return self.dependent or self.subscriber


class EligibilityInquiry(Struct, frozen=True, kw_only=True):
    """One ST to SE of a 270."""

    envelope: Envelope
    control_number: str  # ST02
    beginning: Beginning  # BHT: purpose 13 request
    inquiries: tuple[Inquiry, ...]
    others: tuple[Segment, ...] = ()
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE


class Benefit(Struct, frozen=True, kw_only=True):
    """EB and what follows it (loop 2110). Every field that the payer left out is None or empty."""

    information: str  # EB01: 1 active, 6 inactive, A co-insurance, B co-payment, C deductible, G out-of-pocket ...
    coverage_level: str = ""  # EB02: IND FAM ...
    service_types: tuple[str, ...] = ()  # EB03
    insurance_type: str = ""  # EB04
    plan: str = ""  # EB05
    period: str = ""  # EB06: 23 calendar year, 27 visit, 29 remaining ...
    amount_cents: int | None = None  # EB07
    fraction: Decimal | None = None  # EB08: what the patient pays, .2 is 20 %
    quantity_qualifier: str = ""  # EB09
    quantity: Decimal | None = None  # EB10
    authorization_required: str = ""  # EB11: Y N U; empty: not stated
    in_network: str = ""  # EB12: Y N U, W both; empty: not stated
    procedure: Procedure | None = None  # EB13
    diagnosis_pointers: tuple[str, ...] = ()  # EB14
    references: tuple[Reference, ...] = ()
    dates: tuple[Dated, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    messages: tuple[str, ...] = ()  # MSG
    parties: tuple[Party, ...] = ()  # LS*2120 NM1: carve-out payer, primary care provider ...
    others: tuple[Segment, ...] = ()  # HSD, III and whatever else qualifies the row
    place: Place = NOWHERE


class Answer(Struct, frozen=True, kw_only=True):
    """What the payer says, at the deepest level that it answered: no subscriber when it stopped above."""

    payer: Participant
    provider: Participant | None = None
    subscriber: Member | None = None
    dependent: Member | None = None
    benefits: tuple[Benefit, ...] = ()
    place: Place = NOWHERE

    @property
    def patient(self) -> Member | None:
        return self.dependent or self.subscriber

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Every AAA on the way to this answer."""
        participants = [each for each in (self.payer, self.provider) if each]
        members = [each for each in (self.subscriber, self.dependent) if each]
        above = (each for one in participants for each in (*one.system_rejections, *one.rejections))
        of_people = (each for one in members for each in one.rejections)
        of_benefits = (each for benefit in self.benefits for each in benefit.rejections)
        return (*above, *of_people, *of_benefits)

    @property
    def trace_numbers(self) -> tuple[str, ...]:
        """The numbers of ours that it answers (TRN*2)."""
        members = [each for each in (self.subscriber, self.dependent) if each]
        return tuple(trace.number for member in members for trace in member.traces if trace.type == "2")


class EligibilityResponse(Struct, frozen=True, kw_only=True):
    """One ST to SE of a 271."""

    envelope: Envelope
    control_number: str  # ST02
    beginning: Beginning  # BHT: purpose 11 response
    answers: tuple[Answer, ...]
    others: tuple[Segment, ...] = ()
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE
