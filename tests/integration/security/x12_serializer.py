"""Read by schemathesis (`SCHEMATHESIS_HOOKS`): bodies that are files go as the bytes that were made up."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.serializer("application/edi-x12", "application/octet-stream")  # type: ignore[untyped-decorator]
def as_bytes(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
