"""Check one source file: names, order of statements, function attributes."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from pglast.enums import RoleSpecType
from pglast.stream import maybe_double_quote_name

from pg_evident.workshop.check.findings import Finding, finding
from pg_evident.workshop.layout import PROJECTIONS
from pg_evident.workshop.signatures import Created, created_objects, relation
from pg_evident.workshop.statements import Statement, parse_statements
from pg_evident.workshop.subjects import comment_subject, grant_subjects

SEARCH_PATH = ["pg_catalog", "pg_temp"]
# Of a trigger's condition, where setting a path costs more than what it asks: each
# name in it is qualified.
UNPATHED = frozenset({"evident._is_batch()"})

# Nobody logs in as these: one runs the folds for the other.
_INNER_ROLES = frozenset({"evident_owner", "evident_projector"})
# What views and functions that anybody may read call, with their reader's rights.
_SHARED = frozenset(
    {
        "evident._drawn",
        "evident._events_after",
        "evident._feed_position",
        "evident._refuse_behind",
    }
)
_ROUTINES = frozenset({"aggregate", "function", "procedure"})


def check_source(path: str, text: str) -> Iterator[Finding]:
    """Find what in a source breaks the rules of its folder."""
    statements = parse_statements(path, text)
    created = created_objects(path, text)
    is_projection = path.startswith(f"{PROJECTIONS}/")
    yield from _check_names(path, text, created, is_projection)
    yield from _check_subjects(path, statements, created, is_projection)
    for each in created:
        is_constraint = getattr(each.statement.node, "isconstraint", False)
        if not getattr(each.statement.node, "replace", is_constraint):
            message = f"{each.identity} is not made with create or replace"
            yield finding(path, each.statement.line, "source-order", message)
        if each.kind != "trigger":
            yield from _check_order(path, each, statements, is_projection)
        if each.kind == "function":
            yield from _check_attributes(path, each, is_projection)


def _check_names(
    path: str, text: str, created: list[Created], is_projection: bool
) -> Iterator[Finding]:
    stem = maybe_double_quote_name(PurePosixPath(path).stem)
    objects = [each for each in created if each.kind != "trigger"]
    schemas = {each.name.partition(".")[0] for each in objects}
    if not objects:
        yield finding(path, 1, "source-name", "creates nothing")
    if is_projection and len(schemas) > 1:
        message = f"creates objects in several schemas: {', '.join(sorted(schemas))}"
        yield finding(path, 1, "source-name", message)
    for each in objects:
        if not is_projection and each.name != f"evident.{stem}":
            message = f"creates {each.name}, the file name says evident.{stem}"
            yield finding(path, each.statement.line, "source-name", message)
    schema = min(schemas, default="evident") if is_projection else "evident"
    header = f"-- {schema}.{stem}: "
    if not text.startswith(header):
        yield finding(path, 1, "source-header", f"does not begin with `{header}`")


def _check_subjects(
    path: str, statements: list[Statement], created: list[Created], is_projection: bool
) -> Iterator[Finding]:
    """Find statements that are about something else than the file's objects."""
    own = {each.identity for each in created}
    for each in statements:
        message = ""
        if each.kind == "DoStmt" and is_projection:
            continue
        if each.kind in ("CommentStmt", "GrantStmt"):
            others = [name for name in _subjects(each) if name not in own]
            message = f"is about {others[0]}, not made here" if others else ""
        elif each.kind == "AlterTableStmt":
            table = relation(each.node.relation)
            names = [f"{command.name} on {table}" for command in each.node.cmds]
            others = [name for name in names if name not in own]
            message = f"is about {others[0]}, not made here" if others else ""
        elif all(each.line != one.statement.line for one in created):
            message = f"a source has no {each.kind}"
        if message:
            yield finding(path, each.line, "source-order", message)


def _check_order(
    path: str, created: Created, statements: list[Statement], is_projection: bool
) -> Iterator[Finding]:
    """Check create, comment, revoke, grant; a fold may do without the last three."""
    steps: dict[str, list[int]] = {
        step: [] for step in ("comment", "revoke", "grant", "other")
    }
    for each in statements:
        if created.identity in _subjects(each):
            steps[_step(each)].append(each.line)
    required = {} if is_projection else {"comment": "comment on"}
    if created.kind in _ROUTINES and not is_projection:
        required["revoke"] = "revoke all ... from public"
    for step, name in required.items():
        if not steps[step]:
            message = f"{created.identity} has no `{name}`"
            yield finding(path, created.statement.line, "source-order", message)
    ordered = steps["comment"] + steps["revoke"] + steps["grant"]
    lines = [created.statement.line, *ordered]
    if lines != sorted(lines):
        message = f"{created.identity}: not in order create, comment, revoke, grant"
        yield finding(path, created.statement.line, "source-order", message)
    if created.name.partition(".")[2].startswith("_") and steps["grant"]:
        granted = {
            role.rolename
            for each in statements
            if each.line in steps["grant"]
            for role in each.node.grantees
        }
        if granted - _INNER_ROLES and created.name not in _SHARED:
            message = f"{created.identity} is internal, yet granted"
            yield finding(path, steps["grant"][0], "source-order", message)


def _subjects(statement: Statement) -> list[str]:
    if statement.kind == "CommentStmt":
        return [comment_subject(statement.node)]
    return grant_subjects(statement.node) if statement.kind == "GrantStmt" else []


def _step(statement: Statement) -> str:
    if statement.kind == "CommentStmt":
        return "comment"
    node = statement.node
    if node.is_grant:
        return "grant"
    is_public = any(
        each.roletype is RoleSpecType.ROLESPEC_PUBLIC for each in node.grantees
    )
    return "other" if node.privileges or not is_public else "revoke"


def _check_attributes(
    path: str, created: Created, is_projection: bool
) -> Iterator[Finding]:
    options: list[Any] = list(created.statement.node.options or ())
    line = created.statement.line
    names = [option.defname for option in options]
    for wanted in ("volatility", "parallel"):
        if wanted not in names:
            message = f"{created.identity} does not write its {wanted}"
            yield finding(path, line, "attributes", message)
    is_plpgsql = any(
        option.defname == "language" and option.arg.sval == "plpgsql"
        for option in options
    )
    paths = [
        [value.val.sval for value in option.arg.args or ()]
        for option in options
        if option.defname == "set" and option.arg.name == "search_path"
    ]
    if (
        is_plpgsql
        and not is_projection
        and paths != [SEARCH_PATH]
        and created.identity not in UNPATHED
    ):
        message = f"{created.identity} needs set search_path = pg_catalog, pg_temp"
        yield finding(path, line, "attributes", message)
