"""Which files do the benches read? Made by rule: every person and number in them is invented."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

_ISA = "ISA*00*          *00*          *ZZ*{sender:<15}*ZZ*{receiver:<15}*260320*1200*^*00501*000000001*0*P*:~"


def claim_numbers(count: int) -> list[str]:
    return [f"BENCH{number:08d}" for number in range(count)]


def remittance(claim_ids: Sequence[str], *, trace: str = "BENCHTRACE") -> bytes:
    """An 835 with two lines a claim, adjusted by contract and by the patient's share, that balances to the cent."""
    return b"".join(written_remittance(claim_ids, trace=trace))


def written_remittance(claim_ids: Sequence[str], *, trace: str = "BENCHTRACE") -> Iterator[bytes]:
    """The same, segment by segment."""
    paid = sum(shares_of(number)[0] for number in range(len(claim_ids)))
    head = [
        f"BPR*I*{_amount(paid)}*C*ACH*CCP*01*999999999*DA*123*1512345678**01*999988880*DA*98765*20260320",
        f"TRN*1*{trace}*1512345678",
        "DTM*405*20260320",
        "N1*PR*BENCH HEALTH*XV*60054",
        "N3*1 MAIN STREET",
        "N4*HARTFORD*CT*06101",
        "PER*BL*HELP*TE*8005551212",
        "N1*PE*PRACTICE*XX*1999999984",
        "REF*TJ*111222333",
        "LX*1",
    ]
    paid_claims = (segment for each in enumerate(claim_ids) for segment in _paid_claim(*each))
    body = chain(head, paid_claims)
    yield from _interchange("HP", "835", "005010X221A1", body, sender="BENCHPAYER", receiver="PRACTICE")


def charges_of(number: int) -> tuple[int, int]:
    """What the two lines of the claim with this number were charged, in cents."""
    return 150_00 + number % 97, 100_00 + number % 53


def shares_of(number: int) -> tuple[int, int]:
    """What the payer pays of a claim, and what it leaves to the patient, in cents."""
    first, _ = charges_of(number)
    return first - 30_00 - 24_00, 24_00 + 60_00


def _paid_claim(number: int, claim_id: str) -> list[str]:
    first, second = charges_of(number)
    paid, patient = shares_of(number)
    return [
        f"CLP*{claim_id}*1*{_amount(first + second)}*{_amount(paid)}*{_amount(patient)}*12*ICN{number:09d}*11*1",
        f"NM1*QC*1*ROE*PAT{_letters(number)}****MI*MEM{number:07d}",
        "NM1*82*1*HOUSE*MARY****XX*1679576722",
        f"REF*EA*MRN{number:07d}",
        "DTM*232*20260302",
        f"SVC*HC:99211*{_amount(first)}*{_amount(paid)}**1",
        "DTM*472*20260302",
        "CAS*CO*45*30",
        "CAS*PR*2*24",
        "REF*6R*L1",
        f"AMT*B6*{_amount(first - 30_00)}",
        f"SVC*HC:99212*{_amount(second)}*0**1",
        "DTM*472*20260302",
        "CAS*PR*1*60",
        f"CAS*CO*45*{_amount(second - 60_00)}",
        "REF*6R*L2",
        "LQ*HE*N130",
    ]


def claims(count: int) -> bytes:
    """An 837P with as many claims of two lines, each of a subscriber of its own."""
    return b"".join(written_claims(count))


def written_claims(count: int) -> Iterator[bytes]:
    """The same, segment by segment."""
    body, ends = _claims(count), {"sender": "PRACTICE", "receiver": "BENCHHOUSE"}
    yield from _interchange("HC", "837", "005010X222A1", body, **ends, names_guide=True)


def _claims(count: int) -> Iterator[str]:
    yield "BHT*0019*00*BATCH1*20260320*120000*CH"
    yield "NM1*41*2*RIVERSIDE CLINIC*****46*PRACTICE"
    yield "PER*IC*BILLING OFFICE*TE*5555550111"
    yield "NM1*40*2*CLEARING HOUSE*****46*BENCHHOUSE"
    yield "HL*1**20*1"
    yield "PRV*BI*PXC*207Q00000X"
    yield "NM1*85*2*RIVERSIDE CLINIC*****XX*1234567893"
    yield "N3*10 RIVER ROAD"
    yield "N4*SPRINGFIELD*IL*627010001"
    yield "REF*EI*111222333"
    for number, claim_id in enumerate(claim_numbers(count)):
        yield from _claim(number, claim_id)


