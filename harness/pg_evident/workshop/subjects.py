"""Say what a comment or a grant is about, spelled like `Created.identity`."""

from typing import Any

from pglast.enums import ObjectType
from pglast.stream import maybe_double_quote_name

from pg_evident.workshop.signatures import dotted, relation, type_name


def grant_subjects(node: Any) -> list[str]:
    """List the objects of a grant or revoke."""
    return [_spelled(each) for each in node.objects or ()]


def comment_subject(node: Any) -> str:
    """Give the object of a comment; for a column, its table or view."""
    names = node.object
    if node.objtype is ObjectType.OBJECT_TRIGGER:
        return f"{maybe_double_quote_name(names[-1].sval)} on {dotted(names[:-1])}"
    if node.objtype is ObjectType.OBJECT_COLUMN:
        return dotted(names[:-1])
    return _spelled(names)


def _spelled(named: Any) -> str:
    if hasattr(named, "objname"):
        arguments = ", ".join(type_name(each) for each in named.objargs or ())
        return f"{dotted(named.objname)}({arguments})"
    if hasattr(named, "relname"):
        return relation(named)
    if hasattr(named, "names"):
        return type_name(named)
    return dotted(named) if isinstance(named, tuple) else str(named.sval)
