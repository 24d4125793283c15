"""The command: judge an export or a proof, on stdout; exit code 0, 1 or 2."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from . import progress
from .check import Request, verify_export
from .formats.note import NoteError, load_keys
from .proof import verify_proof
from .report import Report
from .report_text import LONGEST, render
from .text import plain

EPILOG = """\
exit codes: 0 clean; 1 tampered, or replaced: a kept checkpoint is not reproduced, and
no accepted incarnation excuses it; 2 cannot tell: a file cannot be read, a form is not
known, or no key that was given has signed
"""


def main(arguments: Sequence[str] | None = None, prog: str = "verify") -> int:
    """Run the verifier and return its exit code.

    Whatever goes wrong with the verifier itself is 2: only evidence may be 1.
    """
    try:
        return _run(arguments, prog)
    except KeyboardInterrupt:
        print("interrupted: cannot tell", file=sys.stderr)
    except Exception:
        for line in traceback.format_exc().splitlines():
            print(plain(line), file=sys.stderr)
        print("cannot tell: the verifier itself failed", file=sys.stderr)
    return 2


def _run(arguments: Sequence[str] | None, prog: str) -> int:
    parser = _parser(prog)
    given = parser.parse_args(arguments)
    try:
        report = _verify(given, parser)
    except NoteError as error:
        _say(f"cannot tell: {plain(error)}")
        return 2
    _say(render(report))
    if given.html is not None:
        from .page.html import render_html

        try:
            given.html.write_text(render_html(report), encoding="utf-8")
        except OSError as error:
            text = f"error: {given.html}: {error.strerror}"
            print(plain(text), file=sys.stderr)
            return report.exit_code or 2
    return report.exit_code


def _say(text: str) -> None:
    """Write the result, on a terminal of few letters or to a reader that has gone."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        print("\n".join(plain(x, LONGEST) for x in text.split("\n")), flush=True)
    except BrokenPipeError:
        # Nothing may be left to flush at the end: that would be an error of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _verify(given: argparse.Namespace, parser: argparse.ArgumentParser) -> Report:
    keys = load_keys(given.key)
    target: Path = given.target
    if os.path.isfile(target):
        if (
            given.checkpoints
            or given.earlier
            or given.as_of
            or given.accept_incarnation
        ):
            parser.error(
                "--checkpoints, --earlier, --as-of and --accept-incarnation are for"
                " exports"
            )
        return verify_proof(target, given.event, keys)
    if given.event is not None:
        parser.error("--event is for proofs")
    request = Request(
        target,
        keys,
        tuple(given.checkpoints),
        given.earlier,
        given.as_of,
        tuple(given.accept_incarnation),
    )
    return verify_export(request, progress.bar)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Repeat what was given without what a terminal would obey."""
        super().error(plain(message))


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=prog,
        description="Verify an export directory, or a .tlog-proof of one event,"
        " offline.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("target", type=Path, help="an export directory or a .tlog-proof file")
    add(
        "--key",
        action="append",
        default=[],
        metavar="KEY",
        help="a verifier key, or a file of them, one a line; more than one is fine",
    )
    add(
        "--checkpoints",
        action="append",
        type=Path,
        default=[],
        metavar="DIR",
        help="checkpoints that were kept outside, a folder or a file",
    )
    add("--earlier", type=Path, metavar="DIR", help="an export made earlier")
    add(
        "--as-of",
        action="store_true",
        help="the export is an old one: newer checkpoints are no sign of tampering",
    )
    add(
        "--accept-incarnation",
        action="append",
        type=int,
        default=[],
        metavar="N",
        help="the export's incarnation may lack the newest published leaves: you know"
        " of the restore or failover, and why",
    )
    add("--event", type=Path, metavar="FILE", help="the event of a proof, as JSON")
    add("--html", type=Path, metavar="FILE", help="also write a report to read")
    return parser
