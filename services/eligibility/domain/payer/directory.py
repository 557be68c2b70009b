"""Which payer does a sender mean? EHRs name payers by our id, by electronic id, by name, or in ways of their own (aliases)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.events.eligibility import PayerListed

SELF_PAY = "09"  # SBR09: no payer stands behind the name; "SELF PAY", "NO INSURANCE" and the like are its aliases
MEDICAID = "MC"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerDirectory:
    """The payers of the practice as they are listed at one moment."""

    payers: Sequence[PayerListed] = ()

    def find(self, *references: str) -> PayerListed | None:
        """The payer whom the first telling reference names. One that could mean two payers names none."""
        for reference in references:
            wanted = _plain(reference)
            for names in (_ids, _electronic_ids, _aliases) if wanted else ():
                found = [payer for payer in self.payers if wanted in map(_plain, names(payer))]
                if len(found) == 1:
                    return found[0]
        return None


def _plain(text: str) -> str:
    return " ".join(text.split()).upper()


def _ids(payer: PayerListed) -> Iterator[str]:
    yield payer.payer_id


def _electronic_ids(payer: PayerListed) -> Iterator[str]:
    yield payer.electronic_id


def _aliases(payer: PayerListed) -> Iterator[str]:
    yield payer.name
    yield from payer.aliases
