"""Always a champion: with two matured as_ofs the single-feature rule serves, and before the first nobody, with a date."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from perennial import pipeline
from perennial.card import render_markdown
from perennial.errors import NoChampionYet
from perennial.pipeline import comparing
from perennial.pipeline.beginning import find_first_maturity
from perennial.pipeline.carding import write_card
from perennial.pipeline.contests import ContestPair, Side
from perennial.pipeline.walking import Walk
from perennial.stores import ledger, warehouse
from tests.world import MODEL, World

EARLY, SHORT, NEXT = "2017-04-10", "2017-04-24", "2017-05-01"  # none, two and three as_ofs have matured; four are the fewest
THIRD = "2017-05-08"
ENOUGH = "2017-06-12"  # six can train, and two that no choice has seen can judge


@pytest.fixture(scope="module")
def beginning(postgres, open_world, backfilled, first_day) -> Iterator[World]:
    """The world with its history on its first Mondays; the registry remembers no champion. `first_day` is made before."""
    postgres.make("world_beginning", template=backfilled)
    with open_world("world_beginning") as opened:
        opened.stores.registry._client.delete_registered_model_alias(MODEL, "champion")
        with pytest.raises(NoChampionYet, match="The first labels mature on 2017-04-12"):
            pipeline.score(opened.stores, opened.run(EARLY))
        opened.live(SHORT)
        opened.live(NEXT)
        yield opened
    postgres.drop("world_beginning")


def read_champions(world: World):
    with world.stores.warehouse.transaction() as session:
        moves = ledger.champion_history(session, MODEL)
        return [(move.kind, ledger.get_version(session, MODEL, move.version)) for move in moves]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        pytest.param("2017-03-21", "2017-04-12", id="nothing is built, and 03-27 is the next that teaches"),
        pytest.param("2017-04-10", "2017-04-12", id="03-27 is the oldest that is built"),
        pytest.param("2017-03-20", "2017-04-05", id="nothing is built, and today teaches"),
    ],
)
def test_the_first_maturity_is_that_of_the_oldest_snapshot_or_of_the_next(beginning, day, expected):
    with beginning.stores.warehouse.transaction() as session:
        found = find_first_maturity(session, beginning.stores.declaration(MODEL), beginning.run(day))
    assert found.isoformat() == expected


def test_the_rule_serves_on_what_there_is(beginning):
    kind, first = read_champions(beginning)[0]
    assert (kind, first.algorithm, first.parameters["feature"]) == ("promote", "single_feature", "recency_days")
    assert [day.isoformat() for day in first.training_as_ofs] == ["2017-03-27", "2017-04-03"]
    assert not first.choice.is_outcome_new
    assert first.holdout_as_ofs == ()


def test_where_the_rarer_outcome_is_too_new_for_folds_a_rule_serves(postgres, open_world, backfilled, beginning):
    """History is long enough for a search, and every household came back until the newest days that may teach."""
    postgres.make("world_rare", template=backfilled)
    with open_world("world_rare") as rare:
        file = rare.settings.home / "sql" / MODEL / "labels.sql"
        counted = "(returned.household_id is null)::integer"
        known = file.read_text(encoding="utf-8")
        assert counted in known
        file.write_text(known.replace(counted, f"({counted} * (:as_of >= date '2017-05-22')::integer)"), encoding="utf-8")
        run = rare.run("2017-06-12")
        first = pipeline.train(rare.stores, run)
        assert ("single_feature", True, True) == (
            first.algorithm,
            first.choice.enough_on > run.as_of,
            first.choice.is_outcome_new,
        )
    postgres.drop("world_rare")


def test_the_next_week_fits_the_same_rule_on_what_has_matured_since(beginning):
    (_, first), (kind, second) = read_champions(beginning)
    assert (kind, second.recipe, second.algorithm, second.choice) == ("refresh", first.recipe, "single_feature", None)
    assert [day.isoformat() for day in second.training_as_ofs] == ["2017-03-27", "2017-04-03", "2017-04-10"]


def test_its_verdict_says_until_when(beginning):
    (row,) = beginning.ask(
        "select verdict, evidence ->> 'side' as side, evidence -> 'reasons' ->> 0 as because from ledger.evaluations"
    )
    assert (row["verdict"], row["side"]) == ("PROMOTE", "first")
    (_, first), _ = read_champions(beginning)
    assert row["because"].endswith(f"there will be enough as_ofs on {first.choice.enough_on}.")


def test_where_nothing_can_be_compared_on_one_day_is_read_for_its_columns(beginning, monkeypatch):
    read, read_training_set = [], warehouse.read_training_set

    def note(session, declaration, days):
        read.append(days)
        return read_training_set(session, declaration, days)

    monkeypatch.setattr(warehouse, "read_training_set", note)
    (_, first), *_ = read_champions(beginning)
    with beginning.stores.warehouse.transaction() as session:
        pair = ContestPair(Side(ledger.get_recipe(session, MODEL, first.recipe), first), None)
    walk = Walk(beginning.stores, beginning.stores.declaration(MODEL), beginning.run(SHORT), first.training_as_ofs)
    found = comparing._prepare_pair(walk, pair)
    assert ([first.training_as_ofs[-1:]], 0) == (read, len(found.labels))


def test_it_scores_the_day_and_the_next_and_is_monitored(beginning):
    served = beginning.ask("select as_of, status from ledger.publications order by as_of")
    assert [(str(row["as_of"]), row["status"]) for row in served] == [(SHORT, "live"), (NEXT, "live")]
    checked = beginning.ask("select as_of from ledger.drift_checks order by as_of")
    assert [str(row["as_of"]) for row in checked] == [SHORT, NEXT]


def test_every_score_has_the_feature_as_its_reason(beginning):
    found = beginning.ask("select distinct split_part(substr(reason_1, 3), ' ', 1) as feature, reason_2 from scores.lapse")
    assert [tuple(row.values()) for row in found] == [("recency_days", None)]


def test_the_card_says_what_it_is_and_that_nothing_was_held_out(beginning):
    text = render_markdown(write_card(beginning.stores, beginning.run(NEXT)))
    assert "single-feature rule" in text
    assert "nothing was held out" in text


@pytest.mark.mltest("O7")
def test_scores_that_do_not_come_true_ask_for_a_training(beginning):
    """Outcomes as a model that says .18 leaves them when .34 comes true, written by hand for days that were never scored.

    They are known the day before, so that the serving fit is older, and has not answered them.
    """
    beginning.tell(
        """
        insert into ledger.publications (model, as_of, version, attempt, status, rows, mean_score, snapshot_checksum,
            manifest_hash, config_hash, query_hash, code_version, purpose, effective_at, published_at)
        select model, day, version, 1, 'live', 2000, .18, '', '', '', '', '', purpose, effective_at, effective_at
        from ledger.publications, unnest(array[date '2017-02-06', '2017-02-20', '2017-03-06']) day where as_of = :day
        """,
        day=SHORT,
    )
    beginning.tell(
        """
        insert into ledger.outcomes (model, as_of, version, publication_id, rows, positives, mean_score, base_rate, effective_at)
        select model, as_of, version, publication_id, 2000, 680, .18, .34, timestamptz '2017-05-07 12:00+00'
        from ledger.publications where as_of < date '2017-04-01'
        """
    )
    beginning.tell(
        """
        insert into ledger.outcome_metrics (publication_id, metric, position, value, low, high, standard_error)
        select publication_id, 'auc', 1, .8, .7, .9, .05 from ledger.publications where as_of < date '2017-04-01'
        """
    )
    run = beginning.run(THIRD)
    for stage in (pipeline.refresh, pipeline.validate, pipeline.score, pipeline.monitor):
        stage(beginning.stores, run)
    decision = pipeline.decide(beginning.stores, run)
    assert decision.evidence.calibration.sentence.endswith("said 0.180 on average, and 0.340 came true.")
    assert "came true. That is more than chance." in decision.sentence


def test_a_search_that_has_enough_is_tested_against_the_rule_by_the_gate(beginning):
    beginning.live(ENOUGH)
    (row,) = beginning.ask(
        """
        select champion.algorithm as serving, challenger.algorithm as looked_for, challenger.origin,
            evidence ->> 'side' as side, jsonb_array_length(evidence -> 'looks') as looks
        from ledger.evaluations
        join ledger.recipes as champion
            on champion.model = evaluations.model and champion.recipe = cast(evidence ->> 'champion_recipe' as integer)
        join ledger.recipes as challenger
            on challenger.model = evaluations.model and challenger.recipe = cast(evidence ->> 'challenger_recipe' as integer)
        where as_of = :day
        """,
        day=ENOUGH,
    )
    assert row["looked_for"] != "single_feature"
    assert (row["serving"], row["origin"], row["side"], row["looks"]) == ("single_feature", "search", "superiority", 1)
