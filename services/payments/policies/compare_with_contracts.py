"""When an answer was posted or taken back, what is said about the contract?

Only of payers with whom there is a contract, and of the account as it stands when it is compared. The runtime keeps the command of each
event, so an answer is compared once; a contract that comes later does not reach back.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.payments.domain.claim_account.state import ClaimAccount
from services.payments.domain.contract_comparison.capitation import Rosters
from services.payments.domain.contract_comparison.commands import RecordComparison, WithdrawComparison
from services.payments.domain.contract_comparison.comparing import charged_of, compared
from services.payments.domain.contract_comparison.state import ContractComparison
from services.payments.domain.payer_contracts.state import PayerContracts
from services.payments.domain.pricing.expected import Schedules
from shared.events.payments import ClaimPaymentPosted, ClaimPaymentReversed


def compare(
    event: ClaimPaymentPosted,
    account: ClaimAccount,
    contracts: PayerContracts,
    schedules: Schedules,
    rosters: Rosters,
) -> Iterator[RecordComparison]:
    """To the comparison of this answer."""
    if contracts.contracts:
        lines = compared(event, charged_of(account, event.payer_rank), contracts, schedules, rosters)
        yield RecordComparison(posted=event, lines=tuple(lines))


def withdraw(event: ClaimPaymentReversed, comparison: ContractComparison) -> Iterator[WithdrawComparison]:
    """To the comparison of the answer that was taken back."""
    if comparison.stands:
        yield WithdrawComparison(reason=event.reason)
