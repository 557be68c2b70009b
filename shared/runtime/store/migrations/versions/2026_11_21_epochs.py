"""Where the log of each epoch begins and where the one before it ends."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "2026_11_21_epochs"
down_revision = "2026_11_21_heads"


def upgrade() -> None:
    text = Path(__file__).with_suffix(".sql").read_text()
    connection: Any = op.get_bind().connection.dbapi_connection
    connection.run_async(
        lambda driver: driver.execute(text)
    )  # several statements: more than the driver prepares at once
