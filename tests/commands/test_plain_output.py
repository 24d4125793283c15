"""Promise 27: what comes in is shown as text, in every command and report."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from conftest import Database
from pg_evident.verifier import text
from support.checkers.plain import HOSTILE, unplain
from support.clients.calls import Connection
from support.models.ledger_lab import evident

pytestmark = [pytest.mark.promise(27), pytest.mark.once]

EVERYTHING = "".join(each for each in HOSTILE.values())
# PostgreSQL's text has no NUL; names have at most 63 bytes.
NAME = f"c{HOSTILE['escape'][:4]}\n{HOSTILE['direction'][:6]}[red]"


def fill(owner: Connection) -> uuid.UUID:
    """Append hostile texts in every place that has room for one; give an event."""
    owner.execute("select evident.create_consumer(%s, 1)", [NAME])
    first = uuid.uuid4()
    for each in HOSTILE.values():
        for item in (
            {"sku": "CD-1", "quantity": f"{each}many"},
            {"sku": f"{each}SKU", "quantity": 3},
        ):
            owner.execute(
                "select evident.append_event(%s, 'GoodsReceived', %s, null, %s)",
                [uuid.uuid4(), json.dumps({"items": [item]}), json.dumps({"a": each})],
            )
    owner.execute(
        "select evident.append_event(%s, %s, %s, p_event_id => %s)",
        [uuid.uuid4(), EVERYTHING[:100], json.dumps({"x": EVERYTHING}), first],
    )
    return first


def lines_of(folder: Path) -> Path:
    """Write an import file, most lines of which are refused."""
    file = folder / "events.ndjson"
    file.write_text(
        "".join(
            json.dumps(each) + "\n"
            for value in HOSTILE.values()
            for each in (
                {"aggregate_id": value, "type": "A", "payload": {}},
                {"aggregate_id": str(uuid.uuid4()), value: 1},
                {"aggregate_id": str(uuid.uuid4()), "type": value * 20, "payload": {}},
            )
        )
    )
    return file


def outputs(db: Database, folder: Path) -> dict[str, str]:
    """Run every command over a store full of hostile texts; give what each said."""
    owner = db.connect(autocommit=True)
    event = fill(owner)
    dsn = ["--dsn", db.dsn]
    key, kept, export = folder / "key", folder / "kept", folder / "export"
    vkey = folder / "key.vkey"
    said = {}

    def run(*words: str | Path) -> None:
        said[f"{words[0]} {len(said)}"] = evident(*words)[1]

    run("work", "--once", *dsn)
    run("rebuild", "--all", *dsn)
    owner.execute("update shop.stock_level set on_hand = on_hand + 1")
    owner.execute("delete from shop.stock_level where received < 2")
    run("drift", *dsn)
    run("drift", "--json", *dsn)
    run("drift", NAME, *dsn)
    run("rebuild", NAME, *dsn)
    run("status", *dsn)
    run("import", lines_of(folder), *dsn)
    run("relay", NAME, "--once", *dsn)
    run("relay", f"{NAME}?", "--once", *dsn)
    run("keygen", "--name", "example.com/plain", "--out", key)
    run("seal", *dsn)
    run("publish", "--key", key, "--out", kept, *dsn)
    owner.execute("select evident.begin_incarnation(%s)", [EVERYTHING])
    run("seal", *dsn)
    run("publish", "--key", key, "--out", kept, *dsn)
    run("publish", "--key", key, "--out", kept, "--accept-incarnation", "2", *dsn)
    run("export", export, *dsn, "--key", vkey)
    run("prove", str(event), "--out", folder, *dsn, "--key", vkey)
    run("migrate", *dsn)
    run("reference", *dsn)
    about = json.loads((export / "log.json").read_text())
    about["format"] = EVERYTHING
    (export / "log.json").write_text(json.dumps(about))
    file = export / "events.ndjson"
    file.write_bytes(file.read_bytes().replace(b"GoodsReceived", b"GoodsR\\u001b[2J"))
    (kept / f"{NAME.replace('/', '')}.checkpoint").write_text(EVERYTHING)
    page = folder / "page.html"
    verify = ("verify", export, "--key", vkey, "--checkpoints", kept, "--html", page)
    run(*verify)
    run("verify", export, "--key", NAME)
    run("verify", folder / f"{event}.tlog-proof", "--key", vkey)
    said["page"] = page.read_text()
    return said


def violations(said: dict[str, str]) -> list[str]:
    return [
        f"{command!a}: {each}"
        for command, text in said.items()
        for each in unplain(text)
    ]


def test_no_command_shows_a_text_as_it_came(db: Database, tmp_path: Path) -> None:
    said = outputs(db, tmp_path)
    assert violations(said) == []
    # They were shown, as what they are.
    for command in ("work", "drift", "publish"):
        found = "".join(each for name, each in said.items() if name.startswith(command))
        assert "\\x1b[2J" in found, command
    assert "[red]x[/red] :warning:" in "".join(said.values())
    assert "Traceback" not in "".join(said.values())


@pytest.mark.twin_of(27)
def test_a_renderer_that_passes_text_as_it_came_is_caught(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "_visible", lambda each: each)
    found = violations(outputs(db, tmp_path))
    assert any("ESCAPE" in each or "U+001B" in each for each in found)
    print(f"caught: {found[0]}")
