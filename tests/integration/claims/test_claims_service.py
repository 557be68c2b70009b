"""From a released charge to the last answer, through the store, the readers, the batcher and HTTP."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from msgspec import structs

from services.claims.domain.claim.numbering import first_claim_of_rank, replacement_of
from shared.codecs.x12.acknowledgement_999 import GroupAcknowledgement, SetResponse, write_999
from shared.codecs.x12.acknowledgement_ta1 import InterchangeAcknowledgement, write_ta1
from shared.codecs.x12.claim_837p import ClaimBatch, read_837p
from shared.codecs.x12.claim_acknowledgement_277ca import (
    AcknowledgedClaim,
    ClaimAcknowledgement,
    ProviderReport,
    ReceiverReport,
    write_277ca,
)
from shared.codecs.x12.elements import Party
from shared.codecs.x12.envelope import Envelope
from shared.codecs.x12.hierarchy import Beginning
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.status import Status, StatusCode
from shared.events.charges import ChargesReleased, EncounterCancelled
from shared.events.eligibility import CoverageSelected, FilingLimit, NoCoverageFound, PayerListed
from shared.events.payments import ClaimDeniedByPayer, ClaimPaymentPosted, ClaimPaymentReversed
from shared.events.values import AdjudicatedLine, Adjustment
from shared.kernel.identifiers import account_id_of
from shared.runtime.vault import Opener
from tests.integration.claims.conftest import Exchange
from tests.unit.claims.examples import (
    FACILITY,
    ORGANIZATION,
    PATIENT,
    PATIENT_PERSON,
    RENDERING,
    SERVICE_ON,
    SOURCE,
    VISIT,
    coverage,
)

ANSWERED_AT = datetime(2026, 3, 20, 15, 0, tzinfo=UTC)


def claim_of(number: int, rank: int = 1) -> str:
    return first_claim_of_rank(account_id_of(f"visit-{number}"), rank=rank)


async def release(exchange: Exchange, number: int, **changes: Any) -> str:
    """Charges and coverage of a visit are told; returns the claim's number."""
    encounter = f"visit-{number}"
    account = account_id_of(encounter)
    line = structs.replace(VISIT, line_id=f"{number}-1")
    told = {
        "encounter_id": encounter,
        "account_id": account,
        "patient_id": PATIENT,
        "release": 1,
        "service_on": SERVICE_ON,
        "organization": ORGANIZATION,
        "rendering": RENDERING,
        "facility": FACILITY,
        "diagnoses": ("J0190",),
        "lines": (line,),
        "charged_cents": 100_00,
        "submitter_phone": "2185550100",
    }
    await exchange.tell("charges", f"encounter/{encounter}", ChargesReleased(**(told | changes)))
    selected = CoverageSelected(
        account_id=account,
        encounter_id=encounter,
        patient_id=PATIENT,
        service_on=SERVICE_ON,
        coverages=(coverage(1, partner_id="northern"), coverage(2, partner_id="northern")),
        patient=PATIENT_PERSON,
        reason="active on the date of service",
    )
    await exchange.tell("eligibility", f"coverage-selection/{account}", selected)
    return claim_of(number)


def read_file(exchange: Exchange, position: int = -1) -> list[ClaimBatch]:
    problems = Problems()
    batches = list(read_837p(exchange.outbox()[position].read_bytes(), problems))
    assert problems == []
    return batches


def answer_envelope(control_number: int = 7) -> Envelope:
    return Envelope(
        sender_id="NORTHERN",
        receiver_id="LAKESIDE",
        application_sender="NORTHERN",
        application_receiver="LAKESIDE",
        written_at=ANSWERED_AT,
        interchange_control_number=f"{control_number:09d}",
        group_control_number=str(control_number),
    )


def acknowledged_999(control_number: int, *sets: tuple[str, str]) -> bytes:
    rejected = [one for one in sets if one[1] == "R"]
    return write_999(
        [
            GroupAcknowledgement(
                envelope=answer_envelope(),
                control_number="0001",
                functional_id="HC",
                group_control_number=str(control_number),
                version="005010X222A1",
                sets=tuple(SetResponse(set_id="837", control_number=number, status=status) for number, status in sets),
                status="A" if not rejected else "P",
                sets_included=str(len(sets)),
                sets_received=str(len(sets)),
                sets_accepted=str(len(sets) - len(rejected)),
            )
        ]
    )


