"""Commands for one stream share a commit."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "2026_11_21_appends_in_series"
down_revision = "2026_11_21_read_models"


def upgrade() -> None:
    text = Path(__file__).with_suffix(".sql").read_text()
    op.execute("set local check_function_bodies = on")  # begins the transaction that the script below belongs to
    connection: Any = op.get_bind().connection.dbapi_connection
    connection.run_async(lambda driver: driver.execute(text))  # many statements: more than the driver prepares at once
