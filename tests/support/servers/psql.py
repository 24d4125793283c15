"""Run psql scripts as a DBA would."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pg_evident.server.cluster import Server


def run_psql(
    server: Server,
    dsn: str,
    path: Path | str,
    *words: str,
    is_one: bool = True,
    given: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one file, in one transaction and stopping at the first error by default.

    The file "-" is what is `given`.
    """
    command = [
        str(server.bindir / "psql"), "-X", "-q", *(["-1"] if is_one else []),
        "-v", "ON_ERROR_STOP=1", *words, "-d", dsn, "-f", str(path),
    ]  # fmt: skip
    return subprocess.run(
        command, input=given, capture_output=True, text=True, check=False
    )
