"""`python -m deploy.sandbox.cards --state DIR`: a processor of cards that moves no money, over real HTTP, until SIGTERM.

What it answers depends only on the token and the amount, and what it tells by itself on these and the days since; the same key is
answered the same for ever. It also stands at `/cards` of the sandbox clearinghouse.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import sqlite3
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from shared.runtime.clock import Clock, FileClock, SystemClock
from shared.runtime.web import FRAMEWORK_TELEMETRY_OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """How the card behind a token behaves."""

    says: str
    decline: str = ""
    is_slow: bool = False  # takes the money at once, and answers the first time when nobody listens any more
    is_lost: bool = False  # takes the money, and the first answer is lost
    takes_refunds: bool = True
    disputed_after_days: int = 0
    won_after_days: int = 0  # counted from the dispute


CARDS: dict[str, Card] = {
    "tok_good": Card(says="takes everything"),
    "tok_declined": Card(says="declined: insufficient funds", decline="insufficient-funds"),
    "tok_expired": Card(says="declined: expired", decline="expired-card"),
    "tok_slow": Card(says="approved, and the first answer comes too late", is_slow=True),
    "tok_lost": Card(says="approved, and the first answer is lost", is_lost=True),
    "tok_norefund": Card(says="takes no refunds", takes_refunds=False),
    "tok_disputed": Card(says="charged back after 10 days", disputed_after_days=10),
    "tok_won": Card(says="charged back after 10 days, won 20 days later", disputed_after_days=10, won_after_days=20),
}
AMOUNT_CENTS_MAX = 10_000_00  # more is declined, whatever the card

_SCHEMA = """
create table if not exists payments (
  reference text primary key, merchant text not null, merchant_reference text not null, token text not null,
  amount_cents integer not null, status text not null, code text not null, refunded_cents integer not null default 0,
  captured_at text);
create table if not exists answers (
  merchant text not null, key text not null, question text not null, status integer not null, body text not null,
  primary key (merchant, key));
create table if not exists due (
  due_id integer primary key, merchant text not null, at text not null, kind text not null, reference text not null);
create table if not exists news (
  merchant text not null, number integer not null, body text not null, primary key (merchant, number));
"""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount_cents: int
    currency: str = "USD"


class _PaymentBody(_Body):
    token: str
    merchant_reference: str


class _No(Exception):
    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code


class Processor:
    """One file of SQLite; every question in one transaction."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode = wal")
        self._db.executescript(_SCHEMA)
        self._clock = clock

    def answer(self, merchant: str, key: str, path: str, body: _Body) -> tuple[int, dict[str, Any], bool]:
        """Status, body, and whether this is the first time that the key was asked."""
        question = json.dumps([path, body.model_dump()], sort_keys=True)
        self._db.execute("begin immediate")
        try:
            known = self._db.execute(
                "select question, status, body from answers where merchant = ? and key = ?", (merchant, key)
            ).fetchone()
            if known is not None:
                same = known[0] == question
                self._db.execute("commit")
                return (known[1], json.loads(known[2]), False) if same else (409, {"code": "key-reused"}, False)
            try:
                status, found = 200, self._do(merchant, key, path, body)
            except _No as no:
                status, found = no.status, {"status": "declined", "code": no.code}
            self._db.execute(
                "insert into answers values (?, ?, ?, ?, ?)", (merchant, key, question, status, json.dumps(found))
            )
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")
        return status, found, True

    def _do(self, merchant: str, key: str, path: str, body: _Body) -> dict[str, Any]:
        if body.currency != "USD" or body.amount_cents <= 0:
            raise _No(422, "not-an-amount")
        if isinstance(body, _PaymentBody):
            return self._authorise(merchant, key, body)
        reference, _, deed = path.removeprefix("/payments/").partition("/")
        found = self._db.execute(
            "select token, amount_cents, status, refunded_cents from payments where reference = ? and merchant = ?",
            (reference, merchant),
        ).fetchone()
        if found is None:
            raise _No(404, "unknown-payment")
        token, amount_cents, status, refunded_cents = found
        if deed == "capture":
            if status == "authorised" and body.amount_cents == amount_cents:
                return self._capture(merchant, reference, CARDS[token])
            raise _No(422, "not-authorised")
        if status != "captured" or body.amount_cents > amount_cents - refunded_cents:
            raise _No(422, "more-than-captured")
        if not CARDS[token].takes_refunds:
            return {"status": "failed", "code": "card-closed"}
        self._db.execute(
            "update payments set refunded_cents = refunded_cents + ? where reference = ?",
            (body.amount_cents, reference),
        )
        number = hashlib.sha256(f"{merchant}|{key}".encode()).hexdigest()[:16]
        return {"status": "refunded", "id": f"ref_{number}", "on": self._today()}

    def _authorise(self, merchant: str, key: str, body: _PaymentBody) -> dict[str, Any]:
        card = CARDS.get(body.token)
        if card is None:
            raise _No(422, "unknown-token")
        code = card.decline or ("over-limit" if body.amount_cents > AMOUNT_CENTS_MAX else "")
        status = "declined" if code else "authorised"
        reference = "pay_" + hashlib.sha256(f"{merchant}|{key}".encode()).hexdigest()[:16]
        self._db.execute(
            "insert into payments (reference, merchant, merchant_reference, token, amount_cents, status, code)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (reference, merchant, body.merchant_reference, body.token, body.amount_cents, status, code),
        )
        return {"status": status, "id": reference, "code": code, "on": self._today()}

    def _capture(self, merchant: str, reference: str, card: Card) -> dict[str, Any]:
        now = self._clock.now()
        self._db.execute(
            "update payments set status = 'captured', captured_at = ? where reference = ?", (now.isoformat(), reference)
        )
        self._plan(merchant, reference, "settled", 1)
        if card.disputed_after_days:
            self._plan(merchant, reference, "charged-back", card.disputed_after_days)
        return {"status": "captured", "id": reference, "on": self._today()}

    def _plan(self, merchant: str, reference: str, kind: str, days: int) -> None:
        at = self._clock.now() + timedelta(days=days)
        self._db.execute(
            "insert into due (merchant, at, kind, reference) values (?, ?, ?, ?)",
            (merchant, at.isoformat(), kind, reference),
        )

    def news(self, merchant: str, after: int, most: int = 100) -> list[dict[str, Any]]:
        """What was told behind a number. What became due by now is told, and numbered, first."""
        self._db.execute("begin immediate")
        due = self._db.execute(
            "select due_id, at, kind, reference from due where merchant = ? and at <= ? order by at, due_id",
            (merchant, self._clock.now().isoformat()),
        ).fetchall()
        for due_id, at, kind, reference in due:
            self._db.execute("delete from due where due_id = ?", (due_id,))
            self._tell(merchant, at[:10], kind, reference)
        self._db.execute("commit")
        rows = self._db.execute(
            "select number, body from news where merchant = ? and number > ? order by number limit ?",
            (merchant, after, most),
        )
        return [{"number": number, **json.loads(body)} for number, body in rows]

    def _tell(self, merchant: str, on: str, kind: str, reference: str) -> None:
        merchant_reference, token, amount_cents, refunded_cents = self._db.execute(
            "select merchant_reference, token, amount_cents, refunded_cents from payments where reference = ?",
            (reference,),
        ).fetchone()
        told: dict[str, Any] = {"kind": kind, "merchant_reference": merchant_reference, "on": on}
        if kind == "settled":
            fee = (amount_cents * 29 + 500) // 1000 + 30  # 2.9 %, half a cent up, and 30 cents
            told |= {"amount_cents": amount_cents, "fee_cents": fee, "settlement_id": f"set-{on}"}
        else:
            amount_cents -= refunded_cents
            told |= {"amount_cents": amount_cents, "chargeback_id": f"cb-{reference[4:]}", "reason": "not-recognised"}
            if kind == "charged-back" and CARDS[token].won_after_days:
                self._plan(merchant, reference, "chargeback-won", CARDS[token].won_after_days)
        if amount_cents > 0:
            number = self._db.execute(
                "select coalesce(max(number), 0) + 1 from news where merchant = ?", (merchant,)
            ).fetchone()[0]
            self._db.execute("insert into news values (?, ?, ?)", (merchant, number, json.dumps(told)))

    def payments(self, merchant: str) -> list[dict[str, Any]]:
        rows = self._db.execute(
            "select reference, merchant_reference, amount_cents, status, refunded_cents from payments"
            " where merchant = ? order by rowid",
            (merchant,),
        )
        names = ("id", "merchant_reference", "amount_cents", "status", "refunded_cents")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _today(self) -> str:
        return self._clock.now().date().isoformat()


Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=200)]
Merchant = Annotated[str, Header(alias="Authorization", max_length=300)]


