"""Which provider adjustments have no other half to wait for, and where do they belong?

Source: 005010X221A1, PLB03-1. A recovery (WO), a balance carried forward (FB), an advance (AP) and whatever is not named here is one side of
something that a later or an earlier remittance has the other side of. These are over when they are posted:

- interest (L6) and interest on capitation (CR) are income;
- a capitation payment (CT) is income for the members of a month, and what is taken back of it reduces that income;
- what is withheld for the tax office (IR) has been paid for us: it is ours, and counts on the tax return;
- a levy (LE) went to a creditor of ours: it is a payment of our own debt.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.payments.domain import ledger

CAPITATION_PAYMENT = "CT"
SETTLED: Mapping[str, str] = {  # PLB03-1 to account
    "L6": ledger.INTEREST,
    "CR": ledger.INTEREST,
    CAPITATION_PAYMENT: ledger.CAPITATION,
    "IR": ledger.TAX_WITHHELD,
    "LE": ledger.LEVIED,
}