def acknowledged_277ca(claim_id: str, category: str, *, by: str = "PR", number: str = "", reference: str = "") -> bytes:
    is_rejected = category in ("A3", "A6", "A7", "A8")
    status = Status(
        codes=(StatusCode(category=category, code="20"),),
        effective_on=date(2026, 3, 21),
        action="U" if is_rejected else "WQ",
    )
    claim = AcknowledgedClaim(
        patient=Party(role="QC", is_person=True, name="DOE", first_name="JANE", id_qualifier="MI", id="M001"),
        claim_id=claim_id,
        statuses=(status,),
        payer_control_number=number,
    )
    receiver = ReceiverReport(
        receiver=Party(role="41", name="LAKESIDE", id_qualifier="46", id="LAKESIDE"),
        batch_reference=reference,
        providers=(ProviderReport(provider=Party(role="85", name="LAKESIDE"), claims=(claim,)),),
    )
    return write_277ca(
        [
            ClaimAcknowledgement(
                envelope=answer_envelope(),
                control_number="0001",
                beginning=Beginning(purpose="08", reference="R1", created_at=ANSWERED_AT, transaction_type="TH"),
                source=Party(role=by, name="PAYER ONE" if by == "PR" else "NORTHERN", id_qualifier="PI", id="60001"),
                receivers=(receiver,),
            )
        ]
    )


def paid(number: int, paid_cents: int, *adjustments: Adjustment, rank: int = 1, **changes: Any) -> ClaimPaymentPosted:
    told: dict[str, Any] = {
        "account_id": account_id_of(f"visit-{number}"),
        "claim_id": claim_of(number, rank),
        "remittance_id": f"remit-{rank}",
        "ordinal": 1,
        "payer_rank": rank,
        "claim_status": str(rank),
        "charged_cents": 100_00,
        "paid_cents": paid_cents,
        "contractual_cents": 0,
        "patient_responsibility_cents": 0,
        "denied_cents": 0,
        "next_rank": 0,
        "payer_control_number": f"PCN{rank}",
        "payment_on": date(2026, 4, 1),
        "lines": (
            AdjudicatedLine(
                line_id=f"{number}-1",
                procedure_code="99213",
                charged_cents=100_00,
                paid_cents=paid_cents,
                adjustments=adjustments,
            ),
        ),
        "postings": (),
        "source": SOURCE,
    }
    return ClaimPaymentPosted(**(told | changes))


def cas(group: str, reason: str, amount_cents: int) -> Adjustment:
    return Adjustment(group=group, reason=reason, amount_cents=amount_cents)


@pytest.mark.asyncio
async def test_a_released_visit_leaves_as_a_claim_and_its_answers_come_back(exchange: Exchange) -> None:
    claim_id = await release(exchange, 1)
    claim = await exchange.claim_with(claim_id, "submitted")
    assert (claim["control_number"], claim["version"], claim["charged_cents"]) == (1, 1, 100_00)
    [batch] = read_file(exchange)
    assert [each.claim_id for each in batch.claims] == [claim_id]

    taken = await exchange.send_file(acknowledged_999(1, ("0001", "A")))
    assert [part["is_recorded"] for part in taken["parts"]] == [True]
    await exchange.send_file(acknowledged_277ca(claim_id, "A1", by="AY"))
    await exchange.send_file(acknowledged_277ca(claim_id, "A2", number="PCN1"))
    found = await exchange.until(
        f"/claims/{claim_id}", lambda answer: answer["claim"]["payer_control_number"] == "PCN1"
    )
    assert found["claim"]["status"] == "accepted"
    await exchange.running.settle()

    timeline = (await exchange.ask("GET", f"/claims/{claim_id}/timeline"))["items"]
    assert [row["event"] for row in timeline] == [
        "ClaimCreated",
        "ClaimScrubbed",
        "ClaimReleased",
        "ClaimBatched",
        "ClaimSubmitted",
        "ClaimAccepted",
        "ClaimAccepted",
    ]
    before = timeline[2]["recorded_at"]
    past = (await exchange.ask("GET", f"/claims/{claim_id}/timeline", params={"known_at": before}))["items"]
    assert len(past) == 3


