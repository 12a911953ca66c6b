"""Where a quotation ends, as PostgreSQL sees it."""

import pytest

from perennial.stores.warehouse.lexing import cut


def pick(sql, kind):
    return [token.written for token in cut(sql) if token.kind == kind]


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        ("'it''s; x' || 'y'", ["'it''s; x'", "'y'"]),
        (r"E'it\'s; x' || 'y'", [r"E'it\'s; x'", "'y'"]),
        (r"e'\\' || 'y'", [r"e'\\'", "'y'"]),
        (r"'\' || 'y'", [r"'\'", "'y'"]),
        ("E'a' \n 'b\\'c'", ["E'a' \n 'b\\'c'"]),
        (r"date'\' || 'y'", [r"'\'", "'y'"]),
        ("$$a; 'b$$ || 'y'", ["$$a; 'b$$", "'y'"]),
        ("$x$a $$ b$x$ || 'y'", ["$x$a $$ b$x$", "'y'"]),
        ("a$b$c || 'y$b$'", ["'y$b$'"]),
        ("$1 || 'y'", ["'y'"]),
        (r"U&'\0061' || 'y'", [r"U&'\0061'", "'y'"]),
        ("-- it's\n'y'", ["'y'"]),
        ("/* it's /* nested */ 'x' */ 'y'", ["'y'"]),
        ("\"it's\" || 'y'", ["'y'"]),
        ("'open", []),
    ],
)
def test_a_text_ends_where_postgresql_ends_it(sql, texts):
    assert pick(sql, "text") == texts


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        (":as_of::date - :horizon_days", ["as_of", "horizon_days"]),
        ("a[:2] || a[1:2] || a[: n]", []),
        ("a[1:n] || a[(1):n] || a[b[1]:n]", []),
        ("""'(?:a|b)' || '{"a":1}' || $$:c$$ || ":d" -- :e""", []),
        ("f(x := 1)", []),
        ("x::text", []),
        (":été", ["été"]),
    ],
)
def test_a_parameter_is_a_name_after_a_colon_in_the_open(sql, names):
    assert pick(sql, "parameter") == names


@pytest.mark.parametrize("sql", ["select 'a' /* b", "x::y:z 'q' $t$ 1.5e3 \"n\" é$", ""])
def test_no_character_is_lost(sql):
    assert "".join(f":{token.written}" if token.kind == "parameter" else token.written for token in cut(sql)) == sql
