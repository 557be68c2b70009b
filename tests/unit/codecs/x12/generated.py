"""Which claims do the validator and the round trips get? Made from a seed: every kind of claim that a practice, a hospital
or a dentist sends. Every person and number is invented."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from shared.codecs.x12.claim_837d import DentalBatch, DentalClaim, DentalLine, Tooth
from shared.codecs.x12.claim_837i import InstitutionalBatch, InstitutionalClaim, InstitutionalLine, Stay
from shared.codecs.x12.claim_837p import ClaimBatch, ProfessionalClaim, ServiceLine
from shared.codecs.x12.claim_parts import (
    BillingProvider,
    Claim,
    LineAdjudication,
    OtherCoverage,
    Patient,
    RelatedCauses,
    Subscriber,
)
from shared.codecs.x12.elements import Address, Adjustment, Contact, Dated, Party, Procedure, Reference
from shared.codecs.x12.envelope import Envelope
from shared.codecs.x12.hierarchy import Beginning
from shared.codecs.x12.hospital_codes import Diagnosis, HospitalCodes, Occurrence, Performed, ValueCode
from shared.codecs.x12.tokenizer import Segment

NOW = datetime(2026, 2, 1, 8, 30, tzinfo=UTC)
_LAST = ["ROE", "POE", "MOE", "O'COE", "VAN DER BERG", "SMITH-JONES", "LI"]
_FIRST = ["ANN", "JOHN", "MARY", "TIM", "ALICE", "SAM"]
_CODES = ["99213", "99214", "87880", "80053", "71046", "36415", "93000"]
_ICD = [
    "J0190",
    "E119",
    "I10",
    "M545",
    "R0602",
    "K219",
    "J189",
    "E785",
    "N390",
    "F329",
    "G43909",
    "L309",
    "Z0000",
    "D649",
]


class Maker:
    """Claims from one stream of chance."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.number = 0
        self.earlier = 0  # payers who decided before, of the claim that is made now

    def one_in(self, times: int) -> bool:
        return self.chance.randrange(times) == 0

    def npi(self) -> str:
        digits = "1" + "".join(str(self.chance.randrange(10)) for _ in range(8))
        total = 24
        for place, digit in enumerate(reversed(digits + "0")):
            value = int(digit) * (2 if place % 2 else 1)
            total += value - 9 if value > 9 else value
        return digits + str(-total % 10)

    def address(self, *, is_long: bool = False) -> Address:
        return Address(
            line_1=f"{self.chance.randrange(1, 999)} ELM STREET",
            line_2="SUITE 4" if self.one_in(4) else "",
            city="SPRINGFIELD",
            state="IL",
            postal_code="627010001" if is_long else "62704",
        )

    def organisation(self, role: str, name: str, **more: object) -> Party:
        return Party(role=role, name=name, id_qualifier="XX", id=self.npi(), **more)  # type: ignore[arg-type]

    def doctor(self, role: str, *, taxonomy: str = "") -> Party:
        return Party(
            role=role,
            is_person=True,
            name=self.chance.choice(_LAST),
            first_name=self.chance.choice(_FIRST),
            middle_name="Q" if self.one_in(4) else "",
            id_qualifier="XX",
            id=self.npi(),
            taxonomy=taxonomy,
            references=(Reference("0B", "LICENSE5"),) if self.one_in(5) else (),
        )

    def person(self, role: str, *, member: bool = True, whole: bool = True) -> Party:
        return Party(
            role=role,
            is_person=True,
            name=self.chance.choice(_LAST),
            first_name=self.chance.choice(_FIRST),
            name_suffix="JR" if self.one_in(9) else "",
            id_qualifier="MI" if member else "",
            id=f"MEM{self.chance.randrange(10**6):06d}" if member else "",
            address=self.address() if whole else None,
            born_on=date(1930, 1, 1) + timedelta(days=self.chance.randrange(25_000)) if whole else None,
            gender=self.chance.choice("FMU") if whole else "",
        )

    def billing(self, *, taxonomy: str) -> BillingProvider:
        party = self.organisation(
            "85",
            "RIVERSIDE CLINIC",
            address=self.address(is_long=True),
            references=(Reference("EI", "111222333"),),
            contacts=(Contact(name="BILLING", numbers=(("TE", "5555550111"), ("EX", "12"))),) if self.one_in(3) else (),
        )
        box = Address(line_1="PO BOX 5", city="SPRINGFIELD", state="IL", postal_code="627010005")
        pay_to = Party(role="87", address=box) if self.one_in(3) else None
        return BillingProvider(party=party, taxonomy=taxonomy if self.one_in(2) else "", pay_to=pay_to)

    def payer(self, number: int) -> Party:
        return Party(role="PR", name=f"PAYER {number}", id_qualifier="PI", id=f"PAY{number:02d}")

    def day(self) -> date:
        return date(2025, 11, 1) + timedelta(days=self.chance.randrange(60))

    def cents(self) -> int:
        return self.chance.choice([0, 1, 50, 100_00, 12_34, 99_99, 1_234_56, self.chance.randrange(1, 500_000)])

    def context(self, *, taxonomy: str) -> dict[str, object]:
        """What every kind of claim has: who, for whom, original or corrected or voided."""
        self.number += 1
        is_dependent = self.one_in(3)
        subscriber = Subscriber(
            party=self.person("IL", whole=not is_dependent),
            responsibility="PST"[self.earlier],
            group_number="GROUP7" if self.one_in(2) else "",
            filing_indicator=self.chance.choice(["CI", "BL", "HM", "MC", "12"]),
        )
        frequency = self.chance.choice(["1", "1", "1", "7", "8"])
        patient = Patient(party=self.person("QC", member=False), relationship=self.chance.choice(["01", "19", "G8"]))
        return {
            "billing_provider": self.billing(taxonomy=taxonomy),
            "subscriber": subscriber,
            "payer": self.payer(1),
            "patient": patient if is_dependent else None,
            "claim_id": f"CLM{self.number:06d}",
            "frequency": frequency,
            "payer_control_number": f"PCN{self.number}" if frequency != "1" else "",
            "prior_authorization": "AUTH77" if self.one_in(4) else "",
            "note": "SEE ATTACHED RECORD" if self.one_in(5) else "",
            "delay_reason": "9" if self.one_in(20) else "",
        }

    def others_decided(
        self, charges: list[int], codes: list[Procedure | None], revenue: list[str]
    ) -> tuple[tuple[OtherCoverage, ...], list[tuple[LineAdjudication, ...]]]:
        """What earlier payers decided, line by line or for the claim as a whole, always to the cent."""
        payers = self.earlier = self.chance.choice([0, 0, 1, 1, 2])
        coverages: list[OtherCoverage] = []
        decided: list[list[LineAdjudication]] = [[] for _ in charges]
        for rank in range(payers):
            payer = self.payer(rank + 2)
            at_lines = self.one_in(2)
            paid = 0
            adjustments: list[Adjustment] = []
            for at, cents in enumerate(charges):
                share = self.chance.randrange(cents + 1)
                off, rest = share // 2, share - share // 2
                own = [Adjustment(group="CO", reason="45", cents=off), Adjustment(group="PR", reason="2", cents=rest)]
                own = [each for each in own if each.cents]
                paid += cents - share
                if not at_lines:
                    adjustments += own
                    continue
                decided[at].append(
                    LineAdjudication(
                        payer_id=payer.id,
                        paid_cents=cents - share,
                        procedure=codes[at],
                        revenue_code=revenue[at],
                        paid_units=Decimal(1),
                        adjustments=tuple(own),
                        adjudicated_on=date(2026, 1, 15),
                    )
                )
            merged = {(each.group, each.reason): 0 for each in adjustments}
            for each in adjustments:
                merged[each.group, each.reason] += each.cents
            whole = tuple(
                Adjustment(group=group, reason=reason, cents=cents) for (group, reason), cents in merged.items()
            )
            coverages.append(
                OtherCoverage(
                    responsibility="PST"[rank],
                    relationship="18",
                    filing_indicator="CI",
                    adjustments=whole,
                    paid_cents=paid,
                    remaining_patient_cents=5_00 if self.one_in(4) and not at_lines else None,
                    subscriber=self.person("IL", whole=False),
                    payer=payer,
                    adjudicated_on=None if at_lines else date(2026, 1, 15),
                )
            )
        return tuple(coverages), [tuple(each) for each in decided]

    def professional(self, kind: str) -> ProfessionalClaim:
        chance = self.chance
        count = 50 if kind == "fifty lines" else chance.randrange(1, 5)
        diagnoses = tuple(chance.sample(_ICD, 12 if kind == "twelve diagnoses" else chance.randrange(1, 5)))
        charges = [self.cents() for _ in range(count)]
        codes: list[Procedure | None] = [
            Procedure(code=chance.choice(_CODES), modifiers=("25",) if self.one_in(4) else ()) for _ in charges
        ]
        if kind == "anaesthesia":
            codes = [Procedure(code="00400", modifiers=("AA", "P1")) for _ in charges]
        if kind == "ambulance":
            codes = [Procedure(code="A0428", modifiers=("RH",)) for _ in charges]
        coverages, decided = self.others_decided(charges, codes, [""] * count)
        lines = tuple(
            self._service_line(kind, at, charges[at], codes[at], decided[at], len(diagnoses)) for at in range(count)
        )
        accident = kind == "accident"
        others: list[Segment] = []
        if kind == "attachment":
            others.append(Segment(0, ("PWK", "OZ", "BM", "", "", "AC", f"DMN{self.number}")))
        if kind == "anaesthesia":
            others.append(Segment(0, ("HI", "BP:00400")))
        if kind == "ambulance":
            others += [
                Segment(0, ("CR1", "LB", "140", "", "A", "DH", "12")),
                Segment(0, ("CRC", "07", "Y", "01")),
                *(
                    Segment(0, each)
                    for each in (
                        ("NM1", "PW", "2"),
                        ("N3", "1 ROAD"),
                        ("N4", "SPRINGFIELD", "IL", "62704"),
                        ("NM1", "45", "2"),
                        ("N3", "2 ROAD"),
                        ("N4", "SPRINGFIELD", "IL", "62704"),
                    )
                ),
            ]
        place = "41" if kind == "ambulance" else chance.choice(["11", "22", "21"])
        dates = (Dated(qualifier="439", first_on=self.day()),) if accident else ()
        dates += (Dated(qualifier="435", first_on=self.day()),) if place == "21" else ()
        return ProfessionalClaim(
            **self.context(taxonomy="207Q00000X"),  # type: ignore[arg-type]
            charged_cents=sum(charges),
            place_of_service=place,
            related_causes=RelatedCauses(codes=("AA",), state="IL") if accident else None,
            patient_paid_cents=15_00 if self.one_in(4) else None,
            diagnoses=diagnoses,
            references=(Reference("EA", "RECORD5"),) if self.one_in(3) else (),
            dates=dates,
            referring=self.doctor("DN") if self.one_in(3) else None,
            rendering=self.doctor("82", taxonomy="207Q00000X") if self.one_in(2) else None,
            facility=self.organisation("77", "SURGERY CENTER", address=self.address(is_long=True))
            if self.one_in(4)
            else None,
            supervising=self.doctor("DQ") if self.one_in(6) else None,
            other_coverages=coverages,
            lines=lines,
            others=tuple(others),
        )

    def _service_line(
        self,
        kind: str,
        at: int,
        cents: int,
        code: Procedure | None,
        decided: tuple[LineAdjudication, ...],
        diagnoses: int,
    ) -> ServiceLine:
        assert code is not None
        first = self.day()
        others: tuple[Segment, ...] = ()
        if kind == "drug":
            others = (
                Segment(0, ("LIN", "", "N4", "01234567891")),
                Segment(0, ("CTP", "", "", "", "1.5", "ML")),
                Segment(0, ("REF", "XZ", "RX5")),
            )
        pointers = self.chance.sample(range(1, diagnoses + 1), min(diagnoses, self.chance.randrange(1, 5)))
        return ServiceLine(
            procedure=code,
            charged_cents=cents,
            unit="MJ" if kind == "anaesthesia" else "UN",
            units=Decimal(self.chance.choice(["1", "2", "1.5", "90"])),
            place_of_service="12" if self.one_in(6) else "",
            pointers=tuple(pointers),
            is_emergency=self.one_in(8),
            service_on=first,
            service_to=first + timedelta(days=2) if self.one_in(3) else None,
            control_number=f"L{self.number}-{at}",
            prior_authorization="AUTH78" if self.one_in(6) else "",
            note="LINE NOTE" if self.one_in(6) else "",
            rendering=self.doctor("82", taxonomy="207R00000X") if self.one_in(6) else None,
            adjudications=decided,
            others=others,
        )

    def institutional(self, kind: str) -> InstitutionalClaim:
        chance = self.chance
        is_inpatient = kind == "inpatient"
        count = 50 if kind == "fifty lines" else chance.randrange(1, 6)
        charges = [self.cents() for _ in range(count)]
        codes: list[Procedure | None] = [
            None if is_inpatient and self.one_in(2) else Procedure(code=chance.choice(_CODES)) for _ in charges
        ]
        revenue = [chance.choice(["0120", "0300", "0450", "0250"]) for _ in charges]
        coverages, decided = self.others_decided(charges, codes, revenue)
        first = self.day()
        statement = Dated(qualifier="434", first_on=first, last_on=first + timedelta(days=chance.randrange(5)))
        diagnoses = chance.sample(_ICD, chance.randrange(1, 12))
        drug = (Segment(0, ("LIN", "", "N4", "01234567891")), Segment(0, ("CTP", "", "", "", "2", "UN")))
        lines = tuple(
            InstitutionalLine(
                revenue_code=revenue[at],
                procedure=codes[at],
                charged_cents=charges[at],
                unit="UN" if codes[at] else "DA",
                units=Decimal(chance.randrange(1, 9)),
                service_on=first,
                control_number=f"L{self.number}-{at}",
                adjudications=decided[at],
                others=drug if kind == "drug" else (),
            )
            for at in range(count)
        )
        attached = (Segment(0, ("PWK", "OZ", "BM", "", "", "AC", f"DMN{self.number}")),)
        return InstitutionalClaim(
            **self.context(taxonomy="282N00000X"),  # type: ignore[arg-type]
            charged_cents=sum(charges),
            facility_type="11" if is_inpatient else "13",
            statement=statement,
            stay=Stay(admitted_on=first, admitted_time="0915", discharged_time="1130") if is_inpatient else Stay(),
            admission_type="1" if is_inpatient else "",
            admission_source="7" if is_inpatient else "",
            patient_status="01",
            estimated_due_cents=5_00 if self.one_in(3) else None,
            codes=self._hospital_codes(diagnoses, first, is_inpatient=is_inpatient),
            references=(Reference("EA", "RECORD5"),) if self.one_in(3) else (),
            attending=self.doctor("71", taxonomy="207R00000X"),
            operating=self.doctor("72") if self.one_in(3) else None,
            other_operating=self.doctor("ZZ") if self.one_in(8) else None,
            rendering=self.doctor("82") if self.one_in(4) else None,
            facility=self.organisation("77", "ANNEX", address=self.address(is_long=True)) if self.one_in(4) else None,
            referring=self.doctor("DN") if self.one_in(4) else None,
            other_coverages=coverages,
            lines=lines,
            others=attached if kind == "attachment" else (),
        )

    def _hospital_codes(self, diagnoses: list[str], first: date, *, is_inpatient: bool) -> HospitalCodes:
        present = "Y" if is_inpatient else ""
        return HospitalCodes(
            principal=Diagnosis(code=diagnoses[0], present_on_admission=present),
            admitting="R0602" if is_inpatient else "",
            reasons_for_visit=() if is_inpatient else ("R0602",),
            external_causes=(Diagnosis(code="W19XXXA", present_on_admission=present),) if self.one_in(4) else (),
            drg="193" if is_inpatient and self.one_in(2) else "",
            diagnoses=tuple(Diagnosis(code=code, present_on_admission=present) for code in diagnoses[1:]),
            principal_procedure=Performed(code="0BH17EZ", performed_on=first) if is_inpatient else None,
            procedures=(Performed(code="5A1935Z", performed_on=first),) if is_inpatient and self.one_in(2) else (),
            spans=(Occurrence(code="74", first_on=first, last_on=first),) if self.one_in(3) else (),
            occurrences=(Occurrence(code="11", first_on=first),) if self.one_in(3) else (),
            values=(ValueCode(code="80", cents=3_00),) if self.one_in(2) else (),
            conditions=("09", "17") if self.one_in(3) else (),
        )

    def dental(self) -> DentalClaim:
        charges = [self.cents() for _ in range(self.chance.randrange(1, 5))]
        codes: list[Procedure | None] = [
            Procedure(qualifier="AD", code=self.chance.choice(["D0120", "D2150", "D1110"])) for _ in charges
        ]
        coverages, decided = self.others_decided(charges, codes, [""] * len(charges))
        lines = tuple(
            DentalLine(
                procedure=codes[at],
                charged_cents=cents,
                areas=("10",) if self.one_in(3) else (),
                prosthesis="I" if self.one_in(4) else "",
                quantity=Decimal(1),
                pointers=(1,),
                teeth=(Tooth(code="12", surfaces=("M", "O")),) if self.one_in(2) else (),
                service_on=self.day(),
                control_number=f"L{self.number}-{at}",
                adjudications=decided[at],
            )
            for at, cents in enumerate(charges)
        )
        return DentalClaim(
            **self.context(taxonomy="1223G0001X"),  # type: ignore[arg-type]
            charged_cents=sum(charges),
            place_of_service="11",
            diagnoses=("K021",),
            rendering=self.doctor("82", taxonomy="1223G0001X") if self.one_in(2) else None,
            other_coverages=coverages,
            lines=lines,
        )


