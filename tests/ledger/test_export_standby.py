"""A standby exports and proves what its primary has published."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import TEMPLATE, Database, fresh_database
from pg_evident.server.cluster import Server
from support.clients.publishing import auditor_dsn
from support.models.ledger_lab import evident
from support.models.ledger_store import content, publish_at
from support.servers.standby import wait_for_replay

pytestmark = pytest.mark.once


def test_a_standby_gives_the_same_export_and_proof(
    servers: tuple[Server, Server], tmp_path: Path
) -> None:
    primary, standby = servers
    with fresh_database(primary, TEMPLATE) as here:
        there = Database(here.name, standby)
        with here.connect(autocommit=True) as owner:
            publish_at(owner, 700)
            row = owner.execute(
                "select e.event_id::text from evident.event_store as e"
                " order by e.id desc limit 1"
            ).fetchone()
        assert row is not None
        wait_for_replay(primary, standby)
        for name, database in (("here", here), ("there", there)):
            words = ("--dsn", auditor_dsn(database))
            code, said = evident("export", tmp_path / name / "log", *words)
            assert code == 0, said
            code, said = evident("prove", row[0], "--out", tmp_path / name, *words)
            assert code == 0, said
        assert content(tmp_path / "here/log") == content(tmp_path / "there/log")
        proofs = [
            tmp_path / each / f"{row[0]}.tlog-proof" for each in ("here", "there")
        ]
        assert proofs[0].read_bytes() == proofs[1].read_bytes()
