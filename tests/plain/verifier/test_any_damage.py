"""Whatever is done to what it is given, the verifier notices, ends soon, and stays in.

Bytes, numbers, kinds and sizes of files, links, names: a damaged export is never clean,
and nothing outside of its folder is opened.
"""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pg_evident.verifier.formats import files
from pg_evident.verifier.formats.note import load_keys
from pg_evident.verifier.proof import verify_proof
from pg_evident.verifier.report import Report
from report.evidence import Figures
from support.checkers.judging import judge
from support.clients.watching import opened
from support.models import damage, exports
from support.models.damage import Dice, is_the_same
from support.models.exports import Log
from support.seeds import FULL, random_source, scaled

pytestmark = pytest.mark.promise(12, 27)

# At full size 10,000, in parts that several processes share.
PARTS = range(10 if FULL else 1)
ROUNDS = scaled(300, 1_000)
SECONDS = 5.0
# What these hold is not signed; some of it may change without a trace.
UNSIGNED = {"log.json", "tree-heads.ndjson"}
# After these a file is one of another kind, or none.
BYTES = {damage.bytes_of, damage.number_of, damage.twice, damage.nested}
ABSENT = {damage.gone, damage.odd_name}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an export, an earlier one, kept checkpoints, and a proof."""
    root = tmp_path_factory.mktemp("small")
    events = exports.make_events(300)
    export = exports.make_export(events, step=60)
    exports.write_export(export, root / "export")
    earlier = exports.make_export(events[:270], step=60)
    exports.write_export(earlier, root / "earlier")
    for size in (100, 256, 300):
        exports.write_checkpoint(root / "kept", export.log, export.leaves[:size])
    exports.write_proof(root / "proof", export, 7)
    (root / "outside").mkdir()
    return root


@dataclass
class Damaged:
    """One thing that was damaged, how, and what came of it."""

    file: Path
    kind: Callable[[Path, Dice], None]
    is_same: bool
    report: Report
    seconds: float
    opened: list[str]

    def faults(self) -> list[str]:
        """Name what the verifier did wrong."""
        name = f"{self.kind.__name__} of {self.file!s:.200}"
        found = [f"{name}: opened {each}" for each in self.opened]
        if self.seconds > SECONDS:
            found.append(f"{name}: {self.seconds:.1f} seconds")
        if self.report.exit_code not in (0, 1, 2):
            found.append(f"{name}: exit code {self.report.exit_code}")
        if self.report.exit_code == 0 and self._shows():
            found.append(f"{name}: clean")
        return found

    def _shows(self) -> bool:
        """Say whether this must be noticed."""
        part = self.file.parts
        if self.is_same and self.kind in BYTES:
            return False
        if "earlier" in part:
            # Most of it is read only where something differs.
            return False
        if "kept" in part:
            return self.kind not in ABSENT
        return self.file.name not in UNSIGNED or self.kind not in BYTES


def spoil(small: Path, folder: Path, dice: Dice) -> Damaged:
    """Damage one file of a copy, and verify all of it."""
    root = shutil.copytree(small, folder)
    places = {"export": 14, "kept": 2, "earlier": 2, "proof": 2}
    place = dice.choices(list(places), list(places.values()))[0]
    file = dice.choice(sorted(x for x in (root / place).rglob("*") if x.is_file()))
    before = file.read_bytes()
    kind = dice.choice(damage.KINDS)
    kind(file, dice)
    started = time.monotonic()
    with opened(root / "outside") as names:
        if place == "proof":
            report = verify_proof(
                next((root / "proof").glob("*.tlog-proof"), file),
                None,
                load_keys([Log().vkey]),
            )
        else:
            report = judge(root / "export", root / "kept", earlier=root / "earlier")
    seconds = time.monotonic() - started
    # The proof itself was named, so a link in its place is one that was meant.
    if file.suffix == ".tlog-proof" and kind not in BYTES:
        names = []
    is_same = kind in BYTES and is_the_same(before, file)
    if file.suffix == ".tlog-proof" and kind not in BYTES | ABSENT:
        is_same, kind = True, damage.bytes_of
    return Damaged(file, kind, is_same, report, seconds, names)


@pytest.mark.parametrize("part", PARTS)
def test_any_damage_is_noticed_and_nothing_outside_is_opened(
    small: Path, tmp_path: Path, figures: Figures, part: int
) -> None:
    dice = random_source(f"damage {part}")
    verdicts: Counter[str] = Counter()
    faults, longest = [], 0.0
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        spoilt = spoil(small, folder, dice)
        shutil.rmtree(folder)
        faults += spoilt.faults()
        verdicts[spoilt.report.verdict] += 1
        longest = max(longest, spoilt.seconds)
    print(f"{ROUNDS:,} damaged: {dict(verdicts)}, the longest took {longest:.2f} s")
    figures.add(damaged_exports=ROUNDS)
    print("\n".join(faults))
    assert faults == []
    assert verdicts["tampered"] and verdicts["cannot tell"]


@pytest.mark.twin_of(27)
def test_a_verifier_that_follows_links_is_caught(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def follows(folder: files.Folder, name: str, most: int) -> bytes:
        return (folder.path / name).read_bytes()

    monkeypatch.setattr(files.Folder, "read", follows)
    monkeypatch.setattr(damage, "KINDS", [damage.link_outside, damage.link_of_a_folder])
    dice = random.Random(1)
    faults = []
    for number in range(20):
        faults += spoil(small, tmp_path / str(number), dice).faults()
    assert any(each.endswith(": clean") for each in faults)
    assert any(": opened " in each for each in faults)


@pytest.mark.parametrize("kind", damage.SLOW, ids=lambda each: each.__name__)
@pytest.mark.parametrize(
    "name",
    [
        "events.ndjson",
        "tree-heads.ndjson",
        "log.json",
        "checkpoint",
        "tile/entries/000",
    ],
)
def test_no_file_is_too_long(
    kind: Callable[[Path, Dice], None], name: str, small: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(small, tmp_path / "copy") / "export"
    kind(folder / name, random.Random(1))
    started = time.monotonic()
    # Blank lines behind a JSON object change nothing.
    assert judge(folder).exit_code in (1, 2) or name == "log.json"
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize("kind", [damage.fifo, damage.sparse, damage.folder])
def test_a_file_of_keys_is_a_regular_file(
    kind: Callable[[Path, Dice], None], small: Path, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    file.write_text(Log().vkey)
    kind(file, random.Random(1))
    with pytest.raises(ValueError, match="keys: "):
        load_keys([str(file)])
