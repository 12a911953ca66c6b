"""The cards of the small world's fits: after the promotion, and as the outcomes of what the recipe published come in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from perennial import pipeline
from perennial.card import render_markdown
from perennial.errors import NoChampionYet, NothingToDo, RegistryUnavailable, VersionMissing
from perennial.local.ports import find_free_port
from perennial.pipeline.carding import write_card
from perennial.stores import ledger
from perennial.stores.analytics import read_model
from perennial.stores.registry import Registry, read_card
from perennial.stores.registry.cards import DIGEST
from tests.browsing import HOSTILE, browse, needs_chromium
from tests.paths import ROOT
from tests.world import FIRST_DAY, MODEL, challenge, edit_model

SHOWS = Path(__file__).parent / "show_pages.py"


def champion_of(world):
    return world.ask_one("select version from ledger.versions")


def serve(world, as_of):
    """Publish a day, no more."""
    for stage in (pipeline.refresh, pipeline.validate, pipeline.score):
        stage(world.stores, world.run(as_of))


def wait_until(world, day):
    """The outcomes that have matured by a day on which nothing was published come in."""
    with pytest.raises(NothingToDo, match="outcomes of older days are up to date"):
        pipeline.monitor(world.stores, world.run(day))


def read_file(world, path, version=1):
    """A file of the run of a version, counted from the first."""
    run_id = world.ask_one(
        "select mlflow_run_id from ledger.versions order by version limit 1 offset :before", before=version - 1
    )
    return world.stores.registry.read_file(run_id, path)


def live_three_fits(world):
    """Each Monday is published, and then the recipe is fitted again: the first fit serves two days, the others one each."""
    for week in (1, 2, 3):
        day = FIRST_DAY + timedelta(weeks=week)
        serve(world, day)
        if week < 3:
            pipeline.refit(world.stores, world.run(day))
    return [row["version"] for row in world.ask("select version from ledger.versions order by version")]


def section_of(card, title):
    return render_markdown(card).split(f"## {title}\n")[1].split("\n## ")[0]


def described(world):
    return world.stores.registry._client.get_model_version(MODEL, str(champion_of(world)))


def test_a_first_champions_card_is_provisional_and_lies_beside_the_version(world):
    # Contenders of other worlds are rows with this version's run: their cards were written over it.
    world.stores.registry._client.set_model_version_tag(MODEL, str(champion_of(world)), DIGEST, "another's")
    card = write_card(world.stores, world.run(FIRST_DAY), champion_of(world))
    assert ("champion", "provisional", 0) == (card.role, card.status, card.matured)
    page = read_card(world.settings.mlflow_uri, world.ask_one("select mlflow_run_id from ledger.versions")).decode()
    assert card.headline in unescape(page)
    assert card.headline in read_file(world, "card/model_card.md").decode()
    assert b"\x89PNG" == read_file(world, "card/reliability.png")[:4]
    assert f"https://airflow.example.com/perennial/cards/{MODEL}/{champion_of(world)}" in described(world).description


def test_writing_a_card_twice_sends_it_once(world):
    first = write_card(world.stores, world.run(FIRST_DAY), champion_of(world))
    stamp = described(world).last_updated_timestamp
    assert first == write_card(world.stores, world.run(FIRST_DAY), champion_of(world))
    assert stamp == described(world).last_updated_timestamp


def test_four_matured_as_ofs_of_any_fits_make_the_recipe_final(world):
    """The labels of 06-12 have matured on 06-28, those of 07-03 on 07-19: 14 days of horizon and 2 of grace later."""
    live_three_fits(world)
    cards = []
    for day in (date(2017, 6, 28), date(2017, 7, 18), date(2017, 7, 19)):
        wait_until(world, day)
        cards.append(write_card(world.stores, world.run(day)))
    assert [(1, "provisional"), (3, "provisional"), (4, "final")] == [(card.matured, card.status) for card in cards]


def test_outcomes_write_the_cards_of_who_published_and_of_who_serves_now(world):
    live_three_fits(world)
    wait_until(world, date(2017, 6, 28))
    pipeline.deliver_to_registry(world.stores)
    first, champion = (read_file(world, "card/model_card.html", version).decode() for version in (1, 3))
    for page in (first, champion):
        assert "1 of 4 as_ofs after its promotion has matured" in page


def test_a_card_waits_while_mlflow_is_down_and_is_written_once_for_all_events_when_it_is_back(world, mlflow):
    """A stage whose work is done does not fail for it; the card is written by the next delivery."""
    pipeline.deliver_to_registry(world.stores)
    with mlflow.stopped():
        wait_until(world, date(2017, 6, 28))
        wait_until(world, date(2017, 6, 29))
        ask_again = replace(world.run(FIRST_DAY), purpose="live")
        with world.stores.warehouse.transaction() as session:
            ledger.record_event(session, ask_again, "checked", champion_of(world))
        facts = world.mail()
        assert (0, 1, True) == (facts["cards"], facts["cards_waiting"], "MLflow" in facts["cards_wait_because"])
        (card,) = (row for row in read_model(world.stores.warehouse, MODEL).waiting if row["event"] == "card")
        assert (1, facts["cards_wait_because"]) == (card["attempts"], card["last_error"])
    assert {"cards": 1} == pipeline.deliver_to_registry(world.stores)
    assert "1 of 4 as_ofs after its promotion has matured" in read_file(world, "card/model_card.html").decode()
    assert {"cards": 0} == pipeline.deliver_to_registry(world.stores)
    assert 0 == world.ask_one("select count(*) from ledger.deliveries where delivered_at is null or last_error is not null")


def test_a_comparison_that_is_recorded_does_not_fail_for_a_silent_mlflow_which_is_told_later(world, mlflow):
    next_day = FIRST_DAY + timedelta(weeks=1)
    world.live(next_day)
    assessed = challenge(world, next_day).version
    pipeline.deliver_to_registry(world.stores)
    with mlflow.stopped():
        (verdict,) = pipeline.compare(world.stores, world.run(next_day)).verdicts
        assert 1 == world.ask_one("select count(*) from ledger.evaluations where as_of = :day", day=next_day)
        facts = world.mail()
        assert (0, 1, 2) == (facts["verdicts"], facts["verdicts_waiting"], facts["cards_waiting"])
        assert "MLflow" in facts["verdicts_wait_because"]
        told = {row["event"]: row for row in read_model(world.stores.warehouse, MODEL).waiting}
        assert (1, f"In MLflow the verdict on version {assessed}") == (told["verdict"]["attempts"], told["verdict"]["headline"])
    assert {"cards": 2, "verdicts": 1} == pipeline.deliver_to_registry(world.stores)
    version = world.stores.registry._client.get_model_version(MODEL, str(assessed))
    kept = json.loads(world.stores.registry.read_file(version.run_id, "verdict.json"))
    assert (verdict.outcome.value, verdict.outcome.value) == (version.tags["verdict"], kept["outcome"])
    assert {"cards": 0} == pipeline.deliver_to_registry(world.stores)


def test_a_backfill_says_nothing_new_and_events_stay(world):
    pipeline.deliver_to_registry(world.stores)
    with world.stores.warehouse.transaction() as session:
        ledger.record_event(session, world.run(FIRST_DAY, "backfill"), "checked", champion_of(world))
    assert {"cards": 0} == pipeline.deliver_to_registry(world.stores)
    with pytest.raises(DBAPIError, match="append-only"):
        world.tell("delete from ledger.events")


def test_a_refit_tells_its_own_evidence_apart_from_that_of_its_recipe(world):
    first, second, third = live_three_fits(world)
    wait_until(world, date(2017, 7, 19))
    run = world.run(date(2017, 7, 19))
    cards = [write_card(world.stores, run, version) for version in (first, second, third)]
    assert ["earlier fit", "earlier fit", "champion"] == [card.role for card in cards]
    said, recipe = section_of(cards[2], "This fit"), section_of(cards[2], "Recipe")
    assert "It is not itself judged: what is judged is recipe 1" in said
    assert f"from version {second}, the fit before" in said
    assert ["2017-07-03"] == days_in(said.split("What it published itself")[1])
    assert ["2017-06-12", "2017-06-19", "2017-06-26", "2017-07-03"] == days_in(recipe.split("and what came true")[1])
    assert f"the unseen rows of version {first} promised" in recipe
    assert f"| version {second} | 2017-06-19 |" in recipe


def days_in(table):
    """The first fields of the rows that begin with a day."""
    return re.findall(r"^\| (\d{4}-\d\d-\d\d) \|", table, re.MULTILINE)


def test_the_pages_in_airflow_lead_to_the_card_and_show_it(world, tmp_path):
    card = write_card(world.stores, world.run(FIRST_DAY))
    paths = [f"/dags/{MODEL}", f"/cards/{MODEL}/{card.version}", f"/cards/{MODEL}/999"]
    model, shown, unknown = open_pages(world, tmp_path, paths)
    assert (200, True) == (model["status"], f'href="../cards/{MODEL}/{card.version}"' in model["page"])
    assert (200, True) == (shown["status"], card.headline in unescape(shown["page"]))
    assert (404, True) == (unknown["status"], "does not know version 999" in unknown["page"])


SAID_BY_PEOPLE = (
    "update ledger.runs set dag_run_id = 'run', message = :words where as_of = :day",
    """insert into ledger.decisions (model, as_of, choice, rule, sentence, evidence, purpose, effective_at)
    values (:model, :day, 'SKIP', 'none', :words, '{}', 'simulation', '2017-06-01')""",
    """update ledger.outbox set recipient = :words, sent_at = null, last_error = :words,
    notice = jsonb_set(notice, '{headline}', to_jsonb(cast(:words as text)))""",
)
CHECKED = """
    insert into ledger.drift_checks
        (model, as_of, version, rows, drifted_share, prediction_shift, is_drifted, evidence, effective_at)
    select model, :day, version, rows, 0, 0, false, '{}', effective_at from ledger.drift_checks limit 1"""
KEPT_BEFORE = """<html><head><title>calm</title></head><body><script>
  var metric_1 = {"a": "%s"};
