"""What is the EHR edge made of? The only place that knows all of it.

The edge has no domain: it reads messages, keeps them, and sends their parts as commands. Whoever runs it mounts `routers`, runs
`tasks`, and keeps `servers` running until it stops.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
from fastapi import APIRouter

from services.gateway import bank_files, fhir, fhir_reading, intake
from services.gateway.delivery import Delivery
from services.gateway.desk import MessageDesk, Planner
from services.gateway.intake import FileTaking
from services.gateway.mapping.messages import MessageRules, plan_message
from services.gateway.mapping.naming import Naming
from services.gateway.mapping.resources import plan_document
from services.gateway.mllp import MllpListener
from services.gateway.partner_inbox import PartnerInbox
from services.gateway.parts import Plan
from services.gateway.receipts import Receipts
from services.gateway.settings import GatewaySettings
from services.gateway.x12_files import plan_interchange
from shared.runtime.clock import Clock
from shared.runtime.documents import Documents
from shared.runtime.lasting import Begin
from shared.runtime.partners import PartnersFile
from shared.runtime.service import Task
from shared.runtime.settings import Settings
from shared.runtime.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRuntime:
    """What the machinery gives to the edge. `client` has paths that begin with /api/<service> and signs its requests."""

    settings: Settings
    documents: Documents
    vault: Vault
    clock: Clock
    client: httpx.AsyncClient
    database_dsn: str
    owner_dsn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayParts:
    routers: tuple[APIRouter, ...]
    tasks: tuple[Task, ...]
    servers: tuple[Begin, ...]  # each runs until it is cancelled
    is_quiet: Callable[[], Awaitable[bool]]  # no message waits to go on; tasks say the rest of themselves
    close: Callable[[], Awaitable[None]]
    mllp: MllpListener
    json_bytes_max: int  # FHIR bundles are larger than a service's bodies


def build(runtime: GatewayRuntime, own: GatewaySettings | None = None) -> GatewayParts:
    """Compose the edge. `create_gateway_schema(owner_dsn)` must have run."""
    own = own or GatewaySettings()
    receipts = Receipts(runtime.database_dsn, runtime.owner_dsn)
    from_files = _messages(MessageRules.for_files(own))
    planners: dict[str, Planner] = {"hl7v2": from_files, "x12": plan_interchange, "fhir": plan_document}
    planners |= dict.fromkeys(bank_files.KINDS, bank_files.plan_bank_file)
    desk = MessageDesk(
        receipts, runtime.documents, runtime.vault, Delivery(runtime.client), runtime.clock, own, planners
    )
    taking = FileTaking(
        desk, messages=from_files, fhir=plan_document, x12=plan_interchange, bank=bank_files.plan_bank_file
    )
    inbox = PartnerInbox(PartnersFile(own.partners_file or runtime.settings.home / "partners.json"), taking, own)

    async def is_quiet() -> bool:
        return not await receipts.unfinished(limit=1)

    listener = MllpListener(
        desk,
        _messages(MessageRules.for_listener(own)),
        runtime.clock,
        own,
        tenant=runtime.settings.mllp_tenant,
        host=runtime.settings.mllp_host,
        port=runtime.settings.mllp_port,
    )
    return GatewayParts(
        routers=(
            intake.router(taking, desk, receipts),
            fhir_reading.router(receipts, runtime.client, runtime.clock),
            fhir.router(desk, plan_document, runtime.clock),
        ),
        tasks=(
            Task(name="gateway.finish-messages", step=desk.finish_some, every_seconds=1.0),
            Task(name="gateway.empty-partner-inboxes", step=inbox.step, every_seconds=own.partner_poll_seconds),
        ),
        servers=(listener.serve,),
        is_quiet=is_quiet,
        close=receipts.close,
        mllp=listener,
        json_bytes_max=own.fhir_bytes_max,
    )


def _messages(rules: MessageRules) -> Planner:
    def planner(content: bytes, naming: Naming) -> Plan:
        return plan_message(content, naming, rules)

    return planner
