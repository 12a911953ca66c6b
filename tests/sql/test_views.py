"""What analysts read: the views, their comments, their rights."""

import re
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy.exc import ProgrammingError

from perennial.config import PLATFORM_SQL
from perennial.config.entity import OURS
from perennial.errors import PublicationBlocked
from perennial.predictor import hash_manifest
from perennial.stores.sessions import Database
from perennial.stores.warehouse import sync
from tests.integration.publish_toy import AS_OF, VERSION, declare, make_job, make_toy

NEXT = date(2017, 11, 13)
VIEWS = (
    "admissions",
    "canaries",
    "challengers",
    "champions",
    "drift_daily",
    "freshness",
    "model_history",
    "run_log",
    "toy_lineage",
    "toy_outcomes",
    "toy_scores_history",
    "toy_scores_latest",
)
CHAMPION = """
insert into ledger.recipes (model, recipe, algorithm, parameters, origin, because, purpose, effective_at)
values ('toy', 1, 'logistic', '{}', 'search', 'A test wants it.', 'simulation', '2017-10-30');
insert into ledger.versions (
    model, version, recipe, algorithm, mlflow_run_id, manifest, data_hash, training_as_ofs, holdout_as_ofs, trained_for,
    parameters, config_hash, query_hash, code_version, effective_at
)
values (
    'toy', 3, 1, 'logistic', 'm', '{}', 'd', '{2017-08-07,2017-07-31}', '{2017-09-04}', '2017-10-30', '{}', 'c', 'q', '0.1.0',
    '2017-10-30'
);
insert into ledger.evaluations (model, as_of, challenger_version, verdict, evidence, purpose, effective_at)
values ('toy', '2017-10-30', 3, 'PROMOTE', '{}', 'simulation', '2017-10-30 12:00+00');
insert into ledger.promotions (model, version, kind, evaluation_id, reason, actor, purpose, effective_at)
values ('toy', 3, 'promote', 1, 'Better.', 'airflow', 'simulation', '2017-10-30 12:00+00');
update ledger.promotions set status = 'applied', applied_at = '2026-01-01';
"""


@pytest.fixture
def toy(warehouse_urls):
    return make_toy(warehouse_urls)


@pytest.fixture
def read(toy, warehouse_urls):
    """Ask as an analyst, who has rights on the views alone."""
    analyst = Database(warehouse_urls.analyst)

    def query(statement):
        with analyst.transaction() as session:
            return [tuple(row) for row in session.exec_driver_sql(statement)]

    return query


def write(toy, *statements):
    with toy.pipeline.transaction() as session:
        session.exec_driver_sql(";".join(statements))


def block(toy, as_of):
    toy.add_snapshot(as_of)
    with pytest.raises(PublicationBlocked):
        toy.publish(replace(make_job(), audit=lambda _: ("all scores are alike",)), as_of)


# Rights and words
def test_these_are_the_views_and_pipeline_owns_them(toy, read):
    found = read("select viewname, viewowner from pg_views where schemaname = 'analytics' order by 1")
    assert found == [(view, "pipeline") for view in VIEWS]


@pytest.mark.parametrize("view", VIEWS)
def test_an_analyst_reads_every_view(read, view):
    assert isinstance(read(f"select * from analytics.{view}"), list)


@pytest.mark.parametrize("table", ["scores.toy", "features.toy", "ledger.publications", "source.people"])
def test_an_analyst_reads_no_table(read, table):
    with pytest.raises(ProgrammingError, match="permission denied"):
        read(f"select * from {table}")


def test_an_analyst_changes_nothing(read):
    with pytest.raises(ProgrammingError, match="permission denied"):
        read("delete from analytics.run_log")


def test_every_view_and_column_has_a_comment(read):
    silent = read("""
        select relname, attname
        from pg_class
        join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
        where relnamespace = 'analytics'::regnamespace
            and (col_description(pg_class.oid, attnum) is null or obj_description(pg_class.oid, 'pg_class') is null)""")
    assert silent == []


@pytest.mark.parametrize("path", sorted((PLATFORM_SQL / "views").rglob("*.sql")), ids=lambda path: path.stem)
def test_no_view_asks_for_the_time(path):
    assert re.findall(r"\b(now\(|current_|clock_timestamp)", path.read_text()) == []


