"""Which guide does a transaction set follow? Guides are built when they are first asked for."""

from __future__ import annotations

from functools import cache

from shared.codecs.x12.guides.notation import LoopUse

_GUIDE_NUMBERS = {
    "837P": "X222",
    "837I": "X223",
    "837D": "X224",
    "835": "X221",
    "270": "X279",
    "271": "X279",
    "276": "X212",
    "277": "X212",
    "277CA": "X214",
    "278": "X217",
    "999": "X231",
}


def guide_for(kind: str, guide: str, *, is_response: bool = False) -> LoopUse | None:
    """The guide of a set by its kind and its GS08 or ST03; None for a set or a guide that we do not know.

    `is_response` tells the two sides of a 278 apart, which share everything but BHT02."""
    number = _GUIDE_NUMBERS.get(kind)
    if number is None or number not in guide:
        return None
    return _built(f"{kind}-response" if kind == "278" and is_response else kind)


@cache
def _built(kind: str) -> LoopUse | None:
    from shared.codecs.x12.guides import acknowledgement, claims, eligibility, remittance, review, status

    return {
        "837P": claims.PROFESSIONAL,
        "837I": claims.INSTITUTIONAL,
        "837D": claims.DENTAL,
        "835": remittance.REMITTANCE,
        "270": eligibility.REQUEST,
        "271": eligibility.RESPONSE,
        "276": status.REQUEST,
        "277": status.RESPONSE,
        "277CA": status.ACKNOWLEDGEMENT,
        "278": review.REQUEST,
        "278-response": review.RESPONSE,
        "999": acknowledgement.ACKNOWLEDGEMENT,
    }.get(kind)
