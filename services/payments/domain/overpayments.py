"""By when must a payer have back what it paid too much?

Sources: 42 USC 1320a-7k(d) (Medicare and Medicaid: report and return within 60 days of identification), 42 CFR 401.305 (Medicare
Parts A and B; since 1 January 2025 identified means known, not quantified). Other federal programmes have rules of their own; we hold
ourselves to the same days with them. A credit is known from the moment at which the ledger recorded it.
"""

from __future__ import annotations

from typing import Final

RETURN_WITHIN_DAYS: Final = 60

FEDERAL: Final = {  # claim filing indicator (SBR09)
    "MA": "Medicare Part A",
    "MB": "Medicare Part B",
    "MC": "Medicaid",
    "16": "Medicare Advantage (HMO Medicare risk)",
    "CH": "TRICARE (CHAMPUS)",
    "VA": "Veterans Affairs",
    "FI": "Federal Employees Program",
    "OF": "Other federal programme",
    "TV": "Title V",
}
