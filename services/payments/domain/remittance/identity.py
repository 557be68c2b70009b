"""Which remittance is it?

Trace numbers are unique per payer only together with date and amount, so the remittance's id is made of the four: the same
835 under another file name, envelope or key is the same remittance.
Source: 005010X221A1 TRN02, TRN03, BPR16, BPR02.
"""

from __future__ import annotations

from datetime import date

from shared.kernel.identifiers import derived_id


def remittance_id_of(*, payer_identifier: str, trace_number: str, payment_on: date, payment_cents: int) -> str:
    """The id of the remittance that these four name."""
    return str(derived_id("remittance", _plain(payer_identifier), _plain(trace_number), str(payment_on), payment_cents))


def trace_of(*, payer_identifier: str, trace_number: str) -> str:
    """What may stand for one payment only: a payer and its trace number."""
    return f"{_plain(payer_identifier)}|{_plain(trace_number)}"


def deposit_id_of(*, payer_identifier: str, trace_number: str) -> str:
    """Remittance and bank name the same payment by payer and trace number, so both find the same deposit."""
    return str(derived_id("deposit", _plain(payer_identifier), _plain(trace_number)))


def chain_of(*, payer_identifier: str, reference: str) -> str:
    """By which a payer's takebacks and forwarded balances find their other halves. A reference is the payer's own: another's may
    be the same by chance."""
    return f"{_plain(payer_identifier)}:{reference}"


def unidentified_id_of(*, deposited_on: date, amount_cents: int, said: str, alike: int) -> str:
    """A bank's line that names no payment is its day, its amount, all that the bank says of it, and which it is of several in
    one file that are alike: the same line in two files is one deposit, and two equal checks of one day are two."""
    return str(derived_id("unidentified-deposit", str(deposited_on), amount_cents, said, alike))


def _plain(text: str) -> str:
    return text.strip().upper()
