"""What was typed in from paper is read again as it was typed, as if the payer had sent it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from services.payments.adapters.paper_remittances import PaperClaim, PaperRemittance, as_835
from services.payments.adapters.remittance_files import Paper, Received, RemittanceFiles
from services.payments.adapters.x12_remittance import read_remittances
from services.payments.domain.remittance.commands import ProviderAdjustmentTold
from shared.events.values import AdjudicatedLine, Adjustment
from tests.golden.office import Office, in_office

CLAIM = "0123456789ABCDEF1"
LINE = AdjudicatedLine(
    line_id="L1",
    procedure_code="99213",
    modifiers=("25", "59"),
    charged_cents=150_00,
    paid_cents=96_00,
    units="2",
    service_on=date(2026, 3, 2),
    adjustments=(
        Adjustment(group="CO", reason="45", amount_cents=30_00),
        Adjustment(group="PR", reason="2", amount_cents=24_00),
    ),
    remarks=("N620", "MA01"),
)
WHOLE = PaperClaim(
    claim_id="A-77",
    status="22",
    charged_cents=-400_00,
    paid_cents=-364_00,
    payer_control_number="ICN9",
    original_payer_control_number="ICN2",
    adjustments=(Adjustment(group="CO", reason="45", amount_cents=-36_00),),
    remarks=("MA67", "N1"),
)
PAPER = PaperRemittance(
    payer_identifier="1512345678",
    payer_name="O'Hara & Sons Health",
    payer_electronic_id="60054",
    trace_number="CHECK-100",
    payment_on=date(2026, 3, 20),
    payment_cents=0,
    method="NON",
    claims=(PaperClaim(claim_id=CLAIM, status="1", charged_cents=150_00, paid_cents=96_00, lines=(LINE,)), WHOLE),
    provider_adjustments=(
        ProviderAdjustmentTold(reason="FB", reference="CHECK-100", amount_cents=-268_00),
        ProviderAdjustmentTold(reason="L6", reference="", amount_cents=-1),
    ),
)


def test_every_word_comes_back() -> None:
    [read] = read_remittances(as_835(PAPER), "d0")
    told = read.told
    assert (told.payer_identifier, told.payer_name) == ("1512345678", "O'Hara & Sons Health")
    assert (told.trace_number, told.payment_on, told.payment_cents) == ("CHECK-100", date(2026, 3, 20), 0)
    assert (told.method, told.provider_adjustments, told.findings) == ("NON", PAPER.provider_adjustments, ())
    first, second = read.answers()
    assert (first.claim_id, first.status, first.lines) == (CLAIM, "1", (LINE,))
    assert (first.patient_responsibility_cents, first.payer_identifiers) == (24_00, ("60054", "1512345678"))
    assert (second.status, second.charged_cents, second.paid_cents) == ("22", -400_00, -364_00)
    assert (second.adjustments, second.remarks) == (WHOLE.adjustments, WHOLE.remarks)
    assert (second.payer_control_number, second.original_payer_control_number) == ("ICN9", "ICN2")
    assert first.findings == second.findings == ()


def test_what_is_typed_in_is_posted_in_a_test_installation_too() -> None:
    async def received(office: Office) -> list[Received]:
        files = RemittanceFiles(
            commands=office.process.commands,
            documents=office.ground.documents,
            clock=office.clock,
            remittances=office.process.aggregates["remittance"],
            usage="T",
        )
        paper = replace(PAPER, payment_cents=1)
        typed, sent = as_835(paper), as_835(replace(paper, trace_number="CHECK-101"))
        cause, other = office.cause(), office.cause()
        taken = await files.receive(typed, cause, Paper(entered_by="user:poster", image=None))
        return [*taken, *await files.receive(sent, other)]

    assert [each.outcome for each in in_office(received)] == ["accepted", "held"]


def test_the_same_words_are_the_same_bytes() -> None:
    assert as_835(PAPER) == as_835(PAPER)
