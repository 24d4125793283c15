"""Name what a source creates, how to drop it and what a replacement may change."""

import re
from dataclasses import dataclass
from typing import Any

from pglast.enums import FunctionParameterMode, ObjectType
from pglast.stream import RawStream, maybe_double_quote_name

from pg_evident.workshop.layout import FreezeError
from pg_evident.workshop.statements import Statement, parse_statements

_SHORT_NAMES = {"int2": "smallint", "int4": "integer", "int8": "bigint"} | {
    "bool": "boolean",
    # Unquoted, char is another type (bpchar) than the one the parser calls char.
    "char": '"char"',
}
_TYPES = frozenset(
    {"CompositeTypeStmt", "CreateEnumStmt", "CreateDomainStmt", "CreateRangeStmt"}
)
_CREATES_NOTHING = frozenset(
    {"AlterFunctionStmt", "AlterOwnerStmt", "CommentStmt", "DoStmt", "DropStmt"}
    | {"GrantStmt", "InsertStmt", "SelectStmt", "VariableSetStmt"}
)
_RETURNED = (
    FunctionParameterMode.FUNC_PARAM_OUT,
    FunctionParameterMode.FUNC_PARAM_INOUT,
    FunctionParameterMode.FUNC_PARAM_TABLE,
)


@dataclass(frozen=True)
class Created:
    """Hold one created object; equal `kind` and `identity` mean the same object."""

    kind: str
    name: str
    identity: str
    statement: Statement
    shape: tuple[str, ...] = ()
    defaults: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """Give what tells this object from others."""
        return self.kind, self.identity

    @property
    def drop(self) -> str:
        """Give the statement that drops exactly this object."""
        identity = self.identity
        if self.kind == "aggregate":
            identity = identity.replace("()", "(*)")
        return f"drop {self.kind} {identity};"

    def can_become(self, other: "Created") -> bool:
        """Tell whether running the other's statement over this object succeeds."""
        replaces = getattr(other.statement.node, "replace", False)
        fits = self.shape == other.shape and self.defaults <= other.defaults
        return bool(replaces) and fits

    def depends_on(self, other: "Created") -> bool:
        """Tell whether PostgreSQL refuses to drop the other while this exists."""
        # A body in quotes is looked up when it runs; all else is a stored dependency.
        is_routine = self.kind in ("function", "procedure")
        if is_routine and not self.statement.node.sql_body:
            text = " ".join((self.identity, *self.shape))
        else:
            text = self.statement.text
        mentions = re.findall(rf"(?<![\w.]){re.escape(other.name)}(?!\w)", text)
        return len(mentions) > (self.name == other.name)


def dotted(names: Any) -> str:
    """Join the parts of a qualified name, quoted where SQL needs it."""
    return ".".join(maybe_double_quote_name(part.sval) for part in names)


def relation(node: Any) -> str:
    """Give the qualified name of a table or view."""
    parts = (node.schemaname, node.relname)
    return ".".join(maybe_double_quote_name(part) for part in parts if part)


def type_name(node: Any) -> str:
    """Give one spelling for all spellings of a type, without its modifier."""
    names = [part.sval for part in node.names]
    if len(names) == 2 and names[0] == "pg_catalog":
        names = names[1:]
    if len(names) == 1:
        name = _SHORT_NAMES.get(names[0], names[0])
    else:
        name = ".".join(maybe_double_quote_name(part) for part in names)
    suffix = ("%type" if node.pct_type else "") + "[]" * len(node.arrayBounds or ())
    return f"{'setof ' if node.setof else ''}{name}{suffix}"


def _function(statement: Statement) -> Created:
    node = statement.node
    inputs, shape, defaults = [], [], 0
    returns = type_name(node.returnType) if node.returnType else ""
    for parameter in node.parameters or ():
        mode, kind = parameter.mode, type_name(parameter.argType)
        returned = mode in _RETURNED
        if not returned or mode is FunctionParameterMode.FUNC_PARAM_INOUT:
            inputs.append(kind)
            defaults += parameter.defexpr is not None
        shape.append(f"{mode.name if returned else 'in'} {parameter.name} {kind}")
    name = dotted(node.funcname)
    kind = "procedure" if node.is_procedure else "function"
    identity = f"{name}({', '.join(inputs)})"
    return Created(kind, name, identity, statement, (returns, *shape), defaults)


def _aggregate(path: str, statement: Statement) -> Created:
    node = statement.node
    parameters, direct = node.args
    if direct.ival != -1:
        raise FreezeError(path, statement.line, "cannot drop an ordered-set aggregate")
    name = dotted(node.defnames)
    arguments = ", ".join(type_name(each.argType) for each in parameters or ())
    shape = (RawStream()(node),)
    return Created("aggregate", name, f"{name}({arguments})", statement, shape)


def _view(statement: Statement) -> Created:
    node = statement.node
    query = node.query
    while query.larg is not None:
        query = query.larg
    columns = tuple(RawStream()(target) for target in query.targetList or ())
    aliases = tuple(alias.sval for alias in node.aliases or ())
    name = relation(node.view)
    return Created("view", name, name, statement, columns + aliases)


def _type_identity(statement: Statement) -> str:
    node = statement.node
    if statement.kind == "CompositeTypeStmt":
        return relation(node.typevar)
    is_domain = statement.kind == "CreateDomainStmt"
    return dotted(node.domainname if is_domain else node.typeName)


def _created(path: str, statement: Statement) -> Created | None:
    node, kind = statement.node, statement.kind
    if kind == "CreateFunctionStmt":
        return _function(statement)
    if kind == "ViewStmt":
        return _view(statement)
    if kind == "CreateTrigStmt":
        trigger = maybe_double_quote_name(node.trigname)
        identity = f"{trigger} on {relation(node.relation)}"
        return Created("trigger", identity, identity, statement)
    if kind == "DefineStmt" and node.kind is ObjectType.OBJECT_AGGREGATE:
        return _aggregate(path, statement)
    if kind in _TYPES:
        name = _type_identity(statement)
        return Created("type", name, name, statement)
    if kind == "AlterTableStmt" and all("Trig" in c.subtype.name for c in node.cmds):
        return None
    if kind in _CREATES_NOTHING:
        return None
    message = f"freeze cannot undo this kind of statement ({kind}) in a source"
    raise FreezeError(path, statement.line, message)


def created_objects(path: str, text: str, first_line: int = 1) -> list[Created]:
    """List what a source creates, in order, or raise FreezeError."""
    found = (_created(path, each) for each in parse_statements(path, text, first_line))
    return [each for each in found if each is not None]
