"""Which aggregate do the benches of commands use? A balance of cents, in events of the size of the log's baselines."""

from __future__ import annotations

from datetime import date

from shared.events.collections import PatientBalanceNoted
from shared.kernel.decider import Decider
from shared.runtime.command import Aggregate

BALANCE = Aggregate(
    name="guarantor-account",
    decider=Decider(
        decide=lambda change, balance: [
            PatientBalanceNoted(
                patient_id="p" * 36,
                account_id="a" * 16,
                change_cents=change,
                balance_cents=balance + change,
                reason="contract " * 50,
                since_on=date(2026, 3, 2),
            )
        ],
        evolve=lambda balance, event: balance + event.change_cents,
        initial=0,
    ),
)
