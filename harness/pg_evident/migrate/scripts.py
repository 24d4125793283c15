"""Write migrations as scripts for psql alone: one transaction, as a whole or not.

install.sql and uninstall.sql are such scripts, and so is each migration that
`evident sql migrations` gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pg_evident.failure import Failure

_CONCURRENTLY = re.compile(
    r"^((?:create(?: unique)?|drop) index) concurrently\b", re.M | re.I
)


# The first statement sets the number of its transaction, until that ends. Outside a
# transaction the next statement has another number, and on another connection of a
# pooler there is none. Nothing here is looked up under the session's own search path.
_REFUSE = """\
    if not coalesce(
        pg_catalog.current_setting('evident.script_transaction', true)
        operator(pg_catalog.=) pg_catalog.concat(pg_catalog.pg_current_xact_id()),
        false
    ) then
        raise exception using
            errcode = 'read_only_sql_transaction',
            message = 'nothing is done: this script runs in one transaction',
            hint = 'psql -1 -f, or begin first';
    end if;
"""
_BEGIN = """
do $do$
begin
    perform pg_catalog.set_config(
        pg_catalog.concat('evident.before_', s.name),
        pg_catalog.current_setting(s.name),
        true
    )
    from (values
        ('role'), ('search_path'), ('row_security'), ('lock_timeout'),
        ('statement_timeout')
    ) as s (name);
    perform pg_catalog.set_config(
        'evident.script_transaction',
        pg_catalog.concat(pg_catalog.pg_current_xact_id()),
        true
    );
    set local search_path = pg_catalog, pg_temp;
    -- A limit meant for one statement: the next one holds the whole script.
    set local statement_timeout = 0;
end;
$do$;
"""
# One statement, since an error undoes a whole statement: a client that continues after
# it, as psql does under ON_ERROR_ROLLBACK even inside the transaction, has nothing to
# commit.
_ALL = f"""\
do $evident$
declare
    v_part pg_catalog.text;
    v_code pg_catalog.text;
    v_message pg_catalog.text;
    v_detail pg_catalog.text;
    v_hint pg_catalog.text;
    v_context pg_catalog.text;
begin
{_REFUSE}\
"""
# Raised again, or its context would repeat the whole script.
_RAISE = """\
exception
    when others or query_canceled then
        get stacked diagnostics
            v_code = returned_sqlstate,
            v_message = message_text,
            v_detail = pg_exception_detail,
            v_hint = pg_exception_hint,
            v_context = pg_exception_context;
        raise exception using
            errcode = v_code,
            message = v_message,
            detail = coalesce(
                nullif(v_detail, ''),
                format('%s: %s', v_part, left(split_part(v_context, e'\\n', 1), 200))
            ),
            hint = case
                when v_code = '2BP01'
                    then 'drop or change what depends on it first: this script drops '
                        'nothing outside of schema evident, and has changed nothing'
                else coalesce(nullif(v_hint, ''), 'this script has changed nothing')
            end;
end;
end;
$evident$;
"""
_END = f"""\
-- What was set, as it was before.
do $do$
begin
{_REFUSE}\
    perform pg_catalog.set_config(
        s.name,
        pg_catalog.current_setting(pg_catalog.concat('evident.before_', s.name)),
        true
    )
    from (values
        ('statement_timeout'), ('lock_timeout'), ('row_security'), ('search_path'),
        ('role')
    ) as s (name);
end;
$do$;
"""


class Unfit(Failure):
    """A migration that no script can hold: its line, from 1, and why."""

    def __init__(self, path: str, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.line = line
        self.reason = message


def script(header: str, parts: Iterable[str], *, condition: str = "") -> str:
    """Join the sections of a script under a header of SQL comments.

    `condition` is PL/pgSQL that raises where the script is not for this database.
    """
    whole = f"{_ALL}{condition}begin\n"
    return "\n".join([header, _BEGIN, whole, *parts, _RAISE, _END])


def comment(text: str) -> str:
    """Write lines as SQL comments."""
    return "".join(f"-- {line}\n" for line in text.splitlines())


def section(path: str, text: str, is_transactional: bool) -> str:
    """Write one migration as a part of a script; raises Unfit when it cannot be one.

    `path` is what errors name.
    """
    for tag in ("$evident$", "$part$"):
        if tag in text:
            line = text[: text.index(tag)].count("\n") + 1
            raise Unfit(path, line, f"the scripts quote it by {tag}: use another")
    if not is_transactional:
        # The whole script is one transaction, where an index is built plainly.
        text, count = _CONCURRENTLY.subn(r"\1", text)
        if not count:
            raise Unfit(path, 1, "this statement cannot run inside install.sql")
    return f"v_part := '{path}';\nexecute $part$-- {path}\n{text}$part$;\n"
