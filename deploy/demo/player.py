"""How is a practice's time played through the running system?

Everything goes through the public interface: set-up by the practice file, the EHR's messages over MLLP, patients' payments over HTTP.
Business time is moved from step to step; each step waits until nothing is going on, so what happens does not depend on how fast
this machine is. What patients pay is decided by the seed and by what their statements say.
"""

from __future__ import annotations

import hashlib
import socket
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib import resources
from typing import Any

from rich.table import Table

from deploy.client import Client, NotRunning, Refused
from deploy.demo import messages
from deploy.demo.population import Practice, Visit, invent
from deploy.practice import read_practice
from deploy.state import State
from shared.codecs.hl7v2.findings import HL7Error
from shared.codecs.hl7v2.message import parse
from shared.codecs.hl7v2.mllp import MllpDecoder, frame

HOURS = (12, 20)  # when a day is looked at: the morning's visits, then the afternoon's and the evening's payments
SETTLE_SECONDS = 240.0
_BOOKED_DAYS_AHEAD = 2

Told = Callable[[int, int], None]


class NotAccepted(Exception):
    """The gateway did not accept what the demo's EHR sent; the text has the control id and the acknowledgement code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Payment:
    statement_id: str
    patient_id: str
    amount_cents: int


class Player:
    """Plays the days between the clock's present and `days` days later, then the time up to now."""

    def __init__(
        self,
        client: Client,
        state: State,
        *,
        patients: int,
        days: int,
        seed: int,
        invented: Callable[..., Practice] = invent,
        heard: Callable[[bytes], None] = lambda acknowledgement: None,
    ) -> None:
        self._client = client
        self._mllp = MllpClient(state.mllp_port, heard)
        self._invented = invented
        self._seed = seed
        self._days = days
        self._patients = patients
        self._payments: defaultdict[date, list[_Payment]] = defaultdict(list)
        self._statements_after: str | None = None
        self._sent: Counter[str] = Counter()

    def play(self, told: Told) -> None:
        """The whole of it. Raises Refused, NotAccepted, TimeoutError."""
        with self._mllp:
            self._play(told)

    def _play(self, told: Told) -> None:
        began = self._now()
        practice = self._invented(patients=self._patients, first_day=began.date(), days=self._days, seed=self._seed)
        self._set_up()
        steps = list(_steps(began, self._days))
        for number, moment in enumerate(steps, start=1):
            self._advance(moment)
            self._live(practice, moment)
            told(number, len(steps))
        self._advance(max(datetime.now(UTC), self._now()))
        self._settle()

    def report(self) -> Table:
        """What happened, as a table."""
        table = Table(title="What happened")
        table.add_column("")
        table.add_column("", justify="right")
        for name, count in sorted(self._sent.items()):
            table.add_row(name, f"{count:,}")
        for line in _TOLD:
            table.add_row(line.words, f"{_told_by(line, self._said(line.service, line.event)):,}")
        balances = self._client.get("/api/payments/balances")
        for party, cents in sorted(balances["parties"].items()):
            table.add_row(f"owed by {party}", _dollars(cents))
        table.add_row("total accounts receivable", _dollars(balances["total_cents"]), style="bold")
        return table

    # --- one step ---

    def _live(self, practice: Practice, moment: datetime) -> None:
        morning = moment.hour == HOURS[0]
        for visit in practice.visits:
            if morning and visit.day == moment.date() + timedelta(days=_BOOKED_DAYS_AHEAD):
                self._say("appointments booked", messages.appointment(visit, moment))
            if visit.day == moment.date() and (visit.hour < HOURS[0]) == morning:
                self._visit(visit, moment)
        if not morning:
            self._settle()  # what this moment brought is all there, however fast this machine is
            self._read_statements(moment.date())
            for payment in self._payments.pop(moment.date(), []):
                self._pay(payment, moment.date())

    def _visit(self, visit: Visit, moment: datetime) -> None:
        self._say("patients registered or updated", messages.registration(visit, moment))
        self._say("visits charged", messages.charges(visit, moment))

    def _say(self, what: str, message: bytes) -> None:
        self._mllp.send(message)
        self._sent[what] += 1

    def _read_statements(self, today: date) -> None:
        """New statements, and what their patients will do about them."""
        is_head = False
        while not is_head:
            read = partial(self._client.events, "collections", self._statements_after, 500)
            events, self._statements_after, is_head = _patiently(read)
            for event in events:
                if event["type"].split(".")[1] == "StatementIssued":
                    self._decide(event["data"], today)

    def _decide(self, statement: dict[str, Any], today: date) -> None:
        dice = _dice(self._seed, statement)
        share = (1, 1, 1, 1, 1, 2, 0, 0, 0, 0)[dice % 10]  # all of it, half of it, nothing
        if share:
            payment = _Payment(
                statement_id=statement["statement_id"],
                patient_id=statement["patient_id"],
                amount_cents=statement["due_cents"] // share,
            )
            self._payments[today + timedelta(days=2 + dice // 10 % 9)].append(payment)

    def _pay(self, payment: _Payment, today: date) -> None:
        body = {
            "payment_id": f"pay-{payment.statement_id}",
            "patient_id": payment.patient_id,
            "amount_cents": payment.amount_cents,
            "method": "check",
            "received_on": today.isoformat(),
        }
        _patiently(lambda: self._client.post("/api/payments/patient-payments", body, key=f"pay-{payment.statement_id}"))
        self._sent["payments by patients"] += 1

    # --- set-up and time ---

    def _set_up(self) -> None:
        text = resources.files("deploy.practices").joinpath("river-clinic.yaml").read_text()
        for request in read_practice(text):
            _patiently(partial(self._client.put, request.path, request.body, key=request.idempotency_key))

    def _now(self) -> datetime:
        return datetime.fromisoformat(_patiently(lambda: self._client.get("/clock"))["now"])

    def _advance(self, moment: datetime) -> None:
        """Move business time, as soon as nothing is going on."""
        give_up = time.monotonic() + SETTLE_SECONDS
        while True:
            try:
                self._client.post("/clock", {"to": moment.isoformat()})
                return
            except NotRunning as reason:
                told = str(reason)  # it is being started again
            except Refused as refused:
                if refused.code not in ("not-quiet", "service-unavailable") and refused.status < 500:
                    raise
                told = str(refused)
            if time.monotonic() > give_up:
                raise TimeoutError(f"after {SETTLE_SECONDS:g} s at {moment.isoformat()}: {told}")
            time.sleep(0.05)

    def _settle(self) -> None:
        give_up = time.monotonic() + SETTLE_SECONDS
        while busy := _patiently(lambda: self._client.get("/quiet"))["busy"]:
            if time.monotonic() > give_up:
                raise TimeoutError(f"after {SETTLE_SECONDS:g} s: still going on: {', '.join(busy)}")
            time.sleep(0.05)

    def _said(self, service: str, name: str) -> Iterator[dict[str, Any]]:
        cursor, is_head = None, False
        while not is_head:
            events, cursor, is_head = self._client.events(service, cursor, 1000, types=f"{service}.{name}.v1")
            yield from events


class MllpClient:
    """One connection to the gateway; a message is sent again until it is answered, as an EHR's interface engine does."""

    def __init__(self, port: int, heard: Callable[[bytes], None] = lambda acknowledgement: None) -> None:
        self._port = port
        self._heard = heard
        self._socket: socket.socket | None = None
        self._decoder = MllpDecoder()

    def __enter__(self) -> MllpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, message: bytes) -> None:
        """Returns when the message was accepted. Raises NotAccepted, TimeoutError."""
        give_up = time.monotonic() + SETTLE_SECONDS
        while True:
            try:
                code = _acknowledged(self.exchange(message))
            except OSError:
                self._hang_up()
                code = ""
            if code in ("AA", "CA"):
                return
            if code == "AE":
                control_id = parse(message).header.control_id
                raise NotAccepted(f"message {control_id} was answered with {code}")
            if time.monotonic() > give_up:  # AR and silence mean: try later
                raise TimeoutError(f"no acknowledgement within {SETTLE_SECONDS:g} s")
            time.sleep(0.1)

    def exchange(self, message: bytes) -> bytes:
        """The acknowledgement, whatever it says. Raises OSError."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=30)
            self._decoder = MllpDecoder()
        self._socket.sendall(frame(message))
        while True:
            chunk = self._socket.recv(65536)
            if not chunk:
                raise ConnectionResetError("the gateway closed the connection")
            for answer in self._decoder.feed(chunk):
                if isinstance(answer, bytes):
                    self._heard(answer)
                    return answer


def _acknowledged(answer: bytes) -> str:
    try:
        found = parse(answer).first("MSA")
    except HL7Error:
        return ""
    return found.text(1) if found else ""


def _patiently(ask: Callable[[], Any]) -> Any:
    """Ask until it is answered: a process that was killed is being started again."""
    give_up = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            return ask()
        except NotRunning:
            if time.monotonic() > give_up:
                raise
        except Refused as refused:
            if refused.status < 500 or time.monotonic() > give_up:
                raise
        time.sleep(0.1)


def _steps(began: datetime, days: int) -> Iterator[datetime]:
    for day in range(days):
        for hour in HOURS:
            yield began.replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(days=day)


def _dice(seed: int, statement: dict[str, Any]) -> int:
    """From what the statement says, not from ids, which differ between installations."""
    lines = sorted((line.get("service_on", ""), line["balance_cents"]) for line in statement["lines"])
    told = f"{seed}|{statement['number']}|{lines}"
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big")


def _dollars(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line of the report: events of a kind, or the claims that they are about, each once however often it was sent or answered."""

    service: str
    event: str
    words: str
    stage: str = ""  # of those only
    counts_claims: bool = False


_TOLD = (
    _Line(service="eligibility", event="EligibilityAnswered", words="eligibility answers (271)"),
    _Line(service="charges", event="ChargesReleased", words="releases of charges"),
    _Line(service="claims", event="ClaimSubmitted", words="claims sent (837P)", counts_claims=True),
    _Line(service="claims", event="InterchangeAcknowledged", words="acknowledgements of files (TA1, 999)"),
    _Line(
        service="claims",
        event="ClaimAccepted",
        words="claims accepted by the clearinghouse (277CA)",
        stage="clearinghouse",
        counts_claims=True,
    ),
    _Line(
        service="claims",
        event="ClaimAccepted",
        words="claims accepted by the payer (277CA)",
        stage="payer",
        counts_claims=True,
    ),
    _Line(service="claims", event="ClaimRejected", words="claims rejected", counts_claims=True),
    _Line(service="payments", event="RemittanceReceived", words="remittances received (835)"),
    _Line(service="payments", event="ClaimPaymentPosted", words="answers of payers posted"),
    _Line(service="payments", event="ClaimPaymentReversed", words="answers reversed"),
    _Line(service="claims", event="DenialOpened", words="denials opened"),
    _Line(service="claims", event="FollowUpDue", words="silent claims to follow up", counts_claims=True),
    _Line(service="collections", event="StatementIssued", words="statements issued"),
)


def _told_by(line: _Line, events: Iterable[dict[str, Any]]) -> int:
    """How many, of the events of the line's kind."""
    meant = [event["data"] for event in events if not line.stage or event["data"]["stage"] == line.stage]
    return len({data["claim_id"] for data in meant}) if line.counts_claims else len(meant)
