"""What an appeal says, what it leans on, and that nothing unfinished becomes a letter."""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.claims.adapters.appeal_letter import AppealLetter, letter_html, letter_pdf
from services.claims.domain.appeal_template.decider import KeepTemplate, appeal_template
from services.claims.domain.claim.state import Answer, Claim
from services.claims.domain.denial.categories import CATEGORIES
from services.claims.domain.denial.commands import (
    DecideAppeal,
    DraftAppeal,
    FileAppeal,
    KeepLetter,
    OpenDenial,
    denial_id_of,
)
from services.claims.domain.denial.decider import denial
from services.claims.domain.denial.letters import (
    OURS,
    PLACES,
    filled_in,
    fitting,
    refuse_unfinished,
    refuse_unknown_places,
)
from services.claims.domain.errors import AppealTextUnfinished, TemplateMalformed
from services.claims.policies.gather_evidence import Known, gather, places_of
from shared.events.base import Sealed
from shared.events.claims import ClaimCreated, PriorAdjudication
from shared.events.denials import (
    AppealDrafted,
    AppealEvidence,
    AppealFiled,
    AppealLetterWritten,
    AppealTemplateKept,
    DenialOpened,
)
from shared.events.values import Address, AdjudicatedLine, Adjustment, Person, PersonName
from shared.testing.specification import Specification
from tests.unit.claims.examples import (
    ACCOUNT,
    FIRST_APPEAL,
    MEDICARE_TERMS,
    ORGANIZATION,
    PATIENT,
    PATIENT_PERSON,
    PRIMARY_CLAIM,
    SERVICE_ON,
    SERVICES,
    TODAY,
    coverage,
)

DENIAL_ID = denial_id_of(claim_id=PRIMARY_CLAIM, remittance_id="remit-1", group="CO", reason="29")
SENT_AT = datetime(2026, 3, 3, 12, tzinfo=UTC)
OPEN = OpenDenial(
    denial_id=DENIAL_ID,
    claim_id=PRIMARY_CLAIM,
    account_id=ACCOUNT,
    payer_id="payer-1",
    remittance_id="remit-1",
    denied_cents=100_00,
    group="CO",
    reason="29",
    denied_on=date(2026, 3, 19),
    terms=FIRST_APPEAL,
)
EVIDENCE = AppealEvidence(evidence_id="e-1", kind="submission", said="Sent in interchange 12", on=SENT_AT.date())
DRAFT = DraftAppeal(
    by="user:ann",
    on=TODAY,
    level=1,
    template_id="timely-filing",
    text=Sealed.fresh(PATIENT, "appeal", "We filed in time."),
    evidence=(EVIDENCE,),
)
LETTER = KeepLetter(by="user:ann", on=TODAY, level=1, document_id="a" * 64)
FILE = FileAppeal(by="user:ann", on=TODAY, level=1, filed_on=TODAY, sent_by="fax", tracking_number="F-77")
spec = Specification(denial)


def row(event: str, summary: str, event_id: str) -> dict[str, Any]:
    return {
        "event": event,
        "summary": summary,
        "event_id": event_id,
        "occurred_at": SENT_AT,
        "document_id": "d" * 64,
        "place": "",
    }


def fact(event: str, event_id: str, **values: Any) -> dict[str, Any]:
    told = {"event": event, "event_id": event_id, "occurred_at": SENT_AT, "document_id": "", "place": "", "number": ""}
    return told | values


def known(**changes: Any) -> Known:
    line = AdjudicatedLine(
        line_id="L1",
        procedure_code="99213",
        charged_cents=100_00,
        paid_cents=0,
        adjustments=(Adjustment(group="CO", reason="29", amount_cents=100_00),),
        remarks=("N211",),
    )
    answer = PriorAdjudication(rank=1, payer_id="payer-1", paid_cents=0, adjudicated_on=TODAY, lines=(line,))
    content = ClaimCreated(
        claim_id=PRIMARY_CLAIM,
        account_id=ACCOUNT,
        patient_id=PATIENT,
        rank=1,
        coverages=(coverage(1),),
        patient=PATIENT_PERSON,
        services=SERVICES,
    )
    [opened] = denial.decide(OPEN, denial.initial)
    assert isinstance(opened, DenialOpened)
    told = Known(
        claim=Claim(
            content=content,
            payer_control_number="ICN-9",
            answers=(Answer(remittance_id="remit-1", ordinal=1, adjudication=answer, patient_responsibility_cents=0),),
        ),
        content=content,
        opened=opened,
        timeline=[
            row("ClaimCreated", "Claim created", "e-0"),
            row("ClaimSubmitted", "Sent in interchange 12 to northern", "e-1"),
            row("ClaimAccepted", "Accepted by northern (clearinghouse): A1:19", "e-2"),
            row("ClaimAccepted", "Accepted by payer-1 (payer): A2:20", "e-3"),
        ],
        facts=[],
        contacts=[],
    )
    return replace(told, **changes)


