"""How does everything about one account become one file that proves itself?

Each service is asked for its signed document; they and the program that checks them become the pack. The pack is checked before it is
written, as whoever receives it will check it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from deploy.client import Client
from shared.events.registry import SERVICES
from shared.kernel.errors import NotFound
from shared.runtime.evidence.account import PROGRAM
from shared.runtime.evidence.verify_evidence import verify, write_pack


def packed(answers: Mapping[str, Mapping[str, str]]) -> bytes:
    """The pack made of what each service answered. Raises NotFound when none has recorded anything."""
    if all('"events":[]' in answer["text"] for answer in answers.values()):
        raise NotFound("no service has recorded anything about this account")
    documents = {f"{name}.json": f"{answers[name]['text']}\n{answers[name]['signature']}".encode() for name in SERVICES}
    return write_pack({PROGRAM.name: PROGRAM.read_bytes(), **documents})


def write(client: Client, account: str, file: Path, purpose: str | None) -> list[str]:
    """Write the pack of an account; what it proves, line by line.

    Raises Refused, NotRunning, NotFound, NotProven, FileExistsError when there is something else.
    """
    answers = {name: client.get(f"/api/{name}/evidence/{account}", purpose=purpose) for name in SERVICES}
    pack = packed(answers)
    lines = verify(pack)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # it is about a person
    with os.fdopen(handle, "wb") as out:
        out.write(pack)
    return lines
