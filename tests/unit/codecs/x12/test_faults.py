"""Is every single fault that is put into a sound file found, at the element that it was put into?"""

from collections.abc import Iterator

import pytest
from msgspec import Struct

from shared.codecs.x12.check import check
from shared.codecs.x12.problems import FOUND_CHARACTERS_MAX, Problems
from tests.unit.codecs.x12.examples import REVIEW_REQUEST, REVIEW_RESPONSE
from tests.unit.codecs.x12.test_check import SOUND

FILES = {kind: data for kind, data in SOUND.items() if kind != "TA1"} | {
    "278 request": REVIEW_REQUEST,
    "278 response": REVIEW_RESPONSE,
}
SINGLE_FAULTS_MIN = 60

# What may not be missing: the segment that is taken away, by its beginning, and what the finding names.
NEEDED = {
    "837P": "BHT NM1*41 PER NM1*40 NM1*85 N3*10 N4 REF*EI SBR*P*18 NM1*IL NM1*PR CLM*CLAIM-2 HI SV1 DTP*472 OI PAT",
    "837I": "BHT NM1*41 PER NM1*40 NM1*85 N3*10 N4 REF*EI SBR*S NM1*IL NM1*PR CLM DTP*434 CL1 HI*ABK SV2 DTP*573 OI",
    "837D": "BHT NM1*41 PER NM1*40 NM1*85 N3*10 N4 REF*EI SBR*P NM1*IL NM1*PR CLM SV3 PAT NM1*QC DMG",
    "835": "BPR TRN N1*PR N3 N4 PER*BL N1*PE NM1*QC",
    "270": "BHT NM1*PR NM1*1P NM1*IL*1*ROE NM1*03 EQ*30~",
    "271": "BHT NM1*PR NM1*1P",
    "276": "BHT NM1*PR NM1*41 NM1*1P NM1*IL*1*ROE NM1*QC DTP*472*D8*20260102 DMG*D8*20150707",
    "277": "BHT NM1*PR NM1*41 NM1*1P NM1*IL STC*F1",
    "277CA": "BHT NM1*AY TRN*1 DTP*050 DTP*009 NM1*41 TRN*2*BATCH STC*A1 NM1*85 NM1*QC STC*A2 DTP*472",
    "278 request": "BHT NM1*X3 NM1*1P NM1*IL UM",
    "278 response": "BHT NM1*X3 NM1*1P NM1*IL UM",
    "999": "AK1 IK5 AK9",
}


class Fault(Struct, frozen=True):
    """A damaged file, and the element that a finding has to name."""

    name: str
    element: str
    data: bytes


def segments_of(data: bytes) -> list[str]:
    return [text for text in data.decode().replace("\n", "").split("~") if text]


def joined(segments: list[str]) -> bytes:
    """The file with its count of segments put right, so that there is one fault alone."""
    start = next(at for at, text in enumerate(segments) if text.startswith("ST*"))
    end = next(at for at, text in enumerate(segments) if text.startswith("SE*"))
    trailer = segments[end].split("*")
    whole = [*segments[:end], "*".join(["SE", str(end - start + 1), *trailer[2:]]), *segments[end + 1 :]]
    return "".join(f"{text}~\n" for text in whole).encode()


def faults_of(kind: str) -> Iterator[Fault]:
    segments = segments_of(FILES[kind])
    inside = range(
        next(at for at, text in enumerate(segments) if text.startswith("ST*")),
        next(at for at, text in enumerate(segments) if text.startswith("SE*")),
    )
    for at in inside:
        elements = segments[at].split("*")
        for index, value in enumerate(elements[1:], start=1):
            if not value or (len(segments) > 40 and (at + index) % 2):
                continue
            name = f"{elements[0]}{index:02d}"
            longer = "*".join([*elements[:index], value + "9" * 300, *elements[index + 1 :]])
            yield Fault(f"{at} {name} too long", name, joined([*segments[:at], longer, *segments[at + 1 :]]))
            if at % 5 == 0:
                bell = "*".join([*elements[:index], value + "\x07", *elements[index + 1 :]])
                yield Fault(f"{at} {name} not printable", name, joined([*segments[:at], bell, *segments[at + 1 :]]))
        if at % 3:
            continue
        many = segments[at] + "*" * 30 + "X"
        index = len(elements) + 29
        yield Fault(
            f"{at} too many elements",
            f"{elements[0]}{index:02d}",
            joined([*segments[:at], many, *segments[at + 1 :]]),
        )
        if at % 4 == 0:
            yield Fault(f"{at} unknown segment", "ZZZ", joined([*segments[: at + 1], "ZZZ*1", *segments[at + 1 :]]))
    for beginning in NEEDED[kind].split():
        at = next(at for at, text in enumerate(segments) if f"{text}~".startswith(beginning))
        name = beginning.rstrip("~").split("*")[0]
        yield Fault(f"{at} {beginning} missing", name, joined([*segments[:at], *segments[at + 1 :]]))
    yield from envelope_faults(segments)


