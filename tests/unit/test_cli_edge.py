"""Results are shown as they are: brackets in what people wrote are not markup."""

from datetime import UTC, datetime

import pytest

from perennial.cli.edge import show, show_table

SAID = "see [/wiki/churn] and [jira-12] :warning: \\"


def test_what_a_person_wrote_is_printed_as_written(capsys):
    show({"because": SAID}, as_json=False)
    assert f"because  {SAID}\n" == capsys.readouterr().out


def test_a_table_shows_what_a_person_wrote(capsys):
    show_table([{"because": SAID}], as_json=False)
    assert SAID in capsys.readouterr().out


@pytest.mark.parametrize(("columns", "longest"), [("80", 80), ("40", 40)])
def test_a_table_stays_within_the_terminal(columns, longest, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    show_table([{"as_of": "2025-10-20", "because": SAID * 9, "by": "somebody@example.com", "kind": "rollback"}], as_json=False)
    assert max(len(line) for line in capsys.readouterr().out.splitlines()) <= longest


def test_no_short_word_of_a_table_is_broken_where_there_is_room(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    show_table([{"as_of": "2025-10-20", "because": "one two " * 40, "reason_1": "+ tickets_28d = 1"}], as_json=False)
    shown = capsys.readouterr().out
    assert "2025-10-20" in shown
    assert "tickets_28d" in shown


def test_a_table_shortens_numbers_and_instants_and_leaves_out_what_is_not_there(capsys):
    show_table([{"score": 0.57791234, "at": datetime(2017, 10, 30, 10, 5, 7, tzinfo=UTC), "before": None}], as_json=False)
    assert ["0.5779", "2017-10-30", "10:05"] == capsys.readouterr().out.splitlines()[-1].split()
