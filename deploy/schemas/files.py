"""Which files are generated, and are they what the code says?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from deploy.schemas.asyncapi import asyncapi_document
from deploy.schemas.claim_rules import claim_rules_page
from deploy.schemas.compatibility import breaks
from deploy.schemas.events import Schema, event_schema
from deploy.schemas.openapi import edge_document, openapi_document
from deploy.schemas.pages import events_page, make_page, settings_page
from deploy.schemas.rights import rights_page
from deploy.state import CHECKOUT
from shared.events.registry import SERVICES

SCHEMAS = Path("shared/events/schemas")
REFERENCE = Path("docs/reference")


def generated() -> Mapping[Path, str]:
    """Every generated file by its path in the checkout."""
    return {
        **{SCHEMAS / f"{service}.json": _json(event_schema(service)) for service in SERVICES},
        SCHEMAS / "asyncapi.json": _json(asyncapi_document()),
        **{REFERENCE / "openapi" / f"{service}.json": _json(openapi_document(service)) for service in SERVICES},
        REFERENCE / "openapi" / "front.json": _json(edge_document()),
        REFERENCE / "events.md": events_page(),
        REFERENCE / "rights.md": rights_page(),
        REFERENCE / "claim-rules.md": claim_rules_page(),
        REFERENCE / "settings.md": settings_page(),
        REFERENCE / "make.md": make_page((CHECKOUT / "Makefile").read_text()),
    }


def not_current(checkout: Path, files: Mapping[Path, str]) -> list[str]:
    """The paths whose content is not what the code says."""
    return [str(path) for path, content in files.items() if _read(checkout / path) != content]


def broken(checkout: Path) -> list[str]:
    """What the events of the code break of those whose schemas are committed."""
    found: list[str] = []
    for service in SERVICES:
        if committed := _read(checkout / SCHEMAS / f"{service}.json"):
            found += breaks(json.loads(committed), event_schema(service))
    return found


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _json(document: Schema) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
