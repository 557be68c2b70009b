"""How does one claim become the 837D claim that says exactly the same?

Pure, as the 837P. Source: ASC X12N 005010X224A2 and its limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from services.claims.adapters.opened_claims import OpenedClaim
from services.claims.adapters.x12_claims import (
    common_facts,
    facility_party,
    heading,
    line_heading,
    line_rendering,
    party_facts,
    procedure_of,
    provider_party,
    quantity,
    rendering_party,
)
from shared.codecs.x12.claim_837d import DentalClaim, DentalLine, Tooth
from shared.codecs.x12.elements import Dated
from shared.codecs.x12.tokenizer import Segment
from shared.codecs.x12.writer import SegmentWriter
from shared.events.claim_kinds import DentalCase, DentalService
from shared.events.claims import ClaimCreated
from shared.events.values import ChargeLine

_APPLIANCE_PLACED, _PRIOR_PLACEMENT = "452", "441"  # DTP01


def dental_claim(opened: OpenedClaim) -> DentalClaim:
    """The claim as the codec writes it. Call `unfit` first; raises ValueError for what it would have found."""
    claim, services = opened.claim, opened.claim.services
    case = services.dental or DentalCase()
    return DentalClaim(
        **heading(opened),
        place_of_service=services.facility.place_of_service,
        diagnoses=services.diagnoses,
        dates=_dated(_APPLIANCE_PLACED, case.appliance_placed_on),
        referring=provider_party("DN", services.referring) if services.referring else None,
        rendering=rendering_party(services.rendering, services.organization),
        facility=facility_party(services.facility, services.organization),
        lines=tuple(_line(line, claim) for line in services.lines),
        others=tuple(_case_segments(case)),
    )


def _dated(qualifier: str, day: date | None) -> tuple[Dated, ...]:
    return (Dated(qualifier=qualifier, first_on=day),) if day else ()


def _case_segments(case: DentalCase) -> Iterator[Segment]:
    """DN1, months of orthodontic treatment; DN2, each missing tooth."""
    months = ["" if each is None else str(each) for each in (case.orthodontic_months, case.orthodontic_months_left)]
    if any(months):
        yield Segment(0, ("DN1", *(months if months[1] else months[:1])))
    for tooth in case.missing_teeth:
        yield Segment(0, ("DN2", tooth, "M", "", "", "", "JP"))


def _line(line: ChargeLine, claim: ClaimCreated) -> DentalLine:
    has_own_place = line.place_of_service not in ("", claim.services.facility.place_of_service)
    done = line.dental or DentalService()
    return DentalLine(
        **line_heading(line, claim),
        procedure=procedure_of(line.procedure_code, line.modifiers, claim),
        place_of_service=line.place_of_service if has_own_place else "",
        areas=done.oral_areas,
        prosthesis=done.prosthesis,
        quantity=quantity(line.units),
        pointers=line.diagnosis_pointers,
        teeth=tuple(Tooth(code=tooth.code, surfaces=tooth.surfaces) for tooth in done.teeth),
        dates=_dated(_PRIOR_PLACEMENT, done.prior_placement_on),
        rendering=line_rendering(line, claim),
    )


def dental_facts(claim: DentalClaim, writer: SegmentWriter) -> tuple[object, ...]:
    """What a dental claim must still say after it was written and read back."""
    return (
        *common_facts(claim, writer),
        claim.place_of_service,
        claim.diagnoses,
        claim.dates,
        tuple(tuple(segment.elements) for segment in claim.others),
        *(party_facts(one, writer) for one in (claim.referring, claim.rendering, claim.facility)),
        tuple(
            (
                line.procedure,
                line.place_of_service,
                line.areas,
                line.prosthesis,
                line.quantity,
                line.pointers,
                line.teeth,
                line.dates,
                party_facts(line.rendering, writer),
            )
            for line in claim.lines
        ),
    )
