"""Does an installation say what it is in its environment, and is nonsense refused by name?"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from shared.runtime.settings import Settings
from shared.runtime.wrapping import ROOT_KEY_FILE, WrongRootKey, load_root_keys


def test_an_embedded_installation_needs_nothing_said() -> None:
    settings = Settings()
    assert (settings.mode, settings.feed, settings.issuer) == ("embedded", "postgres", "http://127.0.0.1:8080")
    assert settings.is_locally_issued


def test_a_role_reaches_a_services_database_with_its_own_password_however_odd() -> None:
    settings = Settings(database_app_password="p@ss/w:rd%", database_port=5433, database_query="sslmode=require")
    parts = urlsplit(settings.dsn("payments"))
    assert (parts.username, parts.hostname, parts.port) == ("ledgerline_app", "127.0.0.1", 5433)
    assert parts.password == "p%40ss%2Fw%3Ard%25"
    assert (parts.path, parts.query) == ("/ledgerline_payments", "sslmode=require")
    assert urlsplit(settings.dsn("payments", "feed")).password is None


def test_each_service_may_have_a_server_of_its_own() -> None:
    settings = Settings(database_url_template="postgresql://{user}:{password}@{service}.db:5432/{database}")
    assert settings.dsn("claims", "owner") == "postgresql://ledgerline_owner:@claims.db:5432/ledgerline_claims"


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "distributed"},
        {"mode": "distributed", "issuer_jwks": "https://id.example/keys"},
        {
            "mode": "distributed",
            "issuer_url": "https://id.example",
            "issuer_jwks": "https://id.example/keys",
            "clock": "driven",
        },
        {"http_port": 0},
        {"trace_ratio": 2},
        {"feed": "carrier-pigeon"},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_passwords_do_not_show_in_what_is_printed() -> None:
    settings = Settings(database_app_password="s3cret-canary", root_key="s3cret-canary")
    assert "s3cret-canary" not in repr(settings)
    with pytest.raises(ValidationError) as refused:
        Settings(http_port="s3cret-canary")  # type: ignore[arg-type]  # wrong on purpose
    assert "s3cret-canary" not in str(refused.value)


def test_the_root_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    [mark] = load_root_keys(settings).marks
    assert load_root_keys(settings).marks == [mark]
    path = tmp_path / ROOT_KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(PermissionError):
        load_root_keys(settings)


def test_outside_the_embedded_mode_a_missing_root_key_is_not_made_up(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, mode="distributed", issuer_url="https://id.example", issuer_jwks="/keys")
    with pytest.raises(WrongRootKey):
        load_root_keys(settings)
    assert not (tmp_path / ROOT_KEY_FILE).exists()


@pytest.mark.parametrize("text", ["short", "AAAA", "!" * 44])
def test_a_root_key_that_is_not_32_bytes_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(WrongRootKey) as refused:
        load_root_keys(Settings(root_key=text))
    assert text not in str(refused.value)
