"""What does a patient's statement look like on paper?

Plain words first: how much, by when, how to pay, whom to call. Then every account with its reason, since when, and how much, summing to
what is due. The same letter gives the same bytes: nothing on it depends on the hour or the machine that prints it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from html import escape

from shared.events.collections import StatementIssued, StatementLine
from shared.events.values import Address, Person, PersonName
from shared.runtime.pdf import pdf_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    statement: StatementIssued
    recipient: Person
    sender_name: str
    sender_address: Address
    sender_phone: str
    is_large_type: bool = False


_REASONS = {
    "deductible": "Your plan's deductible",
    "coinsurance": "Your share (coinsurance)",
    "copay": "Your copayment",
    "self-pay": "No insurance on record for this visit",
    "payment": "You paid",
    "payment-returned-by-bank": "Your bank returned your payment",
    "payment-chargeback": "Your card payment was disputed and taken back",
    "payment-entered-wrongly": "A payment that we had noted by mistake",
    "refund": "Paid back to you",
    "credit-before": "Credit from before",
    "moved-to-agency": "Settled with the agency",
}
_STYLE = """
@page { size: letter; margin: 22mm 20mm; @bottom-right { content: counter(page) " / " counter(pages); font-size: 8pt } }
html { font-family: sans-serif; font-size: %s; line-height: 1.4; color: #111 }
h1 { font-size: 1.5em; margin: 1.2em 0 .4em } p { margin: .4em 0 }
.sender, .recipient { white-space: pre-line } .recipient { margin: 14mm 0 10mm }
.due { border: 1px solid #111; padding: .6em .9em; font-size: 1.15em }
table { width: 100%%; border-collapse: collapse; margin-top: 1em }
th, td { text-align: left; padding: .3em .5em .3em 0; border-bottom: 1px solid #bbb; vertical-align: top }
.cents { text-align: right; white-space: nowrap } tfoot td { font-weight: bold; border-bottom: none }
thead { display: table-header-group } tr { break-inside: avoid }
"""


def statement_pdf(letter: Letter) -> bytes:
    """The letter as PDF."""
    return pdf_of(statement_html(letter), f"{letter.statement.statement_id}{letter.is_large_type}")


def statement_html(letter: Letter) -> str:
    """The letter as one page of HTML without anything from outside."""
    statement = letter.statement
    title = "Final notice" if statement.is_final_notice else "Statement of what you owe"
    style = _STYLE % ("15pt" if letter.is_large_type else "10.5pt")
    lines = "".join(_line(line) for line in statement.lines)
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head><body>
<div class="sender"><strong>{escape(letter.sender_name)}</strong>
{escape(_address(letter.sender_address))}</div>
<div class="recipient">{escape(_name(letter.recipient.name))}
{escape(_address(letter.recipient.address))}</div>
<h1>{title}</h1>
<p>{_day(statement.issued_on)} · Statement {escape(statement.statement_id)}</p>
<p class="due">Please pay <strong>${_amount(statement.due_cents)}</strong> by <strong>{_day(statement.pay_by_on)}</strong>.</p>
{_final_notice(statement)}
<table><thead><tr><th>Account</th><th>Visit</th><th>Why you owe this</th><th>Since</th><th class="cents">Amount</th></tr></thead>
<tbody>{lines}</tbody>
<tfoot><tr><td colspan="4">Due</td><td class="cents">${_amount(statement.due_cents)}</td></tr></tfoot></table>
{_disputed(statement)}
<h1>How to pay</h1>
<p>Send a check to the address above and write the statement number on it, or call {escape(_phone(letter.sender_phone))} to pay by card
or bank account.</p>
<p>You cannot pay all of it at once? Call us: you can pay in instalments, and you may qualify for financial assistance.</p>
<p>You think that something here is wrong? Call or write before {_day(statement.pay_by_on)}. What you dispute is not billed again
until we have answered you.</p>
</body></html>"""


def reason_in_words(reason: str) -> str:
    """Why the patient owes a line, in words a patient knows; other reasons are the payer's codes, named as such."""
    if reason in _REASONS:
        return _REASONS[reason]
    if reason.startswith("adjustment"):
        return "Adjusted by us"
    group, _, code = reason.partition("-")
    return f"Your share by your insurer's answer (code {reason})" if group in ("PR", "OA") and code else "Your share"


def _line(line: StatementLine) -> str:
    visit = _day(line.service_on) if line.service_on else ""
    return (
        f"<tr><td>{escape(line.account_id)}</td><td>{visit}</td><td>{_why(line)}</td>"
        f'<td>{_day(line.since_on)}</td><td class="cents">${_amount(line.balance_cents)}</td></tr>'
    )


def _why(line: StatementLine) -> str:
    """One reason, or all of them with what each adds or takes away."""
    if len(line.parts) < 2:
        return escape(reason_in_words(line.reason))
    return "<br>".join(f"{escape(reason_in_words(part.reason))}: {_signed(part.amount_cents)}" for part in line.parts)


def _signed(cents: int) -> str:
    return f"−${_amount(-cents)}" if cents < 0 else f"${_amount(cents)}"


def _final_notice(statement: StatementIssued) -> str:
    if not statement.is_final_notice:
        return ""
    return (
        "<p>This is the last notice that we send you about accounts that we have billed three times before. From 30 days after it, "
        "an account that is still unpaid may be given to a collection agency. Call us first: we would rather find a way with you.</p>"
    )


def _disputed(statement: StatementIssued) -> str:
    if statement.disputed_cents == 0:
        return ""
    return f"<p>${_amount(statement.disputed_cents)} that you dispute is not part of this statement. We will answer you about it.</p>"


def _name(name: PersonName) -> str:
    return " ".join(part for part in (name.first, name.middle, name.last, name.suffix) if part)


def _address(address: Address) -> str:
    place = " ".join(part for part in (address.city, address.state, _postal_code(address.postal_code)) if part)
    return "\n".join(part for part in (address.line_1, address.line_2, place) if part)


def _postal_code(digits: str) -> str:
    return f"{digits[:5]}-{digits[5:]}" if len(digits) == 9 else digits


def _phone(digits: str) -> str:
    return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}" if len(digits) == 10 else digits


def _amount(cents: int) -> str:
    return f"{cents // 100:,}.{cents % 100:02d}"


def _day(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"