@pytest.mark.asyncio
async def test_a_claim_is_printed_and_that_is_on_record(exchange: Exchange) -> None:
    claim_id = await release(exchange, 20)
    await exchange.claim_with(claim_id, "submitted")
    printed = await exchange.running.http.get(f"/api/claims/claims/{claim_id}/printed?purpose=appeal")
    assert (printed.status_code, printed.headers["content-type"]) == (200, "application/pdf"), printed.text
    assert printed.content.startswith(b"%PDF")
    openings = await exchange.running.platform.vault.openings("clinic")
    assert "appeal" in {opening["purpose"] for opening in openings}
    absent = await exchange.running.http.get(f"/api/claims/claims/{claim_of(21)}/printed")
    assert (absent.status_code, absent.json()["code"]) == (404, "claim-unknown")


@pytest.mark.asyncio
async def test_a_claim_on_paper_is_printed_with_its_batch_mailed_and_awaited_from_that_day(exchange: Exchange) -> None:
    await exchange.ask("PUT", "/partners/northern", {"name": "The post", "transport": "paper"})
    claim_id = await release(exchange, 30)
    waiting = await exchange.claim_with(claim_id, "released")
    assert (waiting["next_action"], waiting["owner"]) == ("print it with the next batch", "billing")
    [queue] = await exchange.until("/print-queue", lambda rows: rows and rows[0]["claims"])
    assert (queue["partner_id"], queue["claims"], queue["charged_cents"]) == ("northern", 1, 100_00)
    key = {"Idempotency-Key": "print-once"}
    first = await exchange.ask("POST", "/partners/northern/print", headers=key)
    again = await exchange.ask("POST", "/partners/northern/print", headers=key)
    assert (again["is_repeat"], again["event_ids"]) == (True, first["event_ids"])
    await exchange.ask("POST", "/partners/northern/print", status=409)
    printed = await exchange.claim_with(claim_id, "batched")
    assert (printed["next_action"], printed["owner"]) == ("mail its batch, and say when", "billing")
    batch_id = printed["batch_id"]
    document_id = (await exchange.ask("GET", f"/batches/{batch_id}"))["batch"]["document_id"]
    pages = await exchange.running.platform.documents.get(
        "clinic", document_id, Opener(actor="user:ann", purpose="paper")
    )
    assert (pages.kind, pages.content[:4]) == ("pdf", b"%PDF")
    await exchange.ask("POST", f"/batches/{batch_id}/reprint", {"reason": "paper jam"})
    mailed = {"mailed_on": "2026-03-20", "tracking_number": "RR1"}
    await exchange.ask("POST", f"/batches/{batch_id}/mailed", mailed)
    await exchange.ask("POST", f"/batches/{batch_id}/mailed", mailed)
    other = await exchange.ask("POST", f"/batches/{batch_id}/mailed", {"mailed_on": "2026-03-19"}, status=409)
    assert other["code"] == "batch-already-mailed"
    sent = await exchange.claim_with(claim_id, "submitted")
    assert sent["next_action"] == "wait for the payer's answer to paper"
    filing = await exchange.ask("GET", f"/claims/{claim_id}/filing")
    assert (filing["accepted_on"], filing["because"]) == (
        None,
        "it was mailed on 2026-03-20, which proves that it left and not that the payer had it",
    )
    found = await exchange.until("/batches?medium=paper", lambda page: page["items"][0]["copies"] == 2)
    row = found["items"][0]
    assert (row["status"], row["mailed_on"], row["tracking_number"]) == ("mailed", "2026-03-20", "RR1")
    assert exchange.outbox() == []


