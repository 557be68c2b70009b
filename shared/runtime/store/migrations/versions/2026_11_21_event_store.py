"""The event store, the rows of readers and timers, and the desk of parked events."""

from shared.runtime.store.migrate import run_script

revision = "2026_11_21_event_store"
down_revision = None


def upgrade() -> None:
    run_script(__file__)
