"""Where the log of each epoch begins and where the one before it ends."""

from shared.runtime.store.migrate import run_script

revision = "2026_11_21_epochs"
down_revision = "2026_11_21_heads"


def upgrade() -> None:
    run_script(__file__)
