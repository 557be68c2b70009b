"""Which number does a claim get, and whom is it for?

CLM01 is the account number and one more character, the ordinal (1 to 31). The ordinals are shared out by payer rank, so that a
replacement and a secondary claim can be numbered apart from each other and never meet: 1 to 10 primary, 11 to 20 secondary,
21 to 30 tertiary; the first of each is the original, the others replace one another in order.
"""

from __future__ import annotations

from services.claims.domain.errors import NextPayerUnknown, TooManyReplacements
from shared.kernel.identifiers import account_of_claim, claim_id_of

CLAIMS_PER_RANK = 10
RANKS = 3


def first_claim_of_rank(account_id: str, *, rank: int) -> str:
    """The original claim to the payer of a rank. Raises NextPayerUnknown beyond the tertiary."""
    if not 1 <= rank <= RANKS:
        raise NextPayerUnknown("claims go to three payers at most", account=account_id, rank=rank)
    return claim_id_of(account_id, (rank - 1) * CLAIMS_PER_RANK + 1)


def replacement_of(claim_id: str) -> str:
    """The claim that replaces this one. Raises TooManyReplacements."""
    ordinal = ordinal_of(claim_id)
    if ordinal % CLAIMS_PER_RANK == 0:
        raise TooManyReplacements("this claim was replaced nine times", claim=claim_id)
    return claim_id_of(account_of_claim(claim_id), ordinal + 1)


def replaced_by(claim_id: str) -> str | None:
    """The claim that this one replaces, None for the first of its rank. Raises ValueError when the number is not one of ours."""
    ordinal = ordinal_of(claim_id)
    return None if ordinal % CLAIMS_PER_RANK == 1 else claim_id_of(account_of_claim(claim_id), ordinal - 1)


def ordinal_of(claim_id: str) -> int:
    """The place of a claim on its account. Raises ValueError when the number is not one of ours."""
    account_id = account_of_claim(claim_id)
    for ordinal in range(1, RANKS * CLAIMS_PER_RANK + 1):
        if claim_id_of(account_id, ordinal) == claim_id.strip().upper():
            return ordinal
    raise ValueError("not a claim number of this system")


def rank_of(claim_id: str) -> int:
    """The rank of the payer that a claim is for. Raises ValueError when the number is not one of ours."""
    return (ordinal_of(claim_id) - 1) // CLAIMS_PER_RANK + 1


def answered_claim(claim_number: str, *, account_id: str, rank: int) -> str:
    """The claim that an answer is about: payers change the case of CLM01, and some return the account number only."""
    number = claim_number.strip().upper()
    if len(number) == len(account_id) + 1 and number.startswith(account_id):
        return number
    return first_claim_of_rank(account_id, rank=rank)
