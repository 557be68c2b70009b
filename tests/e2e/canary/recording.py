"""What left the system over HTTP and MLLP, apart from what a reader with the right asked for by name.

Kept of every answer: its status and headers. Of every page of the dashboard: the addresses in it. The body of an answer is kept when it
refuses something, or when it acknowledges a write, which answers with ids only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import httpx

_ADDRESS = re.compile(rb"""(?:href|src|action|hx-[a-z-]+|data-[a-z-]+)=(?:"([^"]*)"|'([^']*)')""")
# Answered with personal values on purpose, to whoever may read them: a search by POST, FHIR's resources as they were taken in.
_FILE_AS_SENT = re.compile(rb'"file":"[^"]*"')  # /intake tells whoever sends a file its own name
_READS = re.compile(r"/search$|/_search$|^/fhir|/name$|/notes$|/segments/")


@dataclass(slots=True)
class Recording(httpx.BaseTransport):
    """Passes requests on, and keeps what must not hold anything personal."""

    headers: list[bytes] = field(default_factory=list)
    refusals: list[bytes] = field(default_factory=list)
    written: list[bytes] = field(default_factory=list)
    addresses: list[bytes] = field(default_factory=list)
    acknowledgements: list[bytes] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    _inner: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        content = answer.read()
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
        self.headers.append(b"\n".join(name + b": " + value for name, value in answer.headers.raw))
        if answer.status_code >= 400:
            self.refusals.append(content)
        elif answer.headers.get("content-type", "").startswith("text/html"):
            self.addresses += [b"".join(found) for found in _ADDRESS.findall(content)]
        elif request.method != "GET" and not _READS.search(request.url.path):
            self.written.append(_FILE_AS_SENT.sub(b"", content))
        return answer

    def close(self) -> None:
        self._inner.close()
