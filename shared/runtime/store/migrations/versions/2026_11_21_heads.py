"""Signed heads of the log, and the tiles of its Merkle tree."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "2026_11_21_heads"
down_revision = "2026_11_21_appends_in_series"


def upgrade() -> None:
    text = Path(__file__).with_suffix(".sql").read_text()
    connection: Any = op.get_bind().connection.dbapi_connection
    connection.run_async(lambda driver: driver.execute(text))
