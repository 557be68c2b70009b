"""What follows from what a payer says: paid, denied, taken back, forwarded?

Source: X12 005010X221A1 (CLP02), in our own words. A claim is finished with its last denial; what an earlier payer left goes to the next
one with its answer verbatim; a forwarded claim is not sent again.
"""

from __future__ import annotations

from msgspec import structs

from services.claims.domain.claim.commands import (
    CloseReason,
    RecordAdjudication,
    RecordDenial,
    RecordReversal,
    SettleDenial,
)
from services.claims.domain.claim.endings import closed
from services.claims.domain.claim.numbering import first_claim_of_rank
from services.claims.domain.claim.state import Answer, Claim, Stage, evolve
from services.claims.domain.errors import (
    AnswerUnknown,
    ClaimIsVoided,
    ClaimNotSubmitted,
    NextPayerUnknown,
)
from shared.events.claims import (
    ClaimAdjudicated,
    ClaimClosed,
    ClaimCreated,
    ClaimDenialSettled,
    ClaimDenied,
    ClaimEvent,
    CrossoverAwaited,
    FollowUpDue,
    PayerControlNumberKnown,
    PriorAdjudication,
    SecondaryClaimDue,
)
from shared.events.values import CoverageSnapshot

_FINAL_BY_OUTCOME: dict[str, CloseReason] = {
    "paid": "paid",
    "written-off": "written-off",
    "patient": "patient",
    "corrected-claim": "replaced",
    "not-workable": "denied-final",
}