@pytest.mark.asyncio
async def test_the_last_day_follows_the_payers_limits_and_its_own_acceptance_proves_the_filing(
    exchange: Exchange,
) -> None:
    claim_id = await release(exchange, 9)
    await exchange.claim_with(claim_id, "submitted")
    unknown = await exchange.ask("GET", f"/claims/{claim_id}/filing")
    assert (unknown["limit"], unknown["file_by_on"], unknown["is_in_time"]) == (None, None, None)

    year = FilingLimit(kind="original", months=12, moves_to_workday=True)
    later = FilingLimit(kind="secondary", days=60, counts_from="primary-answer")
    for rank in (1, 2):
        payer = f"payer-{rank}"
        listed = PayerListed(payer_id=payer, name="P", electronic_id=f"6000{rank}", filing_limits=(year, later))
        await exchange.tell("eligibility", f"payer/{payer}", listed)
    await exchange.running.settle()
    filing = await exchange.ask("GET", f"/claims/{claim_id}/filing")
    assert filing["limit"]["kind"] == "original"
    assert (filing["counts_on"], filing["file_by_on"]) == ("2026-03-02", "2027-03-02")
    assert (filing["accepted_on"], filing["because"]) == (None, "nobody has acknowledged it yet")

    await exchange.send_file(acknowledged_277ca(claim_id, "A1", by="AY"))
    taken_in = acknowledged_277ca(claim_id, "A2", number="PCN9")
    await exchange.send_file(taken_in)
    proven = await exchange.until(f"/claims/{claim_id}/filing", lambda answer: answer["accepted_on"] is not None)
    assert (proven["accepted_on"], proven["is_in_time"]) == ("2026-03-21", True)
    assert (proven["acceptance"]["codes"], proven["acceptance"]["stage"]) == (["A2:20"], "payer")
    assert proven["acceptance"]["document_id"] == sha256(taken_in).hexdigest()

    told = paid(9, 48_00, cas("CO", "45", 40_00), cas("PR", "2", 12_00), next_rank=2)
    await exchange.tell("payments", f"claim-account/{told.account_id}", told)
    await exchange.claim_with(claim_of(9, rank=2), "submitted")
    secondary = await exchange.ask("GET", f"/claims/{claim_of(9, rank=2)}/filing")
    assert (secondary["limit"]["kind"], secondary["limit"]["counts_from"]) == ("secondary", "primary-answer")
    answered_on = date.fromisoformat(secondary["counts_on"])
    assert date.fromisoformat(secondary["file_by_on"]) == answered_on + timedelta(days=60)
    assert answered_on > SERVICE_ON

    tight = PayerListed(payer_id="payer-1", name="P", electronic_id="60001", timely_filing_days=10)
    await exchange.tell("eligibility", "payer/payer-1", tight)
    late = await exchange.until(f"/claims/{claim_id}/filing", lambda answer: answer["file_by_on"] == "2026-03-12")
    assert late["is_in_time"] is False
    [row] = [each for each in (await exchange.ask("GET", "/claims"))["items"] if each["claim_id"] == claim_id]
    assert row["file_by_on"] == "2026-03-12"


@pytest.mark.asyncio
async def test_the_primarys_answer_becomes_a_secondary_claim_that_is_sent(exchange: Exchange) -> None:
    claim_id = await release(exchange, 2)
    await exchange.claim_with(claim_id, "submitted")
    told = paid(2, 48_00, cas("CO", "45", 40_00), cas("PR", "2", 12_00), next_rank=2)
    await exchange.tell("payments", f"claim-account/{told.account_id}", told)
    assert (await exchange.claim_with(claim_id, "closed"))["close_reason"] == "next-payer"
    await exchange.claim_with(claim_of(2, rank=2), "submitted")
    [batch] = read_file(exchange)
    [secondary] = batch.claims
    assert (secondary.claim_id, secondary.subscriber.responsibility) == (claim_of(2, rank=2), "S")
    [adjudication] = secondary.lines[0].adjudications
    assert [(a.group, a.reason, a.cents) for a in adjudication.adjustments] == [("CO", "45", 40_00), ("PR", "2", 12_00)]


