"""Does somebody else's validator accept what we write? pyx12, written from the implementation guides."""

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from shared.codecs.x12.acknowledge import answers_to
from shared.codecs.x12.acknowledgement_999 import read_999, write_999
from shared.codecs.x12.claim_837i import write_837i
from shared.codecs.x12.claim_837p import ClaimBatch, OtherCoverage, read_837p, write_837p
from shared.codecs.x12.claim_acknowledgement_277ca import read_277ca, write_277ca
from shared.codecs.x12.elements import Address, Adjustment, Dated, Party, Reference
from shared.codecs.x12.remittance_835 import read_835, write_835
from tests.unit.codecs.x12 import test_acknowledgements
from tests.unit.codecs.x12.examples import CLAIMS, REMITTANCE
from tests.unit.codecs.x12.generated import (
    INSTITUTIONAL_KINDS,
    PROFESSIONAL_KINDS,
    institutional_batch,
    professional_batch,
)
from tests.unit.codecs.x12.test_faults import faults_of

pyx12_params = pytest.importorskip("pyx12.params")
pyx12_document = pytest.importorskip("pyx12.x12n_document")


def verdict(data: bytes) -> tuple[bool, str]:
    """Whether it is accepted, and what was said of it."""
    said = io.StringIO()
    accepted = pyx12_document.x12n_document(
        pyx12_params.params(), io.StringIO(data.decode("ascii")), None, None, fd_json=said
    )
    return bool(accepted), said.getvalue()


def batch() -> ClaimBatch:
    (read,) = read_837p(CLAIMS)
    return read


def test_the_validator_refuses_what_is_wrong() -> None:
    accepted, said = verdict(CLAIMS.replace(b"SE*59", b"SE*58"))
    assert not accepted
    assert json.loads(said)


def test_it_accepts_our_837p_of_own_and_dependents_claims() -> None:
    accepted, said = verdict(write_837p([batch()]))
    assert accepted, said


def test_it_accepts_every_optional_part_of_our_837p() -> None:
    base = batch()
    claim = base.claims[0]
    coverage: OtherCoverage = replace(
        base.claims[1].other_coverages[0],
        adjustments=(Adjustment(group="CO", reason="45", cents=10_00, quantity=Decimal(1)),),
        remaining_patient_cents=5_00,
        adjudicated_on=date(2026, 1, 8),
    )
    doctor = Party(role="DN", is_person=True, name="REFERRER", first_name="RUTH", id_qualifier="XX", id="1679576722")
    box = Address(line_1="PO BOX 5", city="SPRINGFIELD", state="IL", postal_code="627010005")
    place = replace(claim.billing_provider.party, role="77", references=(), contacts=())
    line = replace(
        claim.lines[0],
        prior_authorization="AUTH78",
        place_of_service="12",
        is_emergency=True,
        note="NOTE",
        rendering=replace(doctor, role="82", taxonomy="207Q00000X"),
        adjudications=base.claims[1].lines[0].adjudications,
    )
    full = replace(
        claim,
        billing_provider=replace(claim.billing_provider, pay_to=Party(role="87", address=box)),
        patient_paid_cents=15_00,
        frequency="7",
        payer_control_number="PCN-1",
        references=(Reference("EA", "MRN1"),),
        dates=(Dated(qualifier="431", first_on=date(2026, 1, 1)),),
        note="A NOTE",
        referring=doctor,
        facility=place,
        other_coverages=(coverage,),
        lines=(line,),
        delay_reason="1",
    )
    accepted, said = verdict(write_837p([replace(base, claims=(full, base.claims[1]))]))
    assert accepted, said


def test_it_accepts_our_835() -> None:
    accepted, said = verdict(write_835(list(read_835(REMITTANCE))))
    assert accepted, said


def test_it_accepts_our_999_and_our_277ca() -> None:
    for written in (
        write_999(list(read_999(test_acknowledgements.GROUP))),
        write_277ca(list(read_277ca(test_acknowledgements.BATCH))),
    ):
        accepted, said = verdict(written)
        assert accepted, said


def test_it_accepts_generated_claims_of_every_kind() -> None:
    """A few of each; `make validate` does a thousand."""
    professional = professional_batch(11, len(PROFESSIONAL_KINDS))
    institutional = institutional_batch(11, len(INSTITUTIONAL_KINDS))
    for written in (write_837p([professional]), write_837i([institutional])):
        accepted, said = verdict(written)
        assert accepted, said


@pytest.mark.parametrize("kind", ["837P", "835"])
def test_it_accepts_the_999_that_answers_a_damaged_file(kind: str) -> None:
    faults = list(faults_of(kind))
    for fault in faults[:: len(faults) // 4]:
        answers = answers_to(fault.data, written_at=datetime(2026, 2, 1, 9, 0, tzinfo=UTC), number=900)
        accepted, said = verdict(write_999(answers.groups))
        assert accepted, f"{fault.name}\n{said}"
