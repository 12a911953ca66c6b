"""A notice becomes a message that says the same in text and in HTML, with its picture inside and nothing outside."""

from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from perennial.records import Notice
from perennial.stores.mail import render
from perennial.stores.mail.picture import _draw_bars
from tests.browsing import HOSTILE, browse, needs_chromium

NOTICE = Notice(
    model="lapse",
    as_of=date(2017, 11, 27),
    event="decision",
    headline="TRAIN: the mean score has shifted in 2 of the last 3 checks",
    summary="2,469 rows were scored with version 3 & a shift of more than 10 % <was> seen; it began on 2017-11-20.",
    moved=(("mean score", ".128", ".154", "PSI 0.118"), ("recency_days", "9.4", "12.8", "PSI 0.162, drifted")),
    system_did=("Published the scores.", "Asked for a retraining, whose verdict comes in a mail of its own."),
    you_must=("Read on.",),
    chart={"recency_days": 0.162, "orders_28d": 0.04},
    chart_limit=0.1,
    chart_title="Drift per column",
    links=(("Drift report", "https://perennial.example.com/reports/7?a=1&b=2"),),
)


def render_notice(notice=NOTICE):
    return render(
        notice,
        sender="perennial@example.com",
        recipient="growth@example.com",
        message_id="<lapse.2017-11-27.decision@example.com>",
        sent_at=datetime(2017, 11, 27, 12, tzinfo=UTC),
    )


def body(message, subtype):
    return message.get_body((subtype,)).get_content()


class Reader(HTMLParser):
    """What a person reads in an HTML page: its texts, alternative texts and addresses of links, in order."""

    def __init__(self):
        super().__init__()
        self.words = []
        self.addresses = []
        self.hidden = False

    def handle_starttag(self, tag, attributes):
        self.hidden = tag in ("style", "title")
        found = dict(attributes)
        self.words += found.get("alt", "").split()
        self.addresses += [found["href"]] if tag == "a" else []

    def handle_data(self, data):
        self.words += [] if self.hidden else data.split()

    def handle_endtag(self, tag):
        self.hidden = False
        self.words += [self.addresses.pop()] if tag == "a" else []


def words_of_html(page):
    reader = Reader()
    reader.feed(page)
    return reader.words


def words_of_text(text):
    return [word for word in text.split() if set(word) - {"-", "*"}]


@pytest.mark.parametrize(
    "notice",
    [
        NOTICE,
        replace(NOTICE, moved=(), links=(), chart={}, chart_limit=None),
        replace(NOTICE, you_must=(), system_did=(), headline="lapse.refresh failed at validate"),
    ],
)
def test_text_and_html_say_the_same_words_in_the_same_order(notice):
    message = render_notice(notice)
    assert words_of_text(body(message, "plain")) == words_of_html(body(message, "html"))


def test_the_subject_names_model_day_and_verdict():
    assert (
        render_notice()["Subject"] == "[perennial] lapse 2017-11-27: TRAIN - the mean score has shifted in 2 of the last 3 checks"
    )


def test_the_subject_of_a_failure_begins_with_what_failed():
    message = render_notice(replace(NOTICE, headline="lapse.refresh failed at\nvalidate"))
    assert message["Subject"] == "[perennial] lapse 2017-11-27: lapse.refresh failed at validate"


@pytest.mark.parametrize(("event", "word"), [("question_3", "NOTE"), ("failure_refresh", "FAILED")])
def test_only_a_failure_is_called_one(event, word):
    message = render_notice(replace(NOTICE, event=event, headline="may version 3 become champion?"))
    assert word in body(message, "plain").split()
    assert not ({"NOTE", "FAILED"} - {word}) & set(body(message, "plain").split())
    assert message["Subject"].endswith("2017-11-27: may version 3 become champion?")


def test_a_long_subject_ends_at_a_word():
    subject = render_notice(replace(NOTICE, headline="BLOCK: " + "spend_28d is null " * 20))["Subject"]
    assert len(subject) <= 140
    assert subject.endswith(" spend_28d\N{HORIZONTAL ELLIPSIS}")


def test_the_headers_say_who_when_and_which():
    message = render_notice()
    assert (message["From"], message["To"]) == ("Perennial <perennial@example.com>", "growth@example.com")
    assert message["Date"] == "Mon, 27 Nov 2017 12:00:00 +0000"
    assert message["Message-ID"] == "<lapse.2017-11-27.decision@example.com>"


def test_the_picture_travels_inside_and_the_page_refers_to_it():
    message = message_from_bytes(render_notice().as_bytes(), policy=policy.default)
    [picture] = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.get_content_disposition() == "inline"
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in body(message, "html")


def test_without_a_chart_there_is_no_picture():
    message = render_notice(replace(NOTICE, chart={}))
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]


def test_nothing_is_loaded_from_elsewhere():
    page = body(render_notice(replace(NOTICE, links=())), "html")
    assert "http" not in page
    assert "url(" not in page
    assert "<script" not in page


@pytest.mark.attack("words of the data act in a page or a mail")
def test_words_from_data_cannot_become_markup():
    page = body(render_notice(replace(NOTICE, summary="<img src=x>")), "html")
    assert "&lt;img src=x&gt;" in page


@needs_chromium
@pytest.mark.attack("words of the data act in a page or a mail")
def test_words_from_data_do_not_act_in_a_browser(tmp_path):
    said = dict.fromkeys(("headline", "summary"), HOSTILE) | {
        "moved": ((HOSTILE,) * 4,),
        "system_did": (HOSTILE,),
        "you_must": (HOSTILE,),
        "links": ((HOSTILE, "https://perennial.example.com/"),),
    }
    shown, asked = browse(body(render_notice(replace(NOTICE, **said)), "html"), tmp_path)
    assert "<title>acted</title>" not in shown
    assert [] == [path for path in asked if path != "/favicon.ico"]
    assert '&lt;svg onload="' in shown


def test_styles_stand_on_the_elements_and_dark_and_narrow_readers_have_rules():
    page = body(render_notice(), "html")
    assert '<h1 style="' in page
    assert "prefers-color-scheme: dark" in page
    assert "max-width: 480px" in page


@pytest.mark.parametrize("chart", [{"auc": -0.0004, "log_loss": 0.0001}, {"auc": 0.0}, {"a" * 40: 5.5}])
def test_any_chart_can_be_drawn(chart):
    assert "image/png" in [part.get_content_type() for part in render_notice(replace(NOTICE, chart=chart)).walk()]


def test_a_figure_stands_to_the_right_of_its_bar_on_no_bar_and_on_no_name():
    axes = Figure().add_subplot()
    FigureCanvasAgg(axes.figure)
    _draw_bars(axes, replace(NOTICE, chart={"auc": 0.0004, "brier": -0.0001, "log_loss": -0.00123456}, chart_limit=None))
    figures = [text.get_window_extent() for text in axes.texts]
    bars = [bar.get_window_extent() for bar in axes.patches]
    assert len(figures) == len(bars) == 3
    assert all(figure.x0 >= bar.x1 for figure, bar in zip(figures, bars, strict=True))


def test_the_same_notice_gives_the_same_parts():
    def parts(message):
        return [part.get_payload() for part in message.walk() if not part.is_multipart()]

    assert parts(render_notice()) == parts(render_notice())