def test_sync_adds_the_key_to_views_of_before_and_leaves_those_of_others_on_top(toy, read):
    before = (
        "create view analytics.toy_scores_latest as select as_of, entity_id, score, rank, decile, reason_1, reason_2, reason_3"
    )
    write(
        toy,
        "drop view analytics.toy_scores_latest",
        f"{before} from scores.toy",
        "create view analytics.mine as select entity_id, score from analytics.toy_scores_latest",
        "update ledger.views set digest = 'of before' where name = 'toy:scores_latest'",
    )
    with toy.pipeline.transaction() as session:
        assert sync(session, declare()) == ("toy:scores_latest: views made anew",)
    toy.publish()
    assert read("select count(*) from analytics.toy_scores_latest where person_id = entity_id") == [(1000,)]
    assert read("select count(*) from analytics.mine") == [(1000,)]


def test_no_key_is_called_like_a_column_that_stands_beside_it(read):
    views = "'analytics.toy_scores_latest'::regclass, 'analytics.toy_scores_history'::regclass"
    found = read(f"select attname from pg_attribute where attrelid in ({views}) and attnum > 0")
    assert {name for (name,) in found} == (OURS - {"label"}) | {"person_id"}


# Scores
def test_the_latest_scores_are_those_of_the_newest_as_of_and_not_of_the_newest_write(toy, read):
    toy.add_snapshot(NEXT)
    toy.publish(as_of=NEXT)
    toy.publish(as_of=AS_OF)
    assert read("select distinct as_of from analytics.toy_scores_latest") == [(NEXT,)]


def test_a_blocked_day_leaves_the_former_scores_latest(toy, read):
    toy.publish()
    block(toy, NEXT)
    assert read("select as_of, count(*) from analytics.toy_scores_latest group by 1") == [(AS_OF, 1000)]


def test_the_history_holds_every_day_with_its_version_and_clock(toy, read):
    toy.add_snapshot(NEXT)
    toy.publish(as_of=NEXT)
    toy.publish(as_of=AS_OF)
    found = read("""
        select as_of, version, purpose, scored_at::text, count(*)
        from analytics.toy_scores_history group by 1, 2, 3, 4 order by 1""")
    assert found == [
        (AS_OF, 3, "simulation", "2017-11-06 06:00:00+00", 1000),
        (NEXT, 3, "simulation", "2017-11-13 06:00:00+00", 1000),
    ]


def test_a_scored_row_leads_to_artifact_snapshot_configuration_code_and_verdict(toy, read):
    write(toy, CHAMPION)
    toy.publish()
    (checksum,) = toy.query("select checksum from ledger.snapshots where kind = 'features'")[0]
    found = read("""
        select lineage.version, artifact_hash, snapshot_checksum, config_hash, query_hash, code_version, verdict, promoted_by,
            mlflow_run_id
        from analytics.toy_scores_latest
        join analytics.toy_scores_history using (as_of, entity_id)
        join analytics.toy_lineage as lineage using (publication_id)
        where entity_id = 7""")
    hashes = (hash_manifest(VERSION.manifest), checksum, declare().model.config_hash, declare().query_hash)
    assert found == [(3, *hashes, "0.1.0", "PROMOTE", "promote", "m")]


def test_after_a_rollback_a_scored_row_leads_to_the_verdict_that_once_let_the_version_in(toy, read):
    write(
        toy,
        CHAMPION,
        """insert into ledger.promotions (model, version, previous_version, kind, reason, actor, purpose, effective_at)
        values ('toy', 3, 3, 'rollback', 'Taken back.', 'ann', 'simulation', '2017-11-01')""",
        "update ledger.promotions set status = 'applied', applied_at = '2026-01-01' where kind = 'rollback'",
    )
    toy.publish()
    found = read("select verdict, evaluation_id, promoted_by, promoted_at::date from analytics.toy_lineage")
    assert found == [("PROMOTE", 1, "rollback", date(2017, 11, 1))]


def test_outcomes_belong_to_live_scores(toy, read):
    outcome = """insert into ledger.outcomes (model, as_of, version, publication_id, rows, positives, mean_score,
        base_rate, effective_at) values ('toy', '2017-11-06', 3, {}, 1000, 120, .12, .12, '2017-12-06')"""
    metric = "insert into ledger.outcome_metrics values ({}, 'auc', 1, {}, null, null, null)"
    toy.publish()
    toy.publish()
    write(toy, outcome.format(1), outcome.format(2), metric.format(1, 0.5), metric.format(2, 0.86))
    assert read("select as_of, auc, publication_id from analytics.toy_outcomes") == [(AS_OF, 0.86, 2)]


