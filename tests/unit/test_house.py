"""Rules of the house that no other tool checks: time is a parameter, files and functions stay small, nothing is left over."""

import ast
import functools
import re

import pytest

from perennial.config import PLATFORM_SQL, label
from perennial.config.terms import list_terms
from perennial.tasks import list_tasks
from tests.paths import ROOT

MODULES = sorted(path for layer in ("ml", "plugins", "dags") for path in (ROOT / layer).rglob("*.py"))
QUERIES = sorted(path for folder in (ROOT / "sql", PLATFORM_SQL) for path in folder.rglob("*.sql"))
LARGEST_FILE_LINES = 300
LONGEST_FUNCTION_LINES = 50

# Where the wall's clock is read: at the edge, to build the clock of a run, and where people wait for a server.
PYTHON_CLOCK = re.compile(r"datetime\.(now|utcnow|today)\(|date\.today\(|\btime\.time\(|pd\.Timestamp\.(now|today)\(")
EDGES = {
    "ml/perennial/cli/edge.py": "the clock of a run from a shell",
    "ml/perennial/airflow/runs.py": "the clock of a run from Airflow",
    "ml/perennial/local/supervisor.py": "the age of logs",
    "ml/perennial/serve/wall.py": "the age of a score that is served",
}
# Of what tells the time or throws dice clock_timestamp() alone may stand in our SQL, for recorded_at and sent_at, which say
# when something was written, and nothing else.
WALL_CLOCK = re.compile(
    r"\b(?:current_date|current_time|current_timestamp|localtime|localtimestamp)\b|'(?:now|today|tomorrow|yesterday)\b"
)
SQL_CALLS = re.compile(r"\b(?:now|timeofday|statement_timestamp|transaction_timestamp|age|random\w*|gen_random_uuid)\s*\(")

LEFT_OVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def name_of(path):
    return path.relative_to(ROOT).as_posix()


every_module = pytest.mark.parametrize("path", MODULES, ids=name_of)
every_query = pytest.mark.parametrize("path", QUERIES, ids=name_of)


@functools.cache
def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def strip_comments(sql):
    return re.sub(r"--[^\n]*", "", sql)


# Who asks which task it is must write the name of one, or of its class, or read label.task. config/label.py names the one that is
# meant where a model file names none; elsewhere label.task is said in a message, so often and no more.
ROOM, UNSAID = "ml/perennial/tasks/", "ml/perennial/config/label.py"
SAID = {"ml/perennial/config/model.py": 4, "ml/perennial/stores/warehouse/tables.py": 1}
TASK_CLASSES = {task.__name__ for task in list_tasks().values()}


def find_questions(tree):
    """Names of tasks and of their classes, and what a name of a task is read from; an objective of a library is none."""
    objectives = {
        id(value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "objective"
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(name)) if name in list_terms() and id(node) not in objectives:
                yield name
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) if name in TASK_CLASSES:
                yield name
            case ast.Attribute(attr="name", value=ast.Name(id="task") | ast.Attribute(attr="task")):
                yield "task.name"


