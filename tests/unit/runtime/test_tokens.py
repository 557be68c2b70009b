"""Is a token believed only when our issuer signed it, for us, with an accepted algorithm, and it is still good?"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from shared.runtime.availability import IssuerUnavailable
from shared.runtime.identity import InvalidToken, Role, TokenVerifier
from shared.runtime.identity.caller import Forbidden, TenantNotNamed
from shared.runtime.identity.keys import IssuerKeys, fetch_url, issuer_keys, verifying_keys
from shared.runtime.identity.roles import ROLES_OF
from shared.runtime.identity.tokens import ACCESS_ALGORITHMS, ClaimNames

ISSUER = "http://127.0.0.1:8080"
NOW = 1_800_000_000
KEY = ECKey.generate_key("P-256", {"kid": "today"})
OTHER = ECKey.generate_key("P-256", {"kid": "today"})  # the same id, another key
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})


def key_set(*keys: ECKey | RSAKey) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


def claims(**changed: Any) -> dict[str, Any]:
    good: dict[str, Any] = {
        "iss": ISSUER,
        "sub": "anna",
        "aud": "ledgerline",
        "iat": NOW,
        "exp": NOW + 900,
        "jti": "t1",
        "client_id": "dashboard",
        "tenants": {"north": ["biller"]},
    }
    return {name: value for name, value in (good | changed).items() if value is not ...}


def signed(said: Mapping[str, Any] | None = None, header: Mapping[str, Any] | None = None, key: ECKey = KEY) -> str:
    head = {"alg": "ES256", "kid": "today", "typ": "at+jwt"} | dict(header or {})
    registry = jws.JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
    return jwt.encode(head, dict(said if said is not None else claims()), key, registry=registry)


def part(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def verifier(fetch: Callable[[], Any] | None = None, now: Callable[[], float] = lambda: NOW) -> TokenVerifier:
    async def keys() -> bytes:
        return key_set(KEY, RSA)

    return TokenVerifier(IssuerKeys(fetch or keys), issuer=ISSUER, audience="ledgerline", now=now)


@pytest.mark.asyncio
async def test_a_good_token_says_who_acts_for_whom() -> None:
    identity = await verifier().verify(signed())
    caller = identity.acting_for(None)
    assert (caller.tenant, caller.actor, caller.client) == ("north", "user:anna", "dashboard")
    assert caller.may("claims:read-claims")
    assert not caller.may("claims:set-rules")


@pytest.mark.asyncio
@pytest.mark.parametrize("algorithm", ["RS256", "RS384"])
async def test_an_outside_issuer_may_sign_with_rsa(algorithm: str) -> None:
    token = jwt.encode({"alg": algorithm, "kid": "rsa"}, claims(), RSA, algorithms=[algorithm])
    assert (await verifier().verify(token)).subject == "anna"


def none_token(algorithm: str) -> str:
    return f"{part({'alg': algorithm, 'kid': 'today'})}.{part(claims())}."


def with_public_key_as_secret() -> str:
    content = f"{part({'alg': 'HS256', 'kid': 'today'})}.{part(claims())}"
    return f"{content}.{part(hmac.digest(KEY.as_pem(private=False), content.encode(), 'sha256'))}"


def tampered() -> str:
    head, _, signature = signed().split(".")
    return f"{head}.{part(claims(tenants={'north': ['admin']}))}.{signature}"


def twice(name: str, value: object) -> str:
    """A properly signed token in which one claim stands twice."""
    text = json.dumps(claims())[:-1] + f", {json.dumps(name)}: {json.dumps(value)}}}"
    return jws.serialize_compact({"alg": "ES256", "kid": "today"}, text.encode(), KEY, algorithms=["ES256"])


def bytes_signed(payload: bytes) -> str:
    return jws.serialize_compact({"alg": "ES256", "kid": "today"}, payload, KEY, algorithms=["ES256"])


ALGORITHM_TWICE = b'{"alg": "none", "alg": "ES256", "kid": "today"}'

ATTACKS: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "not a token": lambda: "hello",
    "two parts": lambda: "a.b",
    "four parts": lambda: signed() + ".x",
    "encrypted shape": lambda: "a.b.c.d.e",
    "blank inside": lambda: signed().replace(".", ". ", 1),
    "line end behind": lambda: signed() + "\n",
    "not ASCII": lambda: signed() + "é",
    "lone surrogate": lambda: signed() + "\ud800",
    "very long": lambda: signed(claims(sub="a" * 9000)),
    "alg none": lambda: none_token("none"),
    "alg None": lambda: none_token("None"),
    "alg NONE with signature": lambda: none_token("NONE") + "AAAA",
    "alg missing": lambda: f"{part({'kid': 'today'})}.{part(claims())}.AAAA",
    "alg a list": lambda: f"{part({'alg': ['ES256'], 'kid': 'today'})}.{part(claims())}.AAAA",
    "alg HS256 with the public key as secret": with_public_key_as_secret,
    "alg of another key type": lambda: f"{part({'alg': 'RS256', 'kid': 'today'})}.{part(claims())}.AAAA",
    "alg ES512": lambda: f"{part({'alg': 'ES512', 'kid': 'today'})}.{part(claims())}.AAAA",
    "header no object": lambda: f"{part([1])}.{part(claims())}.AAAA",
    "header no JSON": lambda: f"{part(b'{x')}.{part(claims())}.AAAA",
    "header deep": lambda: f"{part(b'[' * 5000)}.{part(claims())}.AAAA",
    "header with a member twice": lambda: f"{part(ALGORITHM_TWICE)}.{part(claims())}.AAAA",
    "kid missing": lambda: f"{part({'alg': 'ES256'})}.{part(claims())}.AAAA",
    "kid a path": lambda: signed(header={"kid": "../../../../dev/null"}),
    "kid SQL": lambda: signed(header={"kid": "today' or '1'='1"}),
    "kid a URL": lambda: signed(header={"kid": "http://evil.example/keys"}),
    "kid empty": lambda: signed(header={"kid": ""}),
    "kid a number": lambda: f"{part({'alg': 'ES256', 'kid': 1})}.{part(claims())}.AAAA",
    "kid long": lambda: signed(header={"kid": "k" * 500}),
    "kid unknown": lambda: signed(header={"kid": "yesterday"}),
    "jku": lambda: signed(header={"jku": "https://evil.example/jwks"}),
    "x5u": lambda: signed(header={"x5u": "https://evil.example/cert"}),
    "x5c": lambda: signed(header={"x5c": ["AAAA"]}),
    "jwk of the attacker": lambda: signed(header={"jwk": OTHER.as_dict(private=False)}, key=OTHER),
    "crit": lambda: f"{part({'alg': 'ES256', 'kid': 'today', 'crit': ['exp'], 'exp': 1})}.{part(claims())}.AAAA",
    "b64 false": lambda: f"{part({'alg': 'ES256', 'kid': 'today', 'b64': False})}.{part(claims())}.AAAA",
    "zip": lambda: f"{part({'alg': 'ES256', 'kid': 'today', 'zip': 'DEF'})}.{part(claims())}.AAAA",
    "signed by another": lambda: signed(key=OTHER),
    "signature empty": lambda: signed().rpartition(".")[0] + ".",
    "signature zeros": lambda: signed().rpartition(".")[0] + "." + part(bytes(64)),
    "signature cut": lambda: signed()[:-4],
    "payload changed": tampered,
    "payload no object": lambda: bytes_signed(b"[1]"),
    "payload no JSON": lambda: bytes_signed(b"{x"),
    "payload deep": lambda: bytes_signed(b'{"a":' + b"[" * 3000),
    "sub twice": lambda: twice("sub", "admin"),
    "tenants twice": lambda: twice("tenants", {"south": ["admin"]}),
    "iss wrong": lambda: signed(claims(iss="http://evil.example")),
    "iss missing": lambda: signed(claims(iss=...)),
    "iss longer": lambda: signed(claims(iss=ISSUER + "/")),
    "iss a list": lambda: signed(claims(iss=[ISSUER])),
    "aud wrong": lambda: signed(claims(aud="other")),
    "aud missing": lambda: signed(claims(aud=...)),
    "aud other case": lambda: signed(claims(aud="Ledgerline")),
    "aud a list without us": lambda: signed(claims(aud=["other", "third"])),
    "aud holding our name": lambda: signed(claims(aud="ledgerline-other")),
    "exp missing": lambda: signed(claims(exp=...)),
    "exp past": lambda: signed(claims(exp=NOW - 31)),
    "exp at the edge": lambda: signed(claims(exp=NOW - 30)),
    "exp text": lambda: signed(claims(exp=str(NOW + 60))),
    "exp true": lambda: signed(claims(exp=True)),
    "exp a fraction": lambda: signed(claims(exp=NOW + 60.5)),
    "exp far away": lambda: signed(claims(exp=NOW + 10 * 365 * 86400)),
    "exp infinite": lambda: bytes_signed(json.dumps(claims(exp=float("inf"))).encode()),
    "iat future": lambda: signed(claims(iat=NOW + 31)),
    "nbf future": lambda: signed(claims(nbf=NOW + 31)),
    "nbf text": lambda: signed(claims(nbf="now")),
    "sub missing": lambda: signed(claims(sub=...)),
    "sub empty": lambda: signed(claims(sub="")),
    "sub with a line end": lambda: signed(claims(sub="anna\nroot")),
    "sub a number": lambda: signed(claims(sub=1)),
    "jti missing": lambda: signed(claims(jti=...)),
    "client missing": lambda: signed(claims(client_id=...)),
    "tenants missing": lambda: signed(claims(tenants=...)),
    "tenants a list": lambda: signed(claims(tenants=["north"])),
    "tenants with roles as text": lambda: signed(claims(tenants={"north": "admin"})),
    "tenant a path": lambda: signed(claims(tenants={"../north": ["admin"]})),
    "tenant upper case": lambda: signed(claims(tenants={"North": ["admin"]})),
    "tenant empty": lambda: signed(claims(tenants={"": ["admin"]})),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("attack", ATTACKS)
async def test_no_attack_on_the_token_gets_in(attack: str) -> None:
    with pytest.raises(InvalidToken):
        await verifier().verify(ATTACKS[attack]())


def test_the_set_of_attacks_is_not_a_short_one() -> None:
    assert len(ATTACKS) >= 60


@pytest.mark.asyncio
async def test_the_refusal_never_quotes_the_token() -> None:
    token = signed(claims(sub="zebulon-canary\n"))
    with pytest.raises(InvalidToken) as refused:
        await verifier().verify(token)
    assert "zebulon" not in str(refused.value)
    assert token not in str(refused.value)


@pytest.mark.asyncio
async def test_a_remembered_token_still_expires() -> None:
    time = [float(NOW)]
    remembering = verifier(now=lambda: time[0])
    token = signed()
    await remembering.verify(token)
    time[0] = NOW + 929
    await remembering.verify(token)
    time[0] = NOW + 930
    with pytest.raises(InvalidToken):
        await remembering.verify(token)


@pytest.mark.asyncio
async def test_rotation_is_followed_and_a_withdrawn_key_stops_working() -> None:
    served = [key_set(KEY)]
    machine_time = [0.0]
    looks = 0

    async def fetch() -> bytes:
        nonlocal looks
        looks += 1
        return served[0]

    keys = IssuerKeys(fetch, monotonic=lambda: machine_time[0])
    rotating = TokenVerifier(keys, issuer=ISSUER, audience="ledgerline", now=lambda: NOW)
    old = signed()
    await rotating.verify(old)
    new_key = ECKey.generate_key("P-256", {"kid": "tomorrow"})
    new = signed(header={"kid": "tomorrow"}, key=new_key)
    served[0] = key_set(new_key)
    with pytest.raises(InvalidToken):  # looked up a moment ago
        await rotating.verify(new)
    machine_time[0] = 11
    assert (await rotating.verify(new)).subject == "anna"
    with pytest.raises(InvalidToken):
        await rotating.verify(old)
    assert looks == 2


@pytest.mark.asyncio
async def test_made_up_key_ids_do_not_become_questions_to_the_issuer() -> None:
    looks = 0

    async def fetch() -> bytes:
        nonlocal looks
        looks += 1
        return key_set(KEY)

    guarded = TokenVerifier(
        IssuerKeys(fetch, monotonic=lambda: 5.0), issuer=ISSUER, audience="ledgerline", now=lambda: NOW
    )
    for number in range(50):
        with pytest.raises(InvalidToken):
            await guarded.verify(signed(header={"kid": f"made-up-{number}"}))
    assert looks == 1


@pytest.mark.asyncio
async def test_an_issuer_that_is_down_is_not_a_wrong_token() -> None:
    async def fetch() -> bytes:
        raise ConnectionRefusedError

    with pytest.raises(IssuerUnavailable):
        await verifier(fetch).verify(signed())


@pytest.mark.asyncio
async def test_keys_that_were_read_are_still_believed_while_the_issuer_is_down() -> None:
    answers = [key_set(KEY)]
    machine_time = [0.0]

    async def fetch() -> bytes:
        if not answers:
            raise ConnectionRefusedError
        return answers.pop()

    keys = IssuerKeys(fetch, monotonic=lambda: machine_time[0])
    patient = TokenVerifier(keys, issuer=ISSUER, audience="ledgerline", now=lambda: NOW)
    await patient.verify(signed())
    machine_time[0] = 300
    await patient.verify(signed(claims(jti="t2")))
    with pytest.raises(InvalidToken):
        await patient.verify(signed(header={"kid": "unknown"}))
    machine_time[0] = 601
    with pytest.raises(IssuerUnavailable):
        await patient.verify(signed(claims(jti="t3")))


def test_secret_short_and_foreign_keys_are_left_out_of_a_key_set() -> None:
    members = [
        OctKey.generate_key(256, {"kid": "secret"}).as_dict(private=True),
        {"kty": "RSA", "kid": "broken"},
        {"kty": "AKP", "kid": "later"},
        KEY.as_dict(private=False, kid="encrypt", use="enc"),
        KEY.as_dict(private=False),
    ]
    found = verifying_keys(json.dumps({"keys": members}).encode())
    assert set(found) == {("today", "ES256")}
    with pytest.raises(ValueError, match="JWK"):
        verifying_keys(b'{"keys": 1}')


@pytest.mark.asyncio
async def test_who_belongs_to_several_tenants_must_name_one_and_only_one_of_theirs() -> None:
    identity = await verifier().verify(signed(claims(tenants={"north": ["biller"], "south": ["auditor"]})))
    with pytest.raises(TenantNotNamed):
        identity.acting_for(None)
    assert identity.acting_for("south").roles == {Role.AUDITOR}
    messages = set()
    for foreign in ("west", "does-not-exist", ""):
        with pytest.raises(Forbidden) as refused:
            identity.acting_for(foreign)
        messages.add(str(refused.value))
    assert len(messages) == 1


@pytest.mark.asyncio
async def test_a_role_that_we_do_not_know_gives_no_right() -> None:
    identity = await verifier().verify(signed(claims(tenants={"north": ["superuser", 7, None]})))
    with pytest.raises(Forbidden):
        identity.acting_for("north")


def test_only_algorithms_with_a_public_and_a_private_key_are_accepted() -> None:
    assert all(algorithm[:2] in {"ES", "RS"} for algorithm in ACCESS_ALGORITHMS)


@pytest.mark.asyncio
async def test_keys_are_fetched_from_the_named_url_and_from_nowhere_that_it_points_to() -> None:
    answers = {
        "good": (200, "", key_set(KEY)),
        "moved": (302, "location: /good\r\n", b""),
        "broken": (500, "", b"{}"),
        "huge": (200, "", b" " * 300_000),
        "other": (200, "", b"<html>"),
    }

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode().strip("/")
        status, headers, body = answers[path]
        writer.write(
            f"HTTP/1.1 {status} x\r\n{headers}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
        )
        writer.write(body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        assert await IssuerKeys(fetch_url(f"{base}/good")).find("today", "ES256") is not None
        for path in ("moved", "broken", "huge", "other"):
            with pytest.raises(IssuerUnavailable):
                await IssuerKeys(fetch_url(f"{base}/{path}")).find("today", "ES256")


OUTSIDE = "https://id.example/realms/clinic"
OUTSIDE_KEY = RSAKey.generate_key(2048, {"kid": "today"})  # the same id as the first issuer's


def of_two_issuers() -> TokenVerifier:
    async def first() -> bytes:
        return key_set(KEY)

    async def second() -> bytes:
        return key_set(OUTSIDE_KEY)

    return TokenVerifier(
        IssuerKeys(first),
        issuer=ISSUER,
        audience="ledgerline",
        others={OUTSIDE: IssuerKeys(second)},
        names=ClaimNames(tenants="ledgerline_tenants", client="azp"),
        now=lambda: NOW,
    )


@pytest.mark.asyncio
async def test_another_issuer_is_believed_beside_the_first_and_each_for_its_own_tokens_only() -> None:
    def by(key: ECKey | RSAKey, issuer: str) -> str:
        algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
        said = claims(iss=issuer, ledgerline_tenants={"north": ["biller"]}, azp="portal", scope="openid profile")
        return jwt.encode({"alg": algorithm, "kid": "today"}, said, key, algorithms=[algorithm])

    both = of_two_issuers()
    for key, issuer in ((KEY, ISSUER), (OUTSIDE_KEY, OUTSIDE)):
        identity = await both.verify(by(key, issuer))
        assert (identity.client, identity.tenants, identity.scopes) == ("portal", {"north": {Role.BILLER}}, None)
    for key, issuer in ((OUTSIDE_KEY, ISSUER), (KEY, OUTSIDE), (KEY, "https://third.example")):
        with pytest.raises(InvalidToken):
            await both.verify(by(key, issuer))


@pytest.mark.asyncio
@pytest.mark.parametrize("scope", ["user/*.cruds", "patient/Coverage.rs", "system/", "system/*.rs?status=active"])
async def test_scopes_of_smart_that_open_nothing_here_leave_no_right(scope: str) -> None:
    identity = await verifier().verify(signed(claims(scope=scope, tenants={"north": ["admin"]})))
    caller = identity.acting_for("north")
    assert not any(caller.may(action) for action in ROLES_OF)


@pytest.mark.asyncio
async def test_keys_are_found_through_the_issuers_own_discovery_document_and_no_others() -> None:
    documents: dict[str, Any] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        body = documents[path] if isinstance(documents.get(path), bytes) else json.dumps(documents.get(path)).encode()
        writer.write(f"HTTP/1.1 200 x\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/realm"
    place = "/realm/.well-known/openid-configuration"
    documents["/keys"] = key_set(KEY)
    keys_url = issuer.replace("/realm", "/keys")
    async with server:
        documents[place] = {"issuer": issuer, "jwks_uri": keys_url}
        assert await issuer_keys(issuer, "").find("today", "ES256") is not None
        for wrong in (
            {"issuer": "https://other.example", "jwks_uri": keys_url},
            {"issuer": issuer},
            {"issuer": issuer, "jwks_uri": "file:///etc/passwd"},
            ["nonsense"],
        ):
            documents[place] = wrong
            with pytest.raises(IssuerUnavailable):
                await issuer_keys(issuer, "").find("today", "ES256")