@pytest.mark.asyncio
async def test_a_denial_is_queued_worked_and_closes_its_claim(exchange: Exchange) -> None:
    claim_id = await release(exchange, 3)
    await exchange.claim_with(claim_id, "submitted")
    told = paid(3, 0, cas("CO", "197", 100_00), denied_cents=100_00)
    stream = f"claim-account/{told.account_id}"
    await exchange.tell("payments", stream, told)
    denied = ClaimDeniedByPayer(
        account_id=told.account_id,
        claim_id=claim_id,
        remittance_id="remit-1",
        ordinal=1,
        payer_rank=1,
        payer_id="payer-1",
        denied_cents=100_00,
        group="CO",
        reason="197",
        payment_on=date(2026, 4, 1),
    )
    await exchange.tell("payments", stream, denied)
    page = await exchange.until("/denials?on=2026-04-02", lambda answer: len(answer["items"]) == 1)
    [denial] = page["items"]
    parts = ("category", "expected_recovery_cents", "urgency_percent", "score_cents")
    assert [denial[part] for part in parts] == ["authorization", 45_00, 100, 45_00]

    path = f"/denials/{denial['denial_id']}"
    put_off = await exchange.ask("POST", f"{path}/snooze", {"until_on": "2099-01-01"})
    snoozed = f"after={put_off['after']}"
    assert (await exchange.ask("GET", f"/denials?{snoozed}"))["items"] == []
    assert (await exchange.ask("GET", f"/denials/summary?{snoozed}"))["denials"] == 0
    [put_aside] = (await exchange.ask("GET", f"/denials?is_snoozed=true&{snoozed}"))["items"]
    assert (put_aside["snoozed_until_on"], put_aside["version"]) == ("2099-01-01", put_off["version"])
    assert len((await exchange.ask("GET", f"/denials?on=2099-01-01&{snoozed}"))["items"]) == 1  # its day is there
    undone = await exchange.ask("POST", f"{path}/undo", {"version": put_off["version"]})
    assert len((await exchange.ask("GET", f"/denials?after={undone['after']}"))["items"]) == 1
    again = await exchange.ask("POST", f"{path}/undo", {"version": put_off["version"]}, status=409)
    assert again["code"] == "not-to-undo"
    await exchange.ask("POST", f"{path}/resolve", {"outcome": "written-off"}, status=422)
    asked = await exchange.ask("POST", f"{path}/write-off", {"reason": "past-the-limit"})
    [waits] = (await exchange.ask("GET", f"/denials?awaits_approval=true&after={asked['after']}"))["items"]
    assert waits["write_off_reason"] == "past-the-limit"
    own = await exchange.ask("POST", f"{path}/write-off/approve", status=409)
    assert own["code"] == "write-off-needs-another"

    await exchange.ask("POST", f"{path}/assign", {"assignee": "user:ann"})
    refused = await exchange.ask("POST", f"{path}/resolve", {"outcome": "not-workable"}, status=409)
    assert refused["code"] == "denial-assigned-to-another"
    await exchange.ask("POST", f"{path}/assign", {"assignee": "user:bob"}, status=409)
    causes = await exchange.ask("GET", "/denials/causes")
    assert [(cause["reason"], cause["denied_cents"]) for cause in causes] == [("197", 100_00)]

    reversal = ClaimPaymentReversed(
        account_id=told.account_id,
        claim_id=claim_id,
        remittance_id="remit-9",
        ordinal=1,
        reverses_remittance_id="remit-1",
        reverses_ordinal=1,
        payer_rank=1,
        paid_cents=0,
        contractual_cents=0,
        denied_cents=100_00,
        payment_on=date(2026, 4, 20),
        postings=(),
        source=SOURCE,
    )
    await exchange.tell("payments", stream, reversal)
    found = await exchange.until(path, lambda answer: not answer["is_open"])
    assert found["status"] == "reversed"
    await exchange.claim_with(claim_id, "submitted")


@pytest.mark.asyncio
async def test_a_rejected_set_returns_its_claim_and_the_claim_goes_out_again_under_a_new_number(
    exchange: Exchange,
) -> None:
    first, second = await release(exchange, 4), await release(exchange, 5)
    for claim_id in (first, second):
        await exchange.claim_with(claim_id, "submitted")
    sent = (await exchange.ask("GET", f"/claims/{first}"))["claim"]
    batch = await exchange.ask("GET", f"/batches/{sent['batch_id']}")
    own_set = next(row["set_control_number"] for row in batch["claims"] if row["claim_id"] == first)
    sets = [(row["set_control_number"], "R" if row["claim_id"] == first else "A") for row in batch["claims"]]
    assert own_set in {number for number, _ in sets}
    await exchange.send_file(acknowledged_999(sent["control_number"], *sets))
    await exchange.claim_with(first, "rejected")
    assert (await exchange.ask("GET", f"/claims/{second}"))["claim"]["status"] == "submitted"

    await exchange.ask("POST", f"/claims/{first}/release")
    again = await exchange.until(
        f"/claims/{first}", lambda answer: (answer["claim"]["status"], answer["claim"]["version"]) == ("submitted", 2)
    )
    assert again["claim"]["control_number"] > sent["control_number"]


