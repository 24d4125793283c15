"""One sealed history for all tests, and a fresh copy of its export for each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.models import exports
from support.models.exports import Export


@pytest.fixture(scope="session")
def sealed() -> Export:
    """A history of 600 sealed events and 30 that are not yet."""
    return exports.make_export(exports.make_events(630), size=600)


@pytest.fixture(scope="session")
def written(sealed: Export, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exports.write_export(sealed, tmp_path_factory.mktemp("export"))


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy of the export that a test may spoil."""
    return shutil.copytree(written, tmp_path / "export")


@pytest.fixture
def outside(sealed: Export, tmp_path: Path) -> Path:
    """Checkpoints that somebody kept, all of this history."""
    for size in (0, 1, 100, 256, 400, 599, 600):
        exports.write_checkpoint(tmp_path / "kept", sealed.log, sealed.leaves[:size])
    return tmp_path / "kept"
