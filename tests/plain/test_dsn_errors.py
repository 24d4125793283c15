"""No error repeats a connection string, whatever is wrong with it."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from pg_evident import dsn_errors
from pg_evident.cli import main as cli
from pg_evident.cli.main import main

CANARY = "kanarienvogel"

# The canary is in the password, or where a wrong character puts a part of it.
MALFORMED = [
    f"postgresql://u:{CANARY}%zz@127.0.0.1:1/ev",
    f"postgresql://u:%{CANARY}@127.0.0.1:1/ev",
    f"postgresql://u:pass/{CANARY}@127.0.0.1:1/ev",
    f"postgresql://u:{CANARY}/word@127.0.0.1:1/ev",
    f"postgresql://u:12345/{CANARY}@127.0.0.1:1/ev",
    f"postgresql://u:pass@{CANARY}@127.0.0.1:1/ev",
    f"postgresql://u:pass#{CANARY}@127.0.0.1:1/ev",
    f"postgresql://u:pass?{CANARY}@127.0.0.1:1/ev",
    f"postgresql://u:pass@127.0.0.1:{CANARY}/ev",
    f"postgresql://u:{CANARY}@[::1/ev",
    f"postgresql://u:{CANARY}@127.0.0.1:99999999999/ev",
    f"postgresql://u:{CANARY}%00@127.0.0.1:1/ev",
    f"postgresql://u:pass@127.0.0.1:1/ev?{CANARY}=1",
    f"postgresql://u:pass@127.0.0.1:1/ev?sslmode={CANARY}",
    f"postgresql://u:pass@127.0.0.1:1/ev?connect_timeout={CANARY}",
    f"postgresql://u:{CANARY}@127.0.0.1:1,127.0.0.1:2,x/ev?port=1,2",
    f"postgresql+psycopg://u:{CANARY}%zz@127.0.0.1:1/ev",
    f"postgresq://u:{CANARY}@127.0.0.1:1/ev",
    f"u:{CANARY}@127.0.0.1:1/ev",
    f"host=127.0.0.1 port=1 password=my {CANARY}",
    f"host=127.0.0.1 port=1 password='my {CANARY}",
    f"host=127.0.0.1 port={CANARY} password=x",
    f"host=127.0.0.1 port=1 pasword={CANARY}",
    f"host=127.0.0.1 port=1 password={CANARY} sslpassword={CANARY}",
    f"host=127.0.0.1 port=1 target_session_attrs={CANARY}",
    f"host=127.0.0.1 port=1 service={CANARY}",
    f"host=127.0.0.1 port=1 password={CANARY}\udc80",
]
COMMANDS = [
    ["status"],
    ["migrate"],
    ["migrate", "--mark"],
    ["rollback"],
    ["demo"],
    ["import", "{folder}/one.ndjson"],
    ["relay", "mail", "--once"],
    ["work", "--once"],
    ["rebuild", "--all"],
    ["drift"],
    ["seal"],
    ["export", "{folder}/log"],
    ["prove", "01900000-0000-7000-8000-000000000001"],
    ["reference"],
]


@pytest.fixture
def said(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> object:
    (tmp_path / "one.ndjson").write_text("{}")

    def run(*words: str) -> str:
        given = [each.replace("{folder}", str(tmp_path)) for each in words]
        monkeypatch.setattr("sys.argv", ["evident", *given])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (1, 2)
        shown = capsys.readouterr()
        return shown.out + shown.err

    return run


def require_hidden(text: str) -> None:
    assert "error" in text.lower(), text
    assert CANARY not in text.lower(), text


@pytest.mark.promise(27)
@pytest.mark.parametrize("dsn", MALFORMED)
def test_no_malformed_string_is_repeated(
    said: object, monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    assert callable(said)
    require_hidden(said("status", "--dsn", dsn))
    require_hidden(said("status", f"--dsn={dsn}"))
    if dsn.isascii():
        monkeypatch.setenv("DATABASE_URL", dsn)
        require_hidden(said("migrate"))


@pytest.mark.promise(27)
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_repeats_it(said: object, words: list[str]) -> None:
    assert callable(said)
    for dsn in (MALFORMED[0], MALFORMED[2], MALFORMED[8], MALFORMED[19]):
        require_hidden(said(*words, "--dsn", dsn))


# As they are typed by mistake: with the scheme of a driver, of another tool, or none.
STRAY = [
    f"postgresql://u:{CANARY}@127.0.0.1:1/ev",
    f"postgres://u:{CANARY}@127.0.0.1/ev",
    f"postgresql+asyncpg://u:{CANARY}@127.0.0.1/ev",
    f"POSTGRESQL://u:{CANARY}%zz@127.0.0.1/ev",
    f"'postgresql://u:{CANARY}@127.0.0.1/ev'",
    f"jdbc:postgresql://u:{CANARY}@127.0.0.1/ev",
    f"jdbc:postgresql://127.0.0.1/ev?user=u&password={CANARY}",
    f"pg://u:{CANARY}@127.0.0.1/ev",
    f"//u:{CANARY}@127.0.0.1/ev",
    f"u:{CANARY}@127.0.0.1/ev",
    f"host=127.0.0.1 password={CANARY}",
    f"host=127.0.0.1 password = '{CANARY}'",
    f"PGPASSWORD={CANARY}",
]
PLACES = [
    ["{dsn}"],
    ["status", "{dsn}"],
    ["status", "--{dsn}"],
    ["relay", "mail", "{dsn}"],
    ["relay", "{dsn}", "--out"],
    ["import", "{dsn}"],
    ["export", "log", "--key={dsn}"],
    ["export", "log", "--checkpoint", "{dsn}"],
    ["prove", "{dsn}"],
    ["keygen", "--show", "{dsn}"],
    ["publish", "--key", "{dsn}", "--out", "kept"],
    ["publish", "--every", "{dsn}"],
    ["verify", "{dsn}"],
    ["verify", "log", "--key", "{dsn}"],
    ["verify", "log", "--checkpoints={dsn}"],
    ["verify", "log", "--dsn", "{dsn}"],
    ["verify", "log", "--dsn={dsn}"],
    ["verify", "log", "--accept-incarnation", "{dsn}"],
    ["bench", "seal", "{dsn}"],
    ["nothing", "--dsn", "x", "{dsn}"],
]


def misplace(said: object, words: list[str]) -> None:
    assert callable(said)
    for dsn in STRAY:
        require_hidden(said(*(each.replace("{dsn}", dsn) for each in words)))


@pytest.mark.promise(27)
@pytest.mark.parametrize("words", PLACES, ids=" ".join)
def test_a_string_in_the_wrong_place_is_not_repeated(
    said: object, words: list[str]
) -> None:
    misplace(said, words)


@pytest.mark.twin_of(27)
@pytest.mark.parametrize("words", [PLACES[0], PLACES[1], PLACES[12], PLACES[15]])
def test_a_command_that_repeats_what_it_was_given_is_caught(
    said: object, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "_refuse_stray_dsn", lambda _: None)
    with pytest.raises(AssertionError):
        misplace(said, words)


@pytest.mark.parametrize(
    "word",
    [
        "mail",
        "example.com/orders",
        "--name=example.com/orders",
        "shop.orders_summary",
        "/srv/log:1/a@b",
        "a@b",
        "postgresql.ndjson",
        "01900000-0000-7000-8000-000000000001",
        "example.com/shop+04f5ca84+Ac0D+93KqicDwlFlbVzN2Z9WNbHgZTwGNrlRo6PbIdrU",
    ],
)
def test_a_word_that_is_no_connection_string_is_taken(word: str) -> None:
    cli._refuse_stray_dsn(["status", word])


@pytest.mark.promise(27)
def test_what_went_wrong_and_where_is_still_told(said: object) -> None:
    assert callable(said)
    text = said("status", "--dsn", f"postgresql://u:{CANARY}@127.0.0.1:1/ev")
    assert "127.0.0.1" in text and "port 1" in text and "refused" in text
    text = said("status", "--dsn", f"postgresql://u:{CANARY}%zz@127.0.0.1:1/ev")
    assert "invalid percent-encoded token" in text and "%40 for @" in text


@pytest.mark.twin_of(27)
def test_what_libpq_says_itself_is_told_apart(
    said: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(said)
    monkeypatch.setattr(dsn_errors, "reason", str)
    with pytest.raises(AssertionError, match=CANARY):
        require_hidden(said("status", "--dsn", MALFORMED[0]))


def test_the_error_of_a_refused_connection_keeps_its_type() -> None:
    dsn = f"postgresql://u:{CANARY}@127.0.0.1:1/ev"
    with (
        pytest.raises(psycopg.OperationalError) as refused,
        dsn_errors.hidden(dsn, {"password": CANARY}),
    ):
        raise psycopg.OperationalError(f"no {CANARY}")
    assert CANARY not in str(refused.value)
