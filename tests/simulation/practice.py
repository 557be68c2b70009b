"""What does the outside world ask of the services, day by day?

A small practice is set up, and a few patients live through generated stories: visits with charges that ask the sandbox's payers for a
behaviour, payments, credits, merges, disputes, plans. What is asked on one day is asked at the same time.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

from deploy.sandbox.payer import MARKERS
from services.charges.domain.directory.decider import ListItem
from services.charges.domain.encounter.commands import Charge, Credit, JoinVisits, PostCharges, VisitFacts
from services.claims.domain.partner.commands import ListPartner
from services.collections.domain.guarantor_account.commands import (
    AgreePlan,
    LogContact,
    MakePromise,
    OpenDispute,
    PlaceHold,
    ResolveDispute,
)
from services.eligibility.api.bodies import CoverageBody, PersonBody, RegisterBody
from services.eligibility.api.sealing import coverage_command, register_command
from services.eligibility.domain.appointment.decider import BookAppointment
from services.eligibility.domain.patient.commands import MergePatients, RetirePatient
from services.eligibility.domain.payer.decider import ListPayer
from services.payments.domain.claim_account.commands import ApproveAdjustment, RequestAdjustment
from services.payments.domain.patient_account.commands import (
    ApproveUnappliedRefund,
    Named,
    ReceivePatientPayment,
    RequestUnappliedRefund,
    TakeBackPayment,
)
from shared.events.charges import FacilityListed, OrganizationListed, Price, PricesSet, ProviderListed
from shared.events.eligibility import PayerListed
from shared.events.values import Address, FacilityIdentity, ProviderIdentity
from shared.kernel.identifiers import account_id_of, derived_id
from shared.runtime.command import Cause
from tests.simulation.outside import PARTNER
from tests.simulation.process import TENANT, Process

MORNING = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
Work: TypeAlias = Callable[[Process], Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request of a client. `name` is its idempotency key."""

    name: str
    service: str
    work: Work


@dataclass(slots=True, kw_only=True)
class Story:
    """What is asked, by day, some of it one after the other; and until which day the world is watched."""

    asks: dict[int, list[tuple[Ask, ...]]] = field(default_factory=dict)
    days: int = 0
    kinds: list[str] = field(default_factory=list)
    payers: set[str] = field(default_factory=set)

    def on(self, day: int, *asks: Ask) -> None:
        """One client asks this in order; what others ask on the day has no order."""
        self.asks.setdefault(day, []).append(asks)
        self.days = max(self.days, day + 1)


def cause_of(name: str) -> Cause:
    """As `shared/runtime/web/requests.py` makes one of an idempotency key."""
    return Cause(
        tenant=TENANT,
        actor="client:outside",
        command_id=derived_id("outside", name),
        correlation_id=name,
        fingerprint=hashlib.sha256(name.encode()).digest(),
    )


def tell(name: str, service: str, aggregate: str, key: str, command: Any) -> Ask:
    """A command to one stream."""

    async def work(process: Process) -> Any:
        return await process.commands.handle(process.aggregates[aggregate], key, command, cause_of(name))

    return Ask(name=name, service=service, work=work)


# --- the practice -----------------------------------------------------------------------------------------------------

_ADDRESS = Address(line_1="14 MILL STREET", city="SPRINGFIELD", state="IL", postal_code="627010014")
_PAYERS = {  # as the sandbox knows them
    "blue-plains": ("BLPL1", "BL"),
    "prairie-hmo": ("PRHM2", "HM"),
    "medicare-b": ("MEDB3", "MB"),
    "state-medicaid": ("STMC4", "MC"),
    "silver-supplement": ("SLVS5", "CI"),
}


