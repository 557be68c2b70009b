"""The command line: run the system on this machine, set up a practice, hand in files, ask for balances, verify.

It speaks HTTP to a running system, as whoever LEDGERLINE_TOKEN speaks of, else as the administrator of the local issuer.
"""

# No `from __future__ import annotations` here: Typer reads the annotations.

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy import machine
from deploy.backup import back_up, stop_archive
from deploy.client import Client, NotRunning, Refused
from deploy.practice import NotAPractice, read_practice
from deploy.restore import restore as restore_backup
from deploy.state import TENANT, State, StateRefused, home, load
from shared.codecs.x12.check import check, json_document
from shared.codecs.x12.deviations import UnknownDeviation, deviations_named
from shared.codecs.x12.envelope import holds_interchange
from shared.events.registry import SERVICES
from shared.kernel.errors import DomainError
from shared.runtime.identity import Role
from shared.runtime.identity.directory import Directory
from shared.runtime.native.backups import BackupFailed
from shared.runtime.native.postgres import PostgresFailed, PostgresUnavailable
from shared.runtime.wrapping import WrongRootKey, add_root_key, drop_older_root_keys

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they show values, and values may be personal
    help="Medical billing as an event log.",
)
x12_app = typer.Typer(no_args_is_help=True, help="Look at X12 files; needs no running system.")
tenant_app = typer.Typer(no_args_is_help=True, help="Organisations whose data is kept apart.")
user_app = typer.Typer(no_args_is_help=True, help="Users of the local issuer.")
client_app = typer.Typer(
    no_args_is_help=True, help="Programs that get tokens with a key of their own (SMART Backend Services)."
)
heads_app = typer.Typer(no_args_is_help=True, help="Signed heads of the log.")
keys_app = typer.Typer(no_args_is_help=True, help="Keys above personal values: what wraps what, and replacing them.")
app.add_typer(heads_app, name="heads")
app.add_typer(keys_app, name="keys")
app.add_typer(x12_app, name="x12")
app.add_typer(tenant_app, name="tenant")
app.add_typer(user_app, name="user")
app.add_typer(client_app, name="client")

_out = Console()
_err = Console(stderr=True)

Feed = Annotated[str | None, typer.Option(help="postgres (default) or kafka; a state keeps its feed.")]
Brokers = Annotated[int | None, typer.Option(min=1, max=3, help="1 or 3 Kafka brokers on this machine.")]
Port = Annotated[int | None, typer.Option(min=1024, max=65000, help="HTTP port (8080).")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


_REFUSALS = (
    StateRefused,
    machine.StartFailed,
    Refused,
    DomainError,
    BackupFailed,
    PostgresFailed,
    PostgresUnavailable,
    WrongRootKey,
)


def main() -> None:
    """Exit codes: 0 done, 1 refused or findings, 2 wrong usage or not running."""
    try:
        app()
    except _REFUSALS as error:
        _err.print(f"[red]{error}[/red]", highlight=False)
        sys.exit(1)
    except NotRunning as error:
        _err.print(str(error), highlight=False)
        sys.exit(2)


# --- the system -------------------------------------------------------------------------------------------------------


@app.command()
def up(feed: Feed = None, brokers: Brokers = None, port: Port = None, foreground: bool = False) -> None:
    """Start the whole system on this machine; returns when it is ready."""
    folder = home()
    state = machine.choose(folder, feed=_feed(feed), brokers=brokers, port=port, clock_from=None)
    if foreground:
        _run_in_the_foreground(folder, state)
        return
    if _start(folder, state):
        _say_where(folder, state)


@app.command()
def down() -> None:
    """Stop the system of this machine. State stays."""
    _out.print("stopped" if machine.stop(home()) else "it was not running")


@app.command()
def logs() -> None:
    """Follow the logs of the running system."""
    files = sorted((home() / "logs").glob("*.log"))
    if not files:
        _err.print("there are no logs yet")
        raise typer.Exit(2)
    os.execvp("tail", ["tail", "-n", "50", "-F", *map(str, files)])


@app.command()
def demo(
    patients: Annotated[int, typer.Option(min=1, max=5000)] = 40,
    days: Annotated[int, typer.Option(min=1, max=730)] = 60,
    seed: int = 7,
    feed: Feed = None,
    brokers: Brokers = None,
    port: Port = None,
) -> None:
    """Start it, and play a practice's days: visits, claims, answers, payments. The last day is today."""
    from deploy.demo.player import Player

    folder = home()
    first_day = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0) - timedelta(days=days)
    state = machine.choose(folder, feed=_feed(feed), brokers=brokers, port=port, clock_from=first_day)
    _start(folder, state)
    with Client(folder, state) as client:
        until = datetime.fromisoformat(client.get("/clock")["now"])
    if until > datetime.fromisoformat(state.clock_from):
        _out.print(
            f"a practice was played here already, until {until:%Y-%m-%d}; another LEDGERLINE_HOME has room for a new one"
        )
        _say_where(folder, state)
        return
    with Client(folder, state) as client, _progress() as bar:
        player = Player(client, state, patients=patients, days=days, seed=seed)
        player.play(_bar(bar, "playing the practice"))
        report = player.report()
    _out.print(report)
    _say_where(folder, state)


