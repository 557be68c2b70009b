"""Which line of ours does a line of a remittance answer?

Our line control number says it (REF*6R). Without it the only line that is alike: the same charge and the same procedure (SVC01), or for
a hospital's line that is answered by its revenue code alone (NU, or SVC04), the same revenue code.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.events.payments import LedgerLine
from shared.events.values import AdjudicatedLine


def line_of_ours(answered: AdjudicatedLine, ours: Mapping[str, LedgerLine]) -> str:
    """The id of our line; empty when none is meant, or more than one could be."""
    if answered.line_id in ours:
        return answered.line_id
    alike = [line.line_id for line in ours.values() if _is_alike(answered, line)]
    return alike[0] if len(alike) == 1 else ""


def _is_alike(answered: AdjudicatedLine, line: LedgerLine) -> bool:
    if answered.charged_cents != line.charged_cents:
        return False
    if not answered.procedure_code:
        return answered.revenue_code != "" and answered.revenue_code == line.revenue_code
    both = answered.revenue_code != "" and line.revenue_code != ""
    return answered.procedure_code == line.procedure_code and (not both or answered.revenue_code == line.revenue_code)
