"""Run pgbench, from the measured server's own programs, and read what it found."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pg_evident.bench.measure.latencies import read_logs, summary
from pg_evident.bench.stage.schema import WRITER
from pg_evident.bench.stage.server import Bench
from pg_evident.bench.terms import Latencies
from pg_evident.failure import Failure
from pg_evident.server.programs import run

_TPS = re.compile(r"^tps = ([\d.]+) \(without initial connection time\)", re.M)
_PROCESSED = re.compile(r"^number of transactions actually processed: (\d+)", re.M)
_ABORTED = re.compile(r"^pgbench: error: client \d+ .*aborted in command", re.M)


@dataclass(frozen=True)
class Outcome:
    """What one pgbench run reached; `rate` leaves connecting out."""

    transactions: int
    rate: float
    aborted: int
    latencies: Latencies | None


def pgbench(
    bench: Bench,
    database: str,
    script: str | Mapping[str, int],
    *,
    clients: int,
    variables: Mapping[str, str | int],
    transactions: int | None = None,
) -> Outcome:
    """Run a script with prepared statements, for the bench's seconds.

    Of several scripts each transaction takes one at random, by their weights.
    With `transactions`, that many per client instead. A client whose command
    fails gives up and is counted. Each transaction is logged, which costs a little,
    and the same for every candidate. Raises Failure when nothing was done at all.
    """
    server = bench.server
    threads = min(clients, os.cpu_count() or 1)
    length = (
        ["-T", str(bench.seconds)]
        if transactions is None
        else ["-t", str(transactions)]
    )
    with tempfile.TemporaryDirectory(prefix="evident-bench-") as folder:
        words = [str(server.bindir / "pgbench"), "-n", "-M", "prepared"]
        words += ["-h", str(server.sockets), "-p", str(server.port), "-U", WRITER]
        words += ["-c", str(clients), "-j", str(threads), *length]
        words += _files(
            Path(folder), {script: 1} if isinstance(script, str) else script
        )
        # The same pseudo-random choices for every candidate.
        words += ["--random-seed=1997"]
        for name, value in variables.items():
            words += ["-D", f"{name}={value}"]
        words += ["-l", f"--log-prefix={folder}/times"]
        output = run([*words, database]).stdout
        # One from each thread.
        times = read_logs(Path(folder).glob("times.*"))
    tps, processed = _TPS.search(output), _PROCESSED.search(output)
    if tps is None or processed is None or int(processed[1]) == 0:
        raise Failure("pgbench did nothing", output.strip())
    return Outcome(
        transactions=int(processed[1]),
        rate=float(tps[1]),
        aborted=len(_ABORTED.findall(output)),
        latencies=summary(times),
    )


def _files(folder: Path, scripts: Mapping[str, int]) -> list[str]:
    """Write the scripts, and return the words that name them and their weights."""
    words = []
    for number, (script, weight) in enumerate(scripts.items()):
        file = folder / f"script{number}.sql"
        file.write_text(script)
        words += ["-f", f"{file}@{weight}"]
    return words
