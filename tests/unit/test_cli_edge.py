"""Results are shown as they are: brackets in what people wrote are not markup."""

from perennial.cli.edge import show, show_table

SAID = "see [/wiki/churn] and [jira-12] :warning: \\"


def test_what_a_person_wrote_is_printed_as_written(capsys):
    show({"because": SAID}, as_json=False)
    assert f"because  {SAID}\n" == capsys.readouterr().out


def test_a_table_shows_what_a_person_wrote(capsys):
    show_table([{"because": SAID}], as_json=False)
    assert SAID in capsys.readouterr().out
