"""Is what we write of every kind of claim sound by our own check, and does it read back as the same claim?"""

import pytest

from shared.codecs.x12.check import check
from shared.codecs.x12.claim_837d import read_837d, write_837d
from shared.codecs.x12.claim_837i import read_837i, write_837i
from shared.codecs.x12.claim_837p import read_837p, write_837p
from tests.unit.codecs.x12.generated import dental_batch, institutional_batch, professional_batch


@pytest.mark.parametrize("seed", range(3))
def test_professional_claims_come_back_as_they_were(seed: int) -> None:
    batch = professional_batch(seed, 16)
    written = write_837p([batch])
    assert check(written, npi="error") == []
    (again,) = read_837p(written)
    assert again.claims == batch.claims


@pytest.mark.parametrize("seed", range(3))
def test_institutional_claims_come_back_as_they_were(seed: int) -> None:
    batch = institutional_batch(seed, 15)
    written = write_837i([batch])
    assert check(written, npi="error") == []
    (again,) = read_837i(written)
    assert again.claims == batch.claims


@pytest.mark.parametrize("seed", range(3))
def test_dental_claims_come_back_as_they_were(seed: int) -> None:
    batch = dental_batch(seed, 20)
    written = write_837d([batch])
    assert check(written, npi="error") == []
    (again,) = read_837d(written)
    assert again.claims == batch.claims
