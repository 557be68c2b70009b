"""How is a message answered, whatever it was?

Source: HL7 v2.8 chapter 2 (original and enhanced acknowledgement, MSA, ERR; tables 0008, 0155, 0357, 0516).
AA and CA mean that what came is safely kept. Enhanced mode is when MSH-15 or MSH-16 is filled: the commit answer
comes first, then the application's. An answer quotes the sender's own header and our own words, never a patient.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from shared.codecs.hl7v2.findings import ERROR_CODE_TEXTS, Finding, Place, Severity
from shared.codecs.hl7v2.message import Header, Separators, escaped

ECHO_CHARACTERS = 227  # the longest field of MSH that we echo
ERRORS_REPORTED_MAX = 50


class AcknowledgementCode(StrEnum):
    """Table 0008."""

    APPLICATION_ACCEPT = "AA"
    APPLICATION_ERROR = "AE"  # the sender can mend the content and send again
    APPLICATION_REJECT = "AR"  # wrong type, version or processing id, or unreadable, or "try later"
    COMMIT_ACCEPT = "CA"
    COMMIT_ERROR = "CE"
    COMMIT_REJECT = "CR"


class Verdict(StrEnum):
    """What became of a message; in enhanced mode one verdict may need two answers."""

    ACCEPTED = "accepted"  # everything in it is committed
    FAULTY = "faulty"  # kept, and its content cannot be used
    REFUSED = "refused"  # not taken in


def acknowledgement(
    header: Header,
    code: AcknowledgementCode,
    findings: Sequence[Finding] = (),
    *,
    control_id: str,
    at: datetime,
) -> bytes:
    """One ACK for the message with this header (of a `Message`, or from `salvage_header` for any bytes).

    `control_id` is ours for this answer, `at` is when we answer, aware. Never raises, whatever the header holds.
    """
    separators = header.separators
    lines = [
        _msh(header, control_id=control_id, at=at),
        _msa(header, code, findings),
        *(_err(finding, separators) for finding in _worst_first(findings)[:ERRORS_REPORTED_MAX]),
    ]
    return ("\r".join(lines) + "\r").encode(header.encoding, errors="replace")


def answers(
    header: Header, verdict: Verdict, findings: Sequence[Finding] = (), *, control_id: str, at: datetime
) -> tuple[bytes, ...]:
    """The answers that the sender asked for, in order: none, one or two. They share `control_id` but for a suffix."""
    codes = codes_wanted(header, verdict)
    return tuple(
        acknowledgement(
            header, code, findings, control_id=control_id if ordinal == 1 else f"{control_id}-{ordinal}", at=at
        )
        for ordinal, code in enumerate(codes, 1)
    )


def codes_wanted(header: Header, verdict: Verdict) -> tuple[AcknowledgementCode, ...]:
    """Original mode: AA, AE or AR. Enhanced mode: by the conditions of table 0155 in MSH-15 and MSH-16."""
    application = _APPLICATION[verdict]
    if not (header.accept_acknowledgement or header.application_acknowledgement):
        return (application,)
    is_accepted = verdict is Verdict.ACCEPTED
    wants_application = _is_wanted(header.application_acknowledgement, is_success=is_accepted)
    if verdict is Verdict.REFUSED:  # what was not taken in gets no answer from an application
        commit, wants_application = AcknowledgementCode.COMMIT_REJECT, False
    elif is_accepted or wants_application:
        commit = AcknowledgementCode.COMMIT_ACCEPT
    else:  # the sender hears of the fault here or nowhere
        commit = AcknowledgementCode.COMMIT_ERROR
    is_commit_success = commit is AcknowledgementCode.COMMIT_ACCEPT
    wants_commit = _is_wanted(header.accept_acknowledgement, is_success=is_commit_success)
    return (commit,) * wants_commit + (application,) * wants_application


_APPLICATION = {
    Verdict.ACCEPTED: AcknowledgementCode.APPLICATION_ACCEPT,
    Verdict.FAULTY: AcknowledgementCode.APPLICATION_ERROR,
    Verdict.REFUSED: AcknowledgementCode.APPLICATION_REJECT,
}


def _is_wanted(condition: str, *, is_success: bool) -> bool:
    """Table 0155: AL always, NE never, ER on error, SU on success. An unknown word is taken as always."""
    match condition.upper():
        case "" | "NE":
            return False
        case "ER":
            return not is_success
        case "SU":
            return is_success
        case _:
            return True


def _msh(header: Header, *, control_id: str, at: datetime) -> str:
    separators = header.separators
    trigger = escaped(header.trigger[:10], separators)
    component = separators.component
    fields = [
        "MSH",
        separators.encoding_characters,
        _echo(header.raw(5)),
        _echo(header.raw(6)),
        _echo(header.raw(3)),
        _echo(header.raw(4)),
        _timestamp(at),
        "",
        component.join(("ACK", trigger, "ACK")) if trigger else "ACK",
        escaped(control_id, separators),
        escaped(header.processing_id[:3], separators) or "P",
        escaped(header.version[:10], separators) or "2.5.1",
    ]
    if character_set := header.raw(18):
        fields += ["", "", "", "", "", _echo(character_set)]
    return separators.field.join(fields)


def _timestamp(at: datetime) -> str:
    text = at.isoformat(timespec="seconds")
    local, offset = text[:19], text[19:]
    return local.replace("-", "").replace("T", "").replace(":", "") + offset.replace(":", "")


def _msa(header: Header, code: AcknowledgementCode, findings: Sequence[Finding]) -> str:
    fields = ["MSA", code, _echo(header.raw(10))]
    if findings and code not in (AcknowledgementCode.APPLICATION_ACCEPT, AcknowledgementCode.COMMIT_ACCEPT):
        worst = _worst_first(findings)[0]
        # MSA-3 was withdrawn in 2.7 and is what senders before 2.5, which know no ERR-8, show their users.
        fields.append(escaped(f"{worst.place}: {worst.rule}"[:200], header.separators))
    return header.separators.field.join(fields)


def _err(finding: Finding, separators: Separators) -> str:
    code = separators.component.join((finding.code, escaped(ERROR_CODE_TEXTS[finding.code], separators), "HL70357"))
    severity = "E" if finding.severity is Severity.ERROR else "W"
    detail = f"{finding.place}: {finding.rule}" + (f" (found: {finding.value})" if finding.value else "")
    fields = ["ERR", "", _location(finding.at, separators), code, severity, "", ""]
    return separators.field.join([*fields, escaped(detail[:250], separators), escaped(finding.rule[:250], separators)])


def _location(place: Place, separators: Separators) -> str:
    """ERL. Repetition and component are named only below a field."""
    parts = [escaped(place.segment[:3], separators), str(place.occurrence)]
    if place.field:
        parts += [str(place.field), str(place.repetition)]
        if place.component:
            parts.append(str(place.component))
    return separators.component.join(parts)


def _worst_first(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.severity is not Severity.ERROR)


def _echo(raw: str) -> str:
    """The sender's own text with the sender's own escapes, without anything that could end a segment."""
    text = raw[:ECHO_CHARACTERS]
    return text if text.isprintable() else "".join(filter(str.isprintable, text))