def envelope_faults(segments: list[str]) -> Iterator[Fault]:
    text = "".join(f"{each}~\n" for each in segments)
    gs = next(each for each in segments if each.startswith("GS*")).split("*")
    for index, wrong in ((1, "QQ"), (4, "20261301"), (5, "2561"), (6, "A1"), (7, "Y"), (8, "004010X098A1")):
        damaged = "*".join([*gs[:index], wrong, *gs[index + 1 :]])
        yield Fault(f"GS{index:02d}", f"GS{index:02d}", text.replace("*".join(gs), damaged).encode())
    isa = segments[0]
    for place, wrong, element in ((4, "07", "ISA01"), (32, "QQ", "ISA05"), (84, "00401", "ISA12"), (102, "Q", "ISA15")):
        yield Fault(element, element, text.replace(isa, isa[:place] + wrong + isa[place + len(wrong) :]).encode())
    for trailer, index in (("SE", 1), ("SE", 2), ("GE", 1), ("GE", 2), ("IEA", 1), ("IEA", 2)):
        elements = next(each for each in segments if each.startswith(f"{trailer}*")).split("*")
        damaged = "*".join([*elements[:index], "999999999"[: len(elements[index]) + 1], *elements[index + 1 :]])
        element = f"{trailer}{index:02d}"
        yield Fault(element, element, text.replace("*".join(elements), damaged).encode())


@pytest.mark.parametrize("kind", FILES)
def test_every_single_fault_is_found_at_its_element(kind: str) -> None:
    faults = list({fault.data: fault for fault in faults_of(kind)}.values())
    assert len(faults) >= SINGLE_FAULTS_MIN
    missed = [fault.name for fault in faults if not _is_found(fault)]
    assert not missed, missed


def _is_found(fault: Fault) -> bool:
    return any(
        finding.severity == "error" and finding.element.split("-")[0] == fault.element for finding in check(fault.data)
    )


def deep(levels: int) -> bytes:
    """A claim file with so many levels below one another."""
    data = FILES["837P"]
    start, end = data.index(b"HL*1*"), data.index(b"SE*59")
    nested = b"".join(b"HL*%d*%d*22*1~\n" % (number, number - 1) for number in range(2, levels))
    return data[:start] + b"HL*1**20*1~\n" + nested + data[end:]


HOSTILE = {
    "no terminator": b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *260110*0800*^*00501*000000042*1*T*:~"
    + b"GS*HC*"
    + b"A" * 3_000_000,
    "one long segment": FILES["837P"].replace(b"REF*G1*AUTH77~", b"REF*G1*" + b"9" * 3_000_000 + b"~"),
    "many elements": FILES["835"].replace(b"LX*1~", b"LX" + b"*1" * 200_000 + b"~"),
    "many components": FILES["835"].replace(b"SVC*HC:99214:25*", b"SVC*HC" + b":1" * 200_000 + b"*"),
    "deep levels": deep(3_000),
    "a review that ends at once": REVIEW_REQUEST[: REVIEW_REQUEST.index(b"BHT")],
    "binary": bytes(range(256)) * 4_000,
    "only headers": FILES["837P"][:107] * 1_000,
    "only sets": FILES["835"][:107] + b"GS*HP*AA*BB*20260101*0101*1*X*005010X221A1~" + b"ST*835*0001~" * 3_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_in_findings_within_bounds(name: str) -> None:
    findings = check(HOSTILE[name])
    assert any(finding.severity == "error" for finding in findings)
    assert len(findings) <= Problems.limit
    assert all(len(finding.found) <= FOUND_CHARACTERS_MAX and len(finding.message) <= 500 for finding in findings)