def test_evidence_is_what_our_events_say_with_the_interchange_and_the_payers_own_acceptance() -> None:
    found = gather(known())
    assert [(each.kind, each.event_id) for each in found] == [
        ("submission", "e-1"),
        ("acceptance", "e-2"),
        ("acceptance", "e-3"),
        ("remittance", ""),
    ]
    assert "interchange 12" in found[0].said
    assert "ICN-9" in found[2].said and "ICN-9" not in found[1].said
    assert found[3].said == "Remittance remit-1: 99213 CO-29 100.00, N211"


def test_eligibility_counts_when_it_was_asked_for_the_day_of_the_service_and_for_this_coverage() -> None:
    asked = {"coverage_id": coverage(1).coverage_id, "service_on": SERVICE_ON, "outcome": "active"}
    facts = [
        fact("EligibilityAnswered", "right", **asked),
        fact("EligibilityAnswered", "other-day", **asked | {"service_on": date(2026, 1, 1)}),
        fact("EligibilityAnswered", "other-coverage", **asked | {"coverage_id": "other"}),
    ]
    found = [each for each in gather(known(facts=facts)) if each.kind == "eligibility"]
    assert [each.event_id for each in found] == ["right"]
    assert f"active on {SERVICE_ON}" in found[0].said


def test_an_authorization_counts_for_its_payer_and_its_days() -> None:
    recorded = {"payer_id": "payer-1", "number": "A-1", "units": 3}
    days = {"valid_from_on": date(2026, 1, 1), "valid_to_on": date(2026, 12, 31)}
    facts = [
        fact("AuthorizationRecorded", "right", **recorded, **days),
        fact("AuthorizationRecorded", "over", **recorded, **days | {"valid_to_on": date(2026, 2, 1)}),
        fact("AuthorizationRecorded", "other-payer", **recorded | {"payer_id": "payer-2"}, **days),
    ]
    found = [each for each in gather(known(facts=facts)) if each.kind == "authorization"]
    assert [each.event_id for each in found] == ["right"]


def test_a_call_counts_by_its_reference_unless_the_note_was_taken_back() -> None:
    call = {"event_id": "c-1", "noted_at": SENT_AT, "outcome_code": "payer-upholds", "reference_number": "R-5"}
    contacts = [
        call | {"is_undone": False},
        call | {"event_id": "c-2", "is_undone": True},
        call | {"event_id": "c-3", "reference_number": "", "is_undone": False},
    ]
    found = [each for each in gather(known(contacts=contacts)) if each.kind == "contact"]
    assert [(each.event_id, each.said) for each in found] == [("c-1", "Call: payer-upholds, reference R-5")]


def test_a_text_is_filled_in_with_what_is_on_record_and_says_what_is_not() -> None:
    facts = known()
    [template] = [each for each in OURS if each.template_id == "timely-filing"]
    text = filled_in(template.text, places_of(facts, gather(facts), "redetermination", date(2026, 3, 19)))
    assert PRIMARY_CLAIM in text and "interchange 12" in text and "ICN-9" in text and "$100.00" in text
    refuse_unfinished(text)
    unsent = known(timeline=[])
    with pytest.raises(AppealTextUnfinished, match="when the payer accepted it"):
        refuse_unfinished(filled_in(template.text, places_of(unsent, gather(unsent), "", None)))


@pytest.mark.parametrize("category", [category.name for category in CATEGORIES])
def test_every_kind_of_denial_has_a_template_whose_places_all_exist(category: str) -> None:
    offered = fitting(OURS, category)
    assert offered[-1].template_id == "general"
    for template in offered:
        refuse_unknown_places(template.text)
        assert "{" not in filled_in(template.text, dict.fromkeys(PLACES, "x"))


