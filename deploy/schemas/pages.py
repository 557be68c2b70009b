"""Which events, settings and make targets are there? The reference pages, written from the code.

Docstrings and the comments beside fields are the text; nothing is said here that the code does not say.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from inspect import get_annotations
from typing import Any, get_args

import msgspec
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from deploy.migrate import MigrationSettings
from deploy.schemas.events import structs_of, types_of
from deploy.schemas.source import Group, comments_of, groups_of
from deploy.state import CHECKOUT
from shared.events import charges, claims, collections, eligibility, payments, platform
from shared.events.base import Event
from shared.events.registry import SERVICES
from shared.runtime.broker import Broker
from shared.runtime.settings import Settings


def _settings() -> Iterator[type[BaseSettings]]:
    """Those of every process, then those of each service's own, then those of the job that migrates."""
    yield Settings
    for path in sorted((CHECKOUT / "services").glob("*/settings.py")):
        module = importlib.import_module(f"services.{path.parent.name}.settings")
        for _, cls in inspect.getmembers(module, inspect.isclass):
            if issubclass(cls, BaseSettings) and cls.__module__ == module.__name__:
                yield cls
    yield MigrationSettings


SETTINGS: tuple[type[BaseSettings], ...] = tuple(_settings())
_GENERATED = "<!-- Written by `make schemas`; changes belong into the code. -->"
_MODULES = {
    "eligibility": eligibility,
    "charges": charges,
    "claims": claims,
    "payments": payments,
    "collections": collections,
}
_UNITS = {
    "ms": "ms",
    "seconds": "s",
    "minutes": "min",
    "hours": "h",
    "days": "days",
    "bytes": "bytes",
    "connections": "connections",
    "events": "events",
}


# --- events -----------------------------------------------------------------------------------------------------------


def events_page() -> str:
    """Every event of every service: what it means, its fields, and what they are made of."""
    lines = [
        "# Events",
        "",
        _GENERATED,
        "",
        "What happened, in the words of `shared/events`. A field with a default is left out of the JSON when it has it. `Sealed[…]` is a",
        "personal value, encrypted as `{subject, field, token}`. `…_cents` are whole US cents, `…_on` dates, `…_at` moments with their offset.",
        "JSON Schema: `shared/events/schemas/`. How to follow the log: [read-the-event-log.md](../how-to/read-the-event-log.md).",
        "",
    ]
    for service in SERVICES:
        lines += _service(service)
    lines += ["## Every service", "", *_about(platform.__doc__)]
    for cls in get_args(platform.PlatformEvent):
        names = " · ".join(f"`{service}.{cls.__name__}.v1`" for service in SERVICES)
        lines += [f"### {cls.__name__}", "", names, "", *_struct(cls)]
    lines += ["## Values", "", "What the fields of events are made of.", ""]
    for struct in _values():
        lines += [f"### {struct.__name__}", "", *_struct(struct)]
    return "\n".join(lines).rstrip() + "\n"


def _service(service: str) -> Iterator[str]:
    yield from (f"## {service}", "", f"Topic `{Broker(bootstrap='').events_topic(service)}`.", "")
    yield from _about(_MODULES[service].__doc__)
    for name, cls in types_of(service).items():
        if cls not in get_args(platform.PlatformEvent):
            yield from (f"### {name}", "", *_struct(cls))


def _values() -> list[type[msgspec.Struct]]:
    every = structs_of(cls for service in SERVICES for cls in types_of(service).values())
    return sorted((cls for cls in every if not issubclass(cls, Event)), key=lambda cls: cls.__name__)


def _struct(cls: type[msgspec.Struct]) -> Iterator[str]:
    if _has_own_words(cls):
        yield from _about(cls.__doc__)
    comments = comments_of(cls)
    annotations = {name: written for each in reversed(cls.__mro__) for name, written in get_annotations(each).items()}
    yield from ("| field | type | default | |", "|---|---|---|---|")
    for field in msgspec.structs.fields(cls):
        written = str(annotations[field.name]).replace("|", "\\|")
        yield f"| `{field.name}` | `{written}` | {_default(field)} | {_cell(comments[field.name])} |"
    yield ""


def _has_own_words(cls: type) -> bool:
    return cls.__dict__.get("__doc__") is not None


def _about(text: str | None) -> Iterator[str]:
    if text:
        yield from (*inspect.cleandoc(text).splitlines(), "")


def _default(field: Any) -> str:
    if field.required:
        return ""
    if field.default is msgspec.NODEFAULT:
        return "empty"
    if isinstance(field.default, msgspec.Struct):
        return "empty"
    return f"`{_json(field.default)}`"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# --- settings ---------------------------------------------------------------------------------------------------------


def settings_page() -> str:
    """Every setting of every process, with default and unit."""
    lines = [
        "# Settings",
        "",
        _GENERATED,
        "",
        "Everything comes from the environment. A secret may lie as a file of the same name in lower case in the folder that",
        "`LEDGERLINE_SECRETS_DIR` names. An empty variable counts as not set. A value that is refused is named with its rule and never shown.",
        "",
    ]
    for cls in SETTINGS:
        lines += [f"## `{_prefix(cls)}…`", "", *_about(inspect.getmodule(cls).__doc__)]
        for group in groups_of(cls):
            lines += _group(cls, group)
    lines += _BESIDE_SETTINGS
    return "\n".join(lines).rstrip() + "\n"


def names_of(cls: type[BaseSettings]) -> list[str]:
    """The environment variables of a settings class."""
    return [f"{_prefix(cls)}{name}".upper() for name in cls.model_fields]


