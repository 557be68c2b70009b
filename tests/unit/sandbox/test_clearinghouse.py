from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from deploy.sandbox.book import Book
from deploy.sandbox.clearinghouse import SENT_BY_US, SENT_TO_US, Sandbox
from shared.codecs.x12.acknowledgement_999 import read_999
from shared.codecs.x12.acknowledgement_ta1 import read_ta1
from shared.codecs.x12.check import check
from shared.codecs.x12.claim_837d import DentalBatch, write_837d
from shared.codecs.x12.claim_837i import InstitutionalBatch, write_837i
from shared.codecs.x12.claim_acknowledgement_277ca import read_277ca
from shared.codecs.x12.remittance_835 import ClaimPayment, RemittanceAdvice, read_835
from tests.unit.sandbox.claims import NOON, claim, dentist, hospital, interchange


class Partner:
    """Somebody who sends files and looks at what came back."""

    def __init__(self, root: Path, seed: int = 1) -> None:
        self.root = root
        self.seed = seed
        for name in (SENT_TO_US, SENT_BY_US):
            (root / "clinic" / name).mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        self.book = Book(self.root / "book.sqlite")
        self.sandbox = Sandbox(self.root, self.book, seed=self.seed)

    def restart(self) -> None:
        """As after a crash: nothing is kept but the files."""
        self.book.close()
        self.start()

    def send(self, name: str, content: bytes, at: datetime = NOON) -> None:
        (self.root / "clinic" / SENT_TO_US / name).write_bytes(content)
        self.sandbox.step(at)

    def wait_days(self, days: int, since: datetime = NOON) -> None:
        for hour in range(0, days * 24 + 1, 6):
            self.sandbox.step(since + timedelta(hours=hour))

    def received(self, kind: str) -> list[bytes]:
        return [file.read_bytes() for file in sorted((self.root / "clinic" / SENT_BY_US).glob(f"*.{kind}"))]

    def remittances(self) -> list[RemittanceAdvice]:
        return [advice for content in self.received("835") for advice in read_835(content)]

    def payments(self) -> list[ClaimPayment]:
        return [payment for advice in self.remittances() for payment in advice.claims]


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[Partner]:
    made = Partner(tmp_path)
    yield made
    made.book.close()


def test_a_claim_is_acknowledged_accepted_and_paid(partner: Partner) -> None:
    partner.send("a.837", interchange(claim(150_14)))
    partner.wait_days(30)
    [ta1] = [ack for content in partner.received("ta1") for ack in read_ta1(content)]
    [group] = [ack for content in partner.received("999") for ack in read_999(content)]
    stages = [
        status.codes[0].category
        for content in partner.received("277ca")
        for ack in read_277ca(content)
        for one in ack.claims
        for status in one.statuses
    ]
    assert (ta1.is_accepted, group.status, stages) == (True, "A", ["A1", "A2"])
    [payment] = partner.payments()
    assert (payment.claim_id, payment.status, payment.paid_cents) == ("CLAIM1", "1", 83_10)


def stages(partner: Partner) -> list[str]:
    return [
        status.codes[0].category
        for content in partner.received("277ca")
        for ack in read_277ca(content)
        for one in ack.claims
        for status in one.statuses
    ]


def test_a_hospitals_claim_is_answered_by_revenue_code_and_type_of_bill(partner: Partner) -> None:
    partner.send("a.837", interchange(hospital(), batch=InstitutionalBatch, write=write_837i))
    partner.wait_days(30)
    [group] = [ack for content in partner.received("999") for ack in read_999(content)]
    assert (group.status, stages(partner)) == ("A", ["A1", "A2"])
    [content] = partner.received("835")
    assert [finding for finding in check(content) if finding.severity == "error"] == []
    [payment] = partner.payments()
    assert (payment.facility_type, payment.frequency, payment.charged_cents) == ("13", "1", 845_14)
    visit, drug = payment.lines
    assert visit.procedure is not None
    assert (visit.procedure.qualifier, visit.procedure.code, visit.revenue_code) == ("HC", "99283", "0450")
    assert drug.procedure is not None
    assert (drug.procedure.qualifier, drug.procedure.code, drug.revenue_code) == ("NU", "0250", "")
    assert drug.control_number == "CLAIM1-2"


