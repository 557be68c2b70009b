"""When a person said which payment a deposit is, where is it recorded, and what if another deposit is there, or the person was wrong?"""

from __future__ import annotations

from collections.abc import Iterator

from services.payments.domain.deposit.commands import RecordDeposit, WithdrawDeposit
from services.payments.domain.unidentified_deposit.commands import ReturnIdentification
from shared.events.deposits import DepositIdentified, DepositNotTaken, IdentificationUndone


def record_identified(event: DepositIdentified) -> Iterator[RecordDeposit]:
    """Under its payer and trace number. The bank showed it on its day, so no closed day is asked about."""
    yield RecordDeposit(
        deposit_id=event.identified_as,
        trace_number=event.trace_number,
        payer_identifier=event.payer_identifier,
        amount_cents=event.amount_cents,
        deposited_on=event.deposited_on,
        source=event.source,
        unidentified_id=event.deposit_id,
    )


def return_identification(event: DepositNotTaken) -> Iterator[ReturnIdentification]:
    yield ReturnIdentification(identified_as=event.deposit_id)


def withdraw(event: IdentificationUndone) -> Iterator[WithdrawDeposit]:
    """Behind the recording of the same deposit, because both come from one stream."""
    yield WithdrawDeposit(unidentified_id=event.deposit_id)
