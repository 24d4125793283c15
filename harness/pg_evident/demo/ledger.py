"""The part of the demo about the ledger: seal, publish, prove, verify, forge."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from psycopg import errors, sql
from psycopg.conninfo import make_conninfo
from rich.console import Console

from pg_evident.access.ownership import connect
from pg_evident.database import connect as connect_plainly
from pg_evident.database import parameters
from pg_evident.demo.show import escape, note, say
from pg_evident.export import proof as prove
from pg_evident.export import run as export
from pg_evident.ledger import keys, publish, seal
from pg_evident.showing import said
from pg_evident.verifier.check import Request, verify_export
from pg_evident.verifier.formats.note import load_keys
from pg_evident.verifier.page.html import render_html
from pg_evident.verifier.proof import verify_proof
from pg_evident.verifier.report import Report
from pg_evident.verifier.report_text import headline, render

NAME = "example.com/demo"

_PAYMENT = """
    select e.event_id
    from evident.read_aggregate(%s) as e
    where e.event_type = 'PaymentProcessed'
    order by e.version
    limit 1
"""
_FORGE = """
    update evident.event_store
    set payload = jsonb_set(payload, '{{amount}}', '0.01')
    where event_id = {event}
"""


def show(console: Console, dsn: str, order: Any, first: int) -> None:
    """Print the steps about the ledger, numbered from `first`.

    The payment of `order` is proven, and then forged in a copy of the database. Key,
    proof and exports stay in a temporary directory.
    """
    folder = Path(tempfile.mkdtemp(prefix="evident-demo-"))
    say(console, first, "Seal: the events become leaves of a Merkle tree")
    _seal(console, dsn)

    say(console, first + 1, "Publish: a checkpoint that is signed outside")
    key = _publish(console, dsn, folder)

    with connect(dsn, autocommit=True) as connection:
        row = connection.execute(_PAYMENT, [order]).fetchone()
    assert row is not None
    payment: UUID = row[0]
    say(console, first + 2, f"Prove that payment {payment} is in it")
    proof = prove.run(dsn, payment, folder)
    note(console, f"{proof.name}, {proof.stat().st_size:,} bytes")
    trusted = load_keys([key])
    _judge(console, verify_proof(proof, None, trusted), "clean")

    say(console, first + 3, "Export everything, and verify without a database")
    log = folder / "log"
    _export(console, dsn, log)
    report = verify_export(Request(log, trusted))
    _judge(console, report, "clean")
    for line in render(report).splitlines()[1:]:
        console.print(f"   {escape(line)}")

    say(console, first + 4, "A superuser edits that payment, in a copy of the database")
    forged = folder / "forged"
    try:
        with _forged_copy(console, dsn, payment) as copy:
            _export(console, copy, forged)
    except (errors.InsufficientPrivilege, errors.ObjectInUse) as error:
        console.print(f"   left out: {escape(said(error))}")
    else:
        report = verify_export(Request(forged, trusted))
        _judge(console, report, "tampered")
        if str(payment) not in [each.event_id for each in report.found.listed]:
            raise AssertionError("the verifier has not named the event")
        page = folder / "forged.html"
        page.write_text(render_html(report), encoding="utf-8")
        console.print(f"   as a page for auditors: {page}")
    console.print(
        f"\nKey, proof and exports are yours, in {folder}; remove it at will."
        f"\n   evident verify {log} --key {key}"
    )


def _seal(console: Console, dsn: str) -> None:
    began = time.monotonic()
    done = seal.run(dsn, seal.LIMIT, begin=lambda *_: None, advance=lambda _: None)
    console.print(
        f"   {done.events:,} events sealed in {time.monotonic() - began:.2f} s: a tree"
        f" of {done.size:,} leaves"
    )
    console.print(f"   root {done.root.hex()}")


def _publish(console: Console, dsn: str, folder: Path) -> str:
    """Publish with a new key, and give the verifier key's file."""
    key = keys.make_key(NAME, folder / "demo.key")
    publisher = publish.Publisher(key, folder / "checkpoints", lambda _: None)
    # The folder is new each time, and the database may be of an earlier tour.
    path = publish.publish(dsn, publisher, new_directory=True)
    assert path is not None
    for line in path.read_text(encoding="utf-8").splitlines():
        console.print(f"   [dim]│[/dim] {escape(line)}")
    return str(keys.vkey_path(folder / "demo.key"))


def _export(console: Console, dsn: str, folder: Path) -> None:
    began = time.monotonic()
    done = export.run(
        dsn, folder, None, begin=lambda *_: None, advance=lambda _: None
    ).head
    console.print(
        f"   {done.size:,} leaves exported in {time.monotonic() - began:.2f} s"
    )


def _judge(console: Console, report: Report, expected: str) -> None:
    """Print the verdict, which must be the expected one."""
    colour = "green" if report.exit_code == 0 else "red"
    console.print(f"   [{colour}]{escape(headline(report))}[/{colour}]")
    if report.verdict != expected:
        raise AssertionError(f"the verifier says {report.verdict}, not {expected}")


@contextlib.contextmanager
def _forged_copy(console: Console, dsn: str, event: UUID) -> Iterator[str]:
    """Copy the database, change one event there, and drop it at the end.

    Raises InsufficientPrivilege or ObjectInUse where the login may not, or others are
    connected.
    """
    source = parameters(dsn)
    name = f"evident_demo_{uuid4().hex[:8]}"
    words = {"name": sql.Identifier(name)}
    with connect_plainly(dsn, autocommit=True) as connection:
        connection.execute("set default_transaction_read_only = off")
        words["source"] = sql.Identifier(connection.info.dbname)
        connection.execute(
            sql.SQL("create database {name} template {source}").format(**words)
        )
        try:
            copy = make_conninfo(**source | {"dbname": name})
            forge = sql.SQL(_FORGE).format(event=str(event))
            with connect(copy) as forger:
                forger.execute("set local role evident_owner")
                forger.execute("alter table evident.event_store disable trigger user")
                forger.execute(forge)
                note(console, " ".join(forge.as_string(forger).split()))
            yield copy
        finally:
            connection.execute(
                sql.SQL("drop database {name} with (force)").format(**words)
            )
