"""A first champion that rests on a table that is updated in place: a person is told what it is worth, and decides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from perennial import operate, pipeline
from perennial.card import render_markdown
from perennial.errors import NoChampionYet
from perennial.pipeline import approving
from perennial.pipeline.carding import write_card
from perennial.records import Interval
from perennial.stores import ledger
from perennial.stores.analytics import read_model
from perennial.stores.sessions import Database, run_script
from tests.world import FIRST_AS_OF, FIRST_DAY, MODEL, World

SHORT = "2017-04-24"  # two as_ofs have matured: a rule serves
# What the shop notes of a household today: how much it bought in April and May, which most past as_ofs could not know.
STANDING = """
create table source.standing as
select household_id, count(*)::integer as visits, max(ordered_at) as last_visit
from source.orders where ordered_at between '2017-04-10' and '2017-06-12' group by household_id;
"""
DECLARED = '[sources.standing]\ntimes = "current_state"\nkey = ["household_id"]\n\n[schedule]'
READ = """
select first.*, standing.visits, extract(day from standing.last_visit)::integer as day_of_visit
from first left join standing on standing.household_id = first.entity_id
"""


def read_standing(world: World) -> None:
    """The model reads the table beside its own."""
    loader = Database(world.loader_url)
    with loader.transaction() as session:
        run_script(session, STANDING)
    loader.dispose()
    model = world.settings.home / "models" / f"{MODEL}.toml"
    model.write_text(model.read_text(encoding="utf-8").replace("[schedule]", DECLARED, 1), encoding="utf-8")
    features = world.settings.home / "sql" / MODEL / "features.sql"
    features.write_text(f"with first as ({features.read_text(encoding='utf-8').rstrip().rstrip(';')}){READ}", encoding="utf-8")
    operate.sync(world.stores, MODEL)


@pytest.fixture(scope="module")
def in_place(postgres, open_world, backfilled, first_day) -> Iterator[World]:
    """Two days lived, a short one and one with history enough; nobody may serve on either before a person says so."""
    postgres.make("world_in_place", template=backfilled)
    with open_world("world_in_place") as opened:
        opened.stores.registry._client.delete_registered_model_alias(MODEL, "champion")
        read_standing(opened)
        list(operate.backfill(opened.stores, MODEL, FIRST_AS_OF, opened.run("2017-04-03").as_of))
        opened.live(SHORT)
        list(operate.backfill(opened.stores, MODEL, opened.run("2017-04-10").as_of, opened.run("2017-05-22").as_of))
        opened.live(FIRST_DAY)
        yield opened
    postgres.drop("world_in_place")


def read_questions(world: World) -> list[dict[str, object]]:
    return world.ask("select version, status, as_of, because from ledger.approvals order by question_id")


def read_worths(world: World):
    with world.stores.warehouse.transaction() as session:
        versions = [ledger.get_version(session, MODEL, row["version"]) for row in read_questions(world)]
    return [version.choice.current_state for version in versions]


def test_nobody_serves_before_a_person_says_so(in_place):
    assert [(str(row["as_of"]), row["status"]) for row in read_questions(in_place)] == [
        (SHORT, "superseded"),
        (str(FIRST_DAY), "open"),
    ]
    assert in_place.ask("select 1 from ledger.promotions") == []
    with pytest.raises(NoChampionYet):
        pipeline.score(in_place.stores, in_place.run(FIRST_DAY))


def test_a_rule_over_another_feature_is_said_to_read_none_of_them(in_place):
    short, _ = read_worths(in_place)
    assert (short.use.sources, short.use.features, short.gain) == (("standing",), (), None)
    assert "It rests on standing, updated in place" in read_questions(in_place)[0]["because"][0]


def test_what_its_features_are_worth_is_measured(in_place):
    _, worth = read_worths(in_place)
    assert worth.use.features == ("visits", "day_of_visit")
    assert isinstance(worth.gain, Interval)
    assert worth.gain.low > 0.02
    assert worth.gain.estimate == pytest.approx(worth.headline_with - worth.headline_without)


def test_question_mail_page_card_and_registry_say_so(in_place):
    _, worth = read_worths(in_place)
    question = read_questions(in_place)[-1]
    (mail,) = in_place.ask("select notice from ledger.outbox where event = :event", event=f"question_{question['version']}")
    facts = read_model(in_place.stores.warehouse, MODEL)
    card = render_markdown(write_card(in_place.stores, in_place.run(FIRST_DAY), question["version"]))
    said = (question["because"][0], mail["notice"]["summary"], facts.verdicts[0]["doubts"][0], card)
    assert [worth.sentence in text for text in said] == [True] * 4
    assert f"all figures may flatter. {worth.sentence}" in card
    with in_place.stores.warehouse.transaction() as session:
        run_id = ledger.get_version(session, MODEL, question["version"]).mlflow_run_id
    assert in_place.stores.registry.read_training(run_id).metrics["current_state_gain"] == worth.gain.estimate


def test_a_person_lets_it_serve(in_place):
    run, version = in_place.run(FIRST_DAY), read_questions(in_place)[-1]["version"]
    question = approving.find_question(in_place.stores, MODEL, version=version)
    approving.answer(in_place.stores, run, question.question_id, decision="approve", actor="ann", source="shell")
    approving.carry_out(in_place.stores, run, question.question_id)
    assert in_place.ask("select version, actor from ledger.promotions") == [{"version": version, "actor": "ann"}]
