"""The command: its text, its exit codes, and that it stands alone."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pg_evident.places import ROOT
from pg_evident.verifier import main as command
from pg_evident.verifier import progress
from pg_evident.verifier.main import main
from support.checkers.judging import edit_lines
from support.checkers.plain import unplain
from support.models import exports
from support.models.exports import Export, Log

KEY = Log().vkey


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = main([str(each) for each in arguments])
    captured = capsys.readouterr()
    assert captured.err == ""
    return code, captured.out


def test_a_clean_export_says_so_in_the_first_line(
    folder: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(capsys, folder, "--key", KEY, "--checkpoints", outside)
    assert code == 0
    first = "clean: 600 events agree with the signed checkpoint and 7 kept checkpoints"
    assert out.splitlines()[0] == first
    assert "tree size    600\n" in out
    assert "unsealed (30)" in out


def test_a_tampered_export_names_the_event_in_the_first_line(
    folder: Path, sealed: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_lines(folder, lambda lines: lines[300].update(payload="{}"))
    code, out = run(capsys, folder, "--key", KEY)
    assert code == 1
    event = sealed.events[300]
    assert out.splitlines()[0] == (
        f"tampered: leaf 300 event {event['event_id']} (version {event['version']} of"
        f" {event['aggregate_id']}): events.ndjson was changed: payload"
    )


def test_what_cannot_be_read_is_named_in_the_first_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "tile/0/001").unlink()
    code, out = run(capsys, folder, "--key", KEY)
    assert code == 2
    assert out.splitlines()[0] == "cannot tell: tile/0/001: missing"


def test_keys_may_stand_in_a_file(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"# the log\n{Log(seed=4).vkey}\n\n{KEY}\n")
    code, _ = run(capsys, folder, "--key", keys)
    assert code == 0


@pytest.mark.parametrize(
    "key", ["nonsense", "a+00000000+AAAA", KEY[:-2], KEY.replace("+", "+0", 1), ""]
)
def test_a_key_that_is_none_is_refused(
    key: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(capsys, folder, "--key", key)
    assert code == 2 and out.startswith("cannot tell: ")


def test_a_proof_is_judged_by_the_same_command(
    sealed: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = exports.write_proof(tmp_path, sealed, 5)
    code, out = run(capsys, proof, "--key", KEY)
    assert code == 0 and out.startswith("clean: the event is in the tree\n")
    event = proof.with_suffix(".json").rename(tmp_path / "other.json")
    code, _ = run(capsys, proof, "--key", KEY)
    assert code == 2
    code, _ = run(capsys, proof, "--key", KEY, "--event", event)
    assert code == 0


def test_many_findings_are_cut_short_with_their_number(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_lines(folder, lambda lines: [x.update(metadata="7") for x in lines[:100]])
    code, out = run(capsys, folder, "--key", KEY)
    assert code == 1
    assert "tampered (100)" in out and "… and 80 more" in out


def test_no_control_character_reaches_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log(incarnations=(("x", 0),)).begin("\x1b[2J\u202eevil", 0)
    export = exports.make_export(exports.make_events(5), log=log)
    old = Log()
    exports.write_checkpoint(tmp_path / "kept", old, export.leaves[:3])
    exports.write_checkpoint(tmp_path / "kept", old, [exports.leaf(b"x")] * 9)
    folder = exports.write_export(export, tmp_path / "export")
    given = (folder, "--key", KEY, "--checkpoints", tmp_path / "kept")
    code, out = run(capsys, *given)
    assert code == 1 and out.startswith("replaced: ")
    code, out = run(capsys, *given, "--accept-incarnation", "2")
    assert code == 0 and "\\x1b[2J\\u202eevil" in out
    assert "\x1b" not in out and "\u202e" not in out


ESCAPES = "\x1b[2J\x9b31m\u202e\r\nclean: all is well"
OPTION = f"--{ESCAPES.replace(' ', '')}"
MISUSES = [
    [OPTION],
    ["{folder}", ESCAPES],
    ["{folder}", "--as-of", OPTION],
    ["{folder}", "--accept-incarnation", ESCAPES],
    ["{folder}", f"--as-of={ESCAPES}"],
    ["{folder}", "--event", ESCAPES],
]


def misuse(words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([each.replace("{folder}", str(folder)) for each in words])
    captured = capsys.readouterr()
    assert (ended.value.code, captured.out) == (2, "")
    assert captured.err.startswith("usage: verify ")
    assert list(unplain(captured.err)) == []
    assert not re.search("^clean", captured.err, re.MULTILINE)


@pytest.mark.promise(27)
@pytest.mark.parametrize("words", MISUSES, ids=range(len(MISUSES)))
def test_a_misuse_is_told_without_what_a_terminal_would_obey(
    words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    misuse(words, folder, capsys)


@pytest.mark.twin_of(27)
@pytest.mark.parametrize("words", MISUSES[1:3], ids=["word", "option"])
def test_a_parser_that_repeats_a_misuse_as_it_came_is_caught(
    words: list[str],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command._Parser, "error", argparse.ArgumentParser.error)
    with pytest.raises(AssertionError):
        misuse(words, folder, capsys)


def test_options_of_exports_are_refused_for_proofs(
    sealed: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = exports.write_proof(tmp_path, sealed, 5)
    for more in (
        ["--as-of"],
        ["--earlier", "x"],
        ["--checkpoints", "x"],
        ["--accept-incarnation", "2"],
    ):
        with pytest.raises(SystemExit) as ended:
            main([str(proof), *more])
        assert ended.value.code == 2
        assert "are for exports" in capsys.readouterr().err


def test_a_failure_of_the_verifier_itself_is_no_tampering(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for failure in (RuntimeError("broken"), MemoryError(), KeyboardInterrupt()):

        def fail(*_: object, failure: BaseException = failure) -> None:
            raise failure

        monkeypatch.setattr(command, "verify_export", fail)
        assert main([str(folder), "--key", KEY]) == 2
        assert "cannot tell" in capsys.readouterr().err


def test_a_terminal_of_few_letters_changes_no_exit_code(
    folder: Path, sealed: Export
) -> None:
    edit_lines(folder, lambda lines: [x.update(metadata="7") for x in lines[:100]])
    command = [sys.executable, "-m", "pg_evident.verifier", str(folder), "--key", KEY]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_reader_that_has_gone_changes_no_exit_code(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "pg_evident.verifier", str(folder), "--key", KEY],
            cwd=ROOT,
            stdout=gone,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_progress_is_a_bar_with_speed_and_the_time_that_is_left() -> None:
    text = progress.line(2_500_000, 10_000_000, 25.0)
    assert text == (
        "████████░░░░░░░░░░░░░░░░░░░░░░░░  25%"
        "  2,500,000 of 10,000,000 events  100,000/s  1:15"
    )
    assert progress.line(0, 0, 0.0).startswith("█" * 32)


def _python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_verifier_loads_nothing_else_of_this_project_and_no_driver() -> None:
    code = """
