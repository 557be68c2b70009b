"""A practice in which every personal field is a word of its own, and what is sent about it besides the ordinary messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from deploy.demo import messages
from deploy.demo.population import Insurance, Patient, Practice, Visit, invent
from tests.e2e.canary.words import Words

# Ordinary words of the played practice that are about nobody: what finds them in a place would find personal words there too.
CLEAR = {"BLUEPLAINS": "a payer as the sender names it", "RIVERMAIN": "a place as the sender names it"}

# Places, payers, and the practice's own people and numbers: told and kept in clear.
_ABOUT_NOBODY = {"PV1": (3, 7, 19), "IN1": (2, 3, 4)}


@dataclass(slots=True)
class CanaryPractice:
    """Makes the people of a practice, and remembers them."""

    words: Words
    practice: Practice | None = None

    def invented(self, *, patients: int, first_day: date, days: int, seed: int) -> Practice:
        """The same visits as `invent` makes, of people whose every field is a word."""
        ordinary = invent(patients=patients, first_day=first_day, days=days, seed=seed)
        people = {patient.record_number: self._person(patient) for patient in ordinary.patients}
        self.practice = Practice(
            patients=tuple(people.values()),
            visits=tuple(replace(visit, patient=people[visit.patient.record_number]) for visit in ordinary.visits),
        )
        return self.practice

    @property
    def visits(self) -> tuple[Visit, ...]:
        assert self.practice is not None
        return self.practice.visits

    def _person(self, patient: Patient) -> Patient:
        who = f"patient {patient.record_number}"
        return replace(
            patient,
            record_number=self.words.text(f"{who}: medical record number"),
            last=self.words.text(f"{who}: last name"),
            first=self.words.text(f"{who}: first name"),
            birth_on=self.words.day(f"{who}: birth date"),
            street=self.words.text(f"{who}: street"),
            postal_code=self.words.digits(f"{who}: postal code", 9),
            phone=self.words.digits(f"{who}: telephone", 10),
            insurances=tuple(self._insurance(who, each) for each in patient.insurances),
        )

    def _insurance(self, who: str, insurance: Insurance) -> Insurance:
        return replace(
            insurance,
            member_number=self.words.text(f"{who}: member number"),
            group_number=self.words.text(f"{who}: group number"),
        )


def whole_registration(visit: Visit, words: Words, sent_at: datetime) -> bytes:
    """ADT^A08 with everything that an EHR may tell of a person: next of kin, guarantor, subscriber, numbers, notes."""
    text = words.text
    lines = messages.registration(visit, sent_at).decode().replace("ADT^A04", "ADT^A08").rstrip("\r").split("\r")
    told = []
    for line in lines:
        fields = line.split("|")
        if fields[0] == "MSH":
            fields[9] = f"W{visit.number}"
        if fields[0] == "PID":
            fields += [""] * (31 - len(fields))
            fields[5] += f"^{text('middle name')}"
            fields[6] = text("mother's maiden name")
            fields[9] = text("alias")
            fields[13] += f"^PRN^PH^{text('email').lower()}@{text('email domain').lower()}.example"
            fields[14] = words.digits("business telephone", 10)
            fields[19] = words.digits("social security number", 9)
            fields[20] = text("driver's licence")
            fields[21] = text("mother's number")
            fields[23] = text("birth place")
        if fields[0] == "IN1":
            fields[16] = f"{text('subscriber last')}^{text('subscriber first')}"
            fields[17] = "SPO"
            fields[18] = words.day("subscriber birth date").strftime("%Y%m%d")
            fields[49 - 1 :] = [""]
        told.append("|".join(fields))
    told.insert(
        3,
        f"NK1|1|{text('next of kin')}^{text('next of kin')}|SPO|{text('kin street')}|{words.digits('kin telephone', 10)}",
    )
    guarantor = f"{text('guarantor last')}^{text('guarantor first')}||{text('guarantor street')}^^SPRINGFIELD^IL^62701"
    born = words.day("guarantor birth date")
    told.append(
        f"GT1|1|{text('guarantor number')}|{guarantor}|{words.digits('guarantor telephone', 10)}||{born:%Y%m%d}|F||SPO"
        f"|{words.digits('guarantor social security number', 9)}"
    )
    told.append(f"NTE|1|L|{text('note')} {text('note')}")
    return "\r".join((*told, "")).encode()


def faulty_messages(visit: Visit, words: Words, sent_at: datetime) -> Iterator[bytes]:
    """One message for each field of each personal segment, with something in it that does not belong there."""
    whole = whole_registration(visit, words, sent_at).decode().rstrip("\r").split("\r")
    for row, line in enumerate(whole):
        fields = line.split("|")
        if fields[0] not in ("PID", "NK1", "GT1", "IN1", "PV1"):
            continue
        for at in range(1, len(fields)):
            spoilt = [*fields]
            spoilt[at] = (
                f"{words.text(f'in {fields[0]}-{at}')}^{words.text(f'in {fields[0]}-{at}')}&{words.digits('number', 10)}"
            )
            if at in _ABOUT_NOBODY.get(fields[0], ()):
                continue
            lines = [*whole]
            lines[row] = "|".join(spoilt)
            lines[0] = lines[0].replace(f"|W{visit.number}|", f"|F{row}-{at}|")
            yield "\r".join((*lines, "")).encode()
    yield "\r".join(whole[:3]).encode()[:-40] + words.text("cut short").encode()
    yield words.text("no message at all").encode()


def fhir_resources(words: Words) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Good and faulty resources, and where they are sent."""
    text, digits = words.text, words.digits
    number = {"type": {"coding": [{"code": "MR"}]}, "system": "urn:oid:1.2.3", "value": text("fhir record number")}
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "id": "canary-1",
        "identifier": [number, {"system": "http://hl7.org/fhir/sid/us-ssn", "value": digits("fhir ssn", 9)}],
        "name": [{"family": text("fhir last"), "given": [text("fhir first"), text("fhir middle")]}],
        "gender": "female",
        "birthDate": words.day("fhir birth date").isoformat(),
        "telecom": [
            {"system": "phone", "value": digits("fhir telephone", 10)},
            {"system": "email", "value": f"{text('fhir email').lower()}@example.org"},
        ],
        "address": [{"line": [text("fhir street")], "city": text("fhir city"), "state": "IL", "postalCode": "62701"}],
        "contact": [{"name": {"family": text("fhir contact")}, "relationship": [{"text": text("fhir kin")}]}],
        "text": {
            "status": "generated",
            "div": f"<div xmlns='http://www.w3.org/1999/xhtml'>{text('fhir narrative')}</div>",
        },
    }
    coverage: dict[str, Any] = {
        "resourceType": "Coverage",
        "id": "canary-2",
        "status": "active",
        "beneficiary": {"reference": "Patient/canary-1", "display": text("fhir beneficiary")},
        "subscriberId": text("fhir subscriber id"),
        "payor": [{"display": "BLUE PLAINS HEALTH", "identifier": {"value": "BLPL1"}}],
    }
    yield "Patient", patient
    yield "Coverage", coverage
    for member in ("name", "birthDate", "gender", "identifier", "telecom", "address", "contact"):
        for wrong in (text(f"fhir wrong {member}"), {text(f"fhir wrong {member}"): text(f"fhir wrong {member}")}):
            yield "Patient", {**patient, "id": "canary-3", member: wrong}
    for member in ("beneficiary", "subscriberId", "payor", "status", "period"):
        yield "Coverage", {**coverage, "id": "canary-4", member: {"reference": text(f"fhir wrong {member}")}}
    yield "Patient", {**patient, "colour": text("fhir unknown member")}


