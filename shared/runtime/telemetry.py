"""What is the system doing, told without telling about any person?

Logs are JSON lines: a constant message, and fields from a list. Whatever is not on the list is withheld, arguments of a message are
never formatted into it, and an exception is told by its type and place only: error texts quote values (PostgreSQL's DETAIL,
pydantic's input). Spans carry the same fields and go to an OTLP endpoint, to a file, or nowhere; metrics carry route templates.

    log = logging.getLogger(__name__)
    log.info("remittance posted", extra={"remittance_id": remittance_id, "count": 12})

Sources: OpenTelemetry semantic conventions (http), W3C Trace Context, Prometheus naming.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias
from uuid import UUID

import prometheus_client
from opentelemetry import context, propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.kernel.errors import DomainError
from shared.runtime.settings import Settings

_FIELD_NAMES = """
    service services tenant stream aggregate key type event_id event_type command command_id correlation_id causation_id
    trace_id span_id request_id actor client method route status duration_ms version position after cursor partition partitions
    topic reader projection policy timer task owner epoch code kind attempt attempts lag_ms lag_events count events rows
    batch bytes port host retry_seconds outcome action feed clock mode state due_at watermark generation
    account_id claim_id encounter_id remittance_id deposit_id batch_id partner_id payer_id patient_id document_id receipt_id
    message_id statement_id control_number file_count seconds pid signal database role purpose checks violations timers error repeated
"""
FIELDS = frozenset(_FIELD_NAMES.split())
_TEXT_MAX = 200
_REPEAT_SECONDS = 10.0
_TYPE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,80}\Z")  # the field `error` names a type; a text could quote a value
_OUR_LOGGERS = ("shared.", "services.", "deploy.", "ledgerline", "uvicorn")
_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_TRACER = trace.get_tracer("ledgerline")
_W3C = TraceContextTextMapPropagator()

Field: TypeAlias = str | int | float | bool | UUID | dt.datetime | dt.date | tuple[int, ...] | None


# --- logs -----------------------------------------------------------------------------------------------------------


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _constant_message(record),
        }
        line |= _trace_fields()
        line |= {name: shown(name, value) for name, value in vars(record).items() if name not in _BUILT_IN}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = described(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


class Repeats(logging.Filter):
    """Lets through what a library says again and again once in ten seconds, with how often it was said meanwhile.

    A broker that is down is told of by every client at every attempt, hundreds of times a second, and hides all else.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[
            tuple[str, int, object], tuple[float, int]
        ] = {}  # by place and error: when, and kept back since

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith(_OUR_LOGGERS):
            return True
        key = (record.pathname, record.lineno, type(record.exc_info[1]) if record.exc_info else None)
        told_at, kept_back = self._told.get(key, (-_REPEAT_SECONDS, 0))
        if record.created - told_at < _REPEAT_SECONDS:
            self._told[key] = (told_at, kept_back + 1)
            return False
        self._told[key] = (record.created, 0)
        if kept_back:
            record.repeated = kept_back
        return True


def _constant_message(record: logging.LogRecord) -> str:
    """Our own messages are constants. Of a library's, only a template is shown: a finished text may quote a value."""
    if record.name.startswith(_OUR_LOGGERS) or record.args:
        return str(record.msg)
    return f"said at {Path(record.pathname).name}:{record.lineno}"


def shown(name: str, value: object) -> object:
    """A field as it may be shown: on the list, and of a plain short kind; withheld otherwise."""
    if name not in FIELDS or (name == "error" and not (isinstance(value, str) and _TYPE_NAME.match(value))):
        return "[withheld]"
    if isinstance(value, bool | int | float | None):
        return value
    if isinstance(value, str | UUID | dt.date | tuple):
        return str(value)[:_TEXT_MAX]
    return "[withheld]"


def described(error: BaseException) -> dict[str, object]:
    """An exception without its text: its type, where it came from, a refusal's code, PostgreSQL's state, and its causes."""
    told: dict[str, object] = {"type": _type_name(error)}
    if (place := _place(error.__traceback__)) is not None:
        told["at"] = place
    if isinstance(error, DomainError):
        told["code"] = error.code
    if isinstance(state := getattr(error, "sqlstate", None), str):
        told["sqlstate"] = state
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        told["because"] = described(cause)
    if isinstance(error, BaseExceptionGroup):
        told["parts"] = [described(part) for part in error.exceptions]
    return told


def _type_name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _place(tb: TracebackType | None) -> str | None:
    frames = traceback.extract_tb(tb)
    if not frames:
        return None
    ours = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    last = ours[-1]
    return f"{'/'.join(Path(last.filename).parts[-4:])}:{last.lineno} in {last.name}"


