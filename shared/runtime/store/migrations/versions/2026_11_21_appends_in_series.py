"""Commands for one stream share a commit."""

from shared.runtime.store.migrate import run_script

revision = "2026_11_21_appends_in_series"
down_revision = "2026_11_21_read_models"


def upgrade() -> None:
    run_script(__file__)