# The champion, drift, freshness
def test_the_history_of_champions_has_their_verdicts_and_ends(toy, read):
    write(
        toy,
        CHAMPION,
        """insert into ledger.promotions (model, version, previous_version, kind, reason, actor, purpose, effective_at)
        values ('toy', 2, 3, 'rollback', 'Odd.', 'ann', 'live', '2017-11-20 12:00+00')""",
        "update ledger.promotions set status = 'applied', applied_at = '2026-01-02' where status = 'intended'",
        """insert into ledger.promotions (model, version, previous_version, kind, reason, actor, purpose, effective_at)
        values ('toy', 4, 2, 'promote', 'Not yet.', 'airflow', 'live', '2017-11-21 12:00+00')""",
    )
    found = read("""
        select version, champion_from::date::text, champion_until::date::text, verdict, newest_training_as_of::text
        from analytics.model_history order by champion_from""")
    assert found == [(3, "2017-10-30", "2017-11-20", "PROMOTE", "2017-08-07"), (2, "2017-11-20", None, None, None)]


def test_a_day_of_drift_names_its_columns_and_the_decision_that_holds(toy, read):
    decision = """insert into ledger.decisions (model, as_of, choice, rule, sentence, evidence, purpose, effective_at)
        values ('toy', '2017-11-06', '{}', 'persistence', 'Wait.', '{{}}', 'live', '2017-11-06')"""
    evidence = '[{"column": "b", "is_drifted": true}, {"column": "c", "is_drifted": false}, {"column": "a", "is_drifted": true}]'
    check = f"""insert into ledger.drift_checks (model, as_of, version, rows, drifted_share, prediction_shift, is_drifted,
        evidence, effective_at)
        values ('toy', '2017-11-06', 3, 1000, .5, .2, true, '{{"features": {evidence}}}', '2017-11-06')"""
    write(toy, check, decision.format("TRAIN"), decision.format("SKIP"))
    assert read("select as_of, drifted_columns, decision from analytics.drift_daily") == [(AS_OF, ["b", "a"], "SKIP")]


def test_fresh_scores_miss_nothing(toy, read):
    toy.publish()
    assert read("select model, scored_as_of, missing_as_of from analytics.freshness") == [("toy", AS_OF, None)]


def test_freshness_says_why_newer_scores_are_missing(toy, read):
    toy.publish()
    block(toy, NEXT)
    ((as_of, missing, kind, because),) = read(
        "select scored_as_of, missing_as_of, missing_kind, missing_because from analytics.freshness"
    )
    assert (as_of, missing, kind) == (AS_OF, NEXT, "blocked")
    assert "all scores are alike" in because


def test_freshness_shows_a_failure_that_came_after_a_stop(toy, read):
    block(toy, NEXT)
    write(
        toy,
        """insert into ledger.runs (model, stage, as_of, purpose, actor, status, message, effective_at)
        values ('toy', 'refresh', '2017-11-13', 'live', 'airflow', 'failed', 'No orders.', '2017-11-13')""",
    )
    assert read("select missing_kind, missing_because from analytics.freshness") == [("failed", "refresh: No orders.")]


def test_freshness_shows_a_stop_as_one_though_its_attempt_failed_with_it(toy, read):
    block(toy, NEXT)
    write(
        toy,
        """insert into ledger.runs (model, stage, as_of, purpose, actor, status, message, effective_at)
        select model, 'score', as_of, 'live', 'airflow', 'failed', message, '2017-11-13' from ledger.publications""",
    )
    assert read("select missing_kind from analytics.freshness") == [("blocked",)]


def test_a_model_that_never_scored_says_why(toy, read):
    write(
        toy,
        """insert into ledger.runs (model, stage, as_of, purpose, actor, status, message, effective_at)
        values ('new', 'score', '2017-11-06', 'live', 'airflow', 'refused', 'No champion yet.', '2017-11-06')""",
    )
    assert read("select scored_as_of, newest_as_of, missing_kind, missing_because from analytics.freshness") == [
        (None, AS_OF, "refused", "score: No champion yet.")
    ]


