"""How do processes on several machines find each other, and where do their secrets and tokens come from?"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from deploy.front import SystemToken
from deploy.migrate import MigrationSettings
from services.eligibility.settings import EligibilitySettings
from shared.runtime.identity import Role
from shared.runtime.settings import Settings, load, load_settings

ELSEWHERE = {
    "mode": "distributed",
    "issuer_url": "https://issuer.invalid",
    "issuer_jwks": "https://issuer.invalid/keys",
}


def presented(auth: SystemToken) -> str:
    request = httpx.Request("GET", "http://payments/api/payments/balances", headers={"X-Ledgerline-Tenant": "clinic"})
    return str(next(auth.auth_flow(request)).headers["Authorization"])


def test_a_secret_may_lie_in_a_file_whosever_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ledgerline_database_app_password").write_text("of all\n")
    (tmp_path / "ledgerline_eligibility_realtime_token").write_text("of one service\n")
    (tmp_path / "ledgerline_migrate_superuser_password").write_text("of one job\n")
    monkeypatch.setenv("LEDGERLINE_SECRETS_DIR", str(tmp_path))
    assert load_settings().database_app_password.get_secret_value() == "of all"
    assert load(EligibilitySettings).realtime_token.get_secret_value() == "of one service"
    assert load(MigrationSettings).superuser_password.get_secret_value() == "of one job"


def test_a_service_is_on_this_machine_unless_it_is_said_where() -> None:
    assert Settings().service_url("claims", 8083) == "http://127.0.0.1:8083"
    named = Settings(services_url="http://{service}.internal:{port}")
    assert named.service_url("claims", 8083) == "http://claims.internal:8083"


def test_the_edge_shows_the_token_that_lies_there_now(tmp_path: Path) -> None:
    file = tmp_path / "token"
    auth = SystemToken(Settings(**ELSEWHERE, edge_token_file=file), Role.INTEGRATION)
    file.write_text("first\n")
    assert presented(auth) == "Bearer first"
    file.write_text("renewed\n")
    assert presented(auth) == "Bearer renewed"


def test_the_edge_does_not_start_without_a_way_to_a_token() -> None:
    with pytest.raises(ValueError, match="LEDGERLINE_EDGE_TOKEN_FILE"):
        SystemToken(Settings(**ELSEWHERE), Role.INTEGRATION)
