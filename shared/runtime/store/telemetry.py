"""What does the store tell an operator? Instruments of the OpenTelemetry API; without an SDK they cost nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Observation

tracer = trace.get_tracer("ledgerline.store")
_meter = metrics.get_meter("ledgerline.store")


class CommitterMetrics:
    """How many commands wait, how large commits are and how long they take, how often transactions raced."""

    def __init__(self, service: str, waiting: Callable[[], int]) -> None:
        self._labels = {"service": service}
        self._seconds = _meter.create_histogram("ledgerline.append.duration", unit="s", description="one commit")
        self._commands = _meter.create_histogram("ledgerline.append.commands", description="commands in one commit")
        self._events = _meter.create_counter("ledgerline.append.events", description="events committed")
        self.raced = _meter.create_counter("ledgerline.append.raced", description="commits tried again")

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            yield Observation(waiting(), self._labels)

        _meter.create_observable_gauge("ledgerline.append.waiting", callbacks=[observe], description="queued commands")

    @contextlib.contextmanager
    def commit(self, commands: int, events: int) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._seconds.record(time.perf_counter() - began, self._labels)
        self._commands.record(commands, self._labels)
        self._events.add(events, self._labels)


def traceparent() -> str | None:
    """The W3C trace context of the current span; None outside of a trace."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
