"""The page for an auditor: complete without anything else, escaped, and drawn."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pg_evident.verifier.main import main
from pg_evident.verifier.page.html import render_html
from pg_evident.verifier.report import Report
from support.checkers.judging import edit_lines, judge
from support.models import exports
from support.models.exports import Export, Log

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no chromium, chromium-browser or google-chrome"
)
EVIL = "<script>alert(1)</script>\"'&\u202e\x1b"
EMPTY = {"meta", "br"}


class Tags(HTMLParser):
    """Collects tags and addresses, and requires that tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag


def tampered(folder: Path, outside: Path, sealed: Export) -> Report:
    edit_lines(folder, lambda lines: lines[300].update(payload="{}"))
    exports.write_checkpoint(outside, sealed.log, [*sealed.leaves[:499], bytes(32)])
    return judge(folder, outside)


def test_the_page_is_whole_and_loads_nothing(
    folder: Path, outside: Path, sealed: Export
) -> None:
    for page in (
        render_html(judge(folder, outside)),
        render_html(tampered(folder, outside, sealed)),
        render_html(judge(folder / "nowhere")),
    ):
        tags = Tags()
        tags.feed(page)
        assert tags.open == []
        assert not tags.tags & {"script", "link", "img", "iframe", "object", "image"}
        assert not tags.attributes & {"src", "href", "onclick", "onload"}
        assert "http" not in page.replace("http-equiv", "")
        assert "url(" not in page


def test_the_page_tells_what_was_found(
    folder: Path, outside: Path, sealed: Export
) -> None:
    page = render_html(tampered(folder, outside, sealed))
    assert "<h1>Tampered</h1>" in page
    assert sealed.events[300]["event_id"] in page
    assert "events.ndjson was changed: payload" in page
    assert "one of 400 to 499" in page
    assert 'aria-label="Tree size over time"' in page
    assert "Whether something was never recorded at all." in page


def test_the_page_says_when_nothing_from_outside_was_given(folder: Path) -> None:
    report = judge(folder)
    assert "no checkpoint kept outside was given" in report.notes[-1]
    assert "Whether all of history was rewritten" in render_html(report)


def test_what_comes_from_outside_is_escaped(tmp_path: Path) -> None:
    log = Log(name=EVIL.replace("\x1b", ""), incarnation=2)
    events = exports.make_events(6)
    events[3].update(aggregate_id=exports.LOG_ID, version=1, recorded_by=EVIL)
    events[3].update(event_type="IncarnationBegun")
    events[3]["payload"] = '{"incarnation": 2, "reason": "<script>x</script>"}'
    export = exports.make_export(events, log=log)
    folder = exports.write_export(export, tmp_path / "<script>x")
    (about,) = exports.read_lines(folder / "log.json")
    begun = {**about["incarnations"][0], "incarnation": 2}
    begun.update(reason=EVIL, begun_by=EVIL, begun_at=EVIL)
    about["incarnations"].append(begun)
    exports.write_lines(folder / "log.json", [about])
    exports.write_checkpoint(tmp_path / "<img>", Log(), [bytes(32)] * 9)
    page = render_html(judge(folder, tmp_path / "<img>"))
    tags = Tags()
    tags.feed(page)
    assert tags.open == [] and not tags.tags & {"script", "img"}
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "\u202e" not in page and "\x1b" not in page


def test_a_page_of_a_proof_is_short(sealed: Export, tmp_path: Path) -> None:
    proof = exports.write_proof(tmp_path, sealed, 5)
    page = tmp_path / "page.html"
    assert main([str(proof), "--key", Log().vkey, "--html", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "<h1>Clean</h1>" in text and "The inclusion proof" in text
    assert "Aggregates" not in text


def test_a_page_that_cannot_be_written_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = folder / "nowhere" / "page.html"
    assert main([str(folder), "--key", Log().vkey, "--html", str(page)]) == 2
    assert "page.html" in capsys.readouterr().err


def _browse(page: Path, *options: str) -> bytes:
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={page.parent / 'profile'}",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@needs_browser
@pytest.mark.parametrize("verdict", ["Clean", "Tampered"])
def test_a_browser_draws_the_page(
    verdict: str, folder: Path, outside: Path, sealed: Export, tmp_path: Path
) -> None:
    report = judge(folder, outside)
    if verdict == "Tampered":
        report = tampered(folder, outside, sealed)
    page, image = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(render_html(report), encoding="utf-8")
    _browse(page, f"--screenshot={image}", "--window-size=1200,1600")
    width, height, colours = read_png(image.read_bytes())
    assert (width, height) == (1200, 1600)
    # Blank is one colour; text and curves bring many shades.
    assert len(colours) > 50
    tone = (0x2F, 0x6B, 0x4F) if verdict == "Clean" else (0xA5, 0x34, 0x2B)
    assert tone in colours
    dom = _browse(page, "--dump-dom").decode()
    assert re.search(rf"<h1>{verdict}</h1>", dom)


def read_png(data: bytes) -> tuple[int, int, set[tuple[int, ...]]]:
    """Read width, height and the set of colours of an RGB or RGBA image."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, depth, kind, _, _, interlaced = struct.unpack(
        ">IIBBBBB", data[16:29]
    )
    assert depth == 8 and kind in (2, 6) and not interlaced
    packed, position = b"", 8
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        if data[position + 4 : position + 8] == b"IDAT":
            packed += data[position + 8 : position + 8 + length]
        position += length + 12
    raw, step = zlib.decompress(packed), 3 if kind == 2 else 4
    stride = width * step
    assert len(raw) == height * (stride + 1)
    colours: set[tuple[int, ...]] = set()
    before = bytearray(stride)
    for row in range(height):
        start = row * (stride + 1)
        line = bytearray(raw[start + 1 : start + 1 + stride])
        unfilter(raw[start], line, before, step)
        colours |= set(zip(line[0::step], line[1::step], line[2::step], strict=True))
        before = line
    return width, height, colours


def unfilter(kind: int, line: bytearray, before: bytearray, step: int) -> None:
    """Undo the filter of one line of a PNG, in place."""
    if kind == 2:
        for at, above in enumerate(before):
            line[at] = (line[at] + above) & 255
    elif kind:
        for at in range(len(line)):
            left = line[at - step] if at >= step else 0
            corner = before[at - step] if at >= step else 0
            above = before[at]
            if kind == 1:
                guess = left
            elif kind == 3:
                guess = (left + above) // 2
            else:
                p = left + above - corner
                _, _, guess = min(
                    (abs(p - left), 0, left),
                    (abs(p - above), 1, above),
                    (abs(p - corner), 2, corner),
                )
            line[at] = (line[at] + guess) & 255