def _run_in_the_foreground(folder: Path, state: State) -> None:
    from deploy.supervisor import Supervisor

    if machine.supervisor_pid(folder) is not None:
        _out.print("it is running already")
        return
    machine.prepare(folder, state)
    (folder / "run" / "supervisor.pid").write_text(str(os.getpid()))
    Supervisor(folder, state).run()


def _start(folder: Path, state: State) -> bool:
    if machine.supervisor_pid(folder) is not None:
        _out.print(f"it is running already at http://127.0.0.1:{state.port}")
        return False
    with _err.status("starting") as status:
        machine.start(folder, state, progress=status.update)
    return True


def _say_where(folder: Path, state: State) -> None:
    table = Table(title="Ledgerline is running", show_header=False)
    table.add_row("dashboard", f"http://127.0.0.1:{state.port}/")
    table.add_row("services", f"http://127.0.0.1:{state.port}/api/<service>/docs   ({', '.join(SERVICES)})")
    table.add_row("EHR edge", f"http://127.0.0.1:{state.port}/fhir and /intake, MLLP 127.0.0.1:{state.mllp_port}")
    table.add_row("log", state.feed + (f", {state.brokers} broker(s)" if state.feed == "kafka" else ""))
    table.add_row("state", str(folder))
    _out.print(table)
    logins = Table(title="Log in to the dashboard (programs: POST /oauth/token, grant_type=password)")
    logins.add_column("user")
    logins.add_column("password")
    for login in Directory(folder).demo_logins():
        logins.add_row(login.user, login.password)
    _out.print(logins)


def _feed(text: str | None) -> Literal["postgres", "kafka"] | None:
    if text == "postgres":
        return "postgres"
    if text == "kafka":
        return "kafka"
    if text is not None:
        raise typer.BadParameter("postgres or kafka", param_hint="--feed")
    return None


def _connected(tenant: str = TENANT) -> Client:
    folder = home()
    state = load(folder)
    if state is None:
        raise NotRunning("there is no system here yet: `ledgerline up` starts one")
    return Client(folder, state, tenant=tenant)


# --- the practice and its files ---------------------------------------------------------------------------------------


@app.command()
def setup(file: Path) -> None:
    """Set up the practice from a YAML file. Findings name line and rule; nothing is sent while there are any."""
    try:
        requests = read_practice(file.read_text())
    except NotAPractice as refused:
        for finding in refused.findings:
            print(json.dumps(finding.as_json()))
        raise typer.Exit(1) from None
    with _connected() as client, _progress() as bar:
        told = _bar(bar, "setting up")
        for number, request in enumerate(requests, start=1):
            client.put(request.path, request.body, key=request.idempotency_key)
            told(number, len(requests))
    _out.print(f"{len(requests)} items set up")


