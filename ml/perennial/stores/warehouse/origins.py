"""Which columns of the sources a column of the open query is made of, read from what PostgreSQL understood of it.

The rule of the temporary view `user_query` is followed through subqueries, common table expressions and the point-in-time views
down to the tables of the sources. Nothing is read from the text of the query, and nothing is guessed: what only decides which
rows there are is kept apart from what a value is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Literal, TypeAlias

from perennial.config import Declaration
from perennial.records import Column, ColumnOrigin, ColumnOrigins, Way
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.conditions import feature_bounds
from perennial.stores.warehouse.labels import open_labels
from perennial.stores.warehouse.point_in_time import open_views
from perennial.stores.warehouse.relations import locate_history
from perennial.stores.warehouse.trees import Node, Value, read_tree, walk
from perennial.stores.warehouse.user_query import feature_parameters, open_query

Scope: TypeAlias = tuple[Node, ...]
"""A query and those around it, the innermost first."""
Found: TypeAlias = frozenset[tuple[int, int, Way]]
"""Relation, position of its column (0: every one), and how it bears."""

NOTHING: Found = frozenset()
ROWS = -1  # beside the numbers of columns
RELATION, SUBQUERY, JOIN, CTE, GROUP = 0, 1, 2, 6, 9  # RTEKind of its parsenodes.h
GIVES_A_VALUE = (4, 5, 6)  # SubLinkType of its primnodes.h: one value, several, an array; the others are conditions
VALUE_WAYS = ("identity", "transformation", "aggregation")


def find_origins(
    session: Session, declaration: Declaration, as_of: date, kind: Literal["features", "labels"] = "features"
) -> ColumnOrigins:
    """What the columns of features.sql, or of labels.sql, are made of.

    Opens the views of the day and reads no fact.

    Raises:
        ForbiddenSource, ConfigError: the SQL or a source is wrong.
    """
    if kind == "labels":
        with open_labels(session, declaration, as_of):
            return read_origins(session)
    model = declaration.model
    with (
        open_views(session, declaration, feature_bounds(model, as_of)),
        open_query(session, f"sql/{model.name}/features.sql", declaration.features_sql, feature_parameters(model, as_of)),
    ):
        return read_origins(session)


def read_origins(session: Session) -> ColumnOrigins:
    """What the columns of the open query are made of."""
    names = [row.name for row in session.execute(queries.load("warehouse")["read_query_columns"])]
    trees: dict[int, Node] = {}
    for row in session.execute(queries.load("lineage")["read_trees"]):
        query = next(node for node in walk(read_tree(row.tree)) if node.kind == "QUERY")
        if row.is_query:
            asked = query
        trees[row.number] = query
    made, rows = _Reader(trees).follow(asked, len(names))
    tables = _Tables(session, {relation for found in (*made, rows) for relation, _, _ in found})
    return ColumnOrigins({name: tables.write(found) for name, found in zip(names, made, strict=True)}, tables.write(rows))


def find_sources(declaration: Declaration) -> dict[str, tuple[str, str]]:
    """Schema and name of the tables that hold the facts of the declared sources, by the names that queries give them."""
    sources = declaration.model.sources
    captured = {name: locate_history(name, source) for name, source in sources.items() if source.times == "captured"}
    return {name: captured.get(name) or source.locate(name) for name, source in sources.items()}


def describe_table(session: Session, schema: str, table: str) -> tuple[Column, ...]:
    """The columns of a table in their order; none where there is no such table."""
    rows = session.execute(queries.load("warehouse")["read_table_columns"], {"schema": schema, "table": table})
    return tuple(Column(row.name, row.type) for row in rows)


class _Tables:
    """How relations and their columns are called."""

    def __init__(self, session: Session, relations: set[int]) -> None:
        self._columns: dict[int, dict[int, tuple[str, str, str]]] = {}
        for row in session.execute(queries.load("lineage")["read_columns"], {"relations": sorted(relations)}):
            self._columns.setdefault(row.relation, {})[row.position] = (row.schema, row.table, row.column)

    def write(self, found: Found) -> tuple[ColumnOrigin, ...]:
        return tuple(sorted({origin for each in found for origin in self._write(*each)}))

    def _write(self, relation: int, position: int, way: Way) -> Iterator[ColumnOrigin]:
        columns: Mapping[int, tuple[str, str, str]] = self._columns.get(relation, {})
        for place in columns if position == 0 else columns.keys() & {position}:
            yield ColumnOrigin(*columns[place], way)


class _Reader:
    """Follows the columns of a query to those of tables."""

    def __init__(self, trees: Mapping[int, Node]) -> None:
        self._trees = trees
        self._known: dict[tuple[int, int], Found] = {}
        self._looked_at: set[tuple[int, int]] = set()

    def follow(self, query: Node, count: int) -> tuple[list[Found], Found]:
        """What each of the columns of a query is made of, and what decides which rows it gives.

        Again until nothing is added: a recursive query is made of what it is made of.
        """
        while True:
            before = dict(self._known)
            self._looked_at.clear()
            columns, rows = [self.find_column((query,), number) for number in range(1, count + 1)], self.find_rows((query,))
            if self._known == before:
                return columns, rows

    def find_column(self, scope: Scope, number: int) -> Found:
        """What a column of a query is made of; number 0 means all of them."""
        return self._recall((id(scope[0]), number), lambda: self._find_column(scope, number))

    def find_rows(self, scope: Scope) -> Found:
        """What decides which rows a query gives."""
        return self._recall((id(scope[0]), ROWS), lambda: _unite(self._list_rows(scope)))

    def _recall(self, key: tuple[int, int], find: Callable[[], Found]) -> Found:
        if key not in self._looked_at:
            self._looked_at.add(key)
            self._known[key] = find()
        return self._known.get(key, NOTHING)

    def _find_column(self, scope: Scope, number: int) -> Found:
        query = scope[0]
        if query.is_set("setOperations"):
            return _unite(self._find_entry(entry, scope, number) for entry in _list_united(query))
        targets = (each for each in query.nodes("targetList") if each.fields.get("resjunk") != "true")
        return _unite(self._read(each.fields["expr"], scope) for each in targets if number in (0, each.number("resno")))

    def _list_rows(self, scope: Scope) -> Iterator[Found]:
        query = scope[0]
        entries = _list_united(query) if query.is_set("setOperations") else []
        for node in _walk_joins(query.fields.get("jointree", "")):
            if node.kind == "RANGETBLREF":
                entries.append(query.nodes("rtable")[node.number("rtindex") - 1])
            else:
                yield _bend(self._read(node.fields["quals"], scope), "filter" if node.kind == "FROMEXPR" else "join")
        yield from (self._find_rows_of(entry, scope) for entry in entries)
        yield _bend(self._read(query.fields.get("havingQual", ""), scope), "filter")
        yield _bend(self._read_sorted(query, ("groupClause", "distinctClause"), scope), "group_by")
        if query.fields.get("hasDistinctOn") == "true" or query.is_set("limitCount") or query.is_set("limitOffset"):
            yield _bend(self._read_sorted(query, ("sortClause",), scope), "sort")

    def _find_rows_of(self, entry: Node, scope: Scope) -> Found:
        inner = self._enter(entry, scope)
        if inner is not None:
            return self.find_rows(inner)
        return _bend(_unite(self._read(entry.fields.get(each, ""), scope) for each in ("functions", "tablefunc")), "filter")

    def _enter(self, entry: Node, scope: Scope) -> Scope | None:
        """The query behind an entry of a range table, with its surroundings; None where there is none."""
        kind = entry.number("rtekind")
        if kind == RELATION and entry.number("relid") in self._trees:
            return (self._trees[entry.number("relid")],)
        if kind == SUBQUERY and isinstance(subquery := entry.fields["subquery"], Node):
            return (subquery, *scope)
        if kind == CTE:
            around = scope[entry.number("ctelevelsup") :]
            named = (each for each in around[0].nodes("cteList") if each.fields["ctename"] == entry.fields["ctename"])
            query = next(named).fields["ctequery"]
            return (query, *around) if isinstance(query, Node) else None
        return None

    def _find_entry(self, entry: Node, scope: Scope, number: int) -> Found:
        """What a column of an entry of a range table is made of."""
        inner = self._enter(entry, scope)
        if inner is not None:
            return self.find_column(inner, number)
        match entry.number("rtekind"):
            case kind if kind == RELATION:
                return frozenset({(entry.number("relid"), number, "identity")}) if number >= 0 else NOTHING
            case kind if kind in (JOIN, GROUP):
                listed = entry.fields["joinaliasvars" if kind == JOIN else "groupexprs"]
                return self._read(listed[number - 1] if number and isinstance(listed, list) else listed, scope)
            case _:
                read = (self._read(entry.fields.get(each, ""), scope) for each in ("functions", "tablefunc", "values_lists"))
                return _bend(_unite(read), "transformation")

    def _read_sorted(self, query: Node, clauses: tuple[str, ...], scope: Scope) -> Found:
        """What the expressions are made of that some clauses name by their references."""
        wanted = {each.number("tleSortGroupRef") for clause in clauses for each in query.nodes(clause)}
        targets = (each for each in query.nodes("targetList") if each.number("ressortgroupref") in wanted)
        return _unite(self._read(each.fields["expr"], scope) for each in targets)

    def _read(self, value: Value, scope: Scope) -> Found:
        """What an expression is made of."""
        if isinstance(value, list):
            return _unite(self._read(each, scope) for each in value)
        if not isinstance(value, Node):
            return NOTHING
        if value.kind == "VAR":
            around = scope[value.number("varlevelsup") :]
            return self._find_entry(around[0].nodes("rtable")[value.number("varno") - 1], around, value.number("varattno"))
        return _unite(self._list_parts(value, scope))

    def _list_parts(self, part: Node, scope: Scope) -> Iterator[Found]:
        match part.kind:
            case "RELABELTYPE" | "TARGETENTRY":
                yield from (self._read(each, scope) for each in part.fields.values())
            case "AGGREF" | "WINDOWFUNC":
                yield from self._list_called(part, scope)
            case "CASEEXPR" | "CASE" | "CASEWHEN" | "WHEN":
                yield from self._list_cases(part, scope)
            case "SUBLINK":
                yield self._read_sublink(part, scope)
            case _:
                yield from (_bend(self._read(each, scope), "transformation") for each in part.fields.values())

    def _list_called(self, call: Node, scope: Scope) -> Iterator[Found]:
        """An aggregate or a window function: what it gathers, and what decides from which rows."""
        gathers = call.kind == "AGGREF" or call.fields.get("winagg") == "true"  # others look at one row, such as the one before
        read = _unite(self._read(call.fields.get(each, ""), scope) for each in ("args", "aggdirectargs"))
        yield _bend(read, "aggregation" if gathers else "transformation")
        yield _bend(self._read(call.fields.get("aggfilter", ""), scope), "conditional")
        for window in scope[0].nodes("windowClause"):
            if call.kind == "WINDOWFUNC" and window.number("winref") == call.number("winref"):
                clauses = {name: window.fields[name] for name in ("partitionClause", "orderClause")}
                within = Node("WINDOW", {**clauses, "targetList": scope[0].fields["targetList"]})
                yield _bend(self._read_sorted(within, tuple(clauses), scope), "window")

    def _list_cases(self, case: Node, scope: Scope) -> Iterator[Found]:
        """A case or one of its branches: the values that it may give, and what decides between them."""
        is_branch = case.kind in ("CASEWHEN", "WHEN")
        yield _bend(self._read(case.fields["expr" if is_branch else "arg"], scope), "conditional")
        given = ("result",) if is_branch else ("args", "defresult")
        yield _bend(_unite(self._read(case.fields[each], scope) for each in given), "transformation")

    def _read_sublink(self, link: Node, scope: Scope) -> Found:
        query = link.fields["subselect"]
        assert isinstance(query, Node), "a subquery in an expression is a query"
        inner, is_value = (query, *scope), link.number("subLinkType") in GIVES_A_VALUE
        tested = self._read(link.fields.get("testexpr", ""), scope)
        given = _unite([tested, self.find_column(inner, 0)])
        return _bend(given, "transformation" if is_value else "conditional") | _bend(self.find_rows(inner), "conditional")


def _walk_joins(value: Value) -> Iterator[Node]:
    """The parts of a FROM: lists, joins, and what they join."""
    for node in value if isinstance(value, list) else [value]:
        if isinstance(node, Node):
            yield node
            for branch in ("fromlist", "larg", "rarg"):
                yield from _walk_joins(node.fields.get(branch, ""))


def _list_united(query: Node) -> list[Node]:
    """The entries that a UNION, EXCEPT or INTERSECT puts together."""
    places = (node.number("rtindex") for node in walk(query.fields["setOperations"]) if node.kind == "RANGETBLREF")
    return [query.nodes("rtable")[place - 1] for place in places]


def _unite(found: Iterable[Found]) -> Found:
    return frozenset().union(*found)


def _bend(found: Found, way: Way) -> Found:
    """What was found, seen through something that changes how it bears: a value stays one only through what gives values."""
    return frozenset((relation, position, _combine(inner, way)) for relation, position, inner in found)


def _combine(inner: Way, outer: Way) -> Way:
    if outer not in VALUE_WAYS:
        return outer
    if inner not in VALUE_WAYS:
        return inner
    return "aggregation" if "aggregation" in (inner, outer) else "transformation" if "transformation" in (inner, outer) else outer
