"""A ledger that two weeks have left behind, drawn by hand, for what watches it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

from perennial.homes import make_home
from perennial.stores.sessions import Database

MODEL = "churn"
LIFE = """
insert into ledger.recipes (model, recipe, algorithm, parameters, origin, because, purpose, effective_at)
values
    (%(model)s, 1, 'xgboost', '{}', 'search', 'b', 'live', %(then)s),
    (%(model)s, 2, 'lightgbm', '{}', 'search', 'b', 'live', %(then)s);
insert into ledger.versions (
    model, version, recipe, algorithm, mlflow_run_id, manifest, data_hash, training_as_ofs, holdout_as_ofs, trained_for,
    parameters, config_hash, query_hash, code_version, holdout_auc, effective_at
)
values
    (%(model)s, 7, 1, 'xgboost', 'm', '{}', 'd', array[%(learned)s::date], '{}', %(fitted)s, '{}', 'c', 'q', '1', .80, %(then)s),
    (%(model)s, 8, 2, 'lightgbm', 'n', '{}', 'e', array[%(learned)s::date], '{}', %(fitted)s, '{}', 'c', 'q', '1', .82, %(then)s);
insert into ledger.promotions (model, version, kind, reason, actor, purpose, effective_at)
values (%(model)s, 7, 'promote', 'secret reason', 'a', 'live', %(then)s);
update ledger.promotions set status = 'applied', applied_at = %(then)s where model = %(model)s;
insert into ledger.publications (
    model, as_of, version, attempt, status, rows, mean_score, snapshot_checksum, manifest_hash, config_hash, query_hash,
    code_version, purpose, message, effective_at, published_at
)
values
    (%(model)s, %(learned)s, 7, 1, 'live', 900, .21, 's', 'm', 'c', 'q', '1', 'live', null, %(then)s, %(then)s),
    (%(model)s, %(scored)s, 7, 1, 'live', 1000, .25, 's', 'm', 'c', 'q', '1', 'live', null, %(now)s, %(now)s),
    (%(model)s, %(stopped)s, 7, 1, 'blocked', null, null, 's', 'm', 'c', 'q', '1', 'live', 'secret message', %(now)s, null);
insert into ledger.outcomes (model, as_of, version, publication_id, rows, positives, mean_score, base_rate, effective_at)
select model, as_of, version, publication_id, rows, 150, mean_score, .17, %(now)s from ledger.publications
where model = %(model)s and as_of = %(learned)s;
insert into ledger.outcome_metrics (publication_id, metric, position, value, low, high, standard_error)
select publication_id, 'auc', 1, .70, .66, .74, .02 from ledger.outcomes where model = %(model)s
union all
select publication_id, 'log_loss', 2, .4, null, null, null from ledger.outcomes where model = %(model)s;
insert into ledger.drift_checks (model, as_of, version, rows, drifted_share, prediction_shift, is_drifted, evidence, effective_at)
values (%(model)s, %(scored)s, 7, 1000, .4, -.05, true, '{}', %(now)s);
insert into ledger.decisions (model, as_of, choice, rule, sentence, evidence, purpose, effective_at)
values
    (%(model)s, %(learned)s, 'SKIP', 'quiet', 's', '{"auc_loss": null}', 'live', %(then)s),
    (%(model)s, %(scored)s, 'TRAIN', 'realised_loss', 'secret sentence',
     '{"auc_loss": 0.06, "loss_rise": null, "calibration": null}', 'live', %(now)s);
insert into ledger.admissions (model, as_of, event, reason, snapshot_checksum, rests_until, actor, purpose, effective_at)
values (%(model)s, %(learned)s, 'rest', 'r', 's', %(scored)s, 'a', 'live', %(now)s);
insert into ledger.evaluations (model, as_of, challenger_version, champion_version, verdict, evidence, purpose, effective_at)
values (%(model)s, %(scored)s, 8, 7, 'INCONCLUSIVE', '{}', 'live', %(now)s);
insert into ledger.contests (
    model, challenger_recipe, champion_recipe, side, alpha, last_look, overlap, opened_for, purpose, effective_at
)
values
    (%(model)s, 3, 1, 'superiority', .002, 8, 2, %(scored)s, 'live', %(now)s),
    (%(model)s, 4, 1, 'superiority', .003, 8, 2, %(learned)s, 'live', %(long_ago)s);
