"""Is an HL7 v2 message answered AA when, and only when, all of it is committed?"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.demo import population
from deploy.demo.messages import appointment, charges, registration
from services.gateway.receipts import State
from shared.codecs.hl7v2.message import parse
from shared.codecs.hl7v2.mllp import frame
from tests.integration.gateway.conftest import NOW, TENANT, MakeEdge, Sender
from tests.unit.gateway.messages import A04, A40, DFT, ORU, with_control_id

pytestmark = pytest.mark.asyncio(loop_scope="session")


def code(answer: bytes) -> str:
    return parse(answer).all("MSA")[0].text(1)


def rules(answer: bytes) -> Sequence[str]:
    return [segment.text(8) for segment in parse(answer).all("ERR")]


async def test_a_registration_is_answered_aa_once_patient_coverage_and_visit_are_committed(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.listening() as sender:
        answer = await sender.ask(A04)
    assert code(answer) == "AA"
    [patient] = edge.services.bodies("/patients")
    assert (patient["person"]["last"], patient["medical_record_number"]) == ("EVERYWOMAN", "MRN-1")
    [coverage] = edge.services.bodies("/coverages")
    assert (coverage["payer_reference"], coverage["member_number"], coverage["rank"]) == ("PAYER1", "MEMBER1", 1)
    [encounter] = edge.services.bodies("/encounters")
    assert encounter["patient_id"] == patient["patient_id"]
    assert (encounter["facility_reference"], encounter["service_on"]) == ("MAIN", date(2026, 3, 2))


async def test_charges_of_a_message_go_in_one_command_under_the_visit_of_its_registration(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.listening() as sender:
        assert code(await sender.ask(A04)) == "AA"
        assert code(await sender.ask(DFT)) == "AA"
    opened = {body["encounter_id"] for body in edge.services.bodies("/encounters")}
    [posted] = [(path, body) for path, body in edge.services.commands if path.endswith("/charges")]
    assert opened == {posted[0].split("/")[4]}
    assert [line["code"] for line in posted[1]["charges"]] == ["99213", "36415"]
    assert [line["charged_cents"] for line in posted[1]["charges"]] == [12000, 1550]
    assert posted[1]["diagnoses"] == ("E119",)


async def test_the_same_message_again_gets_the_same_answer_and_has_no_second_effect(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.listening() as sender:
        first = await sender.ask(DFT)
        commands = len(edge.services.commands)
        assert await sender.ask(DFT) == first
    assert len(edge.services.commands) == commands


async def test_another_message_under_a_used_control_id_is_refused_as_a_duplicate(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.listening() as sender:
        await sender.ask(A04)
        commands = len(edge.services.commands)
        answer = await sender.ask(A04.replace(b"EVERYWOMAN", b"SOMEBODY"))
    assert code(answer) == "AE"
    assert "duplicate control id: the sender gave it to another message before" in rules(answer)
    assert len(edge.services.commands) == commands


async def test_while_a_service_is_down_the_answer_is_later_and_the_message_goes_on_by_itself(
    make_edge: MakeEdge,
) -> None:
    edge = make_edge()
    edge.services.down.add("charges")
    async with edge.listening() as sender:
        answer = await sender.ask(DFT)
    assert code(answer) == "AR"
    assert len(edge.services.bodies("/patients")) == 1
    assert edge.services.bodies("/charges") == []
    edge.services.down.clear()
    restarted = make_edge()
    finish = restarted.parts.tasks[0]
    for _ in range(100):
        if await finish.step():
            break
        await asyncio.sleep(0.05)
    assert len(edge.services.bodies("/charges")) == 1
    assert len(edge.services.bodies("/patients")) == 1
    async with restarted.listening() as sender:
        assert code(await sender.ask(DFT)) == "AA"


async def test_a_resend_finishes_what_a_service_could_not_take(make_edge: MakeEdge) -> None:
    edge = make_edge()
    edge.services.down.add("charges")
    async with edge.listening() as sender:
        assert code(await sender.ask(DFT)) == "AR"
        edge.services.down.clear()
        assert code(await sender.ask(DFT)) == "AA"
    assert len(edge.services.bodies("/charges")) == 1


async def test_a_part_that_a_service_refuses_is_named_and_what_came_with_it_is_committed(make_edge: MakeEdge) -> None:
    edge = make_edge()
    edge.services.refusals["/charges"] = "charge-changed"
    async with edge.listening() as sender:
        answer = await sender.ask(DFT)
    assert code(answer) == "AE"
    assert any("post the charges" in rule for rule in rules(answer))
    assert len(edge.services.bodies("/patients")) == 1
    assert len(edge.services.bodies("/encounters")) == 1


async def test_a_message_with_bad_content_is_answered_ae_and_nothing_of_it_is_used(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.listening() as sender:
        answer = await sender.ask(DFT.replace(b"|CG|", b"|XX|"))
    assert code(answer) == "AE"
    assert edge.services.commands == []
    assert len(edge.documents.kept) == 1


async def test_bytes_that_are_no_message_are_answered_ar(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.listening() as sender:
        assert code(await sender.ask(b"\x00\xff nonsense")) == "AR"
        assert code(await sender.ask(A04)) == "AA"


async def test_a_message_that_is_none_of_billings_is_accepted_and_ignored_or_refused_by_setting(
    make_edge: MakeEdge,
) -> None:
    edge = make_edge()
    async with edge.listening() as sender:
        assert code(await sender.ask(ORU)) == "AA"
    strict = make_edge(unsupported="refuse")
    async with strict.listening() as sender:
        assert code(await sender.ask(with_control_id(ORU, "OTHER"))) == "AR"
    assert edge.services.commands == []


async def test_answers_come_in_the_order_of_the_messages_on_a_connection(make_edge: MakeEdge) -> None:
    edge = make_edge()
    names = [f"M{number}" for number in range(40)]
    async with edge.listening() as sender:
        sender.writer.write(b"".join(frame(with_control_id(A04, name)) for name in names))
        answered = [parse(await sender.answer()).all("MSA")[0].text(2) for _ in names]
    assert answered == names


async def test_several_pairs_of_a_merge_are_merged(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.listening() as sender:
        assert code(await sender.ask(A40)) == "AA"
    assert len(edge.services.bodies("/merge")) == 2


async def test_a_sparse_message_keeps_what_is_known_of_the_patient(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.listening() as sender:
        await sender.ask(A04)
        await sender.ask(DFT)  # says nothing of an address
    first, second = edge.services.bodies("/patients")
    assert first["person"]["address"]["line_1"] == "1 MAIN ST"
    assert second["person"] == first["person"]


async def test_what_the_demo_ehr_sends_is_accepted(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.listening() as sender:
        for message in demo_messages():
            assert code(await sender.ask(message)) == "AA"
    assert len(edge.services.bodies("/appointments")) == 1
    assert edge.services.bodies("/charges")


def demo_messages() -> Sequence[bytes]:
    practice = population.invent(patients=5, first_day=date(2026, 2, 23), days=5, seed=1)
    visit = practice.visits[0]
    return [appointment(visit, NOW), registration(visit, NOW), charges(visit, NOW)]


async def test_messages_in_hand_are_answered_when_the_listener_stops(make_edge: MakeEdge) -> None:
    edge = make_edge()
    serving = asyncio.create_task(edge.parts.mllp.serve())
    await edge.parts.mllp.is_listening.wait()
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.parts.mllp.bound_port)
    writer.write(frame(A04))
    await edge.services.asked.wait()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    answer = await asyncio.wait_for(reader.read(65536), 5)
    writer.close()
    assert b"MSA|AA" in answer


async def test_a_kept_message_can_be_read_and_replayed(make_edge: MakeEdge) -> None:
    edge = make_edge()
    edge.services.refusals["/charges"] = "encounter-of-another-patient"
    async with edge.listening() as sender:
        await sender.ask(DFT)
    async with edge.http() as client:
        [kept] = (await client.get("/intake/messages")).json()["items"]
        assert (kept["state"], kept["control_id"]) == (State.HELD, "DFT-1")
        edge.services.refusals.clear()
        path = f"/intake/messages/{kept['receipt_id']}/replay"
        replayed = (await client.post(path, headers={"Idempotency-Key": "again"})).json()
        assert replayed["outcome"] == "accepted"
        assert (await client.get("/intake/messages")).json()["items"] == []
    assert len(edge.services.bodies("/charges")) == 1
    assert TENANT not in str(kept)


async def test_a_kept_message_that_cannot_be_read_again_holds_up_no_other(make_edge: MakeEdge) -> None:
    edge = make_edge()
    edge.services.down.add("charges")
    async with edge.listening() as sender:
        await sender.ask(DFT)
        await sender.ask(A04)
    lost = hashlib.sha256(DFT).hexdigest()
    del edge.documents.kept[lost]
    edge.services.down.clear()
    finish = edge.parts.tasks[0]
    for _ in range(100):
        await finish.step()
        if edge.services.bodies("/encounters"):
            break
        await asyncio.sleep(0.05)
    assert len(edge.services.bodies("/encounters")) == 1
    assert edge.services.bodies("/charges") == []


async def test_the_same_message_on_many_connections_at_once_has_one_effect(make_edge: MakeEdge) -> None:
    edge = make_edge()
    async with edge.listening():
        connections = [await asyncio.open_connection("127.0.0.1", edge.parts.mllp.bound_port) for _ in range(8)]
        senders = [Sender(reader, writer) for reader, writer in connections]
        answers = await asyncio.gather(*(sender.ask(DFT) for sender in senders))
        for sender in senders:
            sender.writer.close()
    assert {code(answer) for answer in answers} == {"AA"}
    assert len(edge.services.bodies("/patients")) == 1
    assert len(edge.services.bodies("/charges")) == 1


@pytest.mark.parametrize(("conflicts", "answered"), [(2, "AA"), (40, "AR")])
async def test_a_command_that_others_were_quicker_than_is_sent_again(
    make_edge: MakeEdge, conflicts: int, answered: str
) -> None:
    edge = make_edge()
    edge.services.conflicts = conflicts
    async with edge.listening() as sender:
        assert code(await sender.ask(A04)) == answered
        edge.services.conflicts = 0
        assert code(await sender.ask(A04)) == "AA"
    assert len(edge.services.bodies("/patients")) == 1


async def test_neither_receipts_nor_logs_nor_answers_hold_a_personal_value(
    make_edge: MakeEdge, caplog: pytest.LogCaptureFixture
) -> None:
    edge = make_edge()
    edge.services.refusals["/coverages"] = "coverage-ends-before-it-begins"
    answers = []
    with caplog.at_level(logging.DEBUG):
        async with edge.listening() as sender:
            answers += [await sender.ask(A04), await sender.ask(DFT), await sender.ask(DFT.replace(b"|CG|", b"|XX|"))]
            edge.services.down.add("eligibility")
            answers.append(await sender.ask(with_control_id(A04, "ADT-2")))
        async with edge.http() as client:
            listed = (
                await client.get("/intake/messages", params={"state": ["done", "held", "refused", "received"]})
            ).text
    connection = await asyncpg.connect(edge.runtime.owner_dsn)
    try:
        rows = str(await connection.fetch("select * from receipts"))
    finally:
        await connection.close()
    assert "ADT-1" in rows
    told = "\n".join((rows, listed, caplog.text, *(answer.decode() for answer in answers)))
    canaries = ("EVERYWOMAN", "19800401", "1980-04-01", "1 MAIN ST", "5550100", "MEMBER1", "MRN-1")
    assert [canary for canary in canaries if canary in told] == []


async def test_over_tls_only_a_sender_with_a_certificate_is_heard(make_edge: MakeEdge, tmp_path: Path) -> None:
    certificate, key = _self_signed(tmp_path, "listener")
    sender_certificate, sender_key = _self_signed(tmp_path, "sender")
    edge = make_edge(mllp_certificate_file=certificate, mllp_key_file=key, mllp_client_ca_file=sender_certificate)
    serving = asyncio.create_task(edge.parts.mllp.serve())
    await edge.parts.mllp.is_listening.wait()
    trusting = ssl.create_default_context(cafile=str(certificate))
    known = ssl.create_default_context(cafile=str(certificate))
    known.load_cert_chain(sender_certificate, sender_key)
    try:
        assert await _said_over(edge.parts.mllp.bound_port, known) != b""
        assert await _said_over(edge.parts.mllp.bound_port, trusting) == b""
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert len(edge.services.bodies("/patients")) == 1


async def _said_over(port: int, context: ssl.SSLContext) -> bytes:
    try:
        reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
        writer.write(frame(A04))
        answer = await asyncio.wait_for(reader.read(65536), 10)
        writer.close()
        return answer
    except (ConnectionError, ssl.SSLError):
        return b""


def _self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files[1].write_bytes(private)
    return files
