"""docs/trust.md says what the program and its tests say now: rights, attacks that are counted, and the 28 items of the rubric."""

import re

import pytest

from docs.tools.counted import count_marked
from docs.tools.reference import FOLDER
from docs.tools.rubric import ITEMS, NOT_DONE, SECTIONS
from docs.tools.trust import render_trust
from tests.paths import ROOT

PAGE = (FOLDER / "../trust.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def marked():
    return count_marked()


def test_the_page_is_what_make_reference_writes():
    assert render_trust() == PAGE


def test_the_rubric_has_seven_items_in_each_of_four_sections():
    assert [f"{section}{number}" for section in SECTIONS for number in range(1, 8)] == list(ITEMS)


def test_an_item_has_tests_or_a_reason_and_never_both(marked):
    shown = {item for case in marked for item in case.items}
    assert shown | set(NOT_DONE) == set(ITEMS)
    assert set() == shown & set(NOT_DONE)


def test_what_shows_an_item_or_tries_an_attack_is_left_out_nowhere(marked):
    assert [] == [case.test for case in marked if case.is_left_out]


def test_every_test_that_the_page_names_is_there():
    named = re.findall(r"`(\S+\.py)::(\w+)`", PAGE)
    assert named
    assert [] == [name for file, name in named if f"def {name}(" not in (ROOT / "tests" / file).read_text(encoding="utf-8")]


def test_the_counts_are_those_of_the_cases(marked):
    (_, attempts) = re.search(r"^\| All \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE).groups()
    assert int(attempts) == sum(len(case.attacks) for case in marked)
