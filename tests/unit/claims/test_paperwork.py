"""What a payer wants is asked once, answered once and missed never; documents have numbers of their own; calls have a next day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from services.claims.domain.claim.commands import CorrectClaim, RecordStatus, VoidClaim
from services.claims.domain.claim.decider import claim
from services.claims.domain.claim.numbering import replacement_of
from services.claims.domain.claim.paperwork import ATTACHMENTS_MAX
from services.claims.domain.claim.paperwork_commands import (
    AddAttachment,
    AnswerInformation,
    MarkInformationOverdue,
    RecordAttachmentSent,
    RecordCall,
    RemoveAttachment,
    RequestInformation,
)
from services.claims.domain.errors import (
    AttachmentAlreadySent,
    AttachmentUnknown,
    ClaimNotSubmitted,
    DaysOutOfOrder,
    RequestUnknown,
    TooManyAttachments,
)
from services.claims.policies import make_claims, watch_silence
from shared.events.claims import (
    AttachmentAdded,
    AttachmentRemoved,
    AttachmentSent,
    CallRecorded,
    ClaimClosed,
    ClaimCreated,
    ClaimReleased,
    ClaimScrubbed,
    ClaimStatusReported,
    InformationAnswered,
    InformationOverdue,
    InformationRequested,
    ReplacementClaimDue,
)
from shared.events.values import DocumentReference
from shared.runtime.policy import DueTimer, SetTimer
from shared.testing.specification import Specification
from tests.unit.claims.examples import (
    CREATED,
    MONDAY,
    PRIMARY_CLAIM,
    SENT,
    SERVICES,
    SOURCE,
    TODAY,
    accepted,
    batched,
    recorded,
    submitted,
)

spec = Specification(claim)

REQUEST_ID = f"{PRIMARY_CLAIM}-R1"
DUE_ON = TODAY + timedelta(days=30)


def wants(**changes: Any) -> RecordStatus:
    told: dict[str, Any] = {"codes": ("R4:294",), "on": TODAY}
    return RecordStatus(category="R4", source=SOURCE, **(told | changes))


def by_letter(**changes: Any) -> RequestInformation:
    told: dict[str, Any] = {"asked_by": "letter", "asked_on": TODAY, "due_on": DUE_ON, "codes": ("11506-3",)}
    return RequestInformation(**(told | changes), by="user:ann")


REQUESTED = InformationRequested(
    claim_id=PRIMARY_CLAIM,
    request_id=REQUEST_ID,
    asked_by="277",
    codes=("R4:294",),
    due_on=DUE_ON,
    source=SOURCE,
)
ADD = AddAttachment(
    report_type="OZ",
    transmission="FX",
    document=DocumentReference(document_id="a" * 64),
    media_type="application/pdf",
    size_bytes=10,
    by="user:ann",
)
[ADDED] = claim.decide(ADD, claim.state_after(SENT))
SENT_BY_FAX = RecordAttachmentSent(
    attachment_id=f"{PRIMARY_CLAIM}A1", method="fax", sent_on=TODAY, proof_number="FX-1", on=TODAY, by="user:ann"
)
CORRECT = CorrectClaim(services=SERVICES, reason="recoded", corrected_by="user:ann", on=TODAY)
[FAXED] = claim.decide(SENT_BY_FAX, claim.state_after([*SENT, ADDED]))


def test_a_277_that_wants_information_opens_a_request_with_the_usual_day() -> None:
    told, request = spec.given(*SENT).when(wants()).events
    assert isinstance(told, ClaimStatusReported)
    assert told.meaning == "information"
    assert request == REQUESTED


def test_the_payers_own_day_counts() -> None:
    request = spec.given(*SENT).when(wants(due_on=date(2026, 4, 1))).only(InformationRequested)
    assert (request.due_on, request.is_due_stated) == (date(2026, 4, 1), True)


def test_what_a_payer_says_again_is_not_another_request() -> None:
    spec.given(*SENT, REQUESTED).when(wants()).then_kinds(ClaimStatusReported)
    spec.given(*SENT, REQUESTED).when(wants(codes=("R3:21",))).then_kinds(ClaimStatusReported, InformationRequested)


def test_a_letter_is_a_request_too() -> None:
    request = spec.given(*SENT).when(by_letter()).only(InformationRequested)
    assert (request.asked_by, request.codes, request.is_due_stated) == ("letter", ("11506-3",), True)
    spec.given(*SENT).when(by_letter(due_on=TODAY - timedelta(days=1))).then_refused(DaysOutOfOrder.code)
    spec.given(*CREATED).when(by_letter()).then_refused(ClaimNotSubmitted.code)


def test_a_request_past_its_day_is_overdue_at_once() -> None:
    past = (
        spec.given(*SENT).when(by_letter(asked_on=date(2026, 1, 2), due_on=date(2026, 2, 1))).only(InformationRequested)
    )
    [timer] = watch_silence.plan(recorded(past), watch_silence.Patience())
    assert isinstance(timer, SetTimer)
    assert (timer.key, timer.due_at) == (f"request/{REQUEST_ID}", datetime(2026, 2, 2, tzinfo=UTC))
    due = DueTimer(tenant="clinic", key=timer.key, due_at=MONDAY, note=timer.note)
    [(claim_id, command)] = watch_silence.fire(due)
    assert (claim_id, command) == (PRIMARY_CLAIM, MarkInformationOverdue(request_id=REQUEST_ID))


def test_only_an_open_request_becomes_overdue() -> None:
    mark = MarkInformationOverdue(request_id=REQUEST_ID)
    spec.given(*SENT, REQUESTED).when(mark).then(
        InformationOverdue(claim_id=PRIMARY_CLAIM, request_id=REQUEST_ID, due_on=DUE_ON)
    )
    spec.given(*SENT).when(mark).then_nothing()
    closed = ClaimClosed(claim_id=PRIMARY_CLAIM, reason="paid")
    spec.given(*SENT, REQUESTED, closed).when(mark).then_nothing()


def answered(**changes: Any) -> AnswerInformation:
    told: dict[str, Any] = {"request_id": REQUEST_ID, "how": "phone", "on": TODAY, "wait_days": 14, "by": "user:ann"}
    return AnswerInformation(**(told | changes))


def test_an_answer_gives_the_payer_its_time_again() -> None:
    told = spec.given(*SENT, REQUESTED).when(answered()).only(InformationAnswered)
    assert told.wait_until_on == TODAY + timedelta(days=14)
    spec.given(*SENT, REQUESTED, told).when(answered()).then_refused(RequestUnknown.code)


def test_documents_that_answer_were_sent() -> None:
    by_document = answered(how="attachments", attachment_ids=(f"{PRIMARY_CLAIM}A1",))
    spec.given(*SENT, REQUESTED, ADDED).when(by_document).then_refused(AttachmentUnknown.code)
    spec.given(*SENT, REQUESTED, ADDED, FAXED).when(by_document).then_kinds(InformationAnswered)
    spec.given(*SENT, REQUESTED).when(answered(how="attachments")).then_refused(AttachmentUnknown.code)


def test_a_document_has_a_number_of_its_own_and_is_one_however_often_it_comes() -> None:
    assert isinstance(ADDED, AttachmentAdded)
    assert ADDED.attachment_id == f"{PRIMARY_CLAIM}A1"
    spec.given(*SENT, ADDED).when(ADD).then_nothing()
    removed = AttachmentRemoved(
        claim_id=PRIMARY_CLAIM, attachment_id=f"{PRIMARY_CLAIM}A1", reason="wrong-patient", by="user:ann"
    )
    again = spec.given(*SENT, ADDED, removed).when(ADD).only(AttachmentAdded)
    assert again.attachment_id == f"{PRIMARY_CLAIM}A2"


def test_ten_documents_a_claim() -> None:
    many = [
        AddAttachment(
            report_type="OZ",
            transmission="EL",
            document=DocumentReference(document_id=f"{number:064d}"),
            media_type="application/pdf",
            size_bytes=1,
            by="user:ann",
        )
        for number in range(ATTACHMENTS_MAX + 1)
    ]
    spec.given(*SENT).when(*many).then_refused(TooManyAttachments.code)


def test_what_was_sent_is_not_removed() -> None:
    assert isinstance(FAXED, AttachmentSent)
    remove = RemoveAttachment(attachment_id=f"{PRIMARY_CLAIM}A1", reason="wrong-patient", by="user:ann")
    spec.given(*SENT, ADDED).when(remove).then_kinds(AttachmentRemoved)
    spec.given(*SENT, ADDED, FAXED).when(remove).then_refused(AttachmentAlreadySent.code)
    spec.given(*SENT).when(remove).then_refused(AttachmentUnknown.code)


def replacement_of_documents(*past: Any) -> Any:
    """The replacement of a claim with these documents, before it is sent."""
    due = spec.given(*SENT, accepted("PCN1"), *past).when(CORRECT).only(ReplacementClaimDue)
    [(_, command)] = make_claims.react(recorded(due))
    return spec.when(command)


def test_documents_go_on_to_the_replacement_under_their_number_with_the_proof_of_their_sending() -> None:
    assert isinstance(ADDED, AttachmentAdded)
    decided = replacement_of_documents(ADDED, FAXED)
    decided.then_kinds(ClaimCreated, AttachmentAdded, AttachmentSent, ClaimScrubbed, ClaimReleased)
    second = replacement_of(PRIMARY_CLAIM)
    assert decided.only(AttachmentAdded) == structs.replace(ADDED, claim_id=second, carried_from=PRIMARY_CLAIM)
    assert decided.only(AttachmentSent) == structs.replace(FAXED, claim_id=second, by=ADDED.by)
    own = spec.given(*decided.events).when(replace(ADD, document=DocumentReference(document_id="f" * 64)))
    assert own.only(AttachmentAdded).attachment_id == f"{second}A1"


def test_a_removed_document_and_a_void_carry_nothing() -> None:
    removed = AttachmentRemoved(
        claim_id=PRIMARY_CLAIM, attachment_id=f"{PRIMARY_CLAIM}A1", reason="wrong-patient", by="user:ann"
    )
    replacement_of_documents(ADDED, removed).then_kinds(ClaimCreated, ClaimScrubbed, ClaimReleased)
    void = spec.given(*SENT, accepted("PCN1"), ADDED).when(VoidClaim(reason="not-ours")).only(ReplacementClaimDue)
    assert void.attachments == ()


def test_what_came_along_is_dropped_until_the_replacement_leaves() -> None:
    remove = RemoveAttachment(attachment_id=f"{PRIMARY_CLAIM}A1", reason="not-of-this-claim", by="user:ann")
    unsent = replacement_of_documents(ADDED, FAXED).events
    assert spec.given(*unsent).when(remove).state.attachments == ()
    spec.given(*unsent, batched(), submitted()).when(remove).then_refused(AttachmentAlreadySent.code)


def test_a_replacement_that_is_made_anew_has_what_the_claim_before_has_now() -> None:
    bare = replacement_of_documents().events
    due = spec.given(*SENT, accepted("PCN1"), ADDED).when(CORRECT).only(ReplacementClaimDue)
    [(_, command)] = make_claims.react(recorded(due))
    again = spec.given(*bare).when(VoidClaim(reason="was-right"), replace(command, services=SERVICES))
    assert [each.attachment_id for each in again.state.attachments] == [f"{PRIMARY_CLAIM}A1"]


def call(**changes: Any) -> RecordCall:
    told: dict[str, Any] = {
        "called_on": TODAY,
        "outcome": "pending",
        "reference_number": "C-77",
        "spoke_with": None,
        "note": None,
        "next_action_on": TODAY + timedelta(days=10),
        "on": TODAY,
        "by": "user:ann",
    }
    return RecordCall(**(told | changes))


def test_a_call_has_a_number_and_a_next_day() -> None:
    recorded_call = spec.given(*SENT).when(call()).only(CallRecorded)
    assert (recorded_call.reference_number, recorded_call.waits) == ("C-77", True)
    [timer] = watch_silence.plan(recorded(recorded_call), watch_silence.Patience())
    assert isinstance(timer, SetTimer)
    assert (timer.key, timer.due_at.date()) == (f"call/{PRIMARY_CLAIM}", TODAY + timedelta(days=10))


@pytest.mark.parametrize("days", [{"next_action_on": TODAY}, {"called_on": TODAY + timedelta(days=1)}])
def test_the_days_of_a_call_are_in_order(days: dict[str, date]) -> None:
    spec.given(*SENT).when(call(**days)).then_refused(DaysOutOfOrder.code)


def test_nobody_calls_about_a_claim_that_was_never_sent() -> None:
    spec.given(*CREATED).when(call()).then_refused(ClaimNotSubmitted.code)
