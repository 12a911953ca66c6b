"""Would a query give the same rows for the same facts tomorrow? Judged by what PostgreSQL understood, however it was spelled.

Refused is what is neither immutable nor on the list of what depends on settings alone, which every session of ours sets alike
(`stores.sessions.PARAMETERS`); a text that becomes an instant, for it may say `now`; and a limit that leaves a choice to chance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.trees import Node, read_tree, walk

CALLED = {
    **dict.fromkeys(("OPEXPR", "DISTINCTEXPR", "NULLIFEXPR", "SCALARARRAYOPEXPR"), "opfuncid"),
    "FUNCEXPR": "funcid",
    "AGGREF": "aggfnoid",
    "WINDOWFUNC": "winfnoid",
}
"""Kinds of nodes that call a function, and the field that names it."""
STABLE = re.compile(
    r"""
    (json|jsonb)_(build_array|build_object|agg|agg_strict|object_agg\w*) | (array|row)_to_json | to_jsonb?
    | concat | concat_ws | format | anytextcat | textanycat | array_to_string | quote_literal | quote_nullable
    | (date|timestamp|timestamptz)_(cmp|eq|ge|gt|le|lt|ne)_(date|timestamp|timestamptz) | in_range | overlaps
    | timestamptz_(mi|pl)_interval | interval_pl_timestamptz | date_(add|subtract|part|trunc) | extract | age | generate_series
    | date | time | timetz | timestamp | timestamptz | timezone | make_timestamptz
    | to_char | to_date | to_timestamp | to_number | money | numeric
    | length | convert | convert_from | convert_to | enum_first | enum_last | enum_range | pg_typeof
    | to_tsvector | to_tsquery | plainto_tsquery | phraseto_tsquery | websearch_to_tsquery | ts_headline | ts_match_t[qt]
    """,
    re.VERBOSE,
)
"""Functions of PostgreSQL that are stable for the sake of settings such as the time zone, and tell nothing of the session."""
EXISTS = 0  # SubLinkType of PostgreSQL's primnodes.h
PLAIN_LIMIT = 0  # LimitOption of its nodes.h; with ties it is 1
TIME_OF_DAY = range(9)  # SQLValueFunctionOp of its primnodes.h: current_date to localtimestamp with a precision


NOW = re.compile(r"\b(now|today|tomorrow|yesterday)\b", re.IGNORECASE)
BESIDE_NOW = re.compile(r"infinity|epoch|allballs|am|pm|t|z|utc|gmt|[a-z]{2,4}t|[a-z_]+/[a-z_/]+", re.IGNORECASE)
"""Words that may stand beside it in an instant, zones among them."""
PIECES = re.compile(r"'\s*\n\s*'")
SHOWN = 40  # characters of a text in a message
CAST_REMEDY = (
    "a text may say now or today: write to_timestamp(text, format) or to_date(text, format), or load the column as an instant."
)
LIMIT = "a limit that chance decides"
LIMIT_REMEDY = (
    "any of the rows that are equal in its order may come: order by every column that it gives, or write "
    "fetch first n rows with ties."
)


@dataclass(frozen=True)
class Doubt:
    """Something that may give other rows another day, and how to go on where that is not plain."""

    relation: str | None
    used: str
    remedy: str = ""


def find_foreign(session: Session, tree: str, *, is_read: bool) -> list[str]:
    """What in an expression of a source runs with our rights, though nobody who is a superuser answers for what it does.

    Args:
        is_read: it runs for rows that are read, with whatever it calls, and not only where the planner finds it constant.
    """
    nodes = list(walk(read_tree(tree)))
    return sorted(set(_Known(session, nodes).find_foreign(nodes, is_read=is_read)))


def find_acting(session: Session, types: Sequence[int]) -> dict[int, str]:
    """Of some types those that run code for which no superuser answers when a value is cast or made, as they are written."""
    rows = session.execute(queries.load("judging")["read_types"], {"types": list(types)}).all()
    return {row.number: row.written for row in rows if row.is_acting}


def find_doubts(session: Session, sql_texts: Sequence[str]) -> list[Doubt]:
    """What the open temporary view user_query, and the views behind the sources that it reads, may give differently another day.

    Args:
        sql_texts: the quoted texts of the query as they were written; PostgreSQL keeps of `'now'` only the instant that it was.
    """
    rows = session.execute(queries.load("judging")["read_trees"]).all()
    read = [(row.relation, list(walk(read_tree(row.tree)))) for row in rows]
    known = _Known(session, [node for _, nodes in read for node in nodes])
    doubts = [doubt for relation, nodes in read for doubt in known.judge(relation, nodes)]
    if any(known.has_instant(nodes) for relation, nodes in read if relation is None):
        doubts += [Doubt(None, _shorten(text)) for text in sql_texts if _says_now(session, text)]
    return sorted(dict.fromkeys(doubts), key=lambda doubt: (doubt.relation is not None, doubt.relation or "", doubt.used))


def _says_now(session: Session, text: str) -> bool:
    """May a quoted text be an instant that follows the clock? Of escapes and pieces PostgreSQL says itself what they mean."""
    meant = text
    if text[0] in "eEuU" or PIECES.search(text):
        meant = str(session.exec_driver_sql(f"select {text.replace('%', '%%')}", {}).scalar_one())
    tag = re.match(r"\$\w*\$", text)
    words = re.findall(r"[^\W\d_][\w/]*", meant.replace(tag[0], "") if tag else meant)
    return NOW.search(meant) is not None and all(NOW.fullmatch(word) or BESIDE_NOW.fullmatch(word) for word in words)


def _shorten(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


class _Known:
    """What PostgreSQL's catalogs say of the functions and types that some nodes name."""

    def __init__(self, session: Session, nodes: Sequence[Node]) -> None:
        called = {node.number(CALLED[node.kind]) for node in nodes if node.kind in CALLED}
        typed = {each for node in nodes for each in (*_list_types(node), *_list_named_types(node))}
        bound = {"functions": sorted(called), "types": sorted(typed)}
        named = queries.load("judging")
        self._functions = {row.number: row for row in session.execute(named["read_functions"], bound)}
        rows = session.execute(named["read_types"], bound).all()
        self._instants: Mapping[int, str] = {row.number: row.written for row in rows if row.is_instant}
        self._checked: Mapping[int, str] = {row.number: row.written for row in rows if row.is_checked}
        self._cast: Mapping[int, str] = {row.number: row.written for row in rows if row.is_cast}

    def has_instant(self, nodes: Sequence[Node]) -> bool:
        """Is there a constant that holds an instant?"""
        return any(node.kind == "CONST" and node.number("consttype") in self._instants for node in nodes)

    def judge(self, relation: str | None, nodes: Sequence[Node]) -> Iterator[Doubt]:
        for node in nodes:
            yield from (Doubt(relation, *each) for each in self._judge(node))
        yield from (Doubt(relation, LIMIT, LIMIT_REMEDY) for query in _find_limited(nodes) if not _is_total(query))

    def find_foreign(self, nodes: Sequence[Node], *, is_read: bool) -> Iterator[str]:
        """Functions, casts and checks that run with our rights and for which no superuser answers."""
        for node in nodes:
            function = self._functions.get(node.number(CALLED[node.kind])) if node.kind in CALLED else None
            if function is not None and not (function.is_trusted and (_is_harmless(function) or not is_read)):
                yield function.written
            yield from (f"a cast of {self._cast[each]}" for each in _list_named_types(node) if each in self._cast)
            types = [node.number("resulttype")] if node.kind == "COERCETODOMAIN" else _list_types(node)
            if node.kind != "CONST":
                yield from (f"the checks of {self._checked[each]}" for each in types if each in self._checked)

    def _judge(self, node: Node) -> Iterator[tuple[str, str]]:
        if node.kind in CALLED:
            function = self._functions.get(node.number(CALLED[node.kind]))
            if function is not None and not _is_repeatable(function.name, function.written, function.volatility):
                yield function.written, ""
        elif node.kind == "SQLVALUEFUNCTION" and node.number("op") in TIME_OF_DAY:
            yield "the time of day", ""
        elif node.kind == "TABLESAMPLECLAUSE":
            yield "tablesample", ""
        elif node.kind == "VAR" and node.number("varattno") < 0:
            yield "a column of PostgreSQL's own, such as ctid or xmin", ""
        elif node.kind != "CONST":
            read = (self._instants[each] for each in _list_types(node) if each in self._instants)
            yield from ((f"a text read as {written}", CAST_REMEDY) for written in read)


