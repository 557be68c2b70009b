"""Who bills whom for which patient, and what did other payers decide? What professional, institutional and dental
claims share.

Source: ASC X12N 005010X222A1, X223A2 and X224A2. A claim carries its whole context (billing provider, subscriber, payer,
patient). Amounts are integer cents. What has no word here is kept as `others` of the nearest thing that owns it.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Generic, TypeVar

from msgspec import Struct

from shared.codecs.x12.elements import Adjustment, Dated, Party, Procedure, Reference
from shared.codecs.x12.envelope import NOWHERE, Envelope, Place
from shared.codecs.x12.hierarchy import Beginning
from shared.codecs.x12.problems import X12Error
from shared.codecs.x12.tokenizer import Segment

FUNCTIONAL_ID = "HC"
ORIGINAL, REPLACEMENT, VOID = "1", "7", "8"  # CLM05-3


class BillingProvider(Struct, frozen=True, kw_only=True, gc=False):
    """Loop 2000A. The NPI is in `party.id`, the tax id in REF*EI of the party."""

    party: Party  # NM1*85
    taxonomy: str = ""  # PRV*BI
    pay_to: Party | None = None  # NM1*87: where the money goes, when not to the street address
    others: tuple[Segment, ...] = ()


class Subscriber(Struct, frozen=True, kw_only=True, gc=False):
    """Loop 2000B: who holds the coverage that the claim is sent to. Personal data."""

    party: Party  # NM1*IL
    responsibility: str = "P"  # SBR01: P primary, S secondary, T tertiary
    group_number: str = ""  # SBR03
    group_name: str = ""  # SBR04, not together with the number
    insurance_type: str = ""  # SBR05: why Medicare is secondary
    filing_indicator: str = ""  # SBR09
    others: tuple[Segment, ...] = ()


class Patient(Struct, frozen=True, kw_only=True, gc=False):
    """Loop 2000C: the patient, when somebody else's dependent. Personal data."""

    party: Party  # NM1*QC
    relationship: str  # PAT01: 01 spouse, 19 child, G8 other ...
    others: tuple[Segment, ...] = ()


class LineAdjudication(Struct, frozen=True, kw_only=True, gc=False):
    """Loop 2430: what another payer decided about this line, verbatim from its 835."""

    payer_id: str  # SVD01 = id of that payer in 2330B
    paid_cents: int  # SVD02
    procedure: Procedure | None = None  # SVD03
    revenue_code: str = ""  # SVD04: institutional
    paid_units: Decimal | None = None  # SVD05
    bundled_line: str = ""  # SVD06
    adjustments: tuple[Adjustment, ...] = ()
    adjudicated_on: date | None = None  # DTP*573
    remaining_patient_cents: int | None = None  # AMT*EAF
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE


class OtherCoverage(Struct, frozen=True, kw_only=True, gc=False):
    """Loop 2320 with 2330A and 2330B: another payer of this claim, before or after this one."""

    responsibility: str  # SBR01
    relationship: str = ""  # SBR02: 18 self
    group_number: str = ""  # SBR03
    group_name: str = ""  # SBR04
    insurance_type: str = ""  # SBR05
    filing_indicator: str = ""  # SBR09
    adjustments: tuple[Adjustment, ...] = ()  # claim level, never what is at line level too
    paid_cents: int | None = None  # AMT*D; None: not adjudicated
    non_covered_cents: int | None = None  # AMT*A8
    remaining_patient_cents: int | None = None  # AMT*EAF
    benefits_assigned: str = "Y"  # OI03
    patient_signature: str = ""  # OI04
    release_of_information: str = "Y"  # OI06
    subscriber: Party  # NM1*IL
    payer: Party  # NM1*PR; REF*F8 is that payer's claim number
    adjudicated_on: date | None = None  # DTP*573 in 2330B, when it is not at the lines
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE


class ClaimLine(Struct, frozen=True, kw_only=True, gc=False):
    """Loop 2400: what the lines of every kind of claim share."""

    charged_cents: int  # SV102, SV203, SV302
    service_on: date | None = None  # DTP*472
    service_to: date | None = None  # DTP*472 with a period
    control_number: str = ""  # REF*6R: comes back in the 835 and the 277CA
    references: tuple[Reference, ...] = ()
    dates: tuple[Dated, ...] = ()
    adjudications: tuple[LineAdjudication, ...] = ()
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE


class RelatedCauses(Struct, frozen=True, kw_only=True, gc=False):
    """CLM11: what else caused it. It goes with DTP*439."""

    codes: tuple[str, ...]  # AA car accident, EM employment, OA other accident
    state: str = ""  # CLM11-4, of a car accident
    country: str = ""  # CLM11-5


class Claim(Struct, frozen=True, kw_only=True, gc=False):
    """Loop 2300 with its context: what every kind of claim shares."""

    billing_provider: BillingProvider
    subscriber: Subscriber
    payer: Party  # NM1*PR in 2010BB
    patient: Patient | None = None  # None: the subscriber is the patient
    claim_id: str  # CLM01, at most 20 characters
    charged_cents: int  # CLM02
    frequency: str = ORIGINAL  # CLM05-3
    assignment: str = "A"  # CLM07
    benefits_assigned: str = "Y"  # CLM08
    release_of_information: str = "Y"  # CLM09
    related_causes: RelatedCauses | None = None  # CLM11
    delay_reason: str = ""  # CLM20
    payer_control_number: str = ""  # REF*F8: the payer's number of the claim that this one replaces or voids
    prior_authorization: str = ""  # REF*G1
    references: tuple[Reference, ...] = ()
    dates: tuple[Dated, ...] = ()
    note: str = ""  # NTE*ADD
    other_coverages: tuple[OtherCoverage, ...] = ()
    lines: tuple[ClaimLine, ...] = ()  # loop 2400; each kind of claim has its own kind of line
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE

    @property
    def person(self) -> Party:
        """Who was treated. Personal data."""
        return self.patient.party if self.patient else self.subscriber.party


AnyClaim = TypeVar("AnyClaim", bound=Claim)


class ClaimHeader(Struct, frozen=True, kw_only=True):
    """What stands before the first claim of an 837."""

    envelope: Envelope
    control_number: str  # ST02
    beginning: Beginning
    submitter: Party
    receiver: Party
    others: tuple[Segment, ...] = ()


class ClaimTrailer(Struct, frozen=True, kw_only=True):
    """The end of an 837, with every problem of the set."""

    problems: tuple[X12Error, ...]
    place: Place


class Batch(Struct, Generic[AnyClaim], frozen=True, kw_only=True):
    """One ST to SE of an 837."""

    envelope: Envelope
    control_number: str  # ST02
    beginning: Beginning  # BHT: the reference comes back in the 277CA; purpose 00 original, 18 reissue; type CH
    submitter: Party  # NM1*41 with at least one PER
    receiver: Party  # NM1*40
    claims: tuple[AnyClaim, ...]
    others: tuple[Segment, ...] = ()
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE


AnyBatch = TypeVar("AnyBatch", bound="Batch[Any]")