@pytest.mark.asyncio
async def test_the_same_acknowledgement_has_one_effect_under_any_key(exchange: Exchange) -> None:
    claim_id = await release(exchange, 6)
    await exchange.claim_with(claim_id, "submitted")
    content = acknowledged_277ca(claim_id, "A2", number="PCN1")
    for _ in range(3):
        taken = await exchange.send_file(content)
    assert [part["is_repeat"] for part in taken["parts"]] == [True]
    await exchange.claim_with(claim_id, "accepted")
    assert len(await exchange.running.events("claims", "ClaimAccepted")) == 1


@pytest.mark.asyncio
async def test_what_cannot_be_matched_is_told_kept_and_can_be_tried_again(exchange: Exchange) -> None:
    claim_id = claim_of(7)
    content = acknowledged_277ca(claim_id, "A2")
    taken = await exchange.send_file(content)
    assert [(part["is_recorded"], part["code"]) for part in taken["parts"]] == [(False, "claim-unknown")]
    held = await exchange.until("/acknowledgements/held", lambda answer: len(answer["items"]) == 1)
    assert held["items"][0]["message_id"] == taken["document_id"]

    await release(exchange, 7)
    await exchange.claim_with(claim_id, "submitted")
    again = await exchange.ask("POST", f"/acknowledgements/{taken['document_id']}/replay")
    assert [part["is_recorded"] for part in again["parts"]] == [True]
    await exchange.claim_with(claim_id, "accepted")
    await exchange.until("/acknowledgements/held", lambda answer: answer["items"] == [])


@pytest.mark.asyncio
async def test_a_rejected_interchange_is_told_by_a_ta1(exchange: Exchange) -> None:
    claim_id = await release(exchange, 8)
    sent = await exchange.claim_with(claim_id, "submitted")
    refused = InterchangeAcknowledgement(
        envelope=answer_envelope(),
        interchange_control_number=f"{sent['control_number']:09d}",
        written_at=ANSWERED_AT,
        status="R",
        note="024",
    )
    await exchange.send_file(write_ta1([refused]))
    rejected = await exchange.claim_with(claim_id, "rejected")
    assert "TA1:024" in rejected["last_answer"]
    batch = await exchange.until(f"/batches/{sent['batch_id']}", lambda answer: answer["batch"]["status"] == "rejected")
    assert batch["batch"]["rejected_claims"] == 1


@pytest.mark.asyncio
async def test_a_partner_that_was_down_gets_the_same_bytes_under_the_same_name(exchange: Exchange) -> None:
    exchange.folder.mkdir(parents=True)
    blocked = exchange.folder / "outbox"
    blocked.write_text("in the way")
    claim_id = await release(exchange, 9)
    await exchange.until("/batches", lambda answer: [row["status"] for row in answer["items"]] == ["stored"])
    [row] = (await exchange.ask("GET", "/batches"))["items"]
    blocked.unlink()
    await exchange.claim_with(claim_id, "submitted")
    [path] = exchange.outbox()
    assert path.name == row["file_name"]
    assert len(await exchange.running.events("claims", "InterchangeStored")) == 1
    assert len(await exchange.running.events("claims", "ClaimSubmitted")) == 1


@pytest.mark.asyncio
async def test_a_claim_that_cannot_be_written_is_held_and_the_rest_of_the_batch_goes(exchange: Exchange) -> None:
    nameless = structs.replace(PATIENT_PERSON.read_fresh(), birth_on=None)
    account = account_id_of("visit-10")
    told = await release(exchange, 11)
    await exchange.claim_with(told, "submitted")
    bad = CoverageSelected(
        account_id=account,
        encounter_id="visit-10",
        patient_id=PATIENT,
        service_on=SERVICE_ON,
        coverages=(coverage(1, partner_id="northern"),),
        patient=type(PATIENT_PERSON).fresh(PATIENT, "person", nameless),
        reason="active",
    )
    await exchange.tell("eligibility", f"coverage-selection/{account}", bad)
    line = structs.replace(VISIT, line_id="10-1")
    charges = ChargesReleased(
        encounter_id="visit-10",
        account_id=account,
        patient_id=PATIENT,
        release=1,
        service_on=SERVICE_ON,
        organization=ORGANIZATION,
        rendering=RENDERING,
        facility=FACILITY,
        diagnoses=("J0190",),
        lines=(line,),
        charged_cents=100_00,
    )
    await exchange.tell("charges", "encounter/visit-10", charges)
    held = await exchange.until(
        f"/claims/{claim_of(10)}", lambda answer: answer["claim"]["hold_reason"] == "cannot-be-written"
    )
    assert [finding["place"] for finding in held["findings"]] == ["patient.birth_on"]