FROM_TODAY = re.compile(r"age\([^,]*\)|timezone\((\w+,)?time with time zone\)")
"""`age` of one argument counts from today, and a time of day gets the offset that another zone has today."""


TELLING = re.compile(
    r"now|(transaction|statement|clock)_timestamp|timeofday|random|current_(setting|database|schemas?)|version|pg_has_role"
    r"|has_\w+_privilege"
)
"""Functions of PostgreSQL that do nothing but tell: whether they may be asked is not for `find_foreign` to say."""


def _is_harmless(function: Row[Any]) -> bool:
    """Does a superuser's function nothing but compute? Others run the SQL of a text, read values by types, lock, wait."""
    if function.volatility == "i" or TELLING.fullmatch(function.name) is not None:
        return True
    return bool(function.volatility == "s" and STABLE.fullmatch(function.name) is not None)


def _is_repeatable(name: str, written: str, volatility: str) -> bool:
    """Does a function give the same tomorrow?"""
    return volatility == "i" or (volatility == "s" and STABLE.fullmatch(name) is not None and not FROM_TODAY.fullmatch(written))


def _list_types(node: Node) -> list[int]:
    """Types that a node makes of something else, by reading a text."""
    match node.kind:
        case "CONST":
            return [] if node.fields.get("constisnull") == "true" else [node.number("consttype")]
        case "COERCEVIAIO":
            return [node.number("resulttype")]
        case "JSONRETURNING":
            return [node.number("typid")]
        case "TABLEFUNC":
            return node.numbers("coltypes")
        case _:
            return []


