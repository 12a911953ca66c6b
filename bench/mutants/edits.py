"""What a mutant may be: one small edit of the syntax tree, of a kind that a person could have written by mistake."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Edit = Callable[[], None]
"""Changes the tree in place; called once, in a process that ends afterwards."""

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "ceil": "floor", "sorted": "list", "abs": "float"}
SQL = {
    " < ": " <= ",
    " <= ": " < ",
    " >= ": " > ",
    " desc": " asc",
    "min(": "max(",
    "greatest(": "least(",
    " + make": " - make",
    " - make": " + make",
    " and ": " or ",
    "distinct on": "",
    "select exists": "select not exists",
}
IS_SQL = re.compile(r"\b(?:select|make_interval|distinct on|desc)\b|\" [<>]=? |>= :")
NO_CODE = ("annotation", "returns", "decorator_list", "format_spec")
LOST = "a text that got lost"


@dataclass(frozen=True)
class Mutant:
    """One edit of one file. `lines` are those of the statement: a test that runs one of them may notice."""

    line: int
    lines: range
    what: str
    edit: Edit


def find_mutants(tree: ast.Module) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its text."""
    for statement in _list_statements(tree.body):
        lines = _header(statement)
        for what, line, edit in _edit_statement(statement):
            yield Mutant(line, lines, what, edit)


def _list_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that do something: no imports, assertions, texts of documentation, type aliases, protocols."""
    for statement in body:
        if _is_idle(statement):
            continue
        yield statement
        for field in ("body", "orelse", "finalbody"):
            yield from _list_statements(getattr(statement, field, []))
        for inner in (*getattr(statement, "handlers", []), *getattr(statement, "cases", [])):
            yield from _list_statements(inner.body)


def _is_idle(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.AnnAssign(value=None) | ast.Assign(value=ast.Subscript()):
            return not isinstance(statement, ast.Assign) or isinstance(statement.targets[0], ast.Name)
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name.startswith("__")
        case ast.ClassDef(bases=[ast.Name(id="Protocol")]):
            return True
    return False


def _header(statement: ast.stmt) -> range:
    """The lines of a statement without those of the statements inside it."""
    body = getattr(statement, "body", None)
    last = body[0].lineno - 1 if isinstance(body, list) and body else statement.end_lineno or statement.lineno
    return range(statement.lineno, max(last, statement.lineno) + 1)


def _edit_statement(statement: ast.stmt) -> Iterator[tuple[str, int, Edit]]:
    yield from _edit_whole(statement)
    for parent, field, place, node in _walk(statement):
        for shown, replacement in _replace(node):
            yield f"{_show(node)} -> {shown}", node.lineno, _make_edit(parent, field, place, replacement)


def _edit_whole(statement: ast.stmt) -> Iterator[tuple[str, int, Edit]]:
    """Left out, returned as nothing, asked the other way round, done without its context."""
    line = statement.lineno

    def become(replacement: ast.stmt) -> Edit:
        return lambda: _turn_into(statement, replacement)

    match statement:
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.AugAssign() | ast.Delete():
            yield f"left out: {_show(statement)}", line, become(ast.Pass())
        case ast.Return(value=ast.AST() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield f"{_show(statement)} -> return None", line, become(ast.Return(value=ast.Constant(value=None)))
        case ast.If(test=test) | ast.While(test=test):
            edit = _make_edit(statement, "test", None, ast.UnaryOp(op=ast.Not(), operand=test))
            yield f"if {_show(test)} -> if not", line, edit
        case ast.With(items=items, body=body) if not any(isinstance(inner, ast.Expr) and _is_yield(inner) for inner in body):
            name = _show(items[0])
            yield f"without: with {name}", line, become(ast.If(test=ast.Constant(value=True), body=body, orelse=[]))


def _is_yield(statement: ast.Expr) -> bool:
    return isinstance(statement.value, ast.Yield)


def _turn_into(statement: ast.stmt, replacement: ast.stmt) -> None:
    """A node becomes another in its place: whoever points to it need not be found."""
    statement.__class__ = type(replacement)  # type: ignore[assignment]
    statement.__dict__.update(replacement.__dict__)


def _make_edit(parent: ast.AST, field: str, place: int | None, replacement: object) -> Edit:
    def edit() -> None:
        if place is None:
            setattr(parent, field, replacement)
        elif replacement is None:
            del getattr(parent, field)[place]
        else:
            getattr(parent, field)[place] = replacement

    return edit


def _walk(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Expressions of one statement with where they hang; not those of statements inside it, nor annotations."""
    for field, value in ast.iter_fields(node):
        if field in NO_CODE:
            continue
        for place, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case) or not isinstance(child, ast.AST):
                continue
            if isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant):
                continue  # a piece of a text: the text is one mutant
            if isinstance(child, ast.expr | ast.keyword):
                yield node, field, place, child
            yield from _walk(child)


