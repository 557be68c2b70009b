"""What can I ask of this service? One page drawn from its OpenAPI description: no script, and nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2330;background:#fff}"
    "h1{margin-bottom:0}h2{margin-top:2.5rem;border-bottom:1px solid #c9d1dc}details{margin:.5rem 0;padding:.25rem .75rem;"
    "border:1px solid #c9d1dc;border-radius:.4rem}summary{cursor:pointer}code{font:14px ui-monospace,monospace}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.2rem .5rem;"
    "border-bottom:1px solid #e6eaf0}.method{display:inline-block;min-width:4.5rem;font-weight:600}"
    "@media(prefers-color-scheme:dark){body{color:#e8ecf2;background:#12161d}details,h2,td,th{border-color:#39424f}a{color:#8ab4ff}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_METHODS = ("get", "post", "put", "patch", "delete")


def page_of_operations(description: Mapping[str, Any]) -> str:
    """HTML of an OpenAPI description."""
    info = description["info"]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style><main><h1>{escape(info['title'])}</h1>"
        f"<p>Version {escape(info['version'])}. {escape(info.get('description', ''))}</p>"
        '<p>Machine-readable: <a href="openapi.json">openapi.json</a>. Every operation takes a bearer token; every write an '
        "<code>Idempotency-Key</code>; refusals are <code>application/problem+json</code>.</p>"
        f"{''.join(_groups(description))}</main></html>"
    )


def _groups(description: Mapping[str, Any]) -> Iterator[str]:
    by_tag: dict[str, list[str]] = {}
    for path, item in description.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                tag = (item[method].get("tags") or ["operations"])[0]
                by_tag.setdefault(tag, []).append(_operation(method, path, item[method], description))
    for tag, operations in by_tag.items():
        yield f"<h2>{escape(tag)}</h2>{''.join(operations)}"


def _operation(method: str, path: str, operation: Mapping[str, Any], description: Mapping[str, Any]) -> str:
    rows = [
        (parameter["name"], parameter["in"], parameter.get("required", False), parameter.get("description", ""))
        for parameter in operation.get("parameters", ())
    ]
    rows += [(name, "body", is_required, text) for name, is_required, text in _fields(operation, description)]
    table = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{place}<td>{'required' if is_required else ''}<td>{escape(text)}"
        for name, place, is_required, text in rows
    )
    answers = ", ".join(sorted(operation.get("responses", {})))
    text = operation.get("description", "")
    return (
        f'<details><summary><span class="method">{method.upper()}</span> <code>{escape(path)}</code> '
        f"{escape(operation.get('summary', ''))}</summary><p>{escape(text)}</p>"
        + (f"<table><tr><th>name<th>where<th><th>meaning{table}</table>" if rows else "")
        + f"<p>Answers: {escape(answers)}</p></details>"
    )


def _fields(operation: Mapping[str, Any], description: Mapping[str, Any]) -> Iterator[tuple[str, bool, str]]:
    content = operation.get("requestBody", {}).get("content", {})
    for media_type, body in content.items():
        schema = _resolved(body.get("schema", {}), description)
        if not schema.get("properties"):
            yield media_type, True, schema.get("description", "")
        for name, field in schema.get("properties", {}).items():
            yield name, name in schema.get("required", ()), field.get("description", "")


def _resolved(schema: Mapping[str, Any], description: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref", "")
    if not reference:
        return schema
    found: Mapping[str, Any] = description["components"]["schemas"][reference.rpartition("/")[2]]
    return found