def test_a_dentists_claim_is_answered_under_cdt(partner: Partner) -> None:
    partner.send("a.837", interchange(dentist(), batch=DentalBatch, write=write_837d))
    partner.wait_days(30)
    assert stages(partner) == ["A1", "A2"]
    [payment] = partner.payments()
    [line] = payment.lines
    assert line.procedure is not None
    assert (line.procedure.qualifier, line.procedure.code, line.charged_cents) == ("AD", "D2392", 190_14)


def test_everything_that_is_said_is_well_formed_and_balances(partner: Partner) -> None:
    claims = [claim(100_00 + cents, number=f"C{cents}") for cents in (4, 5, 6, 7, 8, 11, 12, 13, 14)]
    partner.send("a.837", interchange(*claims))
    partner.wait_days(60)
    for kind in ("ta1", "999", "277ca", "835"):
        for content in partner.received(kind):
            assert [finding for finding in check(content) if finding.severity == "error"] == []


def test_a_repeated_control_number_is_refused_and_pays_nothing_more(partner: Partner) -> None:
    partner.send("a.837", interchange(claim(150_14)))
    partner.send("b.837", interchange(claim(160_14, number="C2")))
    partner.wait_days(30)
    notes = [ack.note for content in partner.received("ta1") for ack in read_ta1(content)]
    assert notes == ["000", "025"]
    assert [payment.claim_id for payment in partner.payments()] == ["CLAIM1"]


def test_the_same_file_again_changes_nothing(partner: Partner) -> None:
    for _ in range(3):
        partner.send("a.837", interchange(claim(150_14)))
    partner.wait_days(30)
    assert (len(partner.received("ta1")), len(partner.payments())) == (1, 1)


def test_one_bad_claim_is_rejected_and_the_others_go_on(partner: Partner) -> None:
    bad = claim(120_14, number="BAD", diagnoses=())
    partner.send("a.837", interchange(claim(150_14, number="GOOD"), bad))
    partner.wait_days(30)
    [group] = [ack for content in partner.received("999") for ack in read_999(content)]
    assert (group.status, [one.status for one in group.sets]) == ("P", ["A", "R"])
    assert [payment.claim_id for payment in partner.payments()] == ["GOOD"]


def test_a_silent_claim_is_received_and_never_answered(partner: Partner) -> None:
    partner.send("a.837", interchange(claim(100_03)))
    partner.wait_days(90)
    assert (len(partner.received("999")), partner.payments()) == (1, [])


def test_a_takeback_is_announced_and_recovered_from_a_later_payment(partner: Partner) -> None:
    partner.send("a.837", interchange(claim(150_08, number="BACK")))
    partner.wait_days(25)
    partner.send("b.837", interchange(claim(300_14, number="LATER"), number=2), NOON + timedelta(days=25))
    partner.wait_days(30, NOON + timedelta(days=25))
    statuses = [payment.status for payment in partner.payments() if payment.claim_id == "BACK"]
    moved = [each.cents for advice in partner.remittances() for each in advice.provider_adjustments]
    assert statuses == ["1", "22", "1"]
    assert len(moved) == 2
    assert sum(moved) == 0


def test_a_payers_mistake_of_a_cent_is_found_by_the_check(partner: Partner) -> None:
    partner.send("a.837", interchange(claim(100_09)))
    partner.wait_days(30)
    [content] = partner.received("835")
    assert [finding for finding in check(content) if finding.severity == "error"] != []


def test_the_same_claims_in_another_order_and_with_a_crash_are_paid_the_same(tmp_path: Path) -> None:
    claims = [claim(100_00 + 10 * n, number=f"C{n}") for n in range(12)]
    outcomes = []
    for name, order, crash in (("one", claims, False), ("two", claims[::-1], True)):
        partner = Partner(tmp_path / name)
        for number, each in enumerate(order, start=1):
            partner.send(f"{number}.837", interchange(each, number=number))
            if crash:
                partner.restart()
        partner.wait_days(60)
        outcomes.append(
            sorted((payment.claim_id, payment.status, payment.paid_cents) for payment in partner.payments())
        )
        partner.book.close()
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0]) >= 8