def test_a_practices_own_words_name_only_places_and_categories_that_exist() -> None:
    own = AppealTemplateKept(template_id="ours", title="Ours", categories=("coding",), text="See {claim}.")
    kept = Specification(appeal_template).when(KeepTemplate(template=own), KeepTemplate(template=own))
    assert kept.only(AppealTemplateKept) == own
    for wrong in ({"text": "Dear {patient_name}"}, {"categories": ("weather",)}):
        changed = AppealTemplateKept(
            template_id="ours", title="Ours", **{"categories": ("coding",), "text": "See {claim}."} | wrong
        )
        with pytest.raises(TemplateMalformed):
            appeal_template.decide(KeepTemplate(template=changed), None)


# --- the draft, the letter, and its sending ---------------------------------------------------------------------------


def test_what_was_drafted_written_and_sent_stands_in_the_appeal() -> None:
    filed = spec.when(OPEN, DRAFT, LETTER, FILE).only(AppealFiled)
    assert filed.letter is not None and filed.letter.document_id == "a" * 64
    assert (filed.sent_by, filed.tracking_number, filed.by) == ("fax", "F-77", "user:ann")


def test_a_letter_needs_a_draft_of_its_level_and_is_kept_once() -> None:
    spec.when(OPEN, LETTER).then_refused("appeal-not-drafted")
    spec.when(OPEN, DRAFT, LETTER, LETTER).then_kinds(DenialOpened, AppealDrafted, AppealLetterWritten)


def test_a_new_draft_makes_the_letter_of_the_old_one_no_longer_the_one_to_send() -> None:
    filed = spec.when(OPEN, DRAFT, LETTER, DRAFT, FILE).only(AppealFiled)
    assert filed.letter is None


@pytest.mark.parametrize("command", [replace(DRAFT, level=2), replace(LETTER, level=2)])
def test_nothing_is_written_for_a_level_that_is_not_next(command: Any) -> None:
    spec.when(OPEN, command).then_refused("appeal-out-of-order")


def test_no_draft_without_a_right_to_appeal() -> None:
    spec.when(replace(OPEN, terms=MEDICARE_TERMS), DRAFT).then_refused("no-appeal-right")


def test_the_letter_of_one_level_is_not_sent_with_the_next() -> None:
    upheld = DecideAppeal(by="user:ann", on=TODAY, level=1, outcome="upheld", decided_on=TODAY, terms=FIRST_APPEAL)
    filed = spec.when(OPEN, DRAFT, LETTER, FILE, upheld, replace(FILE, level=2)).events[-1]
    assert isinstance(filed, AppealFiled) and filed.letter is None


PAPER = AppealLetter(
    denial_id=DENIAL_ID,
    level=1,
    level_name="redetermination",
    written_on=TODAY,
    sender=ORGANIZATION,
    payer_name="PAYER <1>",
    payer_address=Address(line_1="PO BOX 10", city="TOLEDO", state="OH", postal_code="43604"),
    patient=Person(name=PersonName(last="DOE", first="ANN"), birth_on=date(1980, 1, 2)),
    member_number="M-1",
    claim_id=PRIMARY_CLAIM,
    payer_claim_number="ICN-9",
    service_on=SERVICE_ON,
    text="First part.\n\nSecond <part>.",
    evidence=(EVIDENCE,),
)


def test_a_letter_says_whom_it_is_about_and_lists_what_is_enclosed() -> None:
    page = letter_html(PAPER)
    for said in ("ANN DOE", "January 2, 1980", "M-1", PRIMARY_CLAIM, "ICN-9", "PO BOX 10", "Sent in interchange 12"):
        assert said in page
    assert "PAYER &lt;1&gt;" in page and "Second &lt;part&gt;." in page


def test_the_same_letter_gives_the_same_bytes() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("weasyprint", reason="the libraries for laying out pages are not here", exc_type=OSError)
    first, second = letter_pdf(PAPER), letter_pdf(PAPER)
    assert first.startswith(b"%PDF") and first == second
    assert letter_pdf(replace(PAPER, text="Other words.")) != first
