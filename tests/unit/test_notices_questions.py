"""What a person is asked about a promotion, and what becomes of the question."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from markdown_it import MarkdownIt

from perennial import notices
from perennial.records import (
    ApprovalQuestion,
    Interval,
    MetricComparison,
    Outcome,
    Verdict,
)

AS_OF = date(2017, 11, 6)
CLOCK = datetime(2017, 11, 6, 11, tzinfo=UTC)
VERDICT = Verdict(
    model="lapse",
    as_of=AS_OF,
    outcome=Outcome.PROMOTE,
    challenger_version=2,
    champion_version=1,
    holdout_as_ofs=(date(2017, 9, 25), date(2017, 10, 2)),
    rows=4400,
    positives=500,
    metrics=(MetricComparison("auc", 0.85, 0.87, Interval(0.02, 0.01, 0.03, 0.005)), MetricComparison("brier", 0.1, 0.09, None)),
    baselines=(),
    segments=(),
    knowledge_lag_days=84,
    reasons=("The gain lies above 0.", "It was trained to 2017-08-14."),
)
QUESTION = ApprovalQuestion(
    question_id=3,
    model="lapse",
    as_of=AS_OF,
    version=2,
    champion_version=1,
    evaluation_id=7,
    because=('promotion.approval = "manual".',),
    status="open",
    deadline=datetime(2017, 11, 9, 11, tzinfo=UTC),
    purpose="simulation",
    effective_at=CLOCK,
)


def write_question():
    return notices.write_question(QUESTION, VERDICT, mlflow_run="http://run", airflow="http://airflow/dags/lapse.approve")


def test_a_question_carries_the_evidence_of_its_verdict():
    notice = write_question()
    assert "may version 2 become champion?" == notice.headline
    assert ("AUC", "0.85", "0.87", "gain +0.0200 [+0.0100, +0.0300]") == notice.moved[0]
    assert notice.summary.endswith('A person decides, because: promotion.approval = "manual".')


def test_a_question_says_how_to_answer_and_what_happens_without_an_answer():
    assert (
        "Answer in Airflow at lapse.approve, or from a shell: `perennial approve lapse 2` or `perennial reject lapse 2`.",
        "Airflow waits until 2017-11-09 11:00 UTC. Unanswered it stays open; the next look asks again.",
    ) == write_question().you_must


def test_each_version_is_asked_about_in_a_notice_of_its_own():
    assert "question_2" == write_question().event


def test_airflow_shows_the_table_of_the_question_in_markdown():
    shown = notices.show_in_markdown(write_question())
    assert "| AUC | 0.85 | 0.87 | gain +0.0200 [+0.0100, +0.0300] |" in shown
    assert "[Answer in Airflow](http://airflow/dags/lapse.approve) · [MLflow run](http://run)" in shown


@pytest.mark.attack("words of the data act in a page or a mail")
def test_words_of_the_data_are_no_link_picture_or_table_where_airflow_asks():
    hostile = "income = | <img src=x> ![x](https://evil.example.com/x) [Approve](https://evil.example.com)\n\n# Approve"
    notice = replace(write_question(), summary=hostile, moved=((hostile,) * 4,), system_did=(hostile,))
    shown = MarkdownIt("commonmark").enable("table").render(notices.show_in_markdown(notice))
    assert [] == re.findall(r"<img|<h1|evil[^ ]*\">", shown)
    assert 4 == shown.count("<td>")
    assert shown.count("<a href=") == len(notice.links)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "The question about version 2 waits for a person."),
        (
            {"status": "approved", "answered_by": "ann", "answer_source": "airflow"},
            "Version 2 was approved by ann (airflow).",
        ),
        (
            {"status": "rejected", "answered_by": "ann", "answer_source": "shell", "remark": "Not before Christmas."},
            "Version 2 was rejected by ann (shell). Not before Christmas.",
        ),
        ({"status": "superseded", "remark": "Version 3 came."}, "The question about version 2 was superseded. Version 3 came."),
        ({"status": "expired"}, "The question about version 2 has expired."),
    ],
)
def test_a_question_says_what_became_of_it(changes, sentence):
    assert sentence == notices.say_what_became(replace(QUESTION, **changes))


@pytest.mark.parametrize(
    ("changes", "headline", "did"),
    [
        (
            {"status": "approved", "answered_by": "ann", "answer_source": "airflow"},
            "version 2 was approved by ann",
            "version 2 takes the place of version 1 if that one is still champion and the files pass",
        ),
        (
            {"status": "rejected", "answered_by": "ann", "answer_source": "shell"},
            "version 2 was rejected by ann",
            "Left the champion, version 1, as it is",
        ),
        ({"status": "expired"}, "version 2 was not promoted: nobody answered", "Left the champion, version 1, as it is"),
        (
            {"status": "superseded"},
            "version 2 was not promoted: the question is out of date",
            "Closed the question; what serves stays as it is.",
        ),
    ],
)
def test_the_end_of_a_question_is_told_as_well(changes, headline, did):
    notice = notices.write_answer(replace(QUESTION, **changes))
    assert (headline, "answer_2") == (notice.headline, notice.event)
    assert did in notice.system_did[0]
