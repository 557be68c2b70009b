"""How much fits on one claim? The limits of the guides, by kind of claim.

Sources: ASC X12N 005010X222A1 (837P), 005010X223A2 (837I), 005010X224A2 (837D), loop 2400.
"""

from __future__ import annotations

from collections.abc import Mapping

LINES_MAX: Mapping[str, int] = {"professional": 50, "institutional": 999, "dental": 50}