@app.command()
def intake(files: list[Path]) -> None:
    """Hand in any HL7 v2, FHIR or X12 file, or a bank's (BAI2, CSV). One JSON line a message; exit 1 when any was refused."""
    was_refused = False
    with _connected() as client:
        for file in files:
            for line in client.hand_in(file):
                print(json.dumps(line))
                was_refused |= line["outcome"] == "refused"
    if was_refused:
        raise typer.Exit(1)


_PIECE_BYTES = 256 * 1024


@x12_app.command("check")
def x12_check(
    files: list[Path],
    allow: Annotated[
        list[str] | None, typer.Option(help="A payer's known deviation that may pass as a warning.")
    ] = None,
) -> None:
    """Findings of every file: one JSON object a file. Exit 0 all ok, 1 errors found, 2 not X12."""
    worst = 0
    allowed = tuple(allow or ())
    try:
        deviations_named(allowed)
    except UnknownDeviation as unknown:
        raise typer.BadParameter(str(unknown), param_hint="--allow") from None
    for file in files:
        with file.open("rb") as opened:
            beginning = opened.read(_PIECE_BYTES)
            pieces = chain([beginning], iter(partial(opened.read, _PIECE_BYTES), b""))
            findings = [asdict(finding) for finding in check(pieces, allow=allowed)]
        is_ok = not any(finding["severity"] == "error" for finding in findings)
        worst = max(worst, 2 if not holds_interchange(beginning) else 0 if is_ok else 1)
        print(json.dumps({"file": str(file), "ok": is_ok, "findings": findings}))
    raise typer.Exit(worst)


@x12_app.command("json")
def x12_json(file: Path) -> None:
    """The typed document as JSON. Exit 2 when it is not X12."""
    content = file.read_bytes()
    if not holds_interchange(content[:_PIECE_BYTES]):
        _err.print(f"{file} is not X12: it has no ISA segment")
        raise typer.Exit(2)
    print(json.dumps(json_document(content), indent=2, default=str))


# --- questions --------------------------------------------------------------------------------------------------------


@app.command()
def balances(
    as_of: Annotated[str | None, typer.Option(help="What had happened by then (ISO 8601).")] = None,
    known_at: Annotated[str | None, typer.Option(help="What we knew then (ISO 8601).")] = None,
    as_json: AsJson = False,
) -> None:
    """Who owes what, in cents, for any pair of clocks."""
    with _connected() as client:
        answer = client.get("/api/payments/balances", as_of=as_of, known_at=known_at)
    if as_json:
        print(json.dumps(answer))
        return
    table = Table(title=f"Balances as of {answer['as_of']}, known at {answer['known_at']}")
    table.add_column("responsible party")
    table.add_column("amount", justify="right")
    for party, cents in sorted(answer["parties"].items()):
        table.add_row(party, _dollars(cents))
    table.add_row("total", _dollars(answer["total_cents"]), style="bold")
    _out.print(table)


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Check the invariants over everything that ever happened. Exit 1 on any violation."""
    with _connected() as client:
        report = verification(client)
    if as_json:
        print(json.dumps(report))
    else:
        _out.print(_verification_table(report))
    if not report["ok"]:
        raise typer.Exit(1)


def verification(client: Client) -> dict[str, Any]:
    """Every service's checks, and those that take the facts of several services."""
    from deploy.crosschecks import cross_checks

    checks: list[dict[str, Any]] = []
    for service in SERVICES:
        answer = client.get(f"/api/{service}/ops/verify")
        checks += [{**result, "name": f"{service}: {result['name']}"} for result in answer["checks"]]
    checks += cross_checks(client)
    return {"ok": not any(result["violations"] for result in checks), "checks": checks}


