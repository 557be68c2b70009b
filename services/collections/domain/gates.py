"""Which rules keep a step from being taken, and who says so?

The compliance gate catalogue. A refused or paused step names its gate; a gate names its rule, source, owner and the date from which it
is applied here. A hold is a gate that people open and close; the others open by what has happened.
Sources are named by citation; a practice's counsel decides what binds it, and `practice policy` is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    gate_id: str
    rule: str
    source: str
    since_on: date
    owner: str = "patient accounts manager"
    kind: Literal["hold", "account", "time"]


_START = date(2025, 1, 1)
_CATALOGUE = (
    Gate(
        gate_id="bankruptcy",
        rule="no demand for payment while a bankruptcy stay or discharge stands",
        source="11 U.S.C. 362(a)(6), 524(a)(2)",
        since_on=_START,
        kind="hold",
    ),
    Gate(
        gate_id="deceased",
        rule="nothing is sent until the person who settles the estate is known",
        source="15 U.S.C. 1692c(d); 12 CFR 1006.6(a)(4)",
        since_on=_START,
        kind="hold",
    ),
    Gate(
        gate_id="minor",
        rule="a minor is not asked to pay: the guarantor must be known first",
        source="state contract law; practice policy",
        since_on=_START,
        kind="hold",
    ),
    Gate(
        gate_id="litigation",
        rule="a person represented by an attorney in this matter is not written to",
        source="15 U.S.C. 1692c(a)(2); 12 CFR 1006.6(b)(2)",
        since_on=_START,
        kind="hold",
    ),
    Gate(
        gate_id="charity-pending",
        rule="collection pauses while an application for financial assistance is open",
        source="26 CFR 1.501(r)-6(c)(5) to (9)",
        since_on=_START,
        kind="hold",
    ),
    Gate(
        gate_id="dispute",
        rule="what is disputed is neither billed nor placed until the dispute is answered",
        source="12 CFR 1006.38; 45 CFR 149.620; practice policy",
        since_on=_START,
        kind="account",
    ),
    Gate(
        gate_id="payment-plan",
        rule="what is in a kept payment plan is neither billed by notices nor placed",
        source="practice policy",
        since_on=_START,
        kind="account",
    ),
    Gate(
        gate_id="placed",
        rule="what is with an agency is not billed by us",
        source="practice policy",
        since_on=_START,
        kind="account",
    ),
    Gate(
        gate_id="promise",
        rule="no notice while a promise to pay is open",
        source="practice policy",
        since_on=_START,
        kind="time",
    ),
    Gate(
        gate_id="statement-interval",
        rule="two statements to one person are at least 28 days apart",
        source="practice policy",
        since_on=_START,
        kind="time",
    ),
    Gate(
        gate_id="final-notice",
        rule="an account is placed at the earliest 30 days after its final notice",
        source="26 CFR 1.501(r)-6(c)(4)(i)",
        since_on=_START,
        kind="time",
    ),
    Gate(
        gate_id="first-statement",
        rule="an account is placed at the earliest 120 days after its first statement",
        source="26 CFR 1.501(r)-6(c)(3)",
        since_on=_START,
        kind="time",
    ),
    Gate(
        gate_id="recent-payment",
        rule="an account is placed at the earliest 30 days after the patient last paid on it",
        source="practice policy",
        since_on=_START,
        kind="time",
    ),
)

GATES: Mapping[str, Gate] = {gate.gate_id: gate for gate in _CATALOGUE}
HOLDS: tuple[str, ...] = tuple(gate.gate_id for gate in _CATALOGUE if gate.kind == "hold")
