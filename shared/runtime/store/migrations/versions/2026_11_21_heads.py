"""Signed heads of the log, and the tiles of its Merkle tree."""

from shared.runtime.store.migrate import run_script

revision = "2026_11_21_heads"
down_revision = "2026_11_21_appends_in_series"


def upgrade() -> None:
    run_script(__file__)
