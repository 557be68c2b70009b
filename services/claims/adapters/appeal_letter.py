"""What does an appeal look like on paper?

The practice's head, the payer's address where it is known, whom and which claim it is about, the text, and a list of what is enclosed, each
with the number under which our document store keeps it. Name, birth date and member number are opened for the letter only, on the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from html import escape

from shared.events.denials import AppealEvidence
from shared.events.values import Address, Person, ProviderIdentity
from shared.runtime.pdf import pdf_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealLetter:
    denial_id: str
    level: int
    level_name: str
    written_on: date
    sender: ProviderIdentity
    payer_name: str
    payer_address: Address | None
    patient: Person
    member_number: str
    claim_id: str
    payer_claim_number: str
    service_on: date
    text: str
    evidence: tuple[AppealEvidence, ...]


_STYLE = """
@page { size: letter; margin: 22mm 20mm; @bottom-right { content: counter(page) " / " counter(pages); font-size: 8pt } }
html { font-family: sans-serif; font-size: 10.5pt; line-height: 1.4; color: #111 }
h1 { font-size: 1.25em; margin: 1em 0 .4em } p { margin: .6em 0 }
.sender, .payer { white-space: pre-line } .payer { margin: 12mm 0 8mm }
table { width: 100%; border-collapse: collapse } th, td { text-align: left; padding: .25em .6em .25em 0; vertical-align: top }
.facts th { width: 11em; font-weight: normal; color: #444 } .enclosed td, .enclosed th { border-bottom: 1px solid #bbb }
.hash { font-family: monospace; font-size: .75em; overflow-wrap: anywhere } thead { display: table-header-group } tr { break-inside: avoid }
"""


def letter_pdf(letter: AppealLetter) -> bytes:
    """The letter as PDF: the same letter gives the same bytes."""
    return pdf_of(letter_html(letter), f"{letter.denial_id}/{letter.level}/{letter.written_on}")


def letter_html(letter: AppealLetter) -> str:
    title = f"Appeal: {letter.level_name}" if letter.level_name else f"Appeal, level {letter.level}"
    name = letter.patient.name
    facts = {
        "Patient": " ".join(part for part in (name.first, name.middle, name.last, name.suffix) if part),
        "Date of birth": _day(letter.patient.birth_on) if letter.patient.birth_on else "",
        "Member number": letter.member_number,
        "Our claim number": letter.claim_id,
        "Your claim number": letter.payer_claim_number,
        "Date of service": _day(letter.service_on),
        "NPI": letter.sender.npi,
    }
    rows = "".join(f"<tr><th>{label}</th><td>{escape(value)}</td></tr>" for label, value in facts.items() if value)
    paragraphs = "".join(f"<p>{escape(part.strip())}</p>" for part in letter.text.split("\n\n") if part.strip())
    sender = letter.sender
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<div class="sender"><strong>{escape(sender.last_or_organisation)}</strong>
{escape(_address(sender.address))}
{escape(sender.phone)}</div>
<div class="payer">{escape(letter.payer_name)}
{escape(_address(letter.payer_address))}</div>
<p>{_day(letter.written_on)}</p>
<h1>{escape(title)}</h1>
<table class="facts">{rows}</table>
{paragraphs}
<p>{escape(sender.last_or_organisation)}</p>
{_enclosed(letter.evidence)}
</body></html>"""


def _enclosed(evidence: tuple[AppealEvidence, ...]) -> str:
    if not evidence:
        return ""
    rows = "".join(
        f"<tr><td>{number}</td><td>{_day(each.on) if each.on else ''}</td><td>{escape(each.said)}"
        f"{_kept_as(each)}</td></tr>"
        for number, each in enumerate(evidence, start=1)
    )
    head = "<thead><tr><th>No.</th><th>Date</th><th>What it shows</th></tr></thead>"
    return f'<h1>Evidence</h1><table class="enclosed">{head}<tbody>{rows}</tbody></table>'


def _kept_as(each: AppealEvidence) -> str:
    if not each.document_id:
        return ""
    place = f", {each.place}" if each.place else ""
    return f'<br><span class="hash">SHA-256 {escape(each.document_id)}{escape(place)}</span>'


def _address(address: Address | None) -> str:
    if address is None:
        return ""
    place = " ".join(part for part in (address.city, address.state, address.postal_code[:5]) if part)
    return "\n".join(part for part in (address.line_1, address.line_2, place) if part)


def _day(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"
