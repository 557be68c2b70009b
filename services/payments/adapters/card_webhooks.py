"""Did the processor of cards send this, and just now?

A webhook says `Card-Signature: t=1775131200,v1=5257a8…`: the second at which it was signed, and HMAC-SHA-256 of `t`, a dot and the body
as it came, in hexadecimal. Several `v1` are of several keys, and so are ours while one replaces the other: one pair that agrees is
enough. What was signed too long ago, or in the future, may be somebody's copy. Compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from shared.kernel.errors import DomainError

HEADER_CHARACTERS_MAX = 1_000
_PART = re.compile(r"(t|v1)=([0-9a-f]{1,64})", re.ASCII)


class WebhookNotSigned(DomainError):
    """Nobody knows who sent it, or when. `facts` says why."""

    code = "webhook-not-signed"


def refuse_unsigned(
    body: bytes, header: str, keys: Sequence[SecretStr], *, now: datetime, tolerance: timedelta
) -> None:
    """Raises WebhookNotSigned."""
    parts = [
        found.groups() for each in header[:HEADER_CHARACTERS_MAX].split(",") if (found := _PART.fullmatch(each.strip()))
    ]
    moments = [value for name, value in parts if name == "t"]
    told = [value for name, value in parts if name == "v1"]
    if len(moments) != 1 or not moments[0].isdecimal() or len(moments[0]) > 11 or not told:
        raise WebhookNotSigned("the signature is t=<seconds>,v1=<hexadecimal>", reason="form")
    expected = [signature_of(body, moments[0], key) for key in keys]
    # Every pair is compared, so that the time that it takes tells nothing.
    agrees = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in told]
    if not any(agrees):
        raise WebhookNotSigned("no key of ours gives this signature", reason="key")
    if abs(now - datetime.fromtimestamp(int(moments[0]), UTC)) > tolerance:
        raise WebhookNotSigned("it was signed at another time than now", reason="time")


def signature_of(body: bytes, moment: str, key: SecretStr) -> str:
    return hmac.new(key.get_secret_value().encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