def configure_logging(settings: Settings) -> None:
    """Everything that any library logs goes through `JsonLines` to stdout, and to a file where one is named."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    if settings.log_file is not None:
        settings.log_file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(settings.log_file, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(JsonLines())
        handler.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers = handlers
    root.setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
    logging.getLogger("uvicorn.access").disabled = True  # it logs query strings; the edge logs each request itself
    for name in ("sqlalchemy", "aiokafka", "asyncssh", "httpx", "httpcore", "fontTools", "weasyprint", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


# --- traces ---------------------------------------------------------------------------------------------------------


class JsonLinesExporter(SpanExporter):
    """Spans as JSON lines in a file, for a machine without a collector and for tests."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        lines = "".join(json.dumps(_span_line(span)) + "\n" for span in spans)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(lines)
        return SpanExportResult.SUCCESS


def _span_line(span: ReadableSpan) -> dict[str, Any]:
    own = span.get_span_context()
    return {
        "trace_id": trace.format_trace_id(own.trace_id) if own else None,
        "span_id": trace.format_span_id(own.span_id) if own else None,
        "parent_id": trace.format_span_id(span.parent.span_id) if span.parent else None,
        "name": span.name,
        "kind": span.kind.name.lower(),
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "status": span.status.status_code.name.lower(),
        "attributes": dict(span.attributes or {}),
    }


def configure_tracing(settings: Settings, service: str) -> TracerProvider:
    """Set up spans for this process; call `shutdown()` on what is returned when it ends, so that the last ones are sent."""
    sampler = ParentBased(TraceIdRatioBased(settings.trace_ratio))
    provider = TracerProvider(resource=Resource.create({"service.name": service}), sampler=sampler)
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    if settings.traces_file is not None:
        provider.add_span_processor(BatchSpanProcessor(JsonLinesExporter(settings.traces_file)))
    trace.set_tracer_provider(provider)
    # Baggage would carry what callers put into it to everyone behind us.
    propagate.set_global_textmap(_W3C)
    return provider


def current_traceparent() -> str | None:
    """The trace that this work belongs to, as W3C text for an envelope or a header; None outside of any."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get("traceparent")


def current_trace_id() -> str | None:
    """The id by which this work can be found in the traces; None outside of any."""
    own = trace.get_current_span().get_span_context()
    return trace.format_trace_id(own.trace_id) if own.is_valid else None


@contextmanager
def span(name: str, *, kind: SpanKind = SpanKind.INTERNAL, **fields: Field) -> Iterator[Span]:
    """A span of the current trace. Fields are those of the logs; an error is told by its type, not by its text."""
    with _TRACER.start_as_current_span(
        name, kind=kind, attributes=_attributes(fields), record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR))
            current.set_attribute("error.type", _type_name(error))
            raise


@contextmanager
def span_from(
    traceparent: str | None, name: str, *, kind: SpanKind = SpanKind.CONSUMER, **fields: Field
) -> Iterator[Span]:
    """A span that goes on with the trace of what led here (an event's traceparent); a new trace where there is none."""
    token = context.attach(remote_context(traceparent))
    try:
        with span(name, kind=kind, **fields) as current:
            yield current
    finally:
        context.detach(token)


def remote_context(traceparent: str | None) -> context.Context:
    """The context of a traceparent from outside; an empty one when it is missing or not W3C text."""
    return _W3C.extract({"traceparent": traceparent} if traceparent else {}, context=context.Context())


def _attributes(fields: Mapping[str, Field]) -> dict[str, str | int | float | bool]:
    told = {name: shown(name, value) for name, value in fields.items()}
    return {f"ledgerline.{name}": value for name, value in told.items() if isinstance(value, str | int | float | bool)}


def _trace_fields() -> dict[str, str]:
    trace_id = current_trace_id()
    return {} if trace_id is None else {"trace_id": trace_id}


# --- metrics --------------------------------------------------------------------------------------------------------

REQUESTS = prometheus_client.Counter(
    "ledgerline_http_requests_total", "Requests answered.", ("service", "method", "route", "status")
)
REQUEST_SECONDS = prometheus_client.Histogram(
    "ledgerline_http_request_seconds",
    "How long an answer took.",
    ("service", "method", "route"),
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


def metrics_page() -> tuple[bytes, str]:
    """All metrics of this process, and their media type."""
    return prometheus_client.generate_latest(), prometheus_client.CONTENT_TYPE_LATEST
