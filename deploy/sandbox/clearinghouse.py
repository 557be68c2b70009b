"""What does a clearinghouse do with a file, and what do its payers say later?

It refuses a repeated ISA13, acknowledges what is well formed at once, passes the claims on, and delivers its payers' words when they
are due in business time. A file that comes again under the same name with the same bytes changes nothing.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from msgspec import structs

from deploy.sandbox import letters, payer
from deploy.sandbox.book import Book, Due
from deploy.sandbox.payer import Behaviour
from shared.codecs.x12.acknowledge import answers_to
from shared.codecs.x12.acknowledgement_999 import write_999
from shared.codecs.x12.claim_837d import dental_batch_of
from shared.codecs.x12.claim_837i import institutional_batch_of
from shared.codecs.x12.claim_837p import batch_of
from shared.codecs.x12.claim_parts import Batch, Claim
from shared.codecs.x12.elements import Party
from shared.codecs.x12.envelope import TransactionSet, read_transactions
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.remittance_835 import ClaimPayment, ProviderAdjustment

SENT_TO_US, SENT_BY_US, ARCHIVE = "outbound", "inbound", "archive"  # as our clients see the folders
_OURSELVES = Party(role="AY", name="SANDBOX CLEARINGHOUSE", id_qualifier="46", id="SANDBOX")
_CORRECTION_DAYS = 7
_BATCHES: Mapping[str, Callable[[TransactionSet], Batch[Any]]] = {
    "837P": batch_of,
    "837I": institutional_batch_of,
    "837D": dental_batch_of,
}
_ALONE = {Behaviour.SHORT_BY_A_CENT, Behaviour.DELIVER_TWICE}  # remittances of their own


class Sandbox:
    """The clearinghouse and its payers over one folder of partners."""

    def __init__(self, root: Path, book: Book, *, seed: int) -> None:
        self._root = root
        self._book = book
        self._seed = seed

    def is_idle(self, now: datetime) -> bool:
        """Nothing came in that was not worked on, and nothing is due."""
        return not self._waiting() and not self._book.due(now) and not self._book.unsaid()

    def step(self, now: datetime) -> bool:
        """Work on everything that has come and everything that is due. Whether there was anything."""
        has_come = self.take_all(now)
        has_spoken = self.speak(now)
        return has_come | has_spoken | self._deliver()

    def take_all(self, now: datetime) -> bool:
        """Take in every file that partners left, and put it in their archive. Whether there was any."""
        waiting = self._waiting()
        for partner, file in waiting:
            self.take(partner, file.name, file.read_bytes(), now)
            file.replace(self._folder(partner, ARCHIVE) / file.name)
        return bool(waiting)

    def take(self, partner: str, name: str, content: bytes, now: datetime) -> None:
        """A file of a partner's, under the name that it gave it."""
        with self._book.round():
            self._take(partner, name, content, now)

    def speak(self, now: datetime) -> bool:
        """Write what is due into the book. Whether there was anything."""
        due = self._book.due(now)
        if due:
            with self._book.round():
                self._speak(due)
        return bool(due)

    def _waiting(self) -> list[tuple[str, Path]]:
        files = [file for file in self._root.glob(f"*/{SENT_TO_US}/*") if file.is_file()]
        return [(file.parents[1].name, file) for file in sorted(files) if not file.name.startswith(".")]

    def _folder(self, partner: str, name: str) -> Path:
        folder = self._root / partner / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _deliver(self) -> bool:
        outputs = self._book.unsaid()
        for output in outputs:
            folder = self._folder(output.partner, SENT_BY_US)
            fresh = folder / f".{output.name}.part"
            fresh.write_bytes(output.content)
            fresh.replace(folder / output.name)
            self._book.was_said(output)
        return bool(outputs)

    # --- a file comes in ---

    def _take(self, partner: str, name: str, content: bytes, now: datetime) -> None:
        file_id = self._book.take_file(partner, name, hashlib.sha256(content).hexdigest(), content, now)
        if file_id is None:
            return
        problems = Problems()
        sets = list(read_transactions(content, problems))
        if not sets:
            return  # nothing that anybody could answer: the archive keeps it
        envelope = sets[0].envelope
        if not self._book.take_interchange(partner, envelope.sender_id, envelope.interchange_control_number, file_id):
            self._say(partner, "ta1", letters.interchange_answer(self._routing(sets[0], now), "R", "025"), now)
            return
        self._say(partner, "ta1", letters.interchange_answer(self._routing(sets[0], now), "A", "000"), now)
        answers = answers_to(content, written_at=now, number=1, npi="error")
        for group in answers.groups:
            envelope = letters.answer_envelope(self._routing(sets[0], now))
            self._say(partner, "999", write_999([structs.replace(group, envelope=envelope)]), now)
        accepted = {
            (group.group_control_number, response.control_number)
            for group in answers.groups
            for response in group.sets
            if response.is_accepted
        }
        for number, transaction in enumerate(sets):
            named = (transaction.envelope.group_control_number, transaction.control_number)
            if transaction.kind in _BATCHES and named in accepted:
                self._pass_on(partner, file_id, number, _BATCHES[transaction.kind](transaction), now)

    def _pass_on(self, partner: str, file_id: int, number: int, batch: Batch[Any], now: datetime) -> None:
        where = {"file": file_id, "set": number}
        self._book.plan(partner, now + timedelta(hours=2), "277CA clearinghouse", where)
        tomorrow = _at(now.date() + timedelta(days=1), 9)
        for index, claim in enumerate(batch.claims):
            behaviour = payer.behaviour_of(claim, self._seed)
            if behaviour is Behaviour.REJECT_AT_CLEARINGHOUSE:
                continue
            detail = {**where, "claim": index}
            if behaviour is not Behaviour.SILENT:
                self._book.plan(partner, tomorrow, "277CA payer", detail, claim.payer.id)
            if behaviour not in (Behaviour.SILENT, Behaviour.REJECT_AT_PAYER):
                answer = payer.adjudicate(claim, self._seed)
                paid_on = now.date() + timedelta(days=answer.days)
                self._book.plan(partner, _at(paid_on, 5), "835", detail, claim.payer.id)
                if answer.correction:
                    corrected_on = paid_on + timedelta(days=_CORRECTION_DAYS)
                    self._book.plan(partner, _at(corrected_on, 5), "835 correction", detail, claim.payer.id)

    # --- something is due ---

    def _speak(self, due: Sequence[Due]) -> None:
        groups: defaultdict[tuple[str, datetime, str, str], list[Due]] = defaultdict(list)
        for each in due:
            kind = "835" if each.kind.startswith("835") else each.kind
            # Clearinghouse and payer answer by file; a payer pays once a day for all files.
            extra = "" if kind == "835" else f"{each.detail['file']}-{each.detail['set']}"
            groups[each.partner, each.at, kind, f"{each.payer}|{extra}"].append(each)
        for (partner, at, kind, _), together in groups.items():
            match kind:
                case "277CA clearinghouse":
                    self._clearinghouse_speaks(partner, at, together[0])
                case "277CA payer":
                    self._payer_speaks(partner, at, together)
                case _:
                    self._payer_pays(partner, at, together)
            self._book.is_done(*together)

    def _clearinghouse_speaks(self, partner: str, at: datetime, due: Due) -> None:
        transaction, batch = self._batch(due)
        words = [
            letters.Word(category="A7", code="562", entity="85")
            if payer.behaviour_of(claim, self._seed) is Behaviour.REJECT_AT_CLEARINGHOUSE
            else letters.Word(category="A1", code="19", entity="PR")
            for claim in batch.claims
        ]
        reference = batch.beginning.reference
        content = letters.claim_answers(self._routing(transaction, at), _OURSELVES, reference, batch.claims, words)
        self._say(partner, "277ca", content, at)

    def _payer_speaks(self, partner: str, at: datetime, due: Sequence[Due]) -> None:
        transaction, batch = self._batch(due[0])
        claims = [batch.claims[each.detail["claim"]] for each in due]
        words = [self._word_of_payer(claim) for claim in claims]
        source = Party(
            role="PR",
            name=letters.NAMES.get(due[0].payer, due[0].payer),
            id_qualifier="PI",
            id=due[0].payer,
        )
        content = letters.claim_answers(
            self._routing(transaction, at), source, batch.beginning.reference, claims, words
        )
        self._say(partner, "277ca", content, at)

    def _word_of_payer(self, claim: Claim) -> letters.Word:
        if payer.behaviour_of(claim, self._seed) is Behaviour.REJECT_AT_PAYER:
            return letters.Word(category="A3", code="33", entity="IL")
        number = payer.payer_control_number(claim, self._seed)
        return letters.Word(category="A2", code="20", entity="PR", payer_control_number=number)

    def _payer_pays(self, partner: str, at: datetime, due: Sequence[Due]) -> None:
        together: list[tuple[Due, TransactionSet, Claim]] = []
        for each in due:
            transaction, batch = self._batch(each)
            claim = batch.claims[each.detail["claim"]]
            if payer.behaviour_of(claim, self._seed) in _ALONE:
                self._pay(partner, at, [(each, transaction, claim)])
            else:
                together.append((each, transaction, claim))
        if together:
            self._pay(partner, at, together)

    def _pay(self, partner: str, at: datetime, claims: Sequence[tuple[Due, TransactionSet, Claim]]) -> None:
        payer_id = claims[0][0].payer
        payments: list[ClaimPayment] = []
        provider_adjustments: list[ProviderAdjustment] = []
        provider = claims[0][2].billing_provider.party
        behaviours = {payer.behaviour_of(claim, self._seed) for _, _, claim in claims}

        def provider_adjustment(reason: str, reference: str, cents: int) -> None:
            provider_adjustments.append(
                ProviderAdjustment(
                    provider_id=provider.id,
                    fiscal_period_on=date(at.year, 12, 31),
                    reason=reason,
                    reference=reference,
                    cents=cents,
                )
            )

        for due, _, claim in sorted(claims, key=lambda each: each[2].claim_id):
            answer = payer.adjudicate(claim, self._seed)
            number = payer.payer_control_number(claim, self._seed)
            if due.kind == "835":
                payments.append(letters.paid_claim(claim, answer, number))
                if answer.interest_cents:
                    provider_adjustment("L6", claim.claim_id, -answer.interest_cents)
                continue
            payments.append(letters.reversed_claim(claim, answer, number))
            payments.append(letters.corrected_claim(claim, answer, number))
            less = answer.paid_cents - sum(line.paid_cents for line in answer.correction)
            if less:  # announced now, recovered from a later payment
                provider_adjustment("WO", claim.claim_id, -less)
                self._book.announce_takeback(partner, payer_id, claim.claim_id, less)
        if not any(due.kind == "835 correction" for due, _, _ in claims):
            available = sum(payment.paid_cents for payment in payments)
            for takeback in self._book.takebacks(partner, payer_id):
                if takeback.cents <= available:
                    available -= takeback.cents
                    provider_adjustment("WO", takeback.reference, takeback.cents)
                    self._book.recovered(takeback)
        payment = letters.Payment(
            payer=payer_id,
            trace_number=f"{payer_id}{at:%y%m%d}{self._book.next_number(f'trace {payer_id}'):04d}",
            claims=tuple(payments),
            provider_adjustments=tuple(provider_adjustments),
            payee=provider,
            off_by_cents=-1 if Behaviour.SHORT_BY_A_CENT in behaviours else 0,
        )
        content = letters.remittance(self._routing(claims[0][1], at), payment)
        self._say(partner, "835", content, at)
        if Behaviour.DELIVER_TWICE in behaviours:
            self._say(partner, "835", content, at)

    # --- common ---

    def _batch(self, due: Due) -> tuple[TransactionSet, Batch[Any]]:
        sets = list(read_transactions(self._book.file(due.detail["file"])))
        transaction = sets[due.detail["set"]]
        return transaction, _BATCHES[transaction.kind](transaction)

    def _routing(self, sent: TransactionSet, at: datetime) -> letters.Routing:
        return letters.Routing(envelope=sent.envelope, number=self._book.next_number("interchange"), at=at)

    def _say(self, partner: str, kind: str, content: bytes, at: datetime) -> None:
        number = self._book.next_number("file")
        self._book.say(partner, f"{at:%Y%m%d}-{number:06d}.{kind}", content)


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), UTC)