def _verification_table(report: dict[str, Any]) -> Table:
    table = Table(title="everything holds" if report["ok"] else "VIOLATIONS")
    table.add_column("check")
    table.add_column("checked", justify="right")
    table.add_column("violations", justify="right")
    for result in report["checks"]:
        table.add_row(result["name"], f"{result['checked']:,}", str(len(result["violations"])))
        for violation in result["violations"][:5]:
            told = f"  {violation['where']}: expected {violation['expected']}, found {violation['found']}"
            table.add_row(told, "", "", style="red")
    return table


@app.command()
def evidence(
    account: Annotated[str, typer.Argument(help="The patient account number (16 characters).")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="evidence-ACCOUNT.zip when not given.")] = None,
    purpose: Annotated[
        str | None, typer.Option("--open", help="Show personal values in clear, for this reason: audit, appeal, …")
    ] = None,
) -> None:
    """Everything about one account in one file that can be checked offline, by anybody."""
    from deploy.evidence import write
    from shared.runtime.evidence.verify_evidence import NotProven

    file = output or Path(f"evidence-{account}.zip")
    try:
        with _connected() as client:
            lines = write(client, account, file, purpose)
    except FileExistsError:
        _err.print(f"{file} is there already: name another with -o", highlight=False)
        raise typer.Exit(1) from None
    except NotProven as reason:
        _err.print(f"[red]nothing was written, because it does not prove itself: {reason}[/red]", highlight=False)
        raise typer.Exit(1) from None
    print("\n".join([f"{file} written. It proves, to whoever runs verify_evidence.py:", *lines]))


@app.command()
def rebuild(
    projection: Annotated[str | None, typer.Argument(help="service.purpose")] = None,
    everything: Annotated[bool, typer.Option("--all")] = False,
) -> None:
    """Build read models anew from the log, beside the live ones, compare, and swap."""
    if (projection is None) != everything:
        raise typer.BadParameter("name one projection, or --all")
    differed = False
    with _connected() as client, _progress() as bar:
        names = [projection] if projection else _all_projections(client)
        told = _bar(bar, "rebuilding")
        for number, name in enumerate(names, start=1):
            answer = client.post(f"/api/{name.partition('.')[0]}/ops/rebuild", {"projection": name})
            differed |= bool(answer["differences"])
            print(json.dumps(answer))
            told(number, len(names))
    if differed:
        raise typer.Exit(1)


def _all_projections(client: Client) -> list[str]:
    return [name for service in SERVICES for name in client.get(f"/api/{service}/ops/projections")]


# --- heads ------------------------------------------------------------------------------------------------------------


@heads_app.command("rotate-key")
def heads_rotate_key() -> None:
    """Sign the heads from now on with a new key. Old heads stay believed; the new key is vouched for by the one before."""
    from shared.runtime.evidence.keys import NoSigningKey, rotate_key

    try:
        _out.print(f"heads are signed with key {rotate_key(home())} from the next one on")
    except NoSigningKey as error:
        _err.print(str(error), highlight=False)
        raise typer.Exit(1) from None


@heads_app.command("continue")
def heads_continue(
    service: str,
    because: Annotated[str, typer.Option(help="Stays in the signed head for ever: no personal data.")],
) -> None:
    """After a restore to an earlier moment: give up the heads behind it, by name, and go on from the last one that holds."""
    with _connected() as client:
        answer = client.post(f"/api/{service}/ops/heads/continue", {"because": because})
    _out.print(f"head {answer['head']} of {service} goes on from head {answer['continues']}, {answer['size']} events")


# --- keys -------------------------------------------------------------------------------------------------------------


Tenant = Annotated[str, typer.Argument(help="Whose key.")]


@keys_app.command("show")
def keys_show(tenant: Tenant = TENANT) -> None:
    """Where the replacement of keys stands."""
    with _connected(tenant) as client:
        print(json.dumps(client.get("/keys")))


@keys_app.command("rotate-root")
def keys_rotate_root() -> None:
    """Replace the root key while the system works. The old one stays behind it until `drop-roots`. Said again, it goes on."""
    with _connected() as client:
        if not client.get("/keys")["other_roots"]:
            _out.print(f"root key {add_root_key(home())} is in front now")
        answer = client.post("/keys/root", {})
    _out.print(
        f"{answer['rewrapped']} keys of tenants are wrapped anew. Back the root key up: older backups need the old one"
    )