def _claim(number: int, claim_id: str) -> Iterator[str]:
    first, second = charges_of(number)
    yield f"HL*{number + 2}*1*22*0"
    yield "SBR*P*18*GROUP7******CI"
    yield f"NM1*IL*1*ROE*PAT{_letters(number)}****MI*MEM{number:07d}"
    yield "N3*5 ELM STREET"
    yield "N4*SPRINGFIELD*IL*62704"
    yield "DMG*D8*19800402*F"
    yield "NM1*PR*2*BENCH HEALTH*****PI*60054"
    yield f"CLM*{claim_id}*{_amount(first + second)}***11:B:1*Y*A*Y*Y"
    yield "HI*ABK:J0190*ABF:E119"
    yield "NM1*82*1*HOUSE*MARY****XX*1679576722"
    yield "PRV*PE*PXC*207Q00000X"
    yield "LX*1"
    yield f"SV1*HC:99214:25*{_amount(first)}*UN*1***1:2"
    yield "DTP*472*D8*20260302"
    yield "REF*6R*L1"
    yield "LX*2"
    yield f"SV1*HC:87880*{_amount(second)}*UN*1***1"
    yield "DTP*472*D8*20260302"
    yield "REF*6R*L2"


def messages(count: int) -> list[bytes]:
    """Charges, registrations and appointments in HL7 v2, one after the other."""
    kinds = (_charges, _registration, _appointment)
    return [("\r".join(kinds[number % 3](number)) + "\r").encode() for number in range(count)]


def _msh(message_type: str, number: int) -> str:
    return rf"MSH|^~\&|EHR|NORTH|LEDGERLINE|BILLING|20260302101500-0500||{message_type}|C-{number}|P|2.5.1"


def _person(number: int) -> list[str]:
    return [
        f"PID|1||{number}^^^NORTH&1.2.3.4&ISO^MR||Roe^Pat{_letters(number)}^M^^^^L||19800229|F|||"
        "12 Elm St^Apt 4^Austin^TX^78701^USA^H||(512)555-0100^PRN^PH~^NET^Internet^pat@example.org|||||A-9001",
        "PV1|1|O|CLINIC^2^^NORTH|R|||1234567893^Stone^Lee^^^Dr^^^NPI^L^^^NPI|1245319599^Park^Jo^^^^^^NPI^L^^^NPI|||||||||||"
        f"V-{number}^^^NORTH^VN|||||||||||||||||||||||||20260302090000-0500|20260302093000-0500",
    ]


_INSURANCE = (
    "IN1|1|HMO1^Blue Gold|66001^^^NAIC^NIIP|Blue Cross||||GRP-5||||20260101|20261231||HMO|Roe^Luis^^^^^L|SPO|19790101|"
    "12 Elm St^^Austin^TX^78701|||||||||||||||||XYZ123456"
)


def _charges(number: int) -> list[str]:
    return [
        _msh("DFT^P03^DFT_P03", number),
        "EVN|P03|20260302101000-0500",
        *_person(number),
        f"FT1|1|TX-{number}-1|B-1|20260302|20260302|CG|CDM100^Office visit^L|||1|150&USD|150&USD|FM|||CLINIC^2^^NORTH|||"
        "E11.9^^I10~I10^^I10|1234567893^Stone^Lee^^^^^^NPI^L^^^NPI|1245319599^Park^Jo^^^^^^NPI^L^^^NPI||||99213^^C4|25~GT",
        f"FT1|2|TX-{number}-2|B-1|20260302||CG|J1100^^HCPCS|||4|10.00^USD|2.50^USD|||||||E11.9^^I10||||||||||63323016501^^NDC",
        "DG1|1||E11.9^^I10||20260302|F|||||||||1",
        _INSURANCE,
        "GT1|1||Roe^Luis||12 Elm St^^Austin^TX^78701|(512)555-0101||19790101|M||SPO",
    ]


def _registration(number: int) -> list[str]:
    return [_msh("ADT^A04^ADT_A01", number), "EVN|A04|20260302101000-0500", *_person(number), _INSURANCE]


def _appointment(number: int) -> list[str]:
    return [
        _msh("SIU^S12^SIU_S12", number),
        f"SCH|{number}|2|||||C|N|30|min|^^^20260309100000-0500",
        *_person(number),
        "AIS|1||99213^Office visit^C4|20260309100000-0500",
        "AIP|1||1234567893^Stone^Lee^^^^^^NPI^L^^^NPI",
    ]


def _amount(cents: int) -> str:
    whole, rest = divmod(cents, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") if rest else str(whole)


def _letters(number: int) -> str:
    """The number in letters: a name has no digits."""
    text = ""
    while True:
        number, rest = divmod(number, 26)
        text += chr(ord("A") + rest)
        if not number:
            return text


def _interchange(
    functional_id: str,
    set_id: str,
    guide: str,
    body: Iterable[str],
    *,
    sender: str,
    receiver: str,
    names_guide: bool = False,
) -> Iterator[bytes]:
    yield (_ISA.format(sender=sender, receiver=receiver)).encode()
    yield f"GS*{functional_id}*{sender}*{receiver}*20260320*1200*1*X*{guide}~".encode()
    yield (f"ST*{set_id}*0001" + (f"*{guide}" if names_guide else "") + "~").encode()
    count = 2  # ST and SE
    for segment in body:
        yield f"{segment}~".encode()
        count += 1
    yield f"SE*{count}*0001~GE*1*1~IEA*1*000000001~".encode()