def faulty_files(words: Words) -> Iterator[tuple[str, bytes]]:
    """Files that no partner should send, with names that no file should have."""
    text = words.text
    name = f"NM1*QC*1*{text('835 last')}*{text('835 first')}****MI*{text('835 member')}"
    head = (
        "ISA*00*          *00*          *ZZ*SANDBOX        *ZZ*RIVERCLINIC    *260602*0800*^*00501*00000{n:04d}*0*P*:~"
        "GS*HP*SANDBOX*RIVERCLINIC*20260602*0800*{n}*X*005010X221A1~ST*835*0001~"
        "BPR*I*80*C*ACH*CCP*01*111000025*DA*12345678*1512345678**01*111000025*DA*87654321*20260603~TRN*1*CANARY{n}*1512345678~"
        "DTM*405*20260603~N1*PR*BLUE PLAINS HEALTH~REF*2U*BLPL1~N1*PE*RIVER CLINIC PLLC*XX*1000000004~LX*1~"
    )
    tail = "SE*99*0001~GE*1*{n}~IEA*1*00000{n:04d}~"
    bodies = [
        f"CLP*NOBODY1*1*100*80*20*12*PCN1*11~{name}~CAS*PR*1*20~",
        f"CLP*NOBODY2*1*100*EIGHTY*20*12*PCN1*11~{name}~",
        f"CLP*NOBODY3*1*100*80**12~NM1*QC*9*{text('835 last')}*{text('first') * 5}~",
        f"CLP*NOBODY4*1*100*80**12~{name}~DTM*150*YESTERDAY~SVC*HC:99213*MUCH*80~",
        f"{name}~NM1*74*1*{text('corrected last')}~MOA***{text('remark') * 9}~",
    ]
    for number, body in enumerate(bodies, start=1):
        whole = (head + "{body}" + tail).format(n=number, body=body)
        yield f"{text('file name')}.835", whole.encode()
    claim = f"NM1*IL*1*{text('837 last')}*{text('837 first')}****MI*{text('837 member')}~N3*{text('837 street')}~DMG*D8*{text('837 born')}*F~"
    yield f"{text('file name')}.837", head.format(n=77).replace("835", "837").encode() + claim.encode()
    yield f"{text('file name')} {text('file name')}.txt", f"Dear doctor, {text('letter')} is {text('letter')}".encode()
    yield f"{text('file name')}.json", json.dumps({"resourceType": "Patient", "name": text("json")}).encode()
    yield f"{text('file name')}.json", f'{{"resourceType": "Patient", "name": [{{"family": "{text("cut json")}'.encode()
