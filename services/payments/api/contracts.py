"""Contracts with payers and their fee schedules over HTTP. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi import Body as Sent
from pydantic import BaseModel, Field

from services.payments.adapters.fee_schedule_files import Announced, FeeScheduleFiles, ScheduleTaken
from services.payments.api.bodies import Body, Code, Id
from services.payments.domain.contract_comparison.comparing import schedules_named
from services.payments.domain.errors import FeeScheduleUnknown, PayerUnknown
from services.payments.domain.fee_schedule.commands import Factors, WithdrawFeeSchedule
from services.payments.domain.fee_schedule.state import FeeSchedule
from services.payments.domain.payer_contracts.commands import AgreeContract, AmendContract, EndContract, Terms
from services.payments.domain.payer_contracts.state import PayerContracts
from services.payments.domain.pricing.expected import NotPriced, Priced, Schedules, expected_of
from services.payments.domain.pricing.service_line import ServiceLine
from services.payments.projections import contracts as read_model
from services.payments.projections import payers
from shared.events.contracts import ContractTerm, ExpectedBasis, MemberRate, RelativeValues
from shared.kernel.errors import Malformed
from shared.kernel.identifiers import is_npi
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, asc, page, row
from shared.runtime.web import (
    After,
    Caller,
    Cursor,
    Done,
    Limit,
    Page,
    caller,
    cause_of,
    done,
    versioned_cause_of,
)

SERVICE = "payments"
CONTRACTS = read_model.projection.name
PAYERS = payers.projection.name
_LIST = {"requestBody": {"content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}}
_CATCH_UP_SECONDS = 5.0

Reader = Annotated[Caller, Depends(caller("payments:read-contracts"))]
Agree = Annotated[Cause, Depends(versioned_cause_of("payments:agree-contract"))]
Load = Annotated[Cause, Depends(cause_of("payments:load-fee-schedule"))]
Withdraw = Annotated[Cause, Depends(versioned_cause_of("payments:load-fee-schedule"))]

Number = r"^\d{1,6}(\.\d{1,6})?$"
Percent = Annotated[str, Field(pattern=Number, description="Decimal text: 120 or 33.333")]
Factor = Annotated[str, Query(pattern=Number, description="Decimal text")]
Category = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9._-]{1,30}$", description="The payer's name of it: CHILD, F18-44.")
]
Codes = Annotated[str, Field(pattern=r"^[A-Z0-9]{5}(-[A-Z0-9]{5})?$")]
MedicareFile = Annotated[bytes, Sent(media_type="text/csv", min_length=1, description="The file as it comes from CMS.")]
PriceList = Annotated[bytes, Sent(media_type="text/csv", min_length=1)]
Name = Annotated[str, Query(min_length=1, max_length=120)]
From = Annotated[date, Query(description="First day of service.")]
To = Annotated[date | None, Query(description="Last day of service; absent: until the next version begins.")]


def _announced(schedule_id: Id, name: Name, effective_from: From, effective_to: To = None) -> Announced:
    return Announced(schedule_id=schedule_id, name=name, effective_from=effective_from, effective_to=effective_to)


def _factors(conversion_factor: Factor, work_gpci: Factor, expense_gpci: Factor, malpractice_gpci: Factor) -> Factors:
    return Factors(
        conversion_factor=conversion_factor,
        work_gpci=work_gpci,
        expense_gpci=expense_gpci,
        malpractice_gpci=malpractice_gpci,
    )


AnnouncedList = Annotated[Announced, Depends(_announced)]
OfLocality = Annotated[Factors, Depends(_factors)]


class MemberRateBody(Body):
    """What one member of a category brings in a month. Sex and ages place members of whom a list says no category."""

    category: Category
    amount_cents: Annotated[int, Field(ge=0, le=10**9, strict=True)]
    sex: Literal["", "F", "M"] = Field(default="", description="Empty: both.")
    age_from: Annotated[int, Field(ge=0, le=150)] | None = None
    age_to: Annotated[int, Field(ge=0, le=150)] | None = Field(default=None, description="The last year of it.")


class TermBody(Body):
    """`schedule`: as the schedule says. `percent-of-schedule`: so much of it. `percent-of-charge`: so much of what was charged.
    `capitated`: members are paid for by the month at these rates, and the schedule says what a service would bring by itself."""

    rule: Literal["schedule", "percent-of-schedule", "percent-of-charge", "capitated"]
    schedule_id: Id | None = None
    percent: Percent | None = None
    procedure_codes: tuple[Codes, ...] = Field(
        default=(), max_length=200, description="A code, or a first and a last one with a dash; none: every code."
    )
    rates: tuple[MemberRateBody, ...] = Field(default=(), max_length=100, description="Of a capitated term.")


class TermsOnly(Body):
    """The terms are asked in their order; the first that knows a price holds."""

    terms: tuple[TermBody, ...] = Field(min_length=1, max_length=100)
    lesser_of_charge: bool = Field(default=True, description="The payer never owes more than the charge.")
    tolerance_cents: Annotated[int, Field(ge=0, le=10**9, strict=True)]
    tolerance_percent: Percent = Field(description="Of the expected amount. The larger of the two tolerances counts.")

    def told(self) -> Terms:
        return Terms(
            terms=tuple(
                ContractTerm(
                    rule=each.rule,
                    schedule_id=each.schedule_id or "",
                    percent=each.percent or "",
                    procedure_codes=each.procedure_codes,
                    rates=tuple(MemberRate(**rate.model_dump()) for rate in each.rates),
                )
                for each in self.terms
            ),
            lesser_of_charge=self.lesser_of_charge,
            tolerance_cents=self.tolerance_cents,
            tolerance_percent=self.tolerance_percent,
        )


class TermsBody(TermsOnly):
    effective_from: date


class ContractBody(TermsBody):
    contract_id: Id
    name: Annotated[str, Field(min_length=1, max_length=120)]
    effective_to: date | None = Field(default=None, description="Last day of service; null: until it is ended.")
    billing_npi: Annotated[str, Field(pattern=r"^(\d{10})?$", description="Empty: whoever bills.")] = ""
    filing_indicator: Annotated[
        str, Field(pattern=r"^[A-Z0-9]{0,2}$", description="SBR09 of the plan, such as 16; empty: every plan.")
    ] = ""


class AmendBody(TermsBody):
    reason: Code


class EndBody(Body):
    last_on: date = Field(description="Last day of service.")
    reason: Code


class WithdrawBody(Body):
    reason: Code


class TermRow(BaseModel):
    rule: str
    schedule_id: str = ""
    percent: str = ""
    procedure_codes: list[str] = []
    rates: list[MemberRateBody] = []


class ContractRow(BaseModel):
    """One version of a contract's terms, in force from its day until the next one's."""

    payer_id: str
    contract_id: str
    name: str
    version: int
    effective_from: date
    contract_from: date
    contract_to: date | None
    billing_npi: str
    filing_indicator: str
    terms: list[TermRow]
    lesser_of_charge: bool
    tolerance_cents: int
    tolerance_percent: str
    reason: str
    ended_reason: str
    decided_by: str
    recorded_at: datetime
    stream_version: int = Field(description="Of all contracts with the payer, for `Ledgerline-Expected-Version`.")


class ScheduleRow(BaseModel):
    """One version of a fee schedule."""

    schedule_id: str
    version: int
    name: str
    method: Literal["amounts", "rvu"]
    effective_from: date
    effective_to: date | None
    conversion_factor: str
    work_gpci: str
    expense_gpci: str
    malpractice_gpci: str
    rates: int
    document_id: str = Field(description="The file as it came.")
    loaded_by: str
    loaded_at: datetime
    withdrawn_reason: str
    stream_version: int = Field(description="Of the schedule, for `Ledgerline-Expected-Version`.")


class ScheduleLoaded(BaseModel):
    """What was taken in. Nothing new: the same file was there for the same days."""

    document_id: str
    rates: int
    is_new: bool
    done: Done

    @classmethod
    def of(cls, taken: ScheduleTaken) -> "ScheduleLoaded":
        return cls(
            document_id=taken.document_id,
            rates=taken.rates,
            is_new=bool(taken.done.event_ids),
            done=done(taken.done, SERVICE),
        )


class RateRow(BaseModel):
    """What one version says about one procedure."""

    procedure_code: str
    modifiers: list[str]
    place: str = "any"
    amount_cents: int | None = None
    work_rvu: str = ""
    non_facility_pe_rvu: str = ""
    facility_pe_rvu: str = ""
    mp_rvu: str = ""
    multiple: str = ""
    bilateral: str = ""


class Rates(BaseModel):
    schedule_id: str
    version: int | None = Field(description="In force on the day; null: none is.")
    items: list[RateRow]


class InputRow(BaseModel):
    name: str
    value: str


class BasisRow(BaseModel):
    """How an expected amount comes about: contract, version, rule and every figure, so that it can be computed again by hand."""

    contract_id: str
    contract_version: int
    rule: str
    method: str = ""
    schedule_id: str = ""
    schedule_version: int = 0
    rounding: str = ""
    inputs: list[InputRow] = []

    @classmethod
    def of(cls, basis: ExpectedBasis) -> "BasisRow":
        named = ("contract_id", "contract_version", "rule", "method", "schedule_id", "schedule_version", "rounding")
        inputs = [InputRow(name=each.name, value=each.value) for each in basis.inputs]
        return cls(**{name: getattr(basis, name) for name in named}, inputs=inputs)


class ExpectedAmount(BaseModel):
    """What a contract says today that a service is worth; null: it is not priced, and `reason` says why."""

    expected_cents: int | None
    basis: BasisRow | None = None
    reason: str = ""
    value: str = ""


async def known_schedules(
    commands: Commands, fee_schedule: Aggregate, tenant: str, schedule_ids: Iterable[str]
) -> Schedules:
    """The fee schedules of these ids that are there."""
    found: dict[str, FeeSchedule] = {}
    for schedule_id in sorted(set(schedule_ids)):
        schedule: FeeSchedule = await commands.state(fee_schedule, tenant, schedule_id)
        if schedule.is_known:
            found[schedule_id] = schedule
    return found


def router(
    commands: Commands,
    reads: ReadDatabase,
    files: FeeScheduleFiles,
    *,
    payer_contracts: Aggregate,
    fee_schedule: Aggregate,
) -> APIRouter:
    routes = APIRouter(tags=["contracts"])

    async def named_in(body: TermsBody, tenant: str) -> frozenset[str]:
        return frozenset(
            await known_schedules(
                commands, fee_schedule, tenant, (each.schedule_id for each in body.terms if each.schedule_id)
            )
        )

    async def refuse_unknown(payer_id: str, tenant: str) -> None:
        """Raises PayerUnknown, when everything that eligibility said up to now has been read; NotYet before that."""
        await reads.wait_for_all(PAYERS, "eligibility", within_seconds=_CATCH_UP_SECONDS)
        async with reads.read(tenant) as connection:
            if await row(connection, payers.payer(payer_id)) is None:
                raise PayerUnknown("this payer is not listed")

    @routes.post("/payers/{payer_id}/contracts", status_code=201)
    async def agree_contract(payer_id: Id, body: ContractBody, cause: Agree) -> Done:
        """Put a contract on record. For one day, NPI and plan there is one: dates that overlap are refused (`dates-overlap`)."""
        if body.billing_npi and not is_npi(body.billing_npi):
            raise Malformed("body.billing_npi is ten digits with a check digit")
        await refuse_unknown(payer_id, cause.tenant)
        command = AgreeContract(
            payer_id=payer_id,
            contract_id=body.contract_id,
            name=body.name,
            effective_from=body.effective_from,
            effective_to=body.effective_to,
            billing_npi=body.billing_npi,
            filing_indicator=body.filing_indicator,
            terms=body.told(),
            schedules=await named_in(body, cause.tenant),
            agreed_by=cause.actor,
        )
        return done(await commands.handle(payer_contracts, payer_id, command, cause), SERVICE)

    @routes.post("/payers/{payer_id}/contracts/{contract_id}/amend")
    async def amend_contract(payer_id: Id, contract_id: Id, body: AmendBody, cause: Agree) -> Done:
        """Other terms from a day on; from the day of an earlier version, a correction of it. What was found before stays."""
        command = AmendContract(
            contract_id=contract_id,
            effective_from=body.effective_from,
            terms=body.told(),
            schedules=await named_in(body, cause.tenant),
            reason=body.reason,
            amended_by=cause.actor,
        )
        return done(await commands.handle(payer_contracts, payer_id, command, cause), SERVICE)

    @routes.post("/payers/{payer_id}/contracts/{contract_id}/end")
    async def end_contract(payer_id: Id, contract_id: Id, body: EndBody, cause: Agree) -> Done:
        """Say which day of service is the last."""
        command = EndContract(contract_id=contract_id, last_on=body.last_on, reason=body.reason, ended_by=cause.actor)
        return done(await commands.handle(payer_contracts, payer_id, command, cause), SERVICE)

    @routes.get("/contracts")
    async def list_contracts(
        who: Reader,
        payer_id: Annotated[str | None, Query(max_length=80)] = None,
        contract_id: Annotated[str | None, Query(max_length=80)] = None,
        on: Annotated[date | None, Query(description="Contracts that are in force on this day of service.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[ContractRow]:
        """Every version of every contract."""
        await reads.wait_for(CONTRACTS, after)
        version = read_model.contract_versions.c
        order = [asc(version.payer_id), asc(version.contract_id), asc(version.version)]
        async with reads.read(who.tenant) as connection:
            wanted = read_model.versions(payer_id=payer_id, contract_id=contract_id, on=on)
            found = await page(connection, wanted, order=order, limit=limit, cursor=cursor)
            return Page[ContractRow].of(found, await reads.positions(connection, CONTRACTS))

    @routes.get("/payers/{payer_id}/expected")
    async def read_expected(
        payer_id: Id,
        who: Reader,
        procedure_code: Annotated[str, Query(pattern=r"^[A-Z0-9]{5}$")],
        service_on: date,
        charged_cents: Annotated[int, Query(ge=0, le=10**12)],
        modifiers: Annotated[str, Query(pattern=r"^([A-Z0-9]{2}( [A-Z0-9]{2}){0,3})?$")] = "",
        units: Annotated[str, Query(pattern=r"^\d{1,5}(\.\d{1,3})?$")] = "1",
        place_of_service: Annotated[str, Query(pattern=r"^(\d{2})?$")] = "",
        billing_npi: Annotated[str, Query(pattern=r"^(\d{10})?$")] = "",
        filing_indicator: Annotated[str, Query(pattern=r"^[A-Z0-9]{0,2}$")] = "",
    ) -> ExpectedAmount:
        """What the contract says today that a service is worth, with every figure: to try a contract before answers come."""
        known: PayerContracts = await commands.state(payer_contracts, who.tenant, payer_id)
        version = known.in_force(service_on, billing_npi=billing_npi, filing_indicator=filing_indicator)
        line = ServiceLine(
            line_id="",
            service_on=service_on,
            procedure_code=procedure_code,
            modifiers=tuple(modifiers.split()),
            units=Decimal(units),
            place_of_service=place_of_service,
            charged_cents=charged_cents,
        )
        schedules = await known_schedules(commands, fee_schedule, who.tenant, schedules_named(known))
        match expected_of([line], [version], schedules)[0]:
            case Priced() as priced:
                return ExpectedAmount(expected_cents=priced.expected_cents, basis=BasisRow.of(priced.basis))
            case NotPriced() as not_priced:
                return ExpectedAmount(expected_cents=None, reason=not_priced.reason, value=not_priced.value)

    # --- fee schedules ---

    @routes.post("/fee-schedules/{schedule_id}/amounts", status_code=201, openapi_extra=_LIST)
    async def load_amounts(announced: AnnouncedList, prices: PriceList, cause: Load) -> ScheduleLoaded:
        """Take in a list of amounts (CSV: procedure_code, amount, and modifiers and place if there are any).

        A list in which anything is wrong is kept, and nothing of it is used (`fee-schedule-refused`): every wrong line is named.
        """
        return ScheduleLoaded.of(await files.receive_amounts(prices, announced, cause))

    @routes.post("/fee-schedules/{schedule_id}/relative-values", status_code=201, openapi_extra=_LIST)
    async def load_relative_values(
        announced: AnnouncedList, factors: OfLocality, prices: PriceList, cause: Load
    ) -> ScheduleLoaded:
        """Take in relative values with the indices of a locality and the conversion factor (CSV: procedure_code, work_rvu,
        non_facility_pe_rvu, facility_pe_rvu, mp_rvu, and modifiers, multiple and bilateral if there are any)."""
        return ScheduleLoaded.of(await files.receive_relative_values(prices, announced, factors, cause))

    @routes.post("/fee-schedules/{schedule_id}/medicare-file", status_code=201, openapi_extra=_LIST)
    async def load_medicare_file(
        announced: AnnouncedList, factors: OfLocality, prices: MedicareFile, cause: Load
    ) -> ScheduleLoaded:
        """Take in Medicare's own relative value file (PPRRVU, CSV). Its columns are found by what stands above them; a file whose columns
        moved is refused. Descriptions, which are licensed, are taken out before it is kept."""
        return ScheduleLoaded.of(await files.receive_medicare_file(prices, announced, factors, cause))

    @routes.post("/fee-schedules/{schedule_id}/versions/{number}/withdraw")
    async def withdraw_version(
        schedule_id: Id, number: Annotated[int, Field(ge=1, le=10**6)], body: WithdrawBody, cause: Withdraw
    ) -> Done:
        """A version was wrong: its dates are free for another, and what was found by it stays as it was found."""
        command = WithdrawFeeSchedule(version=number, reason=body.reason, withdrawn_by=cause.actor)
        return done(await commands.handle(fee_schedule, schedule_id, command, cause), SERVICE)

    @routes.get("/fee-schedules")
    async def list_schedules(
        who: Reader,
        schedule_id: Annotated[str | None, Query(max_length=80)] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[ScheduleRow]:
        """Every version of every fee schedule, withdrawn ones too."""
        await reads.wait_for(CONTRACTS, after)
        table = read_model.fee_schedule_versions.c
        order = [asc(table.schedule_id), asc(table.version)]
        async with reads.read(who.tenant) as connection:
            found = await page(connection, read_model.schedules(schedule_id), order=order, limit=limit, cursor=cursor)
            return Page[ScheduleRow].of(found, await reads.positions(connection, CONTRACTS))

    @routes.get("/fee-schedules/{schedule_id}/rates")
    async def read_rates(
        schedule_id: Id,
        who: Reader,
        procedure_code: Annotated[str, Query(pattern=r"^[A-Z0-9]{5}$")],
        service_on: date,
    ) -> Rates:
        """What a schedule says about a procedure on a day of service."""
        schedule: FeeSchedule = await commands.state(fee_schedule, who.tenant, schedule_id)
        if not schedule.is_known:
            raise FeeScheduleUnknown("there is no such fee schedule")
        version = schedule.in_force(service_on)
        prices = version.prices.get(procedure_code, ()) if version else ()
        return Rates(
            schedule_id=schedule_id,
            version=version.loaded.version if version else None,
            items=[
                RateRow(
                    procedure_code=each.procedure_code,
                    modifiers=list(each.modifiers),
                    work_rvu=each.work,
                    non_facility_pe_rvu=each.non_facility_expense,
                    facility_pe_rvu=each.facility_expense,
                    mp_rvu=each.malpractice,
                    multiple=each.multiple,
                    bilateral=each.bilateral,
                )
                if isinstance(each, RelativeValues)
                else RateRow(
                    procedure_code=each.procedure_code,
                    modifiers=list(each.modifiers),
                    place=each.place,
                    amount_cents=each.amount_cents,
                )
                for each in prices
            ],
        )

    return routes
