"""At which point is a refund: asked for, issued, declined, reversed? What is the same for a claim's account and for a patient's money."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Protocol, TypeVar

from services.payments.domain.errors import (
    RefundAlreadyIssued,
    RefundAlreadyReversed,
    RefundNotIssued,
    RefundUnknown,
    RefundWasDeclined,
)

Asked = TypeVar("Asked")
Issued = TypeVar("Issued")


class Reversed(Protocol):
    @property
    def reason(self) -> str: ...


def undecided(refund_id: str, asked: Mapping[str, Asked], *, issued: Container[str], declined: Container[str]) -> Asked:
    """What was asked for, and nobody has agreed to or decided against. Raises what stands against deciding."""
    if refund_id in issued:
        raise RefundAlreadyIssued("this refund is issued", refund_id=refund_id)
    if refund_id in declined:
        raise RefundWasDeclined("this refund was declined", refund_id=refund_id)
    if refund_id not in asked:
        raise RefundUnknown("nobody asked for this refund", refund_id=refund_id)
    return asked[refund_id]


def to_reverse(
    refund_id: str,
    reason: str,
    issued: Mapping[str, Issued],
    *,
    asked: Container[str],
    already: Mapping[str, Reversed],
) -> Issued | None:
    """The issued refund that is to be reversed; None when it was, for the same reason. Raises what stands against it."""
    before = already.get(refund_id)
    if before is not None:
        if before.reason == reason:
            return None
        raise RefundAlreadyReversed("this refund was reversed before", reason=before.reason)
    if refund_id not in issued:
        if refund_id not in asked:
            raise RefundUnknown("nobody asked for this refund", refund_id=refund_id)
        raise RefundNotIssued("only an issued refund is reversed", refund_id=refund_id)
    return issued[refund_id]
