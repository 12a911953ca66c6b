"""A card says the same in Markdown and in HTML, needs nothing from elsewhere, and lets no word become markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from perennial.card import describe_version, render_html, render_markdown, write_model_card
from perennial.card.document import Tile
from perennial.card.pictures import find_span
from perennial.metrics import ReliabilityBin
from perennial.records import Interval
from perennial.records.cards import LoggedTraining
from perennial.records.markdown import escape_markdown
from tests.browsing import HOSTILE, browse, needs_chromium
from tests.cards import CHALLENGER, CHAMPION, DECLARATION, MEASURED, RECIPE, REFRESHED, serve

EVIDENCE = {
    "challenger": CHALLENGER,
    "champion": CHAMPION,
    "provisional": serve(CHAMPION, 2),
    "final": serve(CHAMPION, 6),
    "refreshed": serve(REFRESHED, 3),
}
EVIL = "<script>alert(1)</script> | **bold** [here](https://evil.example.com) ![x](y) `code` _it_"


class Reader(HTMLParser):
    """The words that a person reads, in order, and the addresses that a browser would ask for."""

    def __init__(self):
        super().__init__()
        self.words, self.asked, self.tags = [], [], set()
        self.hidden = 0

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.add(tag)
        self.asked += [found[name] for name in ("src", "href", "srcset") if name in found and tag != "a"]
        self.hidden += tag in ("style", "title", "nav")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "title", "nav")

    def handle_data(self, data):
        self.words += [] if self.hidden else data.split()


def read(page):
    reader = Reader()
    reader.feed(page)
    return reader


def words_of_markdown(text):
    return read(MarkdownIt("commonmark").enable("table").render(text)).words


def facts_of(words):
    """Figures, days and names: what must not differ between the layouts, whatever stands around them."""
    return sorted(word.strip("[](),.;:*") for word in words if re.search(r"\d|_", word))


@pytest.mark.parametrize("name", EVIDENCE)
def test_markdown_and_html_hold_the_same_facts(name):
    card = write_model_card(EVIDENCE[name])
    written, shown = facts_of(words_of_markdown(render_markdown(card))), facts_of(read(render_html(card)).words)
    assert 100 < len(written)
    assert written == shown


@pytest.mark.parametrize("name", EVIDENCE)
def test_the_page_asks_nobody_for_anything(name):
    page = read(render_html(write_model_card(EVIDENCE[name])))
    assert [] == [address for address in page.asked if not address.startswith("data:image/png;base64,")]
    assert not page.tags & {"script", "link", "iframe", "object"}
    assert "default-src 'none'" in render_html(write_model_card(EVIDENCE[name]))


def test_every_picture_stands_inside_the_page_and_beside_the_markdown():
    card = write_model_card(serve(replace(CHAMPION, logged=LoggedTraining(pictures={"folds": b"\x89PNG"})), 4))
    assert {"reliability.png", "course.png", "folds.png"} == set(card.pictures)
    assert 3 == render_html(card).count('src="data:image/png')
    assert {f"]({file})" for file in card.pictures} == set(re.findall(r"\]\(\w+\.png\)", render_markdown(card)))


def say_everywhere(words):
    """What of the evidence is changed where people or data say something, by the place."""
    model = DECLARATION.model.model_copy(update={"description": words})
    verdict = replace(CHAMPION.verdicts[0], verdict=replace(CHAMPION.verdicts[0].verdict, reasons=(words,)))
    segment = replace(MEASURED.segments[0], value=words)
    return {
        "description": {"declaration": DECLARATION.model_copy(update={"model": model})},
        "reason": {"verdicts": (verdict,)},
        "segment": {"measured": replace(MEASURED, segments=(segment,))},
        "recipe": {"recipe": replace(RECIPE, because=words)},
    }


@needs_chromium
@pytest.mark.attack("words of the data act in a page or a mail")
def test_words_from_people_and_data_do_not_act_in_a_browser(tmp_path):
    changed = {name: value for place in say_everywhere(HOSTILE).values() for name, value in place.items()}
    page = render_html(write_model_card(replace(CHAMPION, **changed)))
    open_page = page.replace('http-equiv="Content-Security-Policy"', "")  # its own rules would stop what stood there as markup
    assert page != open_page
    shown, asked = browse(open_page, tmp_path)
    assert "<title>acted</title>" not in shown
    assert [] == [path for path in asked if path != "/favicon.ico"]
    assert '&lt;svg onload="' in shown


@pytest.mark.attack("words of the data act in a page or a mail")
@pytest.mark.parametrize("place", ["description", "reason", "segment", "recipe"])
def test_words_from_people_and_data_cannot_become_markup(place):
    card = write_model_card(replace(CHAMPION, **say_everywhere(EVIL)[place]))
    for page in (render_html(card), MarkdownIt("commonmark").enable("table").render(render_markdown(card))):
        assert "<script" not in page
        assert "evil.example.com]" not in page
        assert 'href="https://evil' not in page
        assert " ".join(EVIL.split()) in " ".join(read(page).words)


@pytest.mark.attack("words of the data act in a page or a mail")
@pytest.mark.parametrize("said", [{"headline": EVIL}, {"tiles": (Tile(EVIL, ""),)}, {"tiles": (Tile("", EVIL),)}])
def test_words_cannot_become_markup_in_the_list_of_versions(said):
    described = describe_version(replace(write_model_card(CHAMPION), **said), "https://airflow.example.com/card")
    page = read(MarkdownIt("commonmark").render(described))
    assert {"p", "strong", "a"} == page.tags
    assert " ".join(EVIL.split()) in " ".join(page.words)


def test_the_same_evidence_gives_the_same_bytes():
    first, second = (write_model_card(serve(CHAMPION, 4)) for _ in range(2))
    assert render_html(first) == render_html(second)


def test_a_name_with_underscores_stays_readable_in_the_terminal():
    assert "orders_84d of _it\\_ \\| 5" == escape_markdown("orders_84d of _it_ | 5").replace("\\_it", "_it")


def test_the_list_of_versions_shows_the_status_and_the_way_to_the_card():
    described = describe_version(write_model_card(serve(CHAMPION, 1)), "https://airflow.example.com/perennial/cards/lapse/7")
    assert described.startswith("**champion, provisional.** This fit of recipe 3 serves since 2017-11-01. The recipe is champion")
    assert described.endswith("[Model card](https://airflow.example.com/perennial/cards/lapse/7)")


@pytest.mark.parametrize(
    ("points", "span"),
    [
        (((0.1, 0.2), (0.5, 0.4)), (0, 0.54)),
        (((-50, -40), (10, 20)), (-54, 21.6)),
        (((-9, -5),), (-9.72, 0)),
        (((0, 0),), (0, 1)),
    ],
)
def test_a_picture_of_reliability_shows_every_point_also_below_0_and_where_all_is_0(points, span):
    bins = [ReliabilityBin(9, said, Interval(came, came, came, 0.0)) for said, came in points]
    assert find_span(bins) == pytest.approx(span)
