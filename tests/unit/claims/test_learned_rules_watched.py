"""A learned rule is watched: what it says is held against what payers did, and below its floor it holds nothing any more."""

from __future__ import annotations

from datetime import date

from msgspec import structs

from services.claims.domain.learned_rule.decider import CASES_MIN, SeeAnswer, SeeOutcome, TakeInRule, learned_rule
from services.claims.domain.rule_book.commands import EnableRule, WriteRule
from services.claims.domain.rule_book.decider import rule_book
from services.claims.policies.watch_learned_rules import outcomes, softened
from shared.events.claim_rules import BackTest, ClaimRuleLearned, LearnedRuleFell, LearnedRuleProved
from shared.events.claims import ClaimAdjudicated, ClaimScrubbed, PriorAdjudication
from shared.events.values import AdjudicatedLine, Adjustment, Finding
from shared.testing.specification import Specification
from tests.unit.claims.examples import PRIMARY_CLAIM, SENT, batched, recorded, released, scrubbed_clean, submitted

spec = Specification(learned_rule)
RULE = "own-learned-0123456789ab"
TEST = BackTest(
    from_on=date(2026, 1, 1),
    cut_off_on=date(2026, 3, 1),
    until="0.1.1",
    caught=9,
    wrongly_held=1,
    missed=2,
    caught_cents=900_00,
    wrongly_held_cents=80_00,
)
TAKE_IN = TakeInRule(
    rule_id=RULE,
    rule_hash="a" * 64,
    payer_id="payer-1",
    reason="4",
    action="hold",
    floor_percent=60,
    back_test=TEST,
    by="user:mia",
)


def seen(number: int, *, right: bool) -> SeeAnswer:
    return answered(number, denied_cents=100_00 if right else 0)


def answered(number: int, *, denied_cents: int, reasons: tuple[str, ...] = ("45", "4")) -> SeeAnswer:
    return SeeAnswer(
        rule_id=RULE, claim_id=f"C{number}", denied_cents=denied_cents, paid_cents=80_00, reasons=frozenset(reasons)
    )


def test_below_its_floor_it_falls_once_and_only_after_enough_claims() -> None:
    wrong = [seen(number, right=False) for number in range(CASES_MIN)]
    told = spec.when(TAKE_IN, *wrong[:-1])
    assert LearnedRuleFell not in {type(event) for event in told.events}
    told = spec.when(TAKE_IN, *wrong, seen(99, right=False))
    [fell] = [event for event in told.events if isinstance(event, LearnedRuleFell)]
    assert (fell.right, fell.cases, fell.floor_percent) == (0, CASES_MIN, 60)
    right = [seen(number, right=True) for number in range(6)]
    told = spec.when(TAKE_IN, *right, *wrong[6:])
    assert (told.state.precision_percent, told.state.has_fallen) == (60, False)


def test_a_claim_counts_once_and_a_person_has_the_last_word() -> None:
    said = SeeOutcome(rule_id=RULE, claim_id="C1", is_right=False, how="said", by="user:ann")
    told = spec.when(TAKE_IN, seen(1, right=True), seen(1, right=True), said)
    assert [event.is_right for event in told.events if isinstance(event, LearnedRuleProved)] == [True, False]
    assert (told.state.cases, told.state.right) == (1, 0)


def test_a_denial_for_another_reason_does_not_speak_for_the_rule() -> None:
    said = [
        answered(1, denied_cents=100_00),
        answered(2, denied_cents=100_00, reasons=("16",)),
        answered(3, denied_cents=0),
    ]
    told = spec.when(TAKE_IN, *said)
    proved = [event for event in told.events if isinstance(event, LearnedRuleProved)]
    assert [(each.is_right, each.how, each.cents) for each in proved] == [
        (True, "denied", 100_00),
        (False, "denied-otherwise", 100_00),
        (False, "paid", 80_00),
    ]


