"""Write the API reference from the comments and grants in a migrated database."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from pg_evident.access.ownership import connect
from pg_evident.failure import Failure
from pg_evident.places import ROOT

MANIFEST = ROOT / "sql/functions/MANIFEST"
BEGIN = "<!-- [begin reference] -->\n"
END = "<!-- [end reference] -->\n"

_FUNCTIONS = """
    select
        p.proname,
        pg_get_function_arguments(p.oid),
        pg_get_function_result(p.oid),
        obj_description(p.oid, 'pg_proc'),
        array(
            select replace(a.grantee::regrole::text, 'evident_', '')
            from aclexplode(p.proacl) as a
            where a.grantee <> p.proowner
            order by 1
        )
    from pg_proc as p
    where p.pronamespace = 'evident'::regnamespace and p.proname not like '\\_%'
        and p.proname not like '%.%'
    order by p.oid
"""
_VIEWS = """
    select
        c.relname,
        null,
        null,
        obj_description(c.oid, 'pg_class'),
        array(
            select replace(a.grantee::regrole::text, 'evident_', '')
            from aclexplode(c.relacl) as a
            where a.grantee <> c.relowner and a.privilege_type = 'SELECT'
            order by 1
        )
    from pg_class as c
    where c.relnamespace = 'evident'::regnamespace and c.relkind = 'v'
        and c.relname not like '%.%'
"""

# Tables and sequences, beside the views, that some role may select from.
_TABLES = """
    select
        c.relname,
        array(
            select replace(a.grantee::regrole::text, 'evident_', '')
            from aclexplode(c.relacl) as a
            where a.grantee <> c.relowner and a.privilege_type = 'SELECT'
            order by 1
        )
    from pg_class as c
    where
        c.relnamespace = 'evident'::regnamespace
        and c.relkind in ('r', 'v', 'S')
        and c.relname not like '%.%'
        and exists (
            select
            from aclexplode(c.relacl) as a
            where a.grantee <> c.relowner and a.privilege_type = 'SELECT'
        )
    order by c.relname
"""
_ROLES = (
    *("writer", "reader", "consumer", "operator", "monitor", "auditor"),
    "projector",
)

# Of a default: '{}'::jsonb, NULL::text[].
_CAST = re.compile(r"::[a-z ]+(\[\])?")


def render(dsn: str) -> str:
    """Render every public function and view as Markdown, grouped as in MANIFEST."""
    with connect(dsn) as connection:
        connection.execute("set local search_path = pg_catalog")
        found = defaultdict(list)
        for query in (_FUNCTIONS, _VIEWS):
            for row in connection.execute(query.encode()).fetchall():
                found[row[0]].append(row)
        tables = connection.execute(_TABLES.encode()).fetchall()
    lines: list[str] = []
    for group, names in _groups().items():
        public = [name for name in names if name in found]
        if not public:
            continue
        lines += [f"### {group.capitalize()}", "", "| call | for | gives |"]
        lines += ["|---|---|---|"]
        lines += [_line(*row) for name in public for row in found[name]]
        lines += [""]
    calls = [
        (f"{name}()", set[str]().union(*(row[4] for row in rows)))
        for name, rows in found.items()
        if rows[0][1] is not None
    ]
    lines += _rights("Who may call what", calls)
    lines += _rights("Who may read what", [(name, set(to)) for name, to in tables])
    return "\n".join(lines).rstrip() + "\n"


def _rights(title: str, rows: list[tuple[str, set[str]]]) -> list[str]:
    """Write a table of what each role may; nothing of what nobody may."""
    lines = [f"### {title}", "", f"| | {' | '.join(_ROLES)} |"]
    lines += ["|---|" + ":-:|" * len(_ROLES)]
    for name, roles in sorted(rows):
        if roles:
            marks = ["x" if role in roles else "" for role in _ROLES]
            lines.append(f"| `{name}` | {' | '.join(marks)} |")
    return [*lines, ""]


def paste(document: str, reference: str) -> str:
    """Replace what stands between the two reference markers of a Markdown document.

    Raises Failure when a marker is missing.
    """
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise Failure(f"no lines {BEGIN.strip()} and {END.strip()}")
    return head + begin + "\n" + reference + "\n" + end + tail


def paste_into(path: Path, reference: str) -> None:
    """Bring a Markdown file's reference up to date."""
    path.write_text(paste(path.read_text(), reference))


def _groups() -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for line in MANIFEST.read_text().splitlines():
        if line.startswith("# "):
            groups[line[2:]] = []
        elif line:
            groups[list(groups)[-1]].append(Path(line).stem)
    return groups


def _line(
    name: str,
    arguments: str | None,
    result: str | None,
    comment: str,
    roles: list[str],
) -> str:
    call = f"view `{name}`"
    if arguments is not None and result is not None:
        shown = _CAST.sub("", arguments).replace(" DEFAULT ", " = ")
        call = f"`{name}({shown})` → `{result.replace('TABLE', 'table')}`"
    text = " ".join(comment.split()).replace("|", "\\|")
    return f"| {call} | {', '.join(roles)} | {text} |"