def set_up(payer_ids: Iterable[str]) -> list[Ask]:
    """A practice with one provider, and these payers behind one clearinghouse."""
    organization = ProviderIdentity(
        provider_id="river-clinic",
        npi="1000000004",
        last_or_organisation="RIVER CLINIC PLLC",
        is_person=False,
        taxonomy="207Q00000X",
        tax_id="871234567",
        address=_ADDRESS,
        phone="2175550114",
    )
    provider = ProviderIdentity(
        provider_id="dr-adams", npi="1000000012", last_or_organisation="ADAMS", first="RUTH", taxonomy="207Q00000X"
    )
    facility = FacilityIdentity(
        facility_id="river-main", name="RIVER CLINIC MAIN", place_of_service="11", npi="1000000046", address=_ADDRESS
    )
    listed = {
        ("organization", "river-clinic"): OrganizationListed(
            organization=organization, submitter_contact="BILLING OFFICE", submitter_phone="2175550114"
        ),
        ("provider", "dr-adams"): ProviderListed(
            provider=provider, organization_id="river-clinic", aliases=("ADAMS1",)
        ),
        ("facility", "river-main"): FacilityListed(
            facility=facility, organization_id="river-clinic", aliases=("MAIN",)
        ),
        ("price-list", "standard@2024-01-01"): PricesSet(
            price_list_id="standard",
            effective_on=date(2024, 1, 1),
            prices=tuple(
                Price(code=code, amount_cents=cents) for code, cents in (("99213", 135_00), ("99214", 190_00))
            ),
        ),
    }
    partner = ListPartner(
        partner_id=PARTNER,
        name="SANDBOX CLEARINGHOUSE",
        transport="sftp",
        sender_id="RIVERCLINIC",
        receiver_id="SANDBOX",
        usage="P",
        claims_per_batch_max=2,
    )
    payers = [
        PayerListed(
            payer_id=payer_id,
            name=payer_id.upper(),
            electronic_id=electronic_id,
            filing_indicator=indicator,
            partner_id=PARTNER,
            answer_days=21,
        )
        for payer_id, (electronic_id, indicator) in _PAYERS.items()
        if payer_id in payer_ids
    ]
    return [
        *(
            tell(f"list {kind} {key}", "charges", kind, key, ListItem(listing=listing))
            for (kind, key), listing in listed.items()
        ),
        tell("list partner", "claims", "partner", PARTNER, partner),
        *(
            tell(f"list {payer.payer_id}", "eligibility", "payer", payer.payer_id, ListPayer(listing=payer))
            for payer in payers
        ),
    ]


# --- patients ---------------------------------------------------------------------------------------------------------


def register(patient: str, *payers: str) -> Ask:
    """Register a person with coverages in this order, one command after the other."""
    body = RegisterBody(
        medical_record_number=f"MRN-{patient}",
        person=PersonBody(
            last="STONE",
            first=patient.upper(),
            birth_on=date(1980, 1, 1),
            sex="F",
            address={"line_1": "9 OAK STREET", "city": "SPRINGFIELD", "state": "IL", "postal_code": "627040001"},
            phone="2175550199",
        ),
    )

    async def work(process: Process) -> Any:
        vault, aggregate = process.ground.vault, process.aggregates["patient"]
        command = await register_command(vault, TENANT, patient, body)
        await process.commands.handle(aggregate, patient, command, cause_of(f"register {patient}"))
        for rank, payer in enumerate(payers, start=1):
            coverage = CoverageBody(
                coverage_id=f"{patient}-{payer}",
                payer_reference=payer,
                rank=rank,
                member_number=f"{payer[:3].upper()}{patient.upper()}",
                effective_on=date(2020, 1, 1),
            )
            added = await coverage_command(vault, TENANT, patient, coverage)
            await process.commands.handle(aggregate, patient, added, cause_of(f"cover {patient} {payer}"))

    return Ask(name=f"register {patient}", service="eligibility", work=work)


def merge(*, retired: str, survivor: str) -> Ask:
    async def work(process: Process) -> Any:
        aggregate, cause = process.aggregates["patient"], cause_of(f"merge {retired}")
        into = MergePatients(patient_id=survivor, retired_patient_id=retired)
        await process.commands.handle(aggregate, survivor, into, cause)
        retire = RetirePatient(patient_id=retired, survivor_patient_id=survivor)
        second = replace(cause, command_id=derived_id(cause.command_id, "retire"))
        return await process.commands.handle(aggregate, retired, retire, second)

    return Ask(name=f"merge {retired}", service="eligibility", work=work)


def charge(visit: str, patient: str, day: int, *cents: int, credited: int = 0, name: str = "") -> Ask:
    """Charges of a visit on a day; `credited` takes back the charge of that number."""
    service_on = (MORNING + timedelta(days=day)).date()
    command = PostCharges(
        encounter_id=visit,
        patient_id=patient,
        charges=tuple(
            Charge(
                charge_id=f"{visit}-{number}",
                source_key=f"EHR|{visit}-{number}",
                service_on=service_on,
                code="99213" if number == 1 else "99214",
                charged_cents=amount,
                diagnoses=("J069",),
                rendering_reference="ADAMS1",
            )
            for number, amount in enumerate(cents, start=1)
        ),
        credits=(Credit(source_key=f"EHR|{visit}-credit", charge_id=f"{visit}-{credited}"),) if credited else (),
    )
    return tell(name or f"charge {visit}", "charges", "encounter", visit, command)


