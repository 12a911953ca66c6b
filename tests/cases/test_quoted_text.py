"""What stands in quotes in a user's SQL means itself."""

import pytest

from tests.cases.harness import MODEL

READ = """
    select distinct firm, document, slices, escaped, dollars, doubled, ":horizon_days; 100%" from features.quit"""


def test_quoted_text_means_itself(open_case):
    case = open_case("quoted_text")
    case.do("refresh", "2025-06-30")
    expected = ("Ada ", ":as_of", 4, "it's; x", "a; :b 'c' $$ \"d\" ", "it's 100% :label_end; done", 180)
    assert case.ask(READ.replace(":", "\\:")) == [expected]


@pytest.mark.attack("a query of a model tells the time, throws dice, or reaches around its sources")
def test_a_second_statement_behind_a_text_is_still_refused(open_case):
    case = open_case("quoted_text")
    case.edit("features.sql", "group by member;", "group by member having e'\\'' <> ';' ; drop table features.quit")
    code, _, said = case.shell.perennial("sync", MODEL)
    assert (2, True) == (code, "more than one statement" in said)
