from __future__ import annotations

from typing import Any

from deploy.client import Client
from deploy.demo.player import Player
from deploy.state import FORMAT, State

STATE = State(
    format=FORMAT,
    feed="postgres",
    brokers=0,
    clock="driven",
    clock_from="",
    port=8080,
    mllp_port=2575,
    sandbox_sftp_port=8091,
    sandbox_http_port=8092,
    postgres_port=5432,
)


class Log(Client):
    """A running system that has said these events, and is asked for two of them at a time."""

    def __init__(self, said: list[tuple[str, dict[str, Any]]]) -> None:
        self._said = said

    def events(
        self, service: str, cursor: str | None, limit: int, *, types: str = ""
    ) -> tuple[list[Any], str | None, bool]:
        found = [{"data": data} for name, data in self._said if types == f"{service}.{name}.v1"]
        start = int(cursor or 0)
        return found[start : start + 2], str(start + 2), start + 2 >= len(found)

    def get(self, path: str, **query: Any) -> Any:
        return {"parties": {}, "total_cents": 0}


def shown(said: list[tuple[str, dict[str, Any]]]) -> dict[str, str]:
    table = Player(Log(said), STATE, patients=1, days=1, seed=1).report()
    words, numbers = (list(column.cells) for column in table.columns)
    return {str(line): str(number) for line, number in zip(words, numbers, strict=True)}


def test_a_claim_that_clearinghouse_and_payer_accept_counts_once_for_each() -> None:
    accepted = [
        ("ClaimAccepted", {"claim_id": claim, "stage": stage})
        for claim, stage in (("A", "clearinghouse"), ("B", "clearinghouse"), ("A", "payer"), ("A", "payer"))
    ]
    sent = [("ClaimSubmitted", {"claim_id": claim}) for claim in "ABB"]  # B was sent again
    found = shown([*sent, *((name, dict(data)) for name, data in accepted)])
    assert found["claims sent (837P)"] == "2"
    assert found["claims accepted by the clearinghouse (277CA)"] == "2"
    assert found["claims accepted by the payer (277CA)"] == "1"
