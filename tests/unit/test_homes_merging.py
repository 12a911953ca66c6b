"""The three-way merge of lines: whatever one side alone changed is taken, and a disagreement is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.homes.merging import Merge, merge

BASE = "one\ntwo\nthree\nfour\nfive\n"
texts = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "d\n"]), max_size=12).map("".join)


def join(yours, ours, base=BASE):
    return merge(base, yours, ours, label="perennial 2")


def test_changes_in_different_places_are_both_taken():
    assert join("one\nTWO\nthree\nfour\nfive\n", "one\ntwo\nthree\nfour\nFIVE\nsix\n") == Merge(
        "one\nTWO\nthree\nfour\nFIVE\nsix\n", 0
    )


def test_the_same_change_is_taken_once():
    assert join("one\nTWO\nthree\nfour\nfive\n", "one\nTWO\nthree\nfour\nfive\n") == Merge("one\nTWO\nthree\nfour\nfive\n", 0)


def test_a_line_that_one_side_deletes_and_the_other_keeps_is_gone():
    assert join("one\nthree\nfour\nfive\n", BASE) == Merge("one\nthree\nfour\nfive\n", 0)


def test_different_changes_of_one_line_are_shown_between_marks():
    merged = join("one\ntwo\nmine\nfour\nfive\n", "one\ntwo\nyours\nfour\nfive\n")
    assert merged == Merge("one\ntwo\n<<<<<<< yours\nmine\n=======\nyours\n>>>>>>> perennial 2\nfour\nfive\n", 1)


def test_every_disagreement_is_counted():
    assert join("ONE\ntwo\nthree\nfour\nFIVE\n", "eins\ntwo\nthree\nfour\nfuenf\n").conflicts == 2


def test_a_change_and_a_deletion_of_one_line_disagree():
    assert join("one\ntwo\nthree\nFOUR\nfive\n", "one\ntwo\nthree\nfive\n").conflicts == 1


def test_a_mark_stands_on_a_line_of_its_own_after_a_file_without_a_last_line_end():
    assert join("mine", "yours", base="base").text == "<<<<<<< yours\nmine\n=======\nyours\n>>>>>>> perennial 2\n"


@pytest.mark.parametrize(("yours", "ours"), [("top\n" + BASE, BASE + "end\n"), (BASE + "end\n", "top\n" + BASE)])
def test_lines_may_be_added_at_both_ends(yours, ours):
    assert join(yours, ours) == Merge(f"top\n{BASE}end\n", 0)


@given(texts, texts)
def test_the_side_that_changed_nothing_has_no_say(base, changed):
    assert merge(base, base, changed, label="x") == merge(base, changed, base, label="x") == Merge(changed, 0)


@given(texts, texts)
def test_sides_that_agree_give_what_they_agree_on(base, changed):
    assert merge(base, changed, changed, label="x") == Merge(changed, 0)


@given(texts, texts, texts)
def test_the_sides_may_change_places(base, yours, ours):
    one, other = merge(base, yours, ours, label="yours"), merge(base, ours, yours, label="yours")
    assert one.conflicts == other.conflicts
    assert one.conflicts > 0 or one.text == other.text