def test_a_rule_that_a_person_wrote_is_not_watched_and_none_is_said_wrong_of_it() -> None:
    spec.when(seen(1, right=False)).then_nothing()
    said = SeeOutcome(rule_id=RULE, claim_id="C1", is_right=False, how="said", by="user:ann")
    spec.when(said).then_refused("learned-rule-unknown")


def test_who_takes_it_in_anew_begins_anew() -> None:
    told = spec.when(TAKE_IN, TAKE_IN, *(seen(number, right=False) for number in range(CASES_MIN)), TAKE_IN)
    assert len([event for event in told.events if isinstance(event, ClaimRuleLearned)]) == 2
    assert (told.state.cases, told.state.has_fallen) == (0, False)


def answer(denied_cents: int) -> ClaimAdjudicated:
    adjustments = (Adjustment(group="CO", reason="4", amount_cents=denied_cents),) if denied_cents else ()
    line = AdjudicatedLine(charged_cents=100_00, paid_cents=0 if denied_cents else 80_00, adjustments=adjustments)
    return ClaimAdjudicated(
        claim_id=PRIMARY_CLAIM,
        rank=1,
        remittance_id="remit-1",
        paid_cents=line.paid_cents,
        patient_responsibility_cents=0,
        denied_cents=denied_cents,
        adjudicated_on=date(2026, 4, 1),
        answer=PriorAdjudication(
            rank=1, payer_id="payer-1", paid_cents=line.paid_cents, adjudicated_on=date(2026, 4, 1), lines=(line,)
        ),
    )


def checked(*rules: str) -> ClaimScrubbed:
    found = tuple(Finding(rule=rule, severity="warning", place="claim", message="m", fix="f") for rule in rules)
    return structs.replace(scrubbed_clean(), findings=found)


def told_by(*events: object, denied_cents: int = 0) -> list[SeeAnswer | SeeOutcome]:
    said = [*events, answer(denied_cents)]
    stream = [recorded(event, version=number) for number, event in enumerate(said, start=1)]  # type: ignore[arg-type]
    return outcomes(stream[-1], stream)


def test_what_it_said_when_the_claim_was_sent_is_held_against_the_answer() -> None:
    sent = (SENT[0], checked(RULE, "own-by-hand"), released(), batched(), submitted())
    [denied] = told_by(*sent, denied_cents=100_00)
    assert denied == SeeAnswer(
        rule_id=RULE, claim_id=PRIMARY_CLAIM, denied_cents=100_00, paid_cents=0, reasons=frozenset({"4"})
    )
    [paid] = told_by(*sent)
    assert paid == SeeAnswer(
        rule_id=RULE, claim_id=PRIMARY_CLAIM, denied_cents=0, paid_cents=80_00, reasons=frozenset()
    )
    assert told_by(SENT[0], checked(), released(), batched(), submitted()) == []


def test_what_somebody_mended_before_it_was_sent_was_right() -> None:
    sent = (SENT[0], checked(RULE), checked(), released(), batched(), submitted())
    assert told_by(*sent) == [SeeOutcome(rule_id=RULE, claim_id=PRIMARY_CLAIM, is_right=True, how="mended")]


def test_a_rule_that_fell_warns_in_the_book_and_one_that_warns_stays() -> None:
    write = WriteRule(
        rule_id=RULE,
        name="Learned",
        order=900,
        when={"property": "claim.rank", "operator": "equals", "value": 1},
        action="hold",
        message="m",
        fix="f",
        by="user:mia",
    )
    book = Specification(rule_book).when(write, EnableRule(rule_id=RULE, by="user:mia")).state
    soft = softened(book, RULE)
    assert soft is not None and (soft.action, soft.by) == ("warn", "policy:claims.soften-learned-rules")
    after = Specification(rule_book).when(write, EnableRule(rule_id=RULE, by="user:mia"), soft).state
    rule = after.rule(RULE)
    assert rule is not None and (rule.action, rule.version, RULE in after.enabled) == ("warn", 2, True)
    assert softened(after, RULE) is None