def join(name: str, visit: str, *others: str) -> Ask:
    """Which visits another one's bill carries, asked as the API does, by what is known of them at that moment."""

    async def work(process: Process) -> Any:
        aggregate = process.aggregates["encounter"]
        covered = ("any",)
        seen = {
            each: VisitFacts(encounter=await process.commands.state(aggregate, TENANT, each), coverage_ids=covered)
            for each in others
        }
        command = JoinVisits(
            encounter_id=visit,
            encounter_ids=others,
            reason="one week",
            chosen_by="user:biller",
            coverage_ids=covered,
            visits=seen,
        )
        return await process.commands.handle(aggregate, visit, command, cause_of(name))

    return Ask(name=name, service="charges", work=work)


def pay(payment: str, patient: str, cents: int, day: int, account_id: str = "") -> Ask:
    received = ReceivePatientPayment(
        payment_id=payment,
        patient_id=patient,
        amount_cents=cents,
        method="check",
        received_on=(MORNING + timedelta(days=day)).date(),
        named=(Named(account_id, cents),) if account_id else (),
    )
    return tell(f"pay {payment}", "payments", "patient-account", patient, received)


def refund(payment: str, patient: str, cents: int) -> tuple[Ask, Ask]:
    number = f"refund-{payment}"
    asked = RequestUnappliedRefund(payment_id=payment, refund_id=number, amount_cents=cents, requested_by="user:poster")
    agreed = ApproveUnappliedRefund(payment_id=payment, refund_id=number, approved_by="user:manager")
    return (
        tell(f"ask to refund {payment}", "payments", "patient-account", patient, asked),
        tell(f"refund {payment}", "payments", "patient-account", patient, agreed),
    )


def take_back(payment: str, patient: str, day: int) -> Ask:
    command = TakeBackPayment(
        payment_id=payment,
        reason="returned-by-bank",
        taken_back_on=(MORNING + timedelta(days=day)).date(),
        taken_back_by="user:poster",
        refunded_too=True,
    )
    return tell(f"take back {payment}", "payments", "patient-account", patient, command)


def collect(name: str, command: Any) -> Ask:
    return tell(f"{name} {command.patient_id}", "collections", "guarantor-account", command.patient_id, command)


# --- stories ----------------------------------------------------------------------------------------------------------

_COVERED = (("blue-plains",), ("prairie-hmo",), ("state-medicaid",), ("medicare-b", "silver-supplement"), ())


def visit(story: Story, dice: random.Random, patient: str, first: int, *before: Ask) -> None:
    """A visit whose charges ask the payer for a behaviour by their cents; some are changed after their release."""
    marker = dice.choice(sorted(MARKERS))
    name = f"v-{patient}-{first}"
    amounts = [100_00 + marker] if dice.random() < 0.7 else [60_00, 90_00 + marker]
    story.on(first, *before, charge(name, patient, first, *amounts))
    story.kinds.append(MARKERS[marker].name)
    if dice.random() < 0.15:
        late = first + dice.choice((1, 2, 20))
        story.on(late, charge(name, patient, first, credited=1, name=f"credit {name}"))
        story.kinds.append("credit")


def patient_pays(story: Story, dice: random.Random, patient: str, first: int) -> None:
    """Money for the account, or for nothing in particular; what waits may be given back, and what is more than a copay does not last."""
    day = first + dice.choice((0, 12, 22))
    account = account_id_of(f"v-{patient}-{first}") if dice.random() < 0.6 else ""
    cents = dice.choice((5_00, 25_00, 400_00))
    story.on(day, pay(f"p-{patient}-{first}", patient, cents, day, account))
    if dice.random() < 0.3:
        story.on(day + 1, *refund(f"p-{patient}-{first}", patient, 3_00))
    if cents != 5_00:
        story.on(day + 9, take_back(f"p-{patient}-{first}", patient, day + 9))
    story.kinds.append("payment")


