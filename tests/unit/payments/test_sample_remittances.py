"""Real 835s of many payers: each is received or held by rule, and every cent of it stays accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.payments.adapters.x12_remittance import RemittanceRead, read_remittances
from services.payments.domain.claim_account.commands import PostClaimPayment
from services.payments.domain.claim_account.decider import claim_account
from services.payments.domain.remittance.commands import ReceiveRemittance
from services.payments.domain.remittance.decider import remittance
from shared.events.payments import RemittanceReceived
from shared.testing.specification import Specification
from tests.unit.payments.stories import balances, ledger_line, note_payers, post_charges

spec = Specification(remittance)


def remittances_in(samples: Path) -> list[tuple[str, RemittanceRead]]:
    """The first remittances of each file: one of them repeats itself more than a hundred times."""
    files = sorted((samples / "x12" / "835").glob("*.edi"))
    return [(path.name, read) for path in files for read in read_remittances(path.read_bytes(), path.name)[:3]]


def posted_to_accounts(read: RemittanceRead) -> list[Any]:
    """The events of every claim, each posted to an account with the charge that the payer names."""
    events: list[Any] = []
    for answer in read.answers():
        charges = post_charges(lines=(ledger_line("L1", max(answer.charged_cents, 0)),))
        events += Specification(claim_account).when(charges, note_payers(), PostClaimPayment(answer=answer)).events
    return events


def test_each_sample_is_received_or_held_and_says_why(samples: Path) -> None:
    found = remittances_in(samples)
    assert len(found) > 15
    outcomes = [spec.when(ReceiveRemittance(told=read.told)).events[0] for _, read in found]
    assert all(isinstance(each, RemittanceReceived) or each.findings for each in outcomes)
    tests = [whole for whole, (_, read) in zip(outcomes, found, strict=True) if read.told.usage == "T"]
    assert len(tests) > 5
    assert all("test-file" in [finding.rule for finding in whole.findings] for whole in tests)


def test_most_samples_are_received_where_their_usage_is_posted(samples: Path) -> None:
    found = [read for _, read in remittances_in(samples)]
    outcomes = [spec.when(ReceiveRemittance(told=read.told, usage_here=read.told.usage)).events[0] for read in found]
    assert sum(isinstance(each, RemittanceReceived) for each in outcomes) > len(outcomes) // 2


def test_what_a_sample_pays_is_what_its_claims_and_provider_adjustments_move(samples: Path) -> None:
    received = 0
    for name, read in remittances_in(samples):
        whole = spec.when(ReceiveRemittance(told=read.told, usage_here=read.told.usage)).events
        if not isinstance(whole[0], RemittanceReceived):
            continue
        received += 1
        events = [*whole, *posted_to_accounts(read)]
        assert all(sum(p.amount_cents for p in getattr(each, "postings", ())) == 0 for each in events), name
        held = sum(getattr(each, "paid_cents", 0) for each in events if type(each).__name__ == "RemittanceClaimHeld")
        assert balances(events).get("suspense", 0) == -held, name
    assert received > 10
