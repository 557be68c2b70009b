"""What `ledgerline verify` would say of a good history, and of ones that must never be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.claims.invariants import ClaimsLeaveOnce, ControlNumbersAreUsedOnce, ReadyAccountsHaveClaims
from shared.events.base import Event
from shared.events.batches import BatchAssembled, InterchangeStored
from shared.events.claims import AccountReadyToBill
from shared.runtime.invariants import CheckResult
from tests.unit.claims.examples import (
    ACCOUNT,
    PARTNER,
    PATIENT,
    PATIENT_PERSON,
    PRIMARY_CLAIM,
    SENT,
    SERVICES,
    SOURCE,
    batched,
    coverage,
    created,
    submitted,
)
from tests.unit.claims.test_claim_read_models import recorded

READY = AccountReadyToBill(
    account_id=ACCOUNT,
    claim_id=PRIMARY_CLAIM,
    patient_id=PATIENT,
    release=1,
    services=SERVICES,
    coverages=(coverage(),),
    patient=PATIENT_PERSON,
)


def checked(invariant: Any, events: Sequence[Event], stream: str = f"claim/{PRIMARY_CLAIM}") -> CheckResult:
    for version, event in enumerate(events, start=1):
        invariant.see(recorded(event, stream=stream, version=version))
    result: CheckResult = invariant.result()
    return result


def assembled(control_number: int) -> BatchAssembled:
    return BatchAssembled(
        partner_id=PARTNER, batch_id=f"{PARTNER}-{control_number:09d}", control_number=control_number, claims=()
    )


def test_a_good_history_has_no_violation() -> None:
    result = checked(ClaimsLeaveOnce(), SENT)
    assert (result.checked, result.violations) == (3, [])
    assert checked(ControlNumbersAreUsedOnce(), [assembled(1), assembled(2)], "partner/p").violations == []
    assert checked(ReadyAccountsHaveClaims(), [READY, created()]).violations == []


def test_a_version_that_was_sent_twice_is_found() -> None:
    [violation] = checked(ClaimsLeaveOnce(), [*SENT, submitted()]).violations
    assert violation.found == "submitted again"


def test_a_version_in_two_batches_is_found() -> None:
    [violation] = checked(ClaimsLeaveOnce(), [*SENT, batched(control_number=2)]).violations
    assert violation.found == "another batch"


def test_a_control_number_that_is_skipped_or_used_again_is_found() -> None:
    found = checked(ControlNumbersAreUsedOnce(), [assembled(1), assembled(3), assembled(3)], "partner/p").violations
    assert [(one.expected, one.found) for one in found] == [("control number 2", "3"), ("control number 4", "3")]


def test_bytes_that_were_stored_twice_are_found() -> None:
    stored = InterchangeStored(
        partner_id=PARTNER, batch_id="b", control_number=1, file_name="a", document=SOURCE, claim_ids=()
    )
    assert len(checked(ControlNumbersAreUsedOnce(), [stored, stored], "batch/b").violations) == 1


def test_an_account_that_is_ready_and_has_no_claim_is_found() -> None:
    [violation] = checked(ReadyAccountsHaveClaims(), [READY]).violations
    assert violation.expected == f"claim {PRIMARY_CLAIM}"