def _prefix(cls: type[BaseSettings]) -> str:
    return cls.model_config.get("env_prefix", "")


def _group(cls: type[BaseSettings], group: Group) -> Iterator[str]:
    known = [name for name in group.fields if name in cls.model_fields]
    if not known:
        return
    if group.about:
        yield from (_sentence(group.about), "")
    yield from ("| variable | values | default | unit | |", "|---|---|---|---|---|")
    for name in known:
        field = cls.model_fields[name]
        default = _setting_default(field.default)
        values = _values_of(field.annotation, field.metadata)
        yield f"| `{_prefix(cls)}{name.upper()}` | {values} | {default} | {_unit(name)} | {_cell(group.fields[name])} |"
    yield ""


def _sentence(text: str) -> str:
    return text if text.endswith((".", ":")) else f"{text}."


def _values_of(annotation: Any, limits: Iterable[Any]) -> str:
    choices = [each for each in get_args(annotation) if isinstance(each, str)]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    name = {SecretStr: "secret", str: "text", int: "whole number", float: "number", bool: "true, false"}.get(annotation)
    bounds = [f"{sign} {getattr(limit, key)}" for limit in limits for key, sign in _BOUNDS if hasattr(limit, key)]
    return " ".join([name or _type_name(annotation), *bounds])


_BOUNDS = (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))


def _type_name(annotation: Any) -> str:
    if "Path" in str(annotation):
        return "path"
    return "JSON list" if "set" in str(annotation) else "JSON object"


def _setting_default(value: Any) -> str:
    if isinstance(value, SecretStr) or value in (None, "", {}, PydanticUndefined):
        return ""
    if isinstance(value, frozenset):
        return f"`{_json(sorted(value))}`"
    return f"`{value}`"


def _unit(name: str) -> str:
    return next((_UNITS[word] for word in reversed(name.split("_")) if word in _UNITS), "")


_BESIDE_SETTINGS = [
    "## Beside these",
    "",
    "| variable | read by | |",
    "|---|---|---|",
    "| `LEDGERLINE_SECRETS_DIR` | every process | folder whose files are settings: `ledgerline_root_key`, `ledgerline_database_app_password`, … |",
    "| `OTEL_EXPORTER_OTLP_ENDPOINT` | every process | where spans go, OTLP over HTTP; empty: nowhere |",
    "| `LEDGERLINE_TOKEN` | the command line | bearer token to act with; empty: the administrator of the local issuer |",
    "| `LEDGERLINE_USER_PASSWORD` | the command line | password of the user that `user add` adds; empty: it is asked for |",
    "| `LEDGERLINE_PG_BIN` | the embedded runner, tests | folder of PostgreSQL's programs; empty: those of the wheel |",
    "| `LEDGERLINE_JAVA` | the embedded runner, tests | the `java` that runs Kafka; empty: the first found |",
    "| `LEDGERLINE_SUPERVISED` | every process | `1`: end when standard input closes; set by the supervisor |",
    "| `LEDGERLINE_SANDBOX_URL` | front | where the sandbox clearinghouse says whether it is idle; set by the supervisor |",
    "| `LEDGERLINE_SANDBOX_SFTP_PORT`, `LEDGERLINE_SANDBOX_HTTP_PORT`, `LEDGERLINE_SANDBOX_SEED` | the sandbox | its ports, and the seed of its answers |",
    "| `LEDGERLINE_SANDBOX_CARDS_PORT` | the sandbox processor of cards, run by itself | its port |",
    "| `LEDGERLINE_TEST_PG_URL`, `LEDGERLINE_TEST_KAFKA`, `LEDGERLINE_TEST_INFRA`, `LEDGERLINE_REQUIRE_KAFKA` | tests | servers to test against instead of those that tests start |",
    "| `LEDGERLINE_TEST_LONG` | tests | `1`: the long form of tests that have one |",
    "| `LEDGERLINE_TEST_API_SEED`, `LEDGERLINE_TEST_API_EXAMPLES` | tests | seed and number of the requests that `make test-api` makes up |",
    "| `LEDGERLINE_E2E_SEED`, `LEDGERLINE_E2E_KILL_SEED` | tests | seeds of the played practice and of the kills, to see a failure again |",
    "| `LEDGERLINE_TAMPERS`, `LEDGERLINE_TAMPER_SEED` | tests | how many single bytes of evidence packs and of stored events are changed, and the seed of which |",
    "| `LEDGERLINE_FAULTS`, `LEDGERLINE_FAULTS_PATIENTS`, `LEDGERLINE_FAULTS_DAYS` | tests | how many faults `make test-faults` makes, in how large a practice |",
    "| `LEDGERLINE_CHROMIUM`, `LEDGERLINE_REQUIRE_BROWSER` | tests | the browser of the tests of pages, empty: the first Chromium found; `1`: fail instead of skip without one |",
    "| `LEDGERLINE_SAMPLES` | tests | folder of sample files from elsewhere; empty: these tests are skipped |",
]


# --- make -------------------------------------------------------------------------------------------------------------

_TARGET = re.compile(r"^([a-z][a-z0-9-]*):.*## (.*)$", re.MULTILINE)


def make_page(makefile: str) -> str:
    """Every target of the Makefile."""
    lines = ["# Make", "", _GENERATED, "", "`make` alone prints this list.", "", "| target | |", "|---|---|"]
    lines += [f"| `make {name}` | {_cell(about)} |" for name, about in _TARGET.findall(makefile)]
    return "\n".join(lines) + "\n"