def patient_is_asked(story: Story, dice: random.Random, patient: str, first: int) -> None:
    """The patient's side: a plan, a promise, a dispute, a hold, a call, a write-off by two people."""
    day = first + 24
    on, account = (MORNING + timedelta(days=day)).date(), account_id_of(f"v-{patient}-{first}")
    what = dice.choice(("plan", "promise", "dispute", "hold", "call", "write-off"))
    story.kinds.append(what)
    name = f"{what}-{patient}"
    match what:
        case "plan":
            due, parts = on + timedelta(days=14), dice.choice((1, 2))
            agreed = AgreePlan(patient_id=patient, plan_id=name, instalments=parts, first_due_on=due, on=on)
            story.on(day, collect(what, agreed))
        case "promise":
            by = on + timedelta(days=5)
            made = MakePromise(patient_id=patient, promise_id=name, amount_cents=5_00, by_on=by, on=on)
            story.on(day, collect(what, made))
        case "dispute":
            opened = OpenDispute(
                patient_id=patient, dispute_id=name, account_ids=(account,), reason_code="not-mine", on=on
            )
            later = on + timedelta(days=2)
            resolved = ResolveDispute(
                patient_id=patient, dispute_id=name, outcome="rejected", reason="checked", on=later
            )
            story.on(day, collect(what, opened))
            story.on(day + 2, collect("resolve", resolved))
        case "hold":
            story.on(day, collect(what, PlaceHold(patient_id=patient, hold="legal", reason="asked", on=on)))
        case "call":
            story.on(day, collect(what, LogContact(patient_id=patient, outcome_code="no-answer", on=on)))
        case _:
            write_off(story, name, account, day)


def write_off(story: Story, name: str, account_id: str, day: int) -> None:
    """One person asks for it, another one approves the day after."""
    asked = RequestAdjustment(
        account_id=account_id,
        adjustment_id=name,
        party="patient",
        reason="small-balance",
        amount_cents=4_00,
        requested_by="user:one",
    )
    approved = ApproveAdjustment(adjustment_id=name, approved_by="user:two")
    story.on(day, tell(f"ask {name}", "payments", "claim-account", account_id, asked))
    story.on(day + 1, tell(f"approve {name}", "payments", "claim-account", account_id, approved))


def joins(story: Story, dice: random.Random, patient: str, first: int) -> None:
    """A second visit is billed with the first one; a late charge comes for it, and some are taken apart again."""
    carrier, other = f"v-{patient}-{first}", f"w-{patient}-{first}"
    story.on(first + 1, charge(other, patient, first + 1, 80_00))
    story.on(first + 3, join(f"join {carrier}", carrier, other))
    story.on(first + 5, charge(other, patient, first + 1, 80_00, 70_00, name=f"late {other}"))
    story.kinds.append("join")
    if dice.random() < 0.5:
        story.on(first + 8, join(f"take apart {carrier}", carrier))
        story.kinds.append("take-apart")


def books(story: Story, dice: random.Random, patient: str, first: int) -> None:
    """An appointment: whether the patient is covered is asked, and nobody answers in time."""
    day = first + dice.choice((2, 5))
    starts_at = MORNING + timedelta(days=day + dice.choice((1, 4)), hours=2)
    booked = BookAppointment(
        appointment_id=f"a-{patient}", patient_id=patient, starts_at=starts_at, service_on=starts_at.date()
    )
    story.on(day, tell(f"book {patient}", "eligibility", "appointment", f"a-{patient}", booked))
    story.kinds.append("appointment")


def generated(dice: random.Random) -> Story:
    """A few patients, each with visits and what follows from them."""
    story = Story()
    patients = [f"pat{number}" for number in range(1, dice.choice((1, 1, 2, 2, 3)) + 1)]
    for patient in patients:
        first = dice.choice((0, 0, 1, 3))
        own = random.Random(f"{dice.getstate()}")  # leaves the other stories of a seed as they are
        if own.random() < 0.25:
            joins(story, own, patient, first)
        registered_on = first if dice.random() < 0.8 else first + 1  # charges may be there before the patient
        payers = dice.choice(_COVERED)
        story.payers.update(payers)
        if registered_on == first:  # as an EHR sends it: who comes, then what was done
            visit(story, dice, patient, first, register(patient, *payers))
        else:
            visit(story, dice, patient, first)
            story.on(registered_on, register(patient, *payers))
        if dice.random() < 0.4:
            patient_pays(story, dice, patient, first)
        if dice.random() < 0.4:
            patient_is_asked(story, dice, patient, first)
        if dice.random() < 0.2:
            books(story, dice, patient, first)
    if len(patients) > 1 and dice.random() < 0.3:
        story.on(dice.choice((2, 10)), merge(retired=patients[1], survivor=patients[0]))
        story.kinds.append("merge")
    story.days = max(story.days, dice.choice((18, 26, 40)))
    return story