PROFESSIONAL_KINDS = (
    "office",
    "fifty lines",
    "twelve diagnoses",
    "drug",
    "attachment",
    "ambulance",
    "anaesthesia",
    "accident",
)
INSTITUTIONAL_KINDS = ("inpatient", "outpatient", "fifty lines", "drug", "attachment")


def professional_batch(seed: int, count: int) -> ClaimBatch:
    """So many claims, every kind in turn."""
    maker = Maker(seed)
    kinds = PROFESSIONAL_KINDS
    return ClaimBatch(claims=tuple(maker.professional(kinds[at % len(kinds)]) for at in range(count)), **_heading())  # type: ignore[arg-type]


def institutional_batch(seed: int, count: int) -> InstitutionalBatch:
    maker = Maker(seed)
    kinds = INSTITUTIONAL_KINDS
    claims = tuple(maker.institutional(kinds[at % len(kinds)]) for at in range(count))
    return InstitutionalBatch(claims=claims, **_heading())  # type: ignore[arg-type]


def dental_batch(seed: int, count: int) -> DentalBatch:
    maker = Maker(seed)
    return DentalBatch(claims=tuple(maker.dental() for _ in range(count)), **_heading())  # type: ignore[arg-type]


def _heading() -> dict[str, object]:
    return {
        "envelope": Envelope(
            sender_id="CLINIC01",
            receiver_id="HOUSE01",
            written_at=NOW,
            interchange_control_number="000000501",
            group_control_number="501",
            application_sender="CLINIC01",
            application_receiver="HOUSE01",
            usage="T",
        ),
        "control_number": "0001",
        "beginning": Beginning(purpose="00", reference="BATCH501", created_at=NOW, transaction_type="CH"),
        "submitter": Party(
            role="41",
            name="RIVERSIDE CLINIC",
            id_qualifier="46",
            id="CLINIC01",
            contacts=(Contact(name="BILLING OFFICE", numbers=(("TE", "5555550111"),)),),
        ),
        "receiver": Party(role="40", name="CLEARING HOUSE", id_qualifier="46", id="HOUSE01"),
    }


def kinds_of(claims: tuple[Claim, ...]) -> dict[str, int]:
    """How many claims of each nature there are, for a report."""
    return {
        "claims": len(claims),
        "dependents": sum(claim.patient is not None for claim in claims),
        "with other payers": sum(bool(claim.other_coverages) for claim in claims),
        "corrected": sum(claim.frequency == "7" for claim in claims),
        "voided": sum(claim.frequency == "8" for claim in claims),
        "of 50 lines": sum(len(claim.lines) == 50 for claim in claims),
    }