import sys
import pg_evident.verifier.main, pg_evident.verifier.page.html
names = {name for name in sys.modules if name.split(".")[0] == "pg_evident"}
names -= {"pg_evident"}
print(sorted(name for name in names if not name.startswith("pg_evident.verifier")))
print(sorted({"psycopg", "typer", "rich", "yoyo", "click"} & set(sys.modules)))
"""
    done = _python("-c", code, cwd=ROOT)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"], done.stderr


def test_a_copied_folder_runs_alone(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(
        ROOT / "harness/pg_evident/verifier",
        copy / "verifier",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    done = _python("-m", "verifier", str(folder), "--key", KEY, cwd=copy)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("clean: 600 events") and done.stderr == ""


def test_evident_verify_passes_everything_on(folder: Path) -> None:
    done = _python("-m", "pg_evident", "verify", str(folder), "--key", KEY, cwd=ROOT)
    assert done.returncode == 0 and done.stdout.startswith("clean: 600 events")
    done = _python("-m", "pg_evident", "verify", str(folder), cwd=ROOT)
    assert done.returncode == 2 and done.stdout.startswith("cannot tell: no key")
    done = _python("-m", "pg_evident", "verify", "--help", cwd=ROOT)
    assert done.returncode == 0 and "usage: evident verify" in done.stdout
    assert "--earlier" in done.stdout


def test_every_room_is_a_package_that_says_what_is_done_there() -> None:
    for folder in {each.parent for each in ROOT.glob("harness/pg_evident/**/*.py")}:
        assert '"""' in (folder / "__init__.py").read_text(), folder
