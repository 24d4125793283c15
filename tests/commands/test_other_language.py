"""Another language's driver appends, reads a conflict and reads the feed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.once

if TYPE_CHECKING:
    from conftest import Database

SCRIPTS = Path(__file__).parent / "node"
ORDER = "01900000-0000-7000-8000-00000000beef"


@pytest.fixture(scope="session")
def node_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the driver beside a copy of the script; Node comes with the venv."""
    project = tmp_path_factory.mktemp("node")
    shutil.copytree(SCRIPTS, project, dirs_exist_ok=True)
    _run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"], project)
    return project


def _run(command: list[str], cwd: Path, **env: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PATH": path, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_node_appends_reads_a_conflict_and_reads_the_feed(
    db: Database, node_project: Path
) -> None:
    client = {
        "host": str(db.server.sockets),
        "port": db.server.port,
        "user": "postgres",
        "database": db.name,
    }
    out = _run(
        ["node", "append_and_read.mjs"],
        node_project,
        EVIDENT_NODE_CLIENT=json.dumps(client),
    )
    seen = json.loads(out)

    # node-postgres gives bigint as text, so that no digit is lost.
    assert (seen["first"], seen["second"]) == ("1", "2")
    assert seen["conflict"]["code"] == "PT409"
    assert seen["conflict"]["detail"] == {
        "conflicts": [{"aggregate_id": ORDER, "expected": 1, "actual": 2}]
    }
    assert "reload" in seen["conflict"]["hint"]
    assert [(e["aggregate_id"], e["version"]) for e in seen["feed"]] == [
        (ORDER, 1),
        (ORDER, 2),
    ]
    assert seen["feed"][0]["payload"] == {"amount": 29.33}
