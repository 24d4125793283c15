"""Broken variants of the store, for the database of one test only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg


def install(connection: psycopg.Connection[Any], name: str) -> None:
    """Run one file of this folder as superuser."""
    for each in ("spoil", name):
        text = (Path(__file__).parent / f"{each}.sql").read_text(encoding="utf-8")
        connection.execute(text.encode())
