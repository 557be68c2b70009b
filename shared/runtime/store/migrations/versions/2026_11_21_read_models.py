"""Which read models are installed, and what the runner of timers may know across tenants."""

from shared.runtime.store.migrate import run_script

revision = "2026_11_21_read_models"
down_revision = "2026_11_21_event_store"


def upgrade() -> None:
    run_script(__file__)
