"""The mistakes that `make mutants` makes: which there are, and that each changes what it says."""

import ast
import sys
from textwrap import dedent

import pytest

from tests.paths import ROOT

sys.path.insert(0, str(ROOT / "bench" / "mutants"))  # its modules are found beside the script, as Python finds them there

from edits import find_mutants


def mutate(source):
    """What each mutant makes of a module, in one line."""
    count = len(list(find_mutants(ast.parse(dedent(source)))))
    return [apply(source, place) for place in range(count)]


def apply(source, place):
    tree = ast.parse(dedent(source))
    list(find_mutants(tree))[place].edit()
    return "; ".join(ast.unparse(ast.fix_missing_locations(tree)).splitlines())


@pytest.mark.parametrize(
    ("source", "mutants"),
    [
        ("x = a < b", ["x = a <= b"]),
        ("x = a < b <= c", ["x = a <= b <= c", "x = a < b < c"]),
        ("x = a + b", ["x = a - b"]),
        ("x = a and not b", ["x = a or not b", "x = a and b"]),
        ("x = a if b else c", ["x = c if b else a"]),
        ("x = min(a, key=b)", ["x = max(a, key=b)", "x = min(a)"]),
        ("x = [3, True, 'word']", ["x = [4, True, 'word']", "x = [3, False, 'word']", "x = [3, True, 'a text that got lost']"]),
        ("tell(a)", ["pass"]),
        ("with lock():\n    pass", ["if True:;     pass"]),
        (
            "def f(a: int) -> int:\n    return a",
            ["def f(a: int) -> int:;     return None"],
        ),
        ("if a:\n    pass", ["if not a:;     pass"]),
        (
            "x = f'{a} < :until'",
            ["x = 'a text that got lost'"],
        ),
        (
            "x = f'\"{a}\" < :until'",
            ["x = 'a text that got lost'", "x = f'\"{a}\" <= :until'"],
        ),
        ("x = f'{a:.2f}'", ["x = 'a text that got lost'"]),
        ("'''A text of documentation.'''\nimport a\nassert a\n__all__ = ['a']\nX = Literal['a']", []),
    ],
    ids=[
        "comparison",
        "chain",
        "operator",
        "and",
        "either",
        "call",
        "constants",
        "statement",
        "context",
        "answer",
        "condition",
        "text",
        "SQL",
        "format",
        "what says nothing",
    ],
)
def test_a_mistake_is_one_small_edit(source, mutants):
    assert mutate(source) == mutants


def test_a_mutant_knows_the_lines_whose_tests_may_notice_it():
    (mutant,) = find_mutants(ast.parse("if (\n    a\n):\n    pass"))
    assert (mutant.line, mutant.lines, mutant.what) == (1, range(1, 4), "if a -> if not")


@pytest.mark.parametrize("name", ["compare/verdict.py", "promote/protocol.py", "stores/warehouse/point_in_time.py"])
def test_every_mutant_of_our_own_code_compiles_and_differs(name):
    source = (ROOT / "ml" / "perennial" / name).read_text(encoding="utf-8")
    count = len(list(find_mutants(ast.parse(source))))
    trees = [ast.parse(source) for _ in range(0, count, 20)]
    for tree, place in zip(trees, range(0, count, 20), strict=True):
        list(find_mutants(tree))[place].edit()
        compile(ast.fix_missing_locations(tree), name, "exec")
    assert ast.unparse(ast.parse(source)) not in {ast.unparse(tree) for tree in trees}
