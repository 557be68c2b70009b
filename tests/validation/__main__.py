"""Does somebody else's validator accept a thousand claims of every kind, and a hundred acknowledgements, that we write?

`make validate` writes 500 professional and 500 institutional claims and a 999 for each of 120 damaged files, and has pyx12
read them all. It takes some minutes; the suite does the same with a few of each. Exit code 1 when anything is refused.
"""

import sys
from collections import Counter
from datetime import UTC, datetime

from shared.codecs.x12.acknowledge import answers_to
from shared.codecs.x12.acknowledgement_999 import write_999
from shared.codecs.x12.claim_837i import write_837i
from shared.codecs.x12.claim_837p import write_837p
from shared.codecs.x12.claim_parts import Claim
from tests.unit.codecs.x12.generated import institutional_batch, kinds_of, professional_batch
from tests.unit.codecs.x12.test_faults import faults_of
from tests.unit.codecs.x12.test_independent_validator import verdict

_CLAIMS, _IN_ONE = 500, 50
_ACKNOWLEDGED = ("837P", "837I", "837D", "835", "276", "278 request")
_FAULTS_OF_EACH = 20


def main() -> int:
    refused: list[str] = []
    natures: Counter[str] = Counter()

    def validate(name: str, data: bytes, claims: tuple[Claim, ...] = ()) -> None:
        accepted, said = verdict(data)
        natures.update(kinds_of(claims))
        print(f"{name}: {len(data):,} bytes {'accepted' if accepted else 'REFUSED'}", flush=True)
        if not accepted:
            refused.append(f"{name}\n{said}")

    for seed in range(_CLAIMS // _IN_ONE):
        professional = professional_batch(seed, _IN_ONE)
        validate(f"837P, seed {seed}", write_837p([professional]), professional.claims)
        institutional = institutional_batch(seed, _IN_ONE)
        validate(f"837I, seed {seed}", write_837i([institutional]), institutional.claims)
    now = datetime(2026, 2, 1, 9, 0, tzinfo=UTC)
    acknowledged = 0
    for kind in _ACKNOWLEDGED:
        faults = list(faults_of(kind))
        for fault in faults[:: len(faults) // _FAULTS_OF_EACH][:_FAULTS_OF_EACH]:
            groups = answers_to(fault.data, written_at=now, number=900).groups
            if groups:
                acknowledged += 1
                validate(f"999 of {kind}, {fault.name}", write_999(groups[:1]))
    print(dict(natures), f"{acknowledged} acknowledgements, {len(refused)} refused")
    print("\n".join(refused))
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
