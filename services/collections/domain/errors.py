"""Why may the collections service say no?"""

from __future__ import annotations

from services.collections.domain.gates import Gate
from shared.kernel.errors import DomainError


class GateOpen(DomainError):
    """A rule stands against this step. `facts` names the gate and its source."""

    code = "gate-open"

    def __init__(self, message: str, gate: Gate, **facts: str | int | None) -> None:
        super().__init__(f"{message}: {gate.rule}", gate=gate.gate_id, source=gate.source, **facts)


class NothingToBill(DomainError):
    """No account of the patient may be billed now."""

    code = "nothing-to-bill"


class AccountNotKnown(DomainError):
    """The ledger never said that the patient owes anything on this account."""

    code = "account-unknown"


class PlanDoesNotFit(DomainError):
    """The instalments are too many, too small or out of order for what is owed."""

    code = "plan-does-not-fit"


class PlanExists(DomainError):
    """There is a plan already: end it first."""

    code = "plan-exists"


class NoSuchPlan(DomainError):
    """No plan of this name is running."""

    code = "plan-unknown"


class PromiseDoesNotFit(DomainError):
    """A promise is for some of what is owed, by a day to come."""

    code = "promise-does-not-fit"


class NoSuchDispute(DomainError):
    """No dispute of this name was opened."""

    code = "dispute-unknown"


class DisputeDoesNotFit(DomainError):
    """A dispute names at least one account on which the patient owes something, and none twice."""

    code = "dispute-does-not-fit"


class NoSuchHold(DomainError):
    """Only a hold that stands can be lifted."""

    code = "hold-unknown"


class NotPlaced(DomainError):
    """Only an account that is with an agency can be recalled."""

    code = "not-placed"


class NothingToPlace(DomainError):
    """The patient owes nothing on this account."""

    code = "nothing-to-place"


class AccountIsMerged(DomainError):
    """The registration was merged into another, whose account is worked instead."""

    code = "account-merged"