</script><script>try { localStorage.length } catch { document.title = "alone" }</script></body></html>"""
"""As a release of before kept pages: whole, and with the words of the data as they are."""


@needs_chromium
@pytest.mark.attack("words of the data act in a page or a mail")
def test_pages_in_airflow_act_by_nobodys_words_and_those_that_others_drew_as_nobody(world, tmp_path):
    card = write_card(world.stores, world.run(FIRST_DAY))
    edit_model(world.settings.home, {"description = ": f"description = {json.dumps(HOSTILE)} #"})
    values = {"model": MODEL, "day": FIRST_DAY, "words": HOSTILE}
    for statement in SAID_BY_PEOPLE:
        world.tell(statement, **{name: value for name, value in values.items() if f":{name}" in statement})
    run_id = world.ask_one("select mlflow_run_id from ledger.versions")
    hostile = KEPT_BEFORE % HOSTILE.replace('"', '\\"')
    before = FIRST_DAY - timedelta(weeks=1)
    world.tell(CHECKED, day=before)
    world.stores.registry._client.log_text(run_id, hostile, f"reports/{before}.html")
    paths = ["/", f"/dags/{MODEL}", f"/runs/{MODEL}.score/run", f"/cards/{MODEL}/{card.version}", f"/reports/{MODEL}/{before}"]
    *ours, shown_card, report = open_pages(world, tmp_path, paths)
    assert {200} == {page["status"] for page in (*ours, shown_card, report)}
    seen = browse("".join(page["page"] for page in ours), tmp_path / "ours")
    assert ("<title>acted</title>" in seen[0], {*seen[1]} - {"/favicon.ico"}) == (False, set())
    assert all("&lt;svg onload=" in page["page"] for page in ours)
    assert "<title>alone</title>" in browse(report["page"], tmp_path / "report", policy(report))[0]
    assert "<title>acted</title>" in browse(hostile, tmp_path / "before")[0]
    assert "acted" not in browse(hostile, tmp_path / "card", policy(shown_card))[0].partition("</title>")[0]


def policy(page):
    return {"Content-Security-Policy": page["policy"]}


def open_pages(world, folder, paths):
    """Status and text of each page, from a process of its own: Airflow's settings are read at import."""
    variables = {
        **os.environ,
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_WAREHOUSE": world.settings.warehouse_url.replace("postgresql+psycopg2://", "postgres://"),
        "PERENNIAL_MLFLOW_URI": world.settings.mlflow_uri,
        "PERENNIAL_HOME": str(world.settings.home),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-W", "ignore", str(SHOWS), *paths]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_run_without_a_card_has_none_to_show(world):
    with pytest.raises(VersionMissing, match=r"no card/model_card\.html"):
        read_card(world.settings.mlflow_uri, "0" * 32)


def test_a_version_that_the_ledger_does_not_know_has_no_card(world):
    with pytest.raises(VersionMissing, match="does not know version 999"):
        write_card(world.stores, world.run(FIRST_DAY), 999)


def test_without_a_champion_a_version_must_be_named(copy_world, backfilled):
    with copy_world(backfilled) as world, pytest.raises(NoChampionYet, match="name a version"):
        write_card(world.stores, world.run(FIRST_DAY))


def test_a_silent_registry_is_said_and_nothing_is_lost(world):
    deaf = replace(world.stores, registry=Registry(f"http://127.0.0.1:{find_free_port()}"))
    with pytest.raises(RegistryUnavailable):
        write_card(deaf, world.run(FIRST_DAY))
    assert "provisional" == write_card(world.stores, world.run(FIRST_DAY)).status


def test_a_week_later_both_cards_tell_of_the_comparison(world):
    next_day = FIRST_DAY + timedelta(weeks=1)
    world.live(next_day)
    challenge(world, next_day)
    pipeline.compare(world.stores, world.run(next_day))
    champion = write_card(world.stores, world.run(next_day))
    assessed = world.ask_one("select challenger_version from ledger.evaluations where as_of = :day", day=next_day)
    challenger = write_card(world.stores, world.run(next_day), assessed)
    assert ("challenger", "candidate") == (challenger.role, challenger.status)
    said = render_markdown(challenger)
    assert "It is not itself judged: what is judged is recipe 2" in said
    assert "- **Against:** recipe 1, the champion's, by what the fits of both served or would have" in said
    assert "**Guards: what it must not harm**" in said
    assert "as champion 1 time (" in section_of(champion, "Recipe")
