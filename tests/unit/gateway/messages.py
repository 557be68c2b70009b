"""HL7 v2 messages of our own, as ordinary systems write them."""

from __future__ import annotations

PID = "PID|1||MRN-1^^^RIVER^MR||EVERYWOMAN^EVE||19800401|F|||1 MAIN ST^^SPRINGFIELD^IL^62701||(217)5550100"
PV1 = "PV1|1|O|MAIN||||1093817465^SMITH^JANE^^^^^^NPI" + "|" * 12 + "V1^^^RIVER^VN" + "|" * 25 + "202603021030"
IN1 = "IN1|1|STD|PAYER1|PAYER ONE||||||||20250101|||||SEL" + "|" * 19 + "MEMBER1"


def message(kind: str, control_id: str, *segments: str) -> bytes:
    header = f"MSH|^~\\&|EHR|RIVER|LEDGERLINE|RIVER|20260302103000||{kind}|{control_id}|P|2.5.1"
    event = f"EVN|{kind.partition('^')[2][:3]}|20260302103000"
    return "\r".join((header, event, *segments, "")).encode()


def with_control_id(told: bytes, control_id: str) -> bytes:
    fields = told.split(b"|")
    fields[9] = control_id.encode()
    return b"|".join(fields)


def ft1(transaction: str, code: str, cents: int, *, kind: str = "CG", units: str = "1", place: int = 1) -> str:
    fields = [""] * 27
    fields[:3] = ["FT1", str(place), transaction]
    fields[4], fields[6], fields[7] = "20260302", kind, f"{code}^^C4"
    fields[10], fields[11] = units, f"{cents // 100}.{cents % 100:02d}^USD"
    fields[19] = "E11.9^^I10"
    return "|".join(fields)


A04 = message("ADT^A04^ADT_A01", "ADT-1", PID, PV1, IN1)
DFT = message(
    "DFT^P03^DFT_P03",
    "DFT-1",
    "PID|1||MRN-1^^^RIVER^MR||EVERYWOMAN^EVE||19800401|F",
    PV1,
    ft1("T1", "99213", 12000),
    ft1("T2", "36415", 1550, place=2),
    "DG1|1||E11.9^^I10",
)
A40 = message(
    "ADT^A40^ADT_A39",
    "A40-1",
    "PID|1||MRN-1^^^RIVER^MR||EVERYWOMAN^EVE",
    "MRG|MRN-2^^^RIVER^MR",
    "PID|1||MRN-3^^^RIVER^MR||OTHER^OTTO",
    "MRG|MRN-4^^^RIVER^MR",
)
ORU = message("ORU^R01^ORU_R01", "ORU-1", "PID|1||MRN-1^^^RIVER^MR||EVERYWOMAN^EVE", "OBX|1|NM|GLU||5")