def test_an_obstacle_of_a_day_that_was_scored_in_the_end_is_not_shown(toy, read):
    block(toy, NEXT)
    toy.publish(as_of=NEXT)
    assert read("select scored_as_of, missing_because from analytics.freshness") == [(NEXT, None)]


def test_the_run_log_shows_the_attempt_that_died(toy, read):
    write(
        toy,
        """insert into ledger.runs (model, stage, as_of, purpose, actor, effective_at)
        values ('toy', 'train', '2017-11-06', 'live', 'airflow', '2017-11-06')""",
    )
    assert read("select stage, status, finished_at from analytics.run_log") == [("train", "running", None)]


# Challengers
def test_a_challenger_shows_its_newest_look_and_what_the_account_had_given_away(toy, read):
    write(
        toy,
        """insert into ledger.contests
               (model, challenger_recipe, champion_recipe, side, alpha, last_look, overlap, opened_for, purpose, effective_at)
           values ('toy', 2, 1, 'superiority', 0.01, 16, 4, '2017-01-02', 'simulation', '2017-01-02 12:00'),
                  ('toy', 3, 1, 'superiority', 0.02, 16, 4, '2017-06-05', 'simulation', '2017-06-05 12:00'),
                  ('toy', 4, 1, 'superiority', 0.03, 16, 4, '2018-02-05', 'simulation', '2018-02-05 12:00')""",
        """insert into ledger.looks
               (contest_id, as_ofs, estimate, standard_error, information, spent, boundary, effective_at)
           select contest_id, as_ofs, estimate, 0.001, 0.5, 0.001, 3, effective_at
           from ledger.contests,
               (values (array[date '2016-11-07'], 0.009), (array[date '2016-11-07', '2016-11-14'], 0.005)) as s (as_ofs, estimate)
           where challenger_recipe = 2""",
        """insert into ledger.canaries
               (model, contest_id, challenger_recipe, champion_recipe, salt, alpha, harm_alpha, last_look, overlap, missing,
                started_for, actor, purpose, effective_at)
           select 'toy', contest_id, 2, 1, started, 0.005, 0.05, 16, 4, 0, '2016-01-02', 'a', 'simulation', cast(started as date)
           from ledger.contests, (values ('2016-01-02'), ('2017-06-05')) as s (started) where challenger_recipe = 2""",
    )
    found = read("""
        select challenger_recipe, looks, as_ofs, estimate, lower_bound, drawn_in_365_days
        from analytics.challengers order by challenger_recipe""")
    assert [(2, 2, 2, 0.005, 0.002, 0.01)] == [tuple(round(v, 9) if isinstance(v, float) else v for v in found[0])]
    assert [0.035, 0.055] == [round(row[-1], 9) for row in found[1:]]


def test_outcomes_of_amounts_have_their_headline_and_their_total_bias(warehouse):
    write_rows = warehouse.session.exec_driver_sql
    write_rows("""
        insert into ledger.publications (model, as_of, version, attempt, status, rows, mean_score, snapshot_checksum,
            manifest_hash, config_hash, query_hash, code_version, purpose, effective_at)
        values ('spend_next_28d', '2017-11-06', 3, 1, 'live', 900, 96.0, '', '', '', '', '', 'live', '2017-11-06')""")
    write_rows("""
        insert into ledger.outcomes (model, as_of, version, publication_id, rows, mean_score, base_rate, effective_at)
        select model, as_of, version, publication_id, rows, mean_score, 80.0, '2017-12-06' from ledger.publications""")
    write_rows("""
        insert into ledger.outcome_metrics
        select publication_id, metric, position, value, value - .1, value + .1, .05
        from ledger.publications,
            (values ('gini', 1, .6), ('mse', 2, 9000), ('total_bias', 3, 1.2)) as found (metric, position, value)
        """)
    found = write_rows("""
        select as_of, rows, mean_score, mean_label, metric, value, value_low, value_high, total_bias
        from analytics.spend_next_28d_outcomes""")
    assert [(AS_OF, 900, 96.0, 80.0, "gini", 0.6, 0.5, 0.7, 1.2)] == [tuple(row) for row in found]
    comments = write_rows("""
        select col_description('analytics.spend_next_28d_scores_latest'::regclass, attnum)
        from pg_attribute where attrelid = 'analytics.spend_next_28d_scores_latest'::regclass and attname = 'score'""")
    said = "Amount that is expected, in the unit of the label; read one below 0 as 0 where no label lies below"
    assert comments.scalar_one() == said
