"""How does an amount move from one account of the ledger to another?

Double entry: every move is a debit (positive) and a credit (negative) of the same cents, so whatever is made of moves sums
to zero. A move that belongs to a charge line says so on both legs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from shared.events.values import Posting

CHARGES = "charges"
CASH = "cash"
SUSPENSE = "suspense"  # a payer's cash that no claim has taken yet
UNAPPLIED = "unapplied"  # cash without an account
ALLOCATED = "allocated"  # a patient's cash on its way to an account
CONTRACTUAL = "contractual"
REFUNDS = "refunds"
OVERDRAWN = "overdrawn"  # a patient had it twice: refunded by us, and taken back by the bank
CARD_FEES = "card-fees"  # what the processor of cards keeps
INTEREST = "interest"
CAPITATION = "capitation"  # income for members, not for visits
TAX_WITHHELD = "tax-withheld"  # of ours, at the tax office: it counts on our tax return
LEVIED = "levied"  # of ours, paid to one of our creditors by order
OPENING_BALANCE = "opening-balance"  # equity: what was open when the ledger began

UNASSIGNED = "unassigned"
PATIENT = "patient"
AGENCY = "agency"


def payer(rank: int) -> str:
    """The party that a payer of this rank is."""
    return f"payer:{rank}"


def receivable(party: str) -> str:
    """The ledger account of what a party owes."""
    return f"receivable:{party}"


def provider_adjustment(chain: str) -> str:
    """The clearing account of one payer's chain of provider adjustments; zero when the chain is closed."""
    return f"provider-adjustment:{chain}"


def written_off(reason: str) -> str:
    """The account of a write-off: bad debt and charity have their own, others are kept apart by reason."""
    return reason if reason in ("bad-debt", "charity") else f"write-off:{reason}"


# Why a receivable moved, by the account that the other leg stands on. The roll-forward has a column for each.
Movement: TypeAlias = Literal[
    "charges",
    "payer-payments",
    "patient-payments",
    "contractual",
    "write-offs",
    "refunds",
    "transfers",
    "brought-in",
    "other",
]
_MOVEMENT_OF: Mapping[str, Movement] = {
    CHARGES: "charges",
    CASH: "payer-payments",
    SUSPENSE: "payer-payments",
    UNAPPLIED: "payer-payments",
    ALLOCATED: "patient-payments",
    CONTRACTUAL: "contractual",
    REFUNDS: "refunds",
    "receivable": "transfers",
    "bad-debt": "write-offs",
    "charity": "write-offs",
    "write-off": "write-offs",
    OPENING_BALANCE: "brought-in",
}


def movement_of(against: str) -> Movement:
    """Why a receivable moved against this account."""
    return _MOVEMENT_OF.get(against) or _MOVEMENT_OF.get(against.partition(":")[0], "other")


def counterparts(postings: Sequence[Posting]) -> tuple[str, ...]:
    """For each leg the account of the other leg of its move; empty where the legs are not two and two."""
    against: list[str] = []
    for debit, credit in zip(postings[::2], postings[1::2], strict=False):
        is_move = debit.amount_cents + credit.amount_cents == 0 and debit.line_id == credit.line_id
        against += [credit.account, debit.account] if is_move else ["", ""]
    return (*against, *[""] * (len(postings) - len(against)))


def moved(amount_cents: int, *, debit: str, credit: str, line_id: str = "") -> tuple[Posting, ...]:
    """The two legs of one move; none for nothing."""
    if amount_cents == 0:
        return ()
    return (
        Posting(account=debit, amount_cents=amount_cents, line_id=line_id),
        Posting(account=credit, amount_cents=-amount_cents, line_id=line_id),
    )


def moved_by_line(by_line: Mapping[str, int], *, debit: str, credit: str) -> tuple[Posting, ...]:
    """The legs of one move for each line."""
    return tuple(
        leg for line_id, cents in by_line.items() for leg in moved(cents, debit=debit, credit=credit, line_id=line_id)
    )


def mirrored(postings: Iterable[Posting], *, instead_of: tuple[str, ...] = (), use: str = "") -> tuple[Posting, ...]:
    """The same legs with the other sign; legs on `instead_of` stand on `use`."""
    return tuple(
        Posting(
            account=use if leg.account in instead_of else leg.account,
            amount_cents=-leg.amount_cents,
            line_id=leg.line_id,
        )
        for leg in postings
    )


def parted(postings: Sequence[Posting], amount_cents: int) -> tuple[tuple[Posting, ...], tuple[Posting, ...]]:
    """Moves of so many cents, taken from the last legs on, and those that are left. Debit and credit of a move stand side by side."""
    taken: list[Posting] = []
    left: list[Posting] = []
    for debit, credit in reversed(list(zip(postings[::2], postings[1::2], strict=True))):
        part = min(amount_cents, debit.amount_cents)
        amount_cents -= part
        names = {"debit": debit.account, "credit": credit.account, "line_id": debit.line_id}
        taken += moved(part, **names)
        left = [*moved(debit.amount_cents - part, **names), *left]
    return tuple(taken), tuple(left)


def by_line(postings: Iterable[Posting], accounts: Iterable[str]) -> dict[str, int]:
    """What the postings sum to on some accounts, for each line."""
    wanted = frozenset(accounts)
    sums: dict[str, int] = {}
    for leg in postings:
        if leg.account in wanted:
            sums[leg.line_id] = sums.get(leg.line_id, 0) + leg.amount_cents
    return sums


def spread(amount_cents: int, room: dict[str, int]) -> dict[str, int]:
    """An amount laid on lines in their order, up to the room on each; what is over stands on the last line.

    So the parts are whole cents and always sum to the amount. Without lines everything stands on no line.
    """
    parts: dict[str, int] = {}
    left = amount_cents
    for line_id, cents in room.items():
        part = min(left, cents) if left > 0 and cents > 0 else 0
        if part:
            parts[line_id] = part
            left -= part
    if left:
        last = next(reversed(room), "")
        parts[last] = parts.get(last, 0) + left
    return parts