def application(state: Path, clock: Clock, *, slow_seconds: float = 30.0) -> FastAPI:
    """The processor over HTTP; who brings another bearer token is another merchant."""
    state.mkdir(parents=True, exist_ok=True)
    processor = Processor(state / "cards.sqlite", clock)
    app = FastAPI(title="Sandbox processor of cards", docs_url=None, redoc_url=None, telemetry=FRAMEWORK_TELEMETRY_OFF)

    def answered(merchant: str, key: str, path: str, body: _Body) -> tuple[JSONResponse, bool]:
        status, found, is_first = processor.answer(merchant, key, path, body)
        return JSONResponse(found, status), is_first

    @app.post("/payments")
    async def authorise(body: _PaymentBody, key: Key, merchant: Merchant = "") -> JSONResponse:
        answer, is_first = answered(merchant, key, "/payments", body)
        card = CARDS.get(body.token)
        if card is not None and is_first and card.is_slow:
            await asyncio.sleep(slow_seconds)
        if card is not None and is_first and card.is_lost:
            return JSONResponse({"detail": "the answer was lost"}, 500)
        return answer

    @app.post("/payments/{reference}/capture")
    async def capture(reference: str, body: _Body, key: Key, merchant: Merchant = "") -> JSONResponse:
        return answered(merchant, key, f"/payments/{reference}/capture", body)[0]

    @app.post("/payments/{reference}/refunds")
    async def refund(reference: str, body: _Body, key: Key, merchant: Merchant = "") -> JSONResponse:
        return answered(merchant, key, f"/payments/{reference}/refunds", body)[0]

    @app.get("/payments")
    async def payments(merchant: Merchant = "") -> dict[str, Any]:
        """What the merchant's own pages would show."""
        return {"items": processor.payments(merchant)}

    @app.get("/notifications")
    async def notifications(after: int = 0, merchant: Merchant = "") -> dict[str, Any]:
        return {"items": processor.news(merchant, after)}

    @app.get("/tokens")
    async def tokens() -> dict[str, str]:
        """The tokens that it knows, and how the card behind each behaves."""
        return {token: card.says for token, card in CARDS.items()}

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "live"}

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--http-port", type=int, default=int(os.environ.get("LEDGERLINE_SANDBOX_CARDS_PORT", "8091")))
    parser.add_argument("--clock-file", type=Path, default=None)
    parser.add_argument("--slow-seconds", type=float, default=30.0)
    options = parser.parse_args()
    clock: Clock = FileClock(options.clock_file) if options.clock_file else SystemClock()
    app = application(options.state, clock, slow_seconds=options.slow_seconds)
    uvicorn.run(app, port=options.http_port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()