def _replace(node: ast.AST) -> Iterator[tuple[str, object]]:
    """What may stand in the place of an expression."""
    match node:
        case ast.keyword(arg=str() as name):
            yield f"without {name}=", None
        case ast.Compare():
            yield from _replace_comparison(node)
        case ast.BinOp() | ast.BoolOp() | ast.UnaryOp() | ast.IfExp():
            yield from ((_show(other), other) for other in _replace_operation(node))
        case ast.Call():
            yield from _replace_call(node)
        case ast.JoinedStr():
            yield from _replace_text(node)
        case ast.Constant():
            yield from _replace_constant(node)


def _replace_comparison(node: ast.Compare) -> Iterator[tuple[str, object]]:
    for place, found in enumerate(node.ops):
        changed = [*node.ops[:place], COMPARISONS[type(found)](), *node.ops[place + 1 :]]
        other = ast.Compare(left=node.left, ops=changed, comparators=node.comparators)
        yield _show(other), other


def _replace_operation(node: ast.BinOp | ast.BoolOp | ast.UnaryOp | ast.IfExp) -> Iterator[ast.expr]:
    match node:
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            yield ast.BinOp(left=left, op=OPERATORS[type(operator)](), right=right)
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(op=ast.Or() if isinstance(operator, ast.And) else ast.And(), values=values)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield operand
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.IfExp(test=test, body=orelse, orelse=body)


def _replace_call(node: ast.Call) -> Iterator[tuple[str, object]]:
    match node.func:
        case ast.Name(id=name) if name in CALLS:
            other = ast.Call(func=ast.Name(id=CALLS[name], ctx=ast.Load()), args=node.args, keywords=node.keywords)
            yield _show(other), other
        case ast.Attribute(value=value, attr=name) if name in CALLS:
            func = ast.Attribute(value=value, attr=CALLS[name], ctx=ast.Load())
            yield f".{CALLS[name]}", ast.Call(func=func, args=node.args, keywords=node.keywords)


def _replace_text(node: ast.JoinedStr) -> Iterator[tuple[str, object]]:
    """A text of values and words gets lost as a whole, and SQL in it says something else."""
    yield repr(LOST), ast.Constant(value=LOST)
    words = list(_list_words(node))
    if not IS_SQL.search(" ".join(word for _, word in words)):
        return
    for place, word in words:
        for old, new in SQL.items():
            if old in word:
                parts = [*node.values[:place], ast.Constant(value=word.replace(old, new, 1)), *node.values[place + 1 :]]
                yield f"{old!r} as {new!r}", ast.JoinedStr(values=parts)


def _list_words(node: ast.JoinedStr) -> Iterator[tuple[int, str]]:
    """The pieces of a text that are written out, each with its place."""
    for place, part in enumerate(node.values):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield place, part.value


def _replace_constant(node: ast.Constant) -> Iterator[tuple[str, object]]:
    match node.value:
        case bool() as value:
            yield repr(not value), ast.Constant(value=not value)
        case int() | float() as value:
            yield repr(value + 1), ast.Constant(value=value + 1)
        case str() as value:
            yield repr(LOST), ast.Constant(value=LOST)


def _show(node: ast.AST) -> str:
    if isinstance(node, ast.keyword):
        return f"{node.arg}={_show(node.value)}"
    shown = " ".join(ast.unparse(node).split())
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
