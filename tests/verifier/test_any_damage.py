"""Whatever is done to the bytes of an export, it is noticed and nothing crashes."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from support import exports
from support.judging import judge

pytestmark = pytest.mark.promise(12)

# What these hold is not signed; some of it may change without a trace.
UNSIGNED = {"log.json", "tree-heads.ndjson"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    export = exports.make_export(exports.make_events(300), step=60)
    return exports.write_export(export, tmp_path_factory.mktemp("small"))


def damage(file: Path, dice: random.Random) -> None:
    """Flip a bit, or cut out, repeat, overwrite or insert a few bytes."""
    data = file.read_bytes()
    at = dice.randrange(len(data))
    end = min(len(data), at + dice.randrange(1, 60))
    some = dice.randbytes(end - at)
    file.write_bytes(
        dice.choice(
            [
                data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :],
                data[:at] + data[end:],
                data[:end] + data[at:],
                data[:at] + some + data[end:],
                data[:at] + some + data[at:],
                data[:at],
            ]
        )
    )


@pytest.mark.parametrize("seed", range(80))
def test_any_damage_is_noticed(seed: int, small: Path, tmp_path: Path) -> None:
    dice = random.Random(seed)
    folder = shutil.copytree(small, tmp_path / "export")
    files = sorted(x for x in folder.rglob("*") if x.is_file())
    file = dice.choice(files)
    before = file.read_bytes()
    damage(file, dice)
    report = judge(folder)
    if file.read_bytes() != before and file.name not in UNSIGNED:
        assert report.exit_code in (1, 2), file
    assert judge(small, earlier=folder).exit_code in (0, 1, 2)