@keys_app.command("drop-roots")
def keys_drop_roots() -> None:
    """Leave only the newest root key in its file. Backups from before its time then need a copy of the old one."""
    with _connected() as client:
        if client.get("/keys")["other_roots"]:
            _err.print("something is wrapped under an older root key: `ledgerline keys rotate-root` goes on with it")
            raise typer.Exit(1)
    _out.print(f"{drop_older_root_keys(home())} older root keys are gone from the file")


@keys_app.command("rotate-tenant")
def keys_rotate_tenant(tenant: Tenant) -> None:
    """Replace a tenant's key while the system works. Said again after it was stopped, it goes on."""
    with _connected(tenant) as client:
        state = client.get("/keys")
        version = state["version"] + (0 if state["subjects"] or state["documents"] else 1)
        answer = client.post("/keys/tenant", {"version": version})
    _out.print(f"{tenant} has key {version}: {answer['rewrapped']} keys of people and documents are wrapped anew")


@keys_app.command("retire")
def keys_retire(tenant: Tenant) -> None:
    """Remove a tenant's older keys for ever, ten minutes after they were replaced."""
    with _connected(tenant) as client:
        answer = client.post("/keys/retire", {})
    _out.print(f"{answer['retired']} older keys of {tenant} are gone")


@keys_app.command("documents")
def keys_documents(patient: Annotated[str, typer.Argument(help="Id of the patient.")], tenant: Tenant = TENANT) -> None:
    """Raw documents that say something about a patient, which destroying the patient's key does not close. One JSON line each."""
    with _connected(tenant) as client:
        for service in SERVICES:
            for item in client.get(f"/api/{service}/documents-about/{patient}")["items"]:
                print(json.dumps({"service": service, **item}))


# --- a second copy ----------------------------------------------------------------------------------------------------


@app.command()
def backup(
    target: Annotated[Path | None, typer.Argument(help="A new FILE.tar, or a folder of backups.")] = None,
    root_key: Annotated[bool, typer.Option(help="Put the root key in, which opens every sealed value.")] = True,
    stop: Annotated[bool, typer.Option("--stop", help="No longer copy the database's log to the folder.")] = False,
) -> None:
    """Copy everything while the system works. A folder also takes the database's log from now on: any later moment can be restored."""
    folder = home()
    state = load(folder)
    if state is None or machine.supervisor_pid(folder) is None:
        raise NotRunning("there is no system running here: `ledgerline up` starts one")
    if (target is None) != stop:
        raise typer.BadParameter("name a FILE.tar or a folder, or --stop")
    if target is None:
        stop_archive(folder)
        _out.print("the database's log is no longer copied")
        return
    with _err.status("backing up") as status:
        written, manifest = back_up(folder, state, target, with_root_key=root_key, progress=status.update)
    _out.print(f"{written}: everything up to {manifest.ended_at}", soft_wrap=True)
    if manifest.has_root_key:
        _out.print("It holds the root key: whoever has it can read every patient's data. Keep it as you keep the keys.")
    else:
        _out.print(
            f"It does not hold {folder}/keys/root.key, without which no sealed value can be read: keep that elsewhere."
        )
    if written.is_dir():
        _out.print(f"From now on {target} also takes the database's log: `ledgerline restore {target} --to MOMENT`")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="What `ledgerline backup` wrote: a file, a folder, a folder of them.")],
    to: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"], help="A moment.")
    ] = None,
    root_key: Annotated[Path | None, typer.Option(help="Where the root key lies, when the backup has none.")] = None,
    port: Port = None,
    epoch: Annotated[int, typer.Option(min=1, max=32_000, help="At least this epoch for the logs.")] = 1,
) -> None:
    """Bring everything back into LEDGERLINE_HOME, new or stopped. What lies there is put aside, never removed."""
    folder = home()
    if machine.supervisor_pid(folder) is not None:
        raise StateRefused(f"the system of {folder} is running: `ledgerline down` first")
    with _err.status("restoring") as status:
        restored = restore_backup(
            folder, source, moment=to, root_key=root_key, port=port, epoch=epoch, progress=status.update
        )
    _out.print(
        f"restored up to {restored.until} into {folder}; every log begins epoch {restored.epoch}", soft_wrap=True
    )
    if restored.aside is not None:
        _out.print(f"what was there lies in {restored.aside}: remove it when you no longer need it", soft_wrap=True)
    _out.print(
        "Next: `ledgerline up`, `ledgerline verify`. What was sent to partners after that moment is not taken back."
    )


