"""A line of a bank's file that does not say which payment it is."""

from __future__ import annotations

from datetime import date

from services.payments.domain.unidentified_deposit.commands import RecordUnidentifiedDeposit
from shared.events.values import DocumentReference

ON = date(2026, 3, 21)


def shown(line: str = "line-1", *, cents: int = 96_00) -> RecordUnidentifiedDeposit:
    return RecordUnidentifiedDeposit(
        deposit_id=line,
        amount_cents=cents,
        deposited_on=ON,
        reason="trace-number-missing",
        kind="check",
        trace_number="",
        payer_identifier="",
        payer_name="",
        reference="4711",
        account_ending="5678",
        source=DocumentReference(document_id="file", place="record 4"),
    )
