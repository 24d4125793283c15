"""What lies in a folder of kept checkpoints: nothing of it is left out in silence."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pg_evident.verifier import kept
from pg_evident.verifier.findings import UNREADABLE
from pg_evident.verifier.formats.files import Folder
from pg_evident.verifier.main import main
from support.checkers.judging import is_clean, judge, texts
from support.models import damage, exports
from support.models.damage import Dice
from support.models.exports import Export

pytestmark = pytest.mark.promise(27)

NEWEST = "000001-000000000600.checkpoint"


def test_files_and_folders_that_are_no_checkpoints_are_named(
    folder: Path, outside: Path
) -> None:
    for name in ("README", f"{NEWEST}.tsr", "empty", "notes.txt"):
        (outside / name).write_bytes(b"" if name == "empty" else b"\x00\n\nx\n")
    (outside / "older").mkdir()
    report = judge(folder, outside)
    assert is_clean(report)
    assert report.notes == [
        f"{outside}: 4 files without a checkpoint left out: {NEWEST}.tsr, README,"
        " empty, …",
        f"{outside}: 1 folders left out: older",
    ]


def test_what_a_publisher_and_git_put_there_is_no_news(
    folder: Path, outside: Path
) -> None:
    (outside / ".lock").touch()
    (outside / ".git").mkdir()
    assert judge(folder, outside).notes == []


@pytest.mark.parametrize("name", ["monday.txt", NEWEST.upper(), f"{NEWEST}.old"])
def test_a_checkpoint_speaks_under_any_name(
    name: str, folder: Path, outside: Path, sealed: Export
) -> None:
    changed = [*sealed.leaves[:499], exports.leaf(b"x")]
    exports.write(outside, name, sealed.log.checkpoint(changed).encode())
    report = judge(folder, outside)
    assert report.exit_code == 1
    assert f"{outside / name}: the leaves do not lead" in texts(report)[0]


@pytest.mark.twin_of(27)
def test_a_verifier_that_goes_by_names_is_caught(
    folder: Path, outside: Path, sealed: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_name(given: Folder, *_: object) -> list[str]:
        return [each for each in given.names() if each.endswith(".checkpoint")]

    monkeypatch.setattr(kept, "_names", by_name)
    with pytest.raises(AssertionError):
        test_a_checkpoint_speaks_under_any_name("a", folder, outside, sealed)


@pytest.mark.parametrize(
    "kind", [damage.fifo, damage.a_socket, damage.device, damage.link_to_itself]
)
@pytest.mark.parametrize("name", [NEWEST, "other"])
def test_what_cannot_be_read_is_an_error(
    name: str, kind: Callable[[Path, Dice], None], folder: Path, outside: Path
) -> None:
    (outside / name).touch()
    kind(outside / name, Dice(1))
    report = judge(folder, outside)
    assert report.verdict == "cannot tell"
    assert texts(report, UNREADABLE)[0].startswith(f"{outside / name}: ")


def test_a_large_file_is_left_out_unread(folder: Path, outside: Path) -> None:
    (outside / "other").touch()
    os.truncate(outside / "other", damage.SPARSE)
    assert is_clean(judge(folder, outside))


@pytest.mark.parametrize("place", ["x" * 300, "a/" * 3000, "here/there"])
def test_a_path_that_cannot_be_is_no_traceback(
    place: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder.parent / "here").touch()
    path = str(folder.parent / place)
    assert main([str(folder), "--checkpoints", path]) == 2
    assert main([path]) == 2
    assert main([str(folder), "--earlier", path]) == 2
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_what_belongs_to_somebody_else_is_no_traceback(
    folder: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(folder), "--checkpoints", str(outside), "--earlier", str(folder)]
    folder.parent.chmod(0o700)
    os.seteuid(65534)
    try:
        assert main(given) == 2
    finally:
        os.seteuid(0)
    assert capsys.readouterr().err == ""
