"""What do the readers tell an operator? Counters by reader and service; never a tenant, a stream or a person."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("ledgerline_reader_events", "Events taken in by a reader", ["reader", "service"])
PAGE_SECONDS = Histogram(
    "ledgerline_reader_page_seconds",
    "Time to take one page in",
    ["reader"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
LAG_SECONDS = Gauge(
    "ledgerline_reader_lag_seconds",
    "Age of the last event when it was taken in; a driven clock is left out",
    ["reader", "service", "partition"],
)
PARKED = Counter("ledgerline_reader_parked_events", "Events put on the desk of parked events", ["reader", "service"])
RETRIES = Counter("ledgerline_reader_retries", "Times that a reader has to try again", ["reader"])
FENCED = Counter("ledgerline_reader_fenced", "Times that another owner had taken over", ["reader"])
PRODUCERS = Counter("ledgerline_relay_producers", "Producers started by the relay of a service", ["service"])
REPUBLISHED = Counter(
    "ledgerline_relay_republished", "Times that a log was written to Kafka from the start", ["service"]
)
GIVEN_UP = Counter(
    "ledgerline_reader_given_up",
    "Times that a reader found that a log was restored to an earlier moment than its own position",
    ["reader", "service"],
)