@pytest.mark.asyncio
async def test_a_claim_with_errors_waits_for_its_correction(exchange: Exchange) -> None:
    claim_id = await release(exchange, 12, diagnoses=())
    held = await exchange.until(f"/claims/{claim_id}", lambda answer: answer["claim"]["hold_reason"] == "edits-failed")
    assert {finding["rule"] for finding in held["findings"]} == {"diagnoses", "diagnosis-pointers"}
    refused = await exchange.ask("POST", f"/claims/{claim_id}/release", status=409)
    assert refused["code"] == "claim-has-errors"
    await exchange.ask("POST", f"/claims/{claim_id}/correct", {"reason": "coded", "diagnoses": ["J0190"]})
    await exchange.claim_with(claim_id, "submitted")


@pytest.mark.asyncio
async def test_a_claim_counts_again_when_its_replacement_is_withdrawn(exchange: Exchange) -> None:
    claim_id = await release(exchange, 14)
    await exchange.claim_with(claim_id, "submitted")
    correction = {"reason": "recoded", "diagnoses": ["E119"]}
    await exchange.ask("POST", f"/claims/{claim_id}/correct", correction)
    replacement = replacement_of(claim_id)
    await exchange.claim_with(replacement, "held")  # for the payer's number
    await exchange.ask("POST", f"/claims/{replacement}/hold", {"reason": "ask-the-coder"})
    told = paid(14, 60_00, cas("CO", "45", 40_00))
    await exchange.tell("payments", f"claim-account/{told.account_id}", told)
    closed = await exchange.claim_with(claim_id, "closed")
    assert (closed["close_reason"], closed["next_claim_id"]) == ("paid", replacement)
    await exchange.ask("POST", f"/claims/{replacement}/void", {"reason": "was-right"})
    timeline = await exchange.until(
        f"/claims/{claim_id}/timeline", lambda answer: answer["items"][-1]["event"] == "ReplacementWithdrawn"
    )
    assert timeline["items"][-1]["summary"] == f"Counts again, claim {replacement} was withdrawn: was-right"
    stands = await exchange.claim_with(claim_id, "closed")
    assert (stands["close_reason"], stands["next_claim_id"]) == ("paid", "")
    await exchange.ask("POST", f"/claims/{claim_id}/correct", correction)
    again = await exchange.claim_with(replacement, "submitted")
    assert again["version"] == 1


@pytest.mark.asyncio
async def test_a_cancelled_visit_is_not_billed(exchange: Exchange) -> None:
    claim_id = await release(exchange, 13, diagnoses=())
    await exchange.claim_with(claim_id, "held")
    cancelled = EncounterCancelled(encounter_id="visit-13", reason="entered in error")
    await exchange.tell("charges", "encounter/visit-13", cancelled)
    claim = await exchange.claim_with(claim_id, "voided")
    assert (claim["status"], exchange.outbox()) == ("voided", [])


@pytest.mark.asyncio
async def test_a_visit_without_coverage_makes_no_claim(exchange: Exchange) -> None:
    account = account_id_of("visit-14")
    nobody = NoCoverageFound(
        account_id=account,
        encounter_id="visit-14",
        patient_id=PATIENT,
        service_on=SERVICE_ON,
        patient=PATIENT_PERSON,
        reason="none on that date",
    )
    await exchange.tell("eligibility", f"coverage-selection/{account}", nobody)
    await exchange.running.settle()
    assert (await exchange.ask("GET", "/claims"))["items"] == []


@pytest.mark.asyncio
async def test_partners_rules_and_an_unknown_claim_are_answered(exchange: Exchange) -> None:
    partners = await exchange.until("/partners", lambda answer: len(answer) == 1)
    assert partners[0]["receiver_id"] == "NORTHERN"
    rules = await exchange.ask("GET", "/rules")
    assert {"npi-check-digit", "coordination-of-benefits"} <= {rule["id"] for rule in rules}
    problem = await exchange.ask("GET", f"/claims/{claim_of(99)}", status=404)
    assert problem["code"] == "claim-unknown"
