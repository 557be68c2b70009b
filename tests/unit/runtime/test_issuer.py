"""Does the issuer of the embedded mode give tokens to those who prove themselves, and to nobody else?"""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from shared.kernel.errors import Conflict, Malformed, NotFound
from shared.runtime.identity import ACTIONS, Caller, InvalidToken, Role, TokenVerifier
from shared.runtime.identity.caller import Forbidden
from shared.runtime.identity.issuer import LocalIssuer, issuer_router, local_token
from shared.runtime.identity.keys import FetchKeySet, IssuerKeys, keys_from_settings
from shared.runtime.identity.revocations import FILE, Revocations, revoke
from shared.runtime.identity.roles import ROLES_OF
from shared.runtime.settings import Settings

pytestmark = pytest.mark.asyncio

EHR_KEY = ECKey.generate_key("P-384", {"kid": "ehr-1"})
RSA_KEY = RSAKey.generate_key(2048, {"kid": "ehr-2"})
BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Machine:
    """An embedded installation with one tenant, one user for each role and one EHR, and a clock that is set by hand."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        self.time = 1_800_000_000.0
        self.published: dict[str, bytes] = {}  # by the URL at which a program shows its keys
        self.issuer = LocalIssuer(self.settings, now=lambda: self.time, fetch=self._fetch)
        self.directory = self.issuer.directory
        self.directory.add_tenant("north")
        public = {"keys": [EHR_KEY.as_dict(private=False), RSA_KEY.as_dict(private=False)]}
        self.directory.add_client("ehr", public, "north", ["integration"])
        self.machine_seconds = 0.0
        self.verifier = TokenVerifier(
            IssuerKeys(self.issuer.key_set),
            issuer=self.settings.issuer,
            audience="ledgerline",
            is_revoked=Revocations(home / FILE, monotonic=lambda: self.machine_seconds).is_revoked,
            now=lambda: self.time,
        )
        app = FastAPI()
        app.include_router(issuer_router(self.issuer))
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8080")

    def _fetch(self, url: str) -> FetchKeySet:
        async def fetch() -> bytes:
            if url not in self.published:
                raise ConnectionRefusedError
            return self.published[url]

        return fetch

    async def ask(self, **form: str) -> httpx.Response:
        return await self.client.post("/oauth/token", data=form)

    async def assert_with(self, assertion: str, scope: str = "system/*.rs") -> httpx.Response:
        return await self.ask(
            grant_type="client_credentials",
            client_assertion_type=BEARER,
            client_assertion=assertion,
            scope=scope,
        )

    async def caller_with(self, scope: str) -> Caller:
        """The EHR, with a token for these scopes."""
        answer = await self.assert_with(self.assertion(), scope)
        assert answer.status_code == 200, answer.text
        return (await self.verifier.verify(answer.json()["access_token"])).acting_for(None)

    def assertion(self, key: ECKey | RSAKey = EHR_KEY, alg: str = "ES384", **changed: Any) -> str:
        now = int(self.time)
        said = {
            "iss": "ehr",
            "sub": "ehr",
            "aud": self.issuer.token_url,
            "exp": now + 240,
            "iat": now,
            "jti": secrets.token_hex(8),
        } | changed
        claims = {name: value for name, value in said.items() if value is not None}
        return jwt.encode({"alg": alg, "kid": key.kid}, claims, key, algorithms=[alg])


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_a_user_logs_in_and_their_token_is_believed(machine: Machine) -> None:
    machine.directory.add_user("anna", "correct horse battery", "north", ["biller"])
    answer = await machine.ask(grant_type="password", username="anna", password="correct horse battery")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    caller = (await machine.verifier.verify(answer.json()["access_token"])).acting_for("north")
    assert (caller.actor, caller.roles) == ("user:anna", {Role.BILLER})


async def test_a_wrong_password_a_missing_user_and_a_disabled_one_look_alike(machine: Machine) -> None:
    machine.directory.add_user("anna", "correct horse battery", "north", ["biller"])
    machine.directory.add_user("gone", "correct horse battery", "north", ["biller"])
    machine.directory.disable_user("gone")
    answers = [
        await machine.ask(grant_type="password", username=user, password=password)
        for user, password in (("anna", "wrong"), ("nobody", "wrong"), ("gone", "correct horse battery"), ("", ""))
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(400, '{"error":"invalid_grant"}')}


async def test_guessing_is_slowed_down_and_the_right_password_waits_too(machine: Machine) -> None:
    machine.directory.add_user("anna", "correct horse battery", "north", ["biller"])
    for _ in range(10):
        await machine.ask(grant_type="password", username="anna", password="wrong")
    answer = await machine.ask(grant_type="password", username="anna", password="correct horse battery")
    assert answer.status_code == 429
    machine.time += 301
    answer = await machine.ask(grant_type="password", username="anna", password="correct horse battery")
    assert answer.status_code == 200


async def test_a_refresh_token_is_good_once_and_ends_with_idleness(machine: Machine) -> None:
    machine.directory.add_user("anna", "correct horse battery", "north", ["biller"])
    answer = await machine.ask(grant_type="password", username="anna", password="correct horse battery")
    first = answer.json()["refresh_token"]
    second = (await machine.ask(grant_type="refresh_token", refresh_token=first)).json()["refresh_token"]
    assert (await machine.ask(grant_type="refresh_token", refresh_token=first)).status_code == 400
    machine.time += 1800
    assert (await machine.ask(grant_type="refresh_token", refresh_token=second)).status_code == 400


async def test_a_session_ends_after_a_working_day_however_busy(machine: Machine) -> None:
    machine.directory.add_user("anna", "correct horse battery", "north", ["biller"])
    answer = await machine.ask(grant_type="password", username="anna", password="correct horse battery")
    token = answer.json()["refresh_token"]
    refused_after = 0.0
    started = machine.time
    while not refused_after:
        machine.time += 1200
        answer = await machine.ask(grant_type="refresh_token", refresh_token=token)
        if answer.status_code == 200:
            token = answer.json()["refresh_token"]
        else:
            refused_after = machine.time - started
    assert refused_after == 12 * 3600


@pytest.mark.parametrize(("key", "alg"), [(EHR_KEY, "ES384"), (RSA_KEY, "RS384")])
async def test_an_ehr_proves_itself_with_its_own_key(machine: Machine, key: ECKey | RSAKey, alg: str) -> None:
    answer = await machine.assert_with(machine.assertion(key, alg))
    assert answer.status_code == 200
    assert answer.json()["expires_in"] <= 300
    caller = (await machine.verifier.verify(answer.json()["access_token"])).acting_for(None)
    assert (caller.actor, caller.roles) == ("client:ehr", {Role.INTEGRATION})


async def test_an_assertion_that_was_overheard_is_worth_nothing_even_after_a_restart(machine: Machine) -> None:
    assertion = machine.assertion()
    assert (await machine.assert_with(assertion)).status_code == 200
    assert (await machine.assert_with(assertion)).status_code == 401
    restarted = LocalIssuer(machine.settings, now=lambda: machine.time)
    with pytest.raises(Exception, match="invalid_client"):
        await restarted.authenticate_client(assertion, "system/*.rs")


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("system/*.rs", "system/*.rs"),
        ("system/*.read", "system/*.read"),
        ("system/Coverage.rs system/Patient.cruds", "system/Coverage.rs system/Patient.cruds"),
        ("system/Coverage.rs system/Coverage.rs openid", "system/Coverage.rs"),
        ("system/Coverage.rs user/Patient.rs patient/*.read", "system/Coverage.rs"),
        ("system/Medication.rs system/ChargeItem.cu", "system/ChargeItem.cu"),
    ],
)
async def test_scopes_are_granted_as_far_as_the_roles_can_use_them(machine: Machine, asked: str, granted: str) -> None:
    answer = await machine.assert_with(machine.assertion(), asked)
    assert (answer.status_code, answer.json().get("scope")) == (200, granted)


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "openid",
        "user/*.rs",
        "system/*.",
        "system/*.sr",
        "system/Coverage.rs?x=1",
        "system/Medication.rs",
        "SYSTEM/*.rs",
    ],
)
async def test_a_scope_that_opens_nothing_is_refused_by_name(machine: Machine, asked: str) -> None:
    answer = await machine.assert_with(machine.assertion(), asked)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_scope"})


async def test_a_token_does_what_its_scopes_say_and_no_more_than_its_roles(machine: Machine) -> None:
    reading = await machine.caller_with("system/Coverage.rs")
    assert reading.may("eligibility:read-coverage")
    for action in (
        "eligibility:record-coverage",
        "eligibility:read-patient",
        "gateway:submit-message",
        "nothing:at-all",
    ):
        assert not reading.may(action), action
    with pytest.raises(Forbidden, match="scopes"):
        reading.require("eligibility:record-coverage")
    everything = await machine.caller_with("system/*.cruds")
    assert {action for action in ACTIONS if everything.may(action)} == {
        action for action, roles in ROLES_OF.items() if Role.INTEGRATION in roles
    }
    readers = await machine.caller_with("system/*.read")
    assert {action for action in ACTIONS if readers.may(action)} == {
        action
        for action, roles in ROLES_OF.items()
        if Role.INTEGRATION in roles and action.partition(":")[2].startswith("read-")
    }


async def test_a_program_may_publish_its_keys_and_change_them_by_itself(machine: Machine) -> None:
    url = "https://ehr.example/jwks"
    machine.directory.add_client("cloud", url, "north", ["integration"])
    old, new = (ECKey.generate_key("P-384", {"kid": kid}) for kid in ("one", "two"))

    async def status(key: ECKey) -> int:
        return (await machine.assert_with(machine.assertion(key, iss="cloud", sub="cloud"))).status_code

    assert await status(old) == 401  # nothing is published yet
    machine.published[url] = json.dumps({"keys": [old.as_dict(private=False)]}).encode()
    assert (await status(old), await status(new)) == (200, 401)
    for wrong in ("http://ehr.example/jwks", "file:///etc/passwd", ""):
        with pytest.raises(Malformed):
            machine.directory.add_client("other", wrong, "north", ["integration"])


async def test_a_clients_keys_cannot_be_replaced_by_registering_it_again(machine: Machine) -> None:
    with pytest.raises(Conflict):
        machine.directory.add_client("ehr", {"keys": [RSA_KEY.as_dict(private=False)]}, "north", ["admin"])


async def test_who_is_disabled_gets_no_token_and_those_that_are_out_end_at_once(machine: Machine) -> None:
    machine.directory.add_user("anna", "correct horse battery", "north", ["biller"])
    machine.directory.add_user("bert", "correct horse battery", "north", ["biller"])
    logins = {
        user: (await machine.ask(grant_type="password", username=user, password="correct horse battery")).json()
        for user in ("anna", "bert")
    }
    program = (await machine.assert_with(machine.assertion())).json()["access_token"]
    for token in (*(login["access_token"] for login in logins.values()), program):
        await machine.verifier.verify(token)
    machine.time += 60
    machine.directory.disable_user("anna")
    machine.directory.disable_client("ehr")
    machine.machine_seconds += 1
    for token in (logins["anna"]["access_token"], program):
        with pytest.raises(InvalidToken, match="revoked"):
            await machine.verifier.verify(token)
    await machine.verifier.verify(logins["bert"]["access_token"])
    assert (await machine.assert_with(machine.assertion())).status_code == 401
    refreshed = await machine.ask(grant_type="refresh_token", refresh_token=logins["anna"]["refresh_token"])
    assert refreshed.status_code == 400
    with pytest.raises(NotFound):
        machine.directory.disable_client("nobody")


async def test_what_is_issued_after_a_revocation_is_believed(machine: Machine) -> None:
    before = machine.issuer.sign("anna", "app", {"north": ["biller"]}, 900)
    revoke(machine.settings.home / FILE, "user:anna", at=int(machine.time))
    revoke(machine.settings.home / FILE, "user:bert", at=int(machine.time))
    revoke(machine.settings.home / FILE, "user:anna", at=int(machine.time) - 500)  # never moves back
    machine.time += 1
    with pytest.raises(InvalidToken):
        await machine.verifier.verify(before)
    assert (
        await machine.verifier.verify(machine.issuer.sign("anna", "app", {"north": ["biller"]}, 900))
    ).subject == "anna"


FAR = 1_800_000_000 + 3600
WRONG_ASSERTIONS: dict[str, dict[str, Any]] = {
    "from another": {"iss": "other"},
    "about another": {"sub": "other"},
    "for another": {"aud": "http://127.0.0.1:8080"},
    "for nobody": {"aud": None},
    "without an end": {"exp": None},
    "past its end": {"exp": 1_800_000_000 - 31},
    "longer than five minutes": {"exp": FAR},
    "without an id": {"jti": None},
    "with an empty id": {"jti": ""},
    "from the future": {"iat": FAR},
    "not valid yet": {"nbf": FAR},
    "with RS256": {"key": RSA_KEY, "alg": "RS256"},
    "by another's key": {"key": ECKey.generate_key("P-384", {"kid": "ehr-1"})},
    "by a key that is not registered": {"key": ECKey.generate_key("P-384", {"kid": "new"})},
}


@pytest.mark.parametrize("wrong", WRONG_ASSERTIONS)
async def test_an_assertion_that_is_not_right_in_every_part_is_refused(machine: Machine, wrong: str) -> None:
    answer = await machine.assert_with(machine.assertion(**WRONG_ASSERTIONS[wrong]))
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


@pytest.mark.parametrize("text", ["", "a.b.c", "a.b", "é", "A" * 20_000])
async def test_text_that_is_no_assertion_is_refused(machine: Machine, text: str) -> None:
    assert (await machine.assert_with(text)).status_code in {401, 422}


async def test_our_own_access_token_is_no_assertion_and_an_assertion_no_access_token(machine: Machine) -> None:
    granted = (await machine.assert_with(machine.assertion())).json()["access_token"]
    assert (await machine.assert_with(granted)).status_code == 401
    with pytest.raises(InvalidToken):
        await machine.verifier.verify(machine.assertion())


async def test_other_grants_are_refused_by_name(machine: Machine) -> None:
    answer = await machine.ask(grant_type="implicit")
    assert (answer.status_code, answer.json()) == (400, {"error": "unsupported_grant_type"})


async def test_the_discovery_documents_name_the_endpoints_and_the_key_set_holds_no_secret(machine: Machine) -> None:
    for path in ("/.well-known/openid-configuration", "/.well-known/smart-configuration"):
        found = (await machine.client.get(path)).json()
        assert found["token_endpoint"] == machine.issuer.token_url
        assert set(found["token_endpoint_auth_signing_alg_values_supported"]) == {"RS384", "ES384"}
    keys = (await machine.client.get("/oauth/jwks")).json()["keys"]
    assert [set(key) & {"d", "p", "q", "k"} for key in keys] == [set()]


async def test_the_issuer_refuses_to_exist_outside_the_embedded_mode(tmp_path: Path) -> None:
    outside = Settings(
        home=tmp_path, mode="distributed", issuer_url="https://id.example", issuer_jwks="https://id.example/k"
    )
    with pytest.raises(ValueError, match="embedded"):
        LocalIssuer(outside)
    with pytest.raises(Malformed):
        local_token(outside, [Role.ADMIN], "north")
    assert is_empty(tmp_path)


async def test_the_command_line_of_the_owner_of_the_home_folder_is_believed(machine: Machine) -> None:
    machine.time = time.time()
    token = local_token(machine.settings, [Role.MANAGER], "north")
    caller = (await machine.verifier.verify(token)).acting_for(None)
    assert (caller.tenant, caller.roles, caller.actor) == ("north", {Role.MANAGER}, "user:command-line")


async def test_only_the_owner_can_read_keys_and_users_and_no_password_lies_in_clear_but_the_demos(
    machine: Machine,
) -> None:
    machine.directory.add_user("anna", "correct horse battery", "north", ["biller"])
    machine.directory.add_demo_users("north")
    folder = machine.settings.home / "identity"
    secret = [path for path in folder.iterdir() if path.suffix == ".json"]
    assert {path.name for path in secret} == {"directory.json", "issuer-key.json", "demo-logins.json"}
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}
    text = (folder / "directory.json").read_text()
    assert "correct horse" not in text
    assert all(login.password not in text for login in machine.directory.demo_logins())


async def test_a_key_that_others_can_read_is_not_used(machine: Machine) -> None:
    (machine.settings.home / "identity" / "issuer-key.json").chmod(0o644)
    with pytest.raises(PermissionError):
        LocalIssuer(machine.settings)


async def test_there_is_a_demo_user_for_each_role_and_making_them_again_keeps_their_passwords(machine: Machine) -> None:
    machine.directory.add_demo_users("north")
    first = machine.directory.demo_logins()
    machine.directory.add_demo_users("north")
    assert machine.directory.demo_logins() == first
    assert {login.role for login in first} == {role.value for role in Role} - {"integration"}
    for login in first[:2]:
        answer = await machine.ask(grant_type="password", username=login.user, password=login.password)
        caller = (await machine.verifier.verify(answer.json()["access_token"])).acting_for(None)
        assert caller.roles == {Role(login.role)}


async def test_a_user_may_belong_to_several_tenants(machine: Machine) -> None:
    machine.directory.add_tenant("south")
    machine.directory.add_user("anna", "correct horse battery", "north", ["biller"])
    machine.directory.add_user("anna", "correct horse battery", "south", ["auditor"])
    answer = await machine.ask(grant_type="password", username="anna", password="correct horse battery")
    identity = await machine.verifier.verify(answer.json()["access_token"])
    assert identity.tenants == {"north": {Role.BILLER}, "south": {Role.AUDITOR}}


async def test_additions_to_the_directory_are_checked(machine: Machine) -> None:
    directory = machine.directory
    with pytest.raises(Conflict):
        directory.add_tenant("north")
    for name in ("North", "", "../x", "a" * 64):
        with pytest.raises(Malformed):
            directory.add_tenant(name)
    with pytest.raises(NotFound):
        directory.add_user("anna", "correct horse battery", "west", ["biller"])
    for user, password, roles in (
        ("An na", "correct horse battery", ["biller"]),
        ("anna", "short", ["biller"]),
        ("anna", "correct horse battery", ["boss"]),
        ("anna", "correct horse battery", []),
    ):
        with pytest.raises(Malformed):
            directory.add_user(user, password, "north", roles)
    with pytest.raises(Malformed):
        directory.add_client("spy", {"keys": [EHR_KEY.as_dict(private=True)]}, "north", ["integration"])
    with pytest.raises(NotFound):
        directory.disable_user("nobody")


async def test_the_key_set_of_a_file_is_read_by_other_processes(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(await machine.issuer.key_set())
    keys = keys_from_settings(Settings(home=tmp_path, issuer_url=machine.settings.issuer, issuer_jwks=str(path)))
    kid = json.loads(path.read_text())["keys"][0]["kid"]
    assert await keys.find(kid, "ES256") is not None
    assert await keys.find(kid, "RS256") is None
