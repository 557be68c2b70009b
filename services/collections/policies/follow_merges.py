"""What does a merge of two registrations ask of their guarantor accounts?

The retired account carries what is open in it to the survivor's, and forwards what the ledger says of it later. Both are events of the
retired account's own stream, so they reach the survivor in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TypeAlias, assert_never

from services.collections.domain.guarantor_account.commands import JoinAccount, MergeAccount, NoteBalance
from shared.events.base import EventType
from shared.events.collections import BalanceChangeForwarded, GuarantorAccountMerged
from shared.events.eligibility import PatientRetired

MERGES: tuple[EventType, ...] = (PatientRetired,)
CARRIED: tuple[EventType, ...] = (GuarantorAccountMerged, BalanceChangeForwarded)
MergeEvent: TypeAlias = PatientRetired | GuarantorAccountMerged | BalanceChangeForwarded


def react(event: MergeEvent, *, event_id: str, on: date) -> Iterator[MergeAccount | JoinAccount | NoteBalance]:
    match event:
        case PatientRetired():
            yield MergeAccount(patient_id=event.patient_id, survivor_patient_id=event.survivor_patient_id, on=on)
        case GuarantorAccountMerged():
            yield JoinAccount(
                patient_id=event.survivor_patient_id,
                retired_patient_id=event.patient_id,
                carried=event.carried,
                source_event_id=event_id,
                on=on,
            )
        case BalanceChangeForwarded():
            yield NoteBalance(
                patient_id=event.survivor_patient_id,
                account_id=event.account_id,
                change_cents=event.change_cents,
                reason=event.reason,
                since_on=event.since_on,
                service_on=event.service_on,
                source_event_id=event.source_event_id,
                payment_id=event.payment_id,
                on=event.noted_on,
            )
        case _:
            assert_never(event)
