"""Render sql/install.sql and sql/uninstall.sql from the engine's migrations."""

import re
from collections.abc import Iterable, Mapping

from pg_evident.workshop.layout import FreezeError
from pg_evident.workshop.sources import Migration

INSTALL = "sql/install.sql"
UNINSTALL = "sql/uninstall.sql"

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
begin
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
_INSTALLS = """\
Installs the engine into an empty database, in one transaction: refused outside one.
All of it is one statement, so it is there as a whole or not at all, whatever the
client does after an error. Role, search_path and the timeouts are afterwards what
they were, so it also runs inside a migration of another tool, or by \\i after begin.
"""
_UNINSTALLS = """\
Removes the engine with its consumers and empty tables, and the roles that nothing
else in the cluster depends on. Read models, folds and yoyo's marks stay.
It refuses, and the hint says what then:
  25006 outside one transaction; PT400 at REPEATABLE READ and SERIALIZABLE;
  PT403 while there are registered projections, seals or events;
  2BP01 while something outside of schema evident depends on it, as a fold does.
All of it is one statement: a refusal undoes the whole, whatever the client does then.
"""


def render_install(engine: Iterable[Migration]) -> str:
    """Join the forward migrations in order, for psql alone."""
    parts = [_section(each.path, each.text, each.is_transactional) for each in engine]
    return _script(INSTALL, _INSTALLS, parts)


def render_uninstall(engine: Iterable[Migration], texts: Mapping[str, str]) -> str:
    """Join the rollbacks, keyed by path in `texts`, in reverse order."""
    parts = [
        _section(each.rollback_path, texts[each.rollback_path], each.is_transactional)
        for each in reversed(list(engine))
    ]
    return _script(UNINSTALL, _UNINSTALLS, parts)


def _script(path: str, purpose: str, parts: Iterable[str]) -> str:
    return "\n".join([_header(path, purpose), _BEGIN, _ALL, *parts, _RAISE, _END])


def _header(path: str, purpose: str) -> str:
    lines = "".join(f"-- {line}\n" for line in purpose.splitlines())
    return (
        f"{lines}-- Generated by `evident freeze`: do not edit.\n"
        f"-- Run: psql -X -v ON_ERROR_STOP=1 -1 -f {path}\n"
    )


def _section(path: str, text: str, is_transactional: bool) -> str:
    for tag in ("$evident$", "$part$"):
        if tag in text:
            line = text[: text.index(tag)].count("\n") + 1
            raise FreezeError(path, line, f"the scripts quote it by {tag}: use another")
    if not is_transactional:
        # The whole script is one transaction, where an index is built plainly.
        text, count = _CONCURRENTLY.subn(r"\1", text)
        if not count:
            raise FreezeError(path, 1, "this statement cannot run inside install.sql")
    return f"v_part := '{path}';\nexecute $part$-- {path}\n{text}$part$;\n"