TYPE_FIELDS = ("vartype", "consttype", "resulttype", "funcresulttype", "opresulttype", "row_typeid", "aggtype", "wintype")


def _list_named_types(node: Node) -> list[int]:
    """Types that the values of a node have."""
    return [node.number(field) for field in TYPE_FIELDS if field in node.fields]


def _find_limited(nodes: Sequence[Node]) -> list[Node]:
    """Queries with a plain limit or an offset; whether one that is only asked whether it gives a row has one is no matter."""
    limited = [node for node in nodes if node.kind == "QUERY" and (node.is_set("limitCount") or node.is_set("limitOffset"))]
    asked = [node.fields.get("subselect") for node in nodes if node.kind == "SUBLINK" and node.number("subLinkType") == EXISTS]
    return [query for query in limited if query.number("limitOption") == PLAIN_LIMIT and not any(query is each for each in asked)]


def _is_total(query: Node) -> bool:
    """Are rows that are equal in the order equal in all that they give?"""
    if query.fields.get("hasAggs") == "true" and not query.nodes("groupClause") and not query.nodes("groupingSets"):
        return True  # one row
    ordered = {each.number("tleSortGroupRef") for each in query.nodes("sortClause")}
    given = [target for target in query.nodes("targetList") if target.fields.get("resjunk") != "true"]
    return all(target.number("ressortgroupref") in ordered or _is_constant(target) for target in given)


def _is_constant(target: Node) -> bool:
    expression = target.fields.get("expr")
    return isinstance(expression, Node) and expression.kind == "CONST"