# --- tenants and users ------------------------------------------------------------------------------------------------


@tenant_app.command("add")
def tenant_add(name: Annotated[str, typer.Argument(help="Lower case letters, digits and dashes.")]) -> None:
    """Add a tenant to the local issuer. Safe to repeat; works while the system runs and before."""
    directory = Directory(home())
    if name in directory.content().tenants:
        _out.print(f"tenant {name} is there already")
        return
    directory.add_tenant(name)
    _out.print(f"tenant {name} added; next: `ledgerline user add NAME {name} --role ROLE`")


@user_app.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="Lower case letters, digits and . _ @ -")],
    tenant: Annotated[str, typer.Argument(help="One that `ledgerline tenant add` made.")],
    role: Annotated[list[str], typer.Option(help=f"May be given several times: {', '.join(sorted(Role))}.")],
    password: Annotated[
        str,
        typer.Option(
            prompt=True,
            hide_input=True,
            confirmation_prompt=True,
            envvar="LEDGERLINE_USER_PASSWORD",
            help="12 characters or more; asked for when it is not given. Others can see what is given on a command line.",
        ),
    ],
) -> None:
    """Add a user of the local issuer, or set the roles in a tenant and the password of one that is there. Safe to repeat."""
    directory = Directory(home())
    before = directory.content().users.get(name)
    directory.add_user(name, password, tenant, role)
    done = "added to" if before is None or tenant not in before.tenants else "was in already, roles and password set:"
    _out.print(f"user {name} {done} {tenant} as {', '.join(role)}")


@user_app.command("disable")
def user_disable(name: str) -> None:
    """No more tokens for a user; those that are out end within seconds."""
    Directory(home()).disable_user(name)
    _out.print(f"user {name} disabled")


@client_app.command("add")
def client_add(
    name: str,
    tenant: str,
    role: Annotated[
        list[str] | None, typer.Option(help="May be given several times; integration when it is not.")
    ] = None,
    keys: Annotated[Path | None, typer.Option(help="File of its public keys, a JWK set.")] = None,
    keys_url: Annotated[str, typer.Option(help="https URL where it publishes them.")] = "",
) -> None:
    """Register an EHR or another program by its public keys."""
    if (keys is None) == (not keys_url):
        raise typer.BadParameter("name one of --keys and --keys-url")
    Directory(home()).add_client(name, keys_url or _key_set(keys), tenant, role or ["integration"])
    _out.print(f"client {name} added to {tenant}")


@client_app.command("disable")
def client_disable(name: str) -> None:
    """No more tokens for a program; those that are out end within seconds."""
    Directory(home()).disable_client(name)
    _out.print(f"client {name} disabled")


def _key_set(file: Path | None) -> dict[str, Any]:
    try:
        read = json.loads(file.read_text()) if file is not None else None
    except (OSError, ValueError):
        read = None
    if not isinstance(read, dict):
        raise typer.BadParameter("a file that holds a JWK set", param_hint="--keys")
    return read


# --- showing ----------------------------------------------------------------------------------------------------------


def _dollars(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=_err,
    )


def _bar(progress: Progress, description: str) -> Callable[[int, int], None]:
    task = progress.add_task(description, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


if __name__ == "__main__":
    main()
