"""Messages that the tests of this folder share: written for them, about people who do not exist."""

from shared.codecs.hl7v2.documents import read_document
from shared.codecs.hl7v2.findings import Finding, Reading
from shared.codecs.hl7v2.message import parse


def hl7(*segments: str) -> bytes:
    return "".join(f"{segment}\r" for segment in segments).encode()


def msh(message_type: str, more: str = "") -> str:
    return rf"MSH|^~\&|EHR|NORTH|LEDGERLINE|BILLING|20260302101500-0500||{message_type}|C-100|P|2.5.1{more}"


PID = (
    "PID|1||4711^^^NORTH&1.2.3.4&ISO^MR~999-00-1111^^^SSA^SS||Rivera^Ana^M^^^^L||19800229|F|||"
    "12 Elm St^Apt 4^Austin^TX^78701^USA^H||(512)555-0100^PRN^PH~^NET^Internet^ana@example.org|||||A-9001"
)
PV1 = (
    "PV1|1|O|CLINIC^2^^NORTH|R|||1234567893^Stone^Lee^^^Dr^^^NPI^L^^^NPI|1245319599^Park^Jo^^^^^^NPI^L^^^NPI|||||||||||"
    "V-77^^^NORTH^VN|||||||||||||||||||||||||20260302090000-0500|20260302093000-0500"
)
DFT = hl7(
    msh("DFT^P03^DFT_P03"),
    "EVN|P03|20260302101000-0500",
    PID,
    PV1,
    "FT1|1|TX-1|B-1|20260302|20260302|CG|CDM100^Office visit^L|||1|150&USD|150&USD|FM|||CLINIC^2^^NORTH|||"
    "E11.9^^I10~I10^^I10|1234567893^Stone^Lee^^^^^^NPI^L^^^NPI|1245319599^Park^Jo^^^^^^NPI^L^^^NPI||||99213^^C4|25~GT",
    "FT1|2|TX-2|B-1|20260302^20260304||CG|J1100^^HCPCS|||4|10.00^USD|2.50^USD|||||||E11.9^^I10||||||||||63323016501^^NDC",
    "DG1|1||E11.9^^I10||20260302|F|||||||||1",
    "IN1|1|HMO1^Blue Gold|66001^^^NAIC^NIIP|Blue Cross||||GRP-5||||20260101|20261231||HMO|Rivera^Luis^^^^^L|SPO|19790101|"
    "12 Elm St^^Austin^TX^78701|||||||||||||||||XYZ123456",
    "GT1|1||Rivera^Luis||12 Elm St^^Austin^TX^78701|(512)555-0101||19790101|M||SPO",
)


def reading(*segments: str) -> Reading:  # type: ignore[type-arg]
    return read_document(parse(hl7(*segments)))


def places(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.place for finding in findings]