def record_adjudication(command: RecordAdjudication, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """A batch that is being sent counts as sent: nobody answers what they have not got."""
    _refuse_unless_it_may_be_answered(claim, content)
    answer = _with_payer(command.answer, content)
    if any((a.remittance_id, a.ordinal) == (command.remittance_id, command.ordinal) for a in claim.answers):
        return []
    adjudicated = ClaimAdjudicated(
        claim_id=content.claim_id,
        rank=answer.rank,
        remittance_id=command.remittance_id,
        ordinal=command.ordinal,
        paid_cents=answer.paid_cents,
        patient_responsibility_cents=command.patient_responsibility_cents,
        denied_cents=command.denied_cents,
        payer_control_number=answer.payer_control_number,
        adjudicated_on=answer.adjudicated_on,
        forwarded_to_next_payer=command.is_forwarded,
        next_rank=command.next_rank,
        answer=answer,
    )
    known = known_number(answer.payer_control_number, claim, content)
    after = evolve(claim, adjudicated)
    noted = after.answers[-1]
    follows = _ends(noted, after, content) if noted.is_set_aside else consequences(noted, after, content)
    return [adjudicated, *known, *follows]


def _with_payer(answer: PriorAdjudication, content: ClaimCreated) -> PriorAdjudication:
    """The ledger may not know the payer of a rank; the claim does."""
    coverage = _coverage_of_rank(content, answer.rank)
    return answer if answer.payer_id or coverage is None else structs.replace(answer, payer_id=coverage.payer_id)


def _refuse_unless_it_may_be_answered(claim: Claim, content: ClaimCreated) -> None:
    if claim.stage is Stage.VOIDED:
        raise ClaimIsVoided("the claim was voided", claim=content.claim_id)
    if claim.submissions == 0 and claim.stage is not Stage.BATCHED:
        raise ClaimNotSubmitted("the claim was never sent", claim=content.claim_id)


def consequences(answer: Answer, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """Who is next: the payer it was forwarded to, the next payer, a denial specialist, the patient, or nobody."""
    rank, next_rank = answer.adjudication.rank, answer.next_rank or 0
    if answer.is_forwarded:
        return [CrossoverAwaited(claim_id=content.claim_id, next_rank=max(next_rank, rank + 1))]
    if next_rank > rank:
        return _to_next_payer(next_rank, answer, claim, content)
    return _ends(answer, claim, content)


def _ends(answer: Answer, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """The last payer owes nothing more: whether the claim was replaced before this answer or after it makes no difference."""
    is_last = not answer.is_forwarded and (answer.next_rank or 0) <= answer.adjudication.rank
    return [closed(content, _paid_or_patient(claim))] if is_last and not answer.denied_cents else []


def _to_next_payer(next_rank: int, answer: Answer, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if _coverage_of_rank(content, next_rank) is None:
        return [
            FollowUpDue(
                claim_id=content.claim_id,
                waiting_for="a person",
                since_on=answer.adjudication.adjudicated_on,
                next_action="the next payer is not known here: check the order of coverages",
            )
        ]
    due = _next_claim(next_rank, claim, content)
    return [due] if answer.denied_cents else [due, closed(content, "next-payer")]


def _next_claim(rank: int, claim: Claim, content: ClaimCreated) -> SecondaryClaimDue:
    return SecondaryClaimDue(
        claim_id=content.claim_id,
        next_claim_id=first_claim_of_rank(content.account_id, rank=rank),
        next_rank=rank,
        prior=_answers_before(rank, claim, content),
        account_id=content.account_id,
        patient_id=content.patient_id,
        patient=content.patient,
        services=content.services,
        coverages=content.coverages,
    )


def _answers_before(rank: int, claim: Claim, content: ClaimCreated) -> tuple[PriorAdjudication, ...]:
    """The last standing answer of each earlier payer, verbatim."""
    by_rank = {prior.rank: prior for prior in content.prior}
    by_rank |= {answer.adjudication.rank: answer.adjudication for answer in claim.answers}
    return tuple(by_rank[earlier] for earlier in sorted(by_rank) if earlier < rank)


def _coverage_of_rank(content: ClaimCreated, rank: int) -> CoverageSnapshot | None:
    return next((coverage for coverage in content.coverages if coverage.rank == rank), None)


def _paid_or_patient(claim: Claim) -> CloseReason:
    if any(answer.patient_responsibility_cents for answer in claim.answers):
        return "patient"
    return "paid" if any(answer.adjudication.paid_cents for answer in claim.answers) else "nothing-due"


def raise_next_claim(claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    rank = claim.crossover_rank
    if not rank or _coverage_of_rank(content, rank) is None:
        raise NextPayerUnknown("the claim was not forwarded to a payer that we know", claim=content.claim_id, rank=rank)
    return [_next_claim(rank, claim, content), *([] if claim.open_denials else [closed(content, "next-payer")])]


def record_reversal(command: RecordReversal, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    reversed_key = (command.reverses_remittance_id, command.reverses_ordinal)
    if reversed_key not in {(answer.remittance_id, answer.ordinal) for answer in claim.answers}:
        raise AnswerUnknown(
            "no such answer stands on the claim", claim=content.claim_id, remittance=command.reverses_remittance_id
        )
    reversal = ClaimAdjudicated(
        claim_id=content.claim_id,
        rank=command.rank,
        remittance_id=command.remittance_id,
        ordinal=command.ordinal,
        paid_cents=command.paid_cents,
        patient_responsibility_cents=0,
        denied_cents=0,
        adjudicated_on=command.reversed_on,
        is_reversal=True,
        reverses_remittance_id=command.reverses_remittance_id,
        reverses_ordinal=command.reverses_ordinal,
        reversed_denial_ids=_denials_of(command.reverses_remittance_id, claim),
    )
    return [reversal, *_after_reversal(claim, content)]


def _after_reversal(claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """What was replaced or voided has come to its end; otherwise the payer owes a new answer."""
    match claim.next_frequency:
        case "7":
            return [closed(content, "replaced")]
        case "8":
            return [ClaimClosed(claim_id=content.claim_id, reason="voided", next_claim_id=claim.next_claim_id)]
        case _:
            return []


def _denials_of(remittance_id: str, claim: Claim) -> tuple[str, ...]:
    return tuple(denial.denial_id for denial in claim.open_denials if denial.remittance_id == remittance_id)


def record_denial(command: RecordDenial, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if any(denial.denial_id == command.denial_id for denial in claim.open_denials):
        return []
    if not any(answer.remittance_id == command.remittance_id for answer in claim.answers):
        raise AnswerUnknown(
            "no such answer stands on the claim", claim=content.claim_id, remittance=command.remittance_id
        )
    return [
        ClaimDenied(
            claim_id=content.claim_id,
            denial_id=command.denial_id,
            remittance_id=command.remittance_id,
            denied_cents=command.denied_cents,
            group=command.group,
            reason=command.reason,
        )
    ]


def settle_denial(command: SettleDenial, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """The claim is finished with its last denial."""
    if not any(denial.denial_id == command.denial_id for denial in claim.open_denials):
        return []  # A reversal has closed it together with the answer.
    settled = ClaimDenialSettled(claim_id=content.claim_id, denial_id=command.denial_id, outcome=command.outcome)
    after = evolve(claim, settled)
    is_finished = not after.open_denials and after.stage is Stage.ADJUDICATED and not after.crossover_rank
    if not is_finished:
        return [settled]
    return [settled, closed(content, _FINAL_BY_OUTCOME.get(command.outcome) or _paid_or_patient(after))]


def known_number(payer_control_number: str, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    """A replacement that waits for the payer's control number is told as soon as somebody names it."""
    if not payer_control_number or not claim.next_claim_id or claim.payer_control_number:
        return []
    return [
        PayerControlNumberKnown(
            claim_id=content.claim_id, next_claim_id=claim.next_claim_id, payer_control_number=payer_control_number
        )
    ]
