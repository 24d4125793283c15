"""A cluster of one major version, moved to a newer one by pg_upgrade."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pg_evident.server.cluster import Server
from pg_evident.server.programs import hand_over, run
from support.servers.standby import configure

# pg_upgrade writes its notes where it is started.
IN = ("sh", "-c", 'cd "$0" && exec "$@"')


@contextlib.contextmanager
def upgraded(old: Server, major: int) -> Iterator[Server]:
    """Stop a server and run its cluster, copied, with a newer version."""
    directory = Path(tempfile.mkdtemp(prefix="evident-"))
    hand_over(directory)
    new = Server(directory / "data", major=major)
    old.stop()
    try:
        programs = ["-b", str(old.bindir), "-B", str(new.bindir)]
        data = ["-d", str(old.data_dir), "-D", str(new.data_dir)]
        # 18 makes clusters with checksums, which ones of 15 do not have.
        like_old = ["--encoding=UTF8", "--locale=C.UTF-8", "--no-data-checksums"]
        for words in (
            ["initdb", *data[2:], "-U", "postgres", "--no-sync", *like_old],
            ["pg_upgrade", *programs, *data, "-U", "postgres", "--no-sync"],
        ):
            program = [str(new.bindir / words[0]), *words[1:]]
            done = run([*new.run_as, *IN, str(directory), *program])
            assert done.returncode == 0, done.stdout
        configure(
            new,
            listen_addresses="",
            unix_socket_directories=str(new.sockets),
            fsync="off",
            max_connections="100",
        )
        new.start()
        yield new
    finally:
        new.kill()
        shutil.rmtree(directory, ignore_errors=True)
