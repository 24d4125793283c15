"""What create_projection makes for the golden read models, as the catalog shows it."""

from __future__ import annotations

from psycopg import sql

from conftest import Database
from pg_evident.places import ROOT
from support.clients.calls import Connection

MODELS = ROOT / "tests/support/models/golden_models.sql"
FOLDER = ROOT / "tests/golden/projections"

# What a session begins with becomes part of a function where folds do not run under it.
# So the database says it, and not the server of the test: all but one are the folds'.
_SETTINGS = "select s.name, s.value from evident._fold_settings() as s"
_OTHER = ("timezone", "Asia/Kolkata")

_NAMES = "select p.name from evident.projection as p order by p.number"
_MADE = """
select m.kind, m.object, case m.kind
    when 'view' then m.object::regclass::text else m.object::regprocedure::text
end
from evident._projection_made(%s) as m
order by m.kind, case m.kind
    when 'view' then m.object::regclass::text else m.object::regprocedure::text
end collate "C"
"""
_FUNCTION = "select pg_get_functiondef(%s)"
# pg_get_functiondef refuses an aggregate.
_AGGREGATE = """
select format(
    'create aggregate %%s (sfunc = %%s, stype = %%s, parallel = %%s, start = %%L)',
    p.oid::regprocedure, a.aggtransfn::regproc, a.aggtranstype::regtype,
    p.proparallel, a.agginitval
)
from pg_aggregate as a
inner join pg_proc as p on a.aggfnoid = p.oid
where p.oid = %s
"""
_VIEW = """
select format(
    'create view %%s with (%%s) as%%s%%s',
    c.oid::regclass, array_to_string(c.reloptions, ', '), chr(10),
    pg_get_viewdef(c.oid)
)
from pg_class as c
where c.oid = %s
"""
_RIGHTS = """
select
    pg_get_userbyid(o.owner),
    array(
        select format(
            '%%s to %%s', lower(a.privilege_type),
            coalesce(nullif(a.grantee, 0)::regrole::text, 'public')
        )
        from aclexplode(o.acl) as a
        where a.grantee <> o.owner
        order by 1
    ),
    o.comment
from (
    select p.proowner, p.proacl, obj_description(p.oid, 'pg_proc')
    from pg_proc as p
    where p.oid = %(object)s
    union all
    select c.relowner, c.relacl, obj_description(c.oid, 'pg_class')
    from pg_class as c
    where c.oid = %(object)s
) as o (owner, acl, comment)
"""
_TRIGGERS = """
select t.tgname, pg_get_triggerdef(t.oid), t.tgenabled
from pg_trigger as t
where
    t.tgrelid = 'evident.event_store'::regclass
    and t.tgname like 'event\\_store\\_%%' || replace(%s, '%%', '\\%%')
order by t.tgname collate "C"
"""
_READERS = {"function": _FUNCTION, "aggregate": _AGGREGATE, "view": _VIEW}


def make_models(db: Database, observer: Connection) -> None:
    """Make the read models in a database that begins every session as is said here."""
    for name, value in [*observer.execute(_SETTINGS).fetchall(), _OTHER]:
        statement = sql.SQL("alter database {} set {} = {}").format(
            sql.Identifier(db.name), sql.SQL(name), sql.Literal(value)
        )
        observer.execute(statement)
    with db.connect(autocommit=True) as connection:
        connection.execute(MODELS.read_bytes())


def renderings(observer: Connection) -> dict[str, str]:
    """Give the text of each golden file, by its name."""
    return {
        f"{_file_name(name)}.sql": _rendering(observer, name)
        for (name,) in observer.execute(_NAMES).fetchall()
    }


def _file_name(name: str) -> str:
    """Make a plain file name of a read model's, whatever is in it."""
    table = name.split(".", 1)[1]
    return "".join(each for each in table.lower() if each.isalnum())


def _rendering(observer: Connection, name: str) -> str:
    parts = [f"-- What create_projection makes for {name}; see {MODELS.name}.\n"]
    for kind, object_id, title in observer.execute(_MADE, [name]).fetchall():
        (text,) = _one(observer, _READERS[kind], object_id)
        owner, grants, comment = observer.execute(
            _RIGHTS.encode(), {"object": object_id}
        ).fetchall()[0]
        parts.append(
            f"-- {kind} {title}\n"
            f"-- {' '.join(comment.split())}\n"
            f"-- owner: {owner}; grants: {', '.join(grants) or 'none'}\n\n"
            f"{text.rstrip().rstrip(';')};\n"
        )
    for title, text, enabled in observer.execute(_TRIGGERS, [name]).fetchall():
        parts.append(f"-- trigger {title}, enabled: {enabled}\n\n{text};\n")
    return "\n".join(parts)


def _one(observer: Connection, query: str, object_id: int) -> tuple[str]:
    (row,) = observer.execute(query, [object_id]).fetchall()
    return row
