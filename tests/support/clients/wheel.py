"""Build the wheel from a copy of the tree, look into it, and run what it installs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pg_evident.places import ROOT

SHIPPED = "pg_evident/shipped"
SCRIPTS = ("sql/install.sql", "sql/uninstall.sql")
_SUM = re.compile(r"([0-9a-f]{64})  (\S+\.sql)")


@dataclass(frozen=True)
class Installed:
    """An environment with the package in it, and a folder that is no clone."""

    python: Path
    home: Path

    def run(
        self, *words: str, dsn: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the package; nothing of this process's leads to a clone."""
        return subprocess.run(
            [self.python, "-m", "pg_evident", *words],
            cwd=self.home,
            env=clean(DATABASE_URL=dsn or "", **environment),
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, *words: str, dsn: str | None = None) -> str:
        """Run a command that has to succeed, and return what it prints."""
        done = self.run(*words, dsn=dsn)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout


def clean(**environment: str) -> dict[str, str]:
    """Return the environment without what leads to a clone or a database."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PG", "VIRTUAL_ENV", "DATABASE_URL"))
    }
    return kept | environment


def copy_tree(to: Path, *folders: str) -> None:
    """Copy what git knows, or would add, without anything that was built here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard", "--", *folders],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (source := ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, to / name)


def build(aside: Path) -> Path:
    """Build the sdist from a copy of the tree, the wheel from that, and return it."""
    copy_tree(aside / "tree")
    words = [sys.executable, "-m", "build", "--outdir", str(aside / "dist")]
    _run([*words, str(aside / "tree")])
    (wheel,) = (aside / "dist").glob("*.whl")
    return wheel


def install(wheel: Path, into: Path, *, beside: Path | None = None) -> Path:
    """Install a wheel into an empty environment, and return its Python.

    With `beside`, another environment's Python: what that has is there already, and
    only the extra [server] is added.
    """
    # By the pip of this environment: a second one takes longer than all the rest.
    _run([sys.executable, "-m", "venv", "--without-pip", str(into)])
    python = into / "bin/python"
    wanted = str(wheel)
    if beside is not None:
        (into / packages(python) / "beside.pth").write_text(f"{packages(beside)}\n")
        wanted = "pg-evident[server]"
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    _run([*pip, "--python", str(python), "install", "--no-compile", wanted])
    return python


def packages(python: Path) -> Path:
    """Return the folder of an environment's packages."""
    (found,) = python.parents[1].glob("lib/python*/site-packages")
    return found


def once(shared: Path, name: str, make: Callable[[Path], object]) -> Path:
    """Have the first of several test processes make a folder, and the others wait."""
    done, made = shared / f"{name}.made", shared / name
    with (shared / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not done.exists():
            made.mkdir()
            make(made)
            done.touch()
    return made


def problems(wheel: Path) -> list[str]:
    """Name what a wheel lacks of the SQL of this tree, and what it should not carry."""
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    wanted = [
        path.relative_to(ROOT).as_posix()
        for path in (*ROOT.glob("migrations/**/*.sql"), *map(ROOT.joinpath, SCRIPTS))
    ]
    found = [
        f"{name} is missing"
        for name in (*wanted, "migrations/CHECKSUMS")
        if f"{SHIPPED}/{name}" not in files
    ]
    found += [
        f"{name} is another"
        for name in wanted
        if files.get(f"{SHIPPED}/{name}") not in (None, (ROOT / name).read_bytes())
    ]
    sums = files.get(f"{SHIPPED}/migrations/CHECKSUMS", b"").decode()
    found += [
        f"{name} has another checksum"
        for digest, name in _SUM.findall(sums)
        if (text := files.get(f"{SHIPPED}/migrations/{name}"))
        and hashlib.sha256(text).hexdigest() != digest
    ]
    allowed = re.compile(
        rf"pg_evident/(?!shipped/).*\.py|pg_evident/(py\.typed|data/.*)"
        rf"|{SHIPPED}/(migrations/(examples/)?[a-z0-9_.]+\.sql|migrations/CHECKSUMS"
        rf"|{'|'.join(map(re.escape, SCRIPTS))})|pg_evident-[\w.]+\.dist-info/.*"
    )
    return found + [
        f"{name} has no place" for name in files if not allowed.fullmatch(name)
    ]


def altered(wheel: Path, to: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Write a copy of a wheel whose files are changed."""
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(to / wheel.name, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return to / wheel.name


def _run(words: list[str]) -> None:
    done = subprocess.run(
        words,
        cwd="/",
        env=clean(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