def count_reads(tree):
    """How often label.task is read."""
    ends = [ast.unparse(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "task"]
    return sum(end.rpartition(".")[2] == "label" for end in ends)


@every_module
def test_nobody_outside_the_room_asks_which_task_it_is(path):
    if not name_of(path).startswith((ROOM, UNSAID)):
        assert list(find_questions(parse(path))) == []
        assert count_reads(parse(path)) == SAID.get(name_of(path), 0)


def test_one_name_of_a_task_stands_where_none_is_said():
    assert list(find_questions(parse(ROOT / UNSAID))) == [label.UNSAID]


@pytest.mark.parametrize(
    "asked",
    [
        'if model.label.task == "binary": pass',
        'if "regression" != kind: pass',
        'match kind:\n    case "multiclass": pass',
        'x = {"multiclass": 1}[kind]',
        "if isinstance(task, Multiclass): pass",
        "if type(task) is tasks.Regression: pass",
        "from perennial.tasks.binary import Binary as Plain",
        "if task.name in found: pass",
        "if contest.task.name.startswith('b'): pass",
    ],
)
def test_a_question_for_the_task_is_found_however_it_is_asked(asked):
    assert list(find_questions(ast.parse(asked))) != []
    assert count_reads(ast.parse("kind = label.task")) == count_reads(ast.parse("f(self.model.label.task)")) == 1


@every_module
def test_time_is_a_parameter_away_from_the_edge(path):
    found = [match.group() for match in PYTHON_CLOCK.finditer(path.read_text(encoding="utf-8"))]
    assert found == [] or name_of(path) in EDGES


@pytest.mark.parametrize("name", sorted(EDGES))
def test_an_edge_reads_the_clock_in_one_place(name):
    assert len(PYTHON_CLOCK.findall((ROOT / name).read_text(encoding="utf-8"))) == 1


@every_query
def test_a_query_does_not_ask_for_the_time(path):
    sql = strip_comments(path.read_text(encoding="utf-8")).lower()
    assert WALL_CLOCK.findall(sql) + SQL_CALLS.findall(sql) == []


@every_query
def test_a_query_opens_with_its_purpose(path):
    assert re.match(r"-- (Purpose: |name: )", path.read_text(encoding="utf-8"))


@every_module
def test_a_suppression_says_what_and_why(path):
    """ruff itself refuses bare handlers, unused names and the like: what is let through carries its code and a reason."""
    suppressions = re.findall(r"# ?(?:noqa|type: ?ignore)[^\n]*", path.read_text(encoding="utf-8"))
    explained = re.compile(r"# ?(noqa: [A-Z]+\d+(, ?[A-Z]+\d+)*|type: ignore\[[a-z, -]+\])\s+[-#]+ \S+")
    assert [text for text in suppressions if not explained.match(text)] == []


@every_module
def test_a_file_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LARGEST_FILE_LINES


@every_module
def test_a_function_fits_on_a_screen(path):
    functions = [node for node in ast.walk(parse(path)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    lengths = {node.name: node.end_lineno - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION_LINES} == {}


@every_module
def test_no_model_is_treated_by_its_name(path):
    comparisons = [ast.unparse(node) for node in ast.walk(parse(path)) if isinstance(node, ast.Compare)]
    assert [text for text in comparisons if re.search(r"model(\.name)? (==|in|!=) ?[\[({]?'", text)] == []


@every_module
def test_a_model_is_named_only_where_the_demo_is_told(path):
    names = {model.stem for model in (ROOT / "models").glob("*.toml")}
    texts = {node.value for node in ast.walk(parse(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert texts & names == set() or name_of(path).startswith("ml/perennial/demo/")


@pytest.mark.parametrize("path", [*MODULES, *QUERIES], ids=name_of)
def test_nothing_is_left_for_later(path):
    assert LEFT_OVER.findall(path.read_text(encoding="utf-8")) == []


@every_module
def test_a_module_is_named_after_a_concept(path):
    assert not re.search(r"utils?|helpers?|common|manager|handlers?|\bbase\b|misc", path.stem)


def test_nothing_happens_at_import():
    """A connection, a folder or an environment variable that is read at import would bind a process before anybody asked."""
    imported = [path for path in MODULES if path.name != "__main__.py"]
    calls = {name_of(path): find_calls_at_import(parse(path)) for path in imported}
    assert {name: found for name, found in calls.items() if found} == {}


EFFECTS = re.compile(
    r"^(os\.(environ|getenv|makedirs|mkdir)|open|logging\.basicConfig|create_engine|.*\.(mkdir|write_text|connect)$)"
)


def find_calls_at_import(module):
    statements = [node for node in module.body if isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr))]
    calls = [node for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return [ast.unparse(call.func) for call in calls if EFFECTS.match(ast.unparse(call.func))]
