"""Who hears of the spans that end in this process, for as long as a test runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter


class _Listeners(SpanProcessor):
    """A provider keeps its processors for good, and a process its provider. This one lets its listeners go."""

    def __init__(self) -> None:
        self.heard_by: list[SpanProcessor] = []

    def on_end(self, span: ReadableSpan) -> None:
        for listener in self.heard_by:
            listener.on_end(span)


_listeners = _Listeners()


@contextmanager
def spans_told_to(exporter: SpanExporter) -> Iterator[None]:
    """Every span of this process that ends inside is exported at once."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        provider = TracerProvider()
        provider.add_span_processor(_listeners)
        trace.set_tracer_provider(provider)
    processor = SimpleSpanProcessor(exporter)
    _listeners.heard_by.append(processor)
    try:
        yield
    finally:
        _listeners.heard_by.remove(processor)
        processor.shutdown()