insert into ledger.canaries (
    model, contest_id, challenger_recipe, champion_recipe, salt, alpha, harm_alpha, last_look, overlap, missing, started_for,
    reason, actor, purpose, effective_at
)
select model, contest_id, 3, 1, 'salt', .001, .05, 8, 2, 0, %(scored)s, 'secret reason', 'a', 'live', %(now)s
from ledger.contests where model = %(model)s and challenger_recipe = 3;
update ledger.publications set canary_id = canaries.canary_id, canary_share = .1, canary_version = 8
from ledger.canaries where publications.model = %(model)s and canaries.model = publications.model and as_of = %(scored)s;
insert into ledger.approvals (model, as_of, version, evaluation_id, because, deadline, actor, purpose, effective_at)
select model, as_of, 8, evaluation_id, '{secret}', %(now)s, 'a', 'live', %(now)s from ledger.evaluations
where model = %(model)s;
insert into ledger.snapshots (model, as_of, kind, rows, checksum, query_hash, config_hash, status, purpose, effective_at)
values (%(model)s, %(stopped)s, 'features', 1010, 'c', 'q', 'c', 'valid', 'live', %(now)s);
insert into ledger.validations (model, as_of, passed, rows, quarantined, results, effective_at)
values (%(model)s, %(stopped)s, true, 1010, 12, '[]', %(now)s);
insert into ledger.runs (model, stage, as_of, purpose, actor, status, message, effective_at, recorded_at, finished_at)
values
    (%(model)s, 'score', %(scored)s, 'live', 'a', 'ok', null, %(now)s, %(now)s, %(now)s + interval '40 s'),
    (%(model)s, 'score', %(scored)s, 'live', 'a', 'ok', null, %(now)s, %(now)s, %(now)s + interval '20 s'),
    (%(model)s, 'score', %(stopped)s, 'live', 'a', 'failed', 'secret failure', %(now)s, %(now)s, %(now)s + interval '2 s'),
    (%(model)s, 'train', %(scored)s, 'live', 'a', 'running', null, %(now)s, %(now)s, null);
insert into ledger.events (model, as_of, kind, version, effective_at, recorded_at)
values (%(model)s, %(scored)s, 'fitted', 7, %(now)s, %(now)s), (%(model)s, %(scored)s, 'rest_20260105', null, %(now)s, %(now)s);
insert into ledger.deliveries (event_id, destination, model, version) select event_id, 'card', model, 7 from ledger.events
where model = %(model)s and kind = 'fitted';
insert into ledger.outbox (model, as_of, event, event_id, recipient, notice, message_id, attempts, effective_at, recorded_at)
select model, as_of, kind, event_id, 'secret@example.com', '{}', model, 3, %(now)s, %(then)s from ledger.events
where model = %(model)s and kind like 'rest%%';
insert into ledger.purges (model, kind, as_of, rows, bytes, retention_days, actor, effective_at)
values
    (%(model)s, 'scores', %(learned)s, 500, 4096, 400, 'a', %(now)s),
    (%(model)s, 'mail', %(learned)s, 1, 100, 400, 'a', %(now)s);
"""


def write_life(pipeline_url: str, now: datetime, model: str = MODEL) -> dict[str, date | datetime]:
    """Write it into a migrated warehouse; the instants and days that stand in it, by name."""
    today = now.date()
    moments = {
        "now": now,
        "then": now - timedelta(days=14),
        "long_ago": now - timedelta(days=400),
        "learned": today - timedelta(days=20),
        "fitted": today - timedelta(days=14),
        "scored": today - timedelta(days=1),
        "stopped": today,
    }
    database = Database(pipeline_url)
    with database.transaction() as session:
        for statement in LIFE.split(";\n"):
            if statement.strip():
                session.exec_driver_sql(statement, {"model": model, **moments})
    database.dispose()
    return moments


def make_watched_home(folder: Path) -> Path:
    """A home with the model of that ledger, and another that has never lived."""
    make_home(folder)
    text = (folder / "models" / f"{MODEL}.toml").read_text(encoding="utf-8")
    (folder / "models" / "young.toml").write_text(text.replace('name = "churn"', 'name = "young"'), encoding="utf-8")
    return folder
