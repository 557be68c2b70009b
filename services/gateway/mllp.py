"""How do HL7 v2 messages come in over MLLP?

A TCP listener that belongs to one tenant by configuration. Any message type may come on one connection; messages of a connection are
worked in their order, one at a time, and a bounded number waits, so that a fast sender is slowed by TCP and not by our memory.
Source: HL7 v2 Minimal Lower Layer Protocol, release 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from uuid import uuid4

from services.gateway.acknowledging import acknowledge, refuse
from services.gateway.desk import MessageDesk, Planner
from services.gateway.notes import Note
from services.gateway.settings import GatewaySettings
from shared.codecs.hl7v2.message import salvage_header
from shared.codecs.hl7v2.mllp import Frame, MllpDecoder, TooLong, frame
from shared.kernel.errors import DomainError
from shared.runtime import telemetry
from shared.runtime.availability import Unavailable
from shared.runtime.clock import Clock

_LOG = logging.getLogger(__name__)
_CHUNK_BYTES = 64 * 1024
CONNECTION = "mllp"


def tls_of(settings: GatewaySettings) -> ssl.SSLContext | None:
    """TLS 1.2 or newer, with senders' certificates checked where an authority for them is named."""
    if settings.mllp_certificate_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.mllp_certificate_file, settings.mllp_key_file)
    if settings.mllp_client_ca_file is not None:
        context.load_verify_locations(settings.mllp_client_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class MllpListener:
    """`serve()` listens until it is cancelled, then lets messages in hand finish."""

    def __init__(
        self,
        desk: MessageDesk,
        planner: Planner,
        clock: Clock,
        settings: GatewaySettings,
        *,
        tenant: str,
        host: str,
        port: int,
    ) -> None:
        self._desk = desk
        self._planner = planner
        self._clock = clock
        self._settings = settings
        self._tenant = tenant
        self._host = host
        self._port = port
        self._connections: dict[asyncio.Task[None], tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self._is_stopping = False
        self.is_listening = asyncio.Event()
        self.bound_port = 0  # as the system gave it, for port 0

    async def serve(self) -> None:
        """Listen until cancelled."""
        server = await asyncio.start_server(self._connected, self._host, self._port, ssl=tls_of(self._settings))
        self.bound_port = server.sockets[0].getsockname()[1]
        self.is_listening.set()
        _LOG.info("listening for HL7 v2", extra={"port": self.bound_port, "tenant": self._tenant})
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            await self._stop()

    async def _stop(self) -> None:
        """Messages in hand are finished and answered; who sends more has to come again."""
        self._is_stopping = True
        for reader, writer in self._connections.values():
            if not writer.transport.is_closing():
                writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
            reader.feed_eof()
        if self._connections:
            _, late = await asyncio.wait(self._connections, timeout=self._settings.mllp_stop_seconds_max)
            for connection in late:
                connection.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._is_stopping or len(self._connections) >= self._settings.mllp_connections_max:
            writer.close()
            return
        self._connections[task] = (reader, writer)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, TimeoutError):
            _LOG.info("a sender went away")
        finally:
            del self._connections[task]
            writer.close()
            with contextlib.suppress(ConnectionError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 5)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[Frame | None] = asyncio.Queue(self._settings.mllp_waiting_max)
        reading = asyncio.create_task(self._read(reader, waiting))
        try:
            while (received := await waiting.get()) is not None:
                for answer in await self._answers(received):
                    writer.write(frame(answer))
                await writer.drain()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader, waiting: asyncio.Queue[Frame | None]) -> None:
        """Frames into the queue; None when the sender ends, idles too long, or we stop."""
        decoder = MllpDecoder()
        with contextlib.suppress(ConnectionError, TimeoutError):
            while chunk := await asyncio.wait_for(reader.read(_CHUNK_BYTES), self._settings.mllp_idle_seconds_max):
                for received in decoder.feed(chunk):
                    await waiting.put(received)
        await waiting.put(None)

    async def _answers(self, received: Frame) -> tuple[bytes, ...]:
        if isinstance(received, TooLong):
            rule = f"a message has {MllpDecoder().frame_bytes_max} bytes at most"
            return self._refuse(received.head, Note(place="MSH", rule=rule, value=f"{received.length} bytes"))
        try:
            with telemetry.span("hl7v2 message", service="gateway"):
                receipt = await self._desk.take(self._tenant, CONNECTION, received, self._planner)
        except Unavailable as outage:
            return self._refuse(received, Note(place="MSH", rule=f"{outage.message}; try later"))
        except DomainError as refusal:
            return self._refuse(received, Note(place="MSH", rule=refusal.message))
        except Exception as bug:  # noqa: BLE001 - the edge: logged here once, answered as "try later"
            _LOG.error("a message could not be taken in", exc_info=bug)
            return self._refuse(received, Note(place="MSH", rule="something went wrong here; try later"))
        return acknowledge(received, receipt)

    def _refuse(self, head: bytes, note: Note) -> tuple[bytes, ...]:
        return refuse(salvage_header(head), [note], control_id=uuid4().hex[:20], at=self._clock.now())
