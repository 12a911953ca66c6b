"""The whole loop in one process: days that go well, a broken delivery, a takeover, a way back, and days that were lost."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import date

import pytest

from perennial import operate, pipeline
from perennial.config import Smtp
from perennial.demo.data import plant_null_column, repair_null_column
from perennial.errors import (
    ChampionTooNew,
    HistoryTooShort,
    NoChampionYet,
    NotAsked,
    NothingToDo,
    PublicationBlocked,
    RegistryUnavailable,
    SnapshotMissing,
    TooEarly,
    ValidationFailed,
)
from perennial.local.ports import find_free_port
from perennial.monitor import PAGE_COLUMNS
from perennial.pipeline import reporting
from perennial.records import Choice
from perennial.stores.registry import Registry
from tests.world import FIRST_DAY, MODEL, challenge, edit_model, end_state, lower_level

NEXT_DAY, DAY_AFTER, THIRD_DAY = date(2017, 6, 19), date(2017, 6, 26), date(2017, 7, 3)
SCORES = "select entity_id, score, rank, decile, reason_1, reason_2, reason_3 from scores.lapse where as_of = :as_of order by 1"


def make_snapshot(world, as_of):
    pipeline.refresh(world.stores, world.run(as_of))
    pipeline.validate(world.stores, world.run(as_of))


def watch(world, as_of):
    """A day without its retraining; returns the decision."""
    make_snapshot(world, as_of)
    pipeline.score(world.stores, world.run(as_of))
    pipeline.monitor(world.stores, world.run(as_of))
    return pipeline.decide(world.stores, world.run(as_of))


def train_second_version(world):
    """A challenger for the next day that the ledger knows and no verdict has let in."""
    return challenge(world, NEXT_DAY)


# Days that go well
def test_the_first_day_makes_a_champion_that_ledger_alias_and_analysts_agree_on(world):
    (version,) = world.ask("select version, kind, champion_until from analytics.model_history where model = 'lapse'")
    assert ("promote", None) == (version["kind"], version["champion_until"])
    assert version["version"] == world.stores.registry.get_champion(MODEL)
    assert {"rows": 451, "as_of": FIRST_DAY} == world.ask(
        "select count(*) as rows, max(as_of) as as_of from analytics.lapse_scores_latest"
    )[0]
    assert ["decision", "verdict"] == [row["event"] for row in world.ask("select event from ledger.outbox order by event")]


@pytest.mark.mltest("I3")
def test_a_week_with_its_retraining_is_consistent_and_replays_to_the_same(world):
    (first,) = operate.replay(world.stores, MODEL, NEXT_DAY, NEXT_DAY)
    assert ("SKIP (quiet)", "decision") == (first.decision, first.mail)
    (fit,) = world.ask("select version, recipe, origin from ledger.versions where trained_for = :day", day=NEXT_DAY)
    assert (1, "refresh", True) == (fit["recipe"], fit["origin"], fit["version"] > first.version)
    assert fit["version"] == world.stores.registry.get_champion(MODEL)
    assert ["promote", "refresh"] == [row["kind"] for row in world.ask("select kind from ledger.promotions order by 1")]
    with pytest.raises(NothingToDo, match="what follows from it is done"):
        pipeline.assemble(world.stores, world.run(NEXT_DAY))
    # Scored again, the day is scored by who serves now; from then on every replay comes to the same.
    (again,) = operate.replay(world.stores, MODEL, NEXT_DAY, NEXT_DAY)
    state = end_state(world)
    assert (again,) == tuple(operate.replay(world.stores, MODEL, NEXT_DAY, NEXT_DAY))
    assert state == end_state(world)


# A broken delivery
@pytest.mark.mltest("O2")
def test_a_null_column_stops_the_day_and_the_repaired_day_goes_on(world):
    plant_null_column(world.loader_url, NEXT_DAY)
    pipeline.refresh(world.stores, world.run(NEXT_DAY))
    with pytest.raises(ValidationFailed, match="what was paid"):
        pipeline.validate(world.stores, world.run(NEXT_DAY))
    with pytest.raises(ValidationFailed):
        pipeline.validate(world.stores, world.run(NEXT_DAY))
    assert [("BLOCK",)] == [
        (row["choice"],) for row in world.ask("select choice from ledger.decisions where as_of = :d", d=NEXT_DAY)
    ]
    assert ["blocked"] == [row["event"] for row in world.ask("select event from ledger.outbox where as_of = :d", d=NEXT_DAY)]
    (fresh,) = world.ask("select * from analytics.freshness where model = 'lapse'")
    assert FIRST_DAY == fresh["scored_as_of"]
    assert (NEXT_DAY, "blocked") == (fresh["missing_as_of"], fresh["missing_kind"])
    assert "what was paid" in fresh["missing_because"]
    with pytest.raises(SnapshotMissing):
        pipeline.score(world.stores, world.run(NEXT_DAY))

    repair_null_column(world.loader_url, NEXT_DAY)
    assert Choice.SKIP is watch(world, NEXT_DAY).choice
    assert NEXT_DAY == world.ask_one("select scored_as_of from analytics.freshness where model = 'lapse'")


class FullRegistry(Registry):
    """MLflow whose disk is full: it answers, and keeps nothing."""

    def keep_report(self, *_):
        raise RegistryUnavailable("No space left on device")

    log_card = keep_report


def fill_disk(world):
    return replace(world.stores, registry=FullRegistry(world.settings.mlflow_uri))


def test_scores_are_stopped_with_a_decision_and_one_mail_though_mlflow_keeps_no_report(world):
    edit_model(world.settings.home, {"publish_max_shift = 0.50": "publish_max_shift = 0.0001"})
    lower_level(world)
    make_snapshot(world, NEXT_DAY)
    run = replace(world.run(NEXT_DAY), dag_run_id="run-1")
    with pytest.raises(PublicationBlocked, match="the mean score is"):
        pipeline.score(fill_disk(world), run)
    pipeline.mail(world.stores, run, dag="score", failed_tasks=("score",))
    assert "BLOCK" == world.ask_one("select choice from ledger.decisions where as_of = :d", d=NEXT_DAY)
    assert ["blocked"] == [row["event"] for row in world.ask("select event from ledger.outbox where as_of = :d", d=NEXT_DAY)]
    assert "blocked" == world.ask_one("select missing_kind from analytics.freshness where model = 'lapse'")


def test_a_stopped_day_keeps_its_block_until_it_is_repaired(world):
    """Its drift was measured all the same: asked again, nothing of that takes the BLOCK back."""
    edit_model(world.settings.home, {"publish_max_shift = 0.50": "publish_max_shift = 0.0001"})
    lower_level(world)
    make_snapshot(world, NEXT_DAY)
    with pytest.raises(PublicationBlocked):
        pipeline.score(world.stores, world.run(NEXT_DAY))
    assert Choice.BLOCK is pipeline.decide(world.stores, world.run(NEXT_DAY)).choice
    assert ["BLOCK"] == [row["choice"] for row in world.ask("select choice from ledger.decisions where as_of = :d", d=NEXT_DAY)]
    assert ["blocked"] == [row["event"] for row in world.ask("select event from ledger.outbox where as_of = :d", d=NEXT_DAY)]
    edit_model(world.settings.home, {"publish_max_shift = 0.0001": "publish_max_shift = 0.50"})
    assert Choice.SKIP is watch(world, NEXT_DAY).choice


def test_a_checked_day_links_to_its_report_where_people_open_airflow(world):
    address = f"https://airflow.example.com/perennial/reports/{MODEL}/{FIRST_DAY}"
    checked = pipeline.monitor(world.stores, world.run(FIRST_DAY))
    assert replace(checked, report=address) == pipeline.report(world.stores, world.run(FIRST_DAY))
    pipeline.monitor(world.stores, world.run(FIRST_DAY))
    assert address == world.ask_one("select evidence ->> 'report' from ledger.drift_checks where as_of = :d", d=FIRST_DAY)


def test_a_page_shows_the_score_and_what_moved_most_and_everything_on_request(world, monkeypatch):
    monkeypatch.setattr(reporting, "PAGE_COLUMNS", PAGE_COLUMNS)
    features = sorted(pipeline.monitor(world.stores, world.run(FIRST_DAY)).features, key=lambda feature: -feature.psi)
    run_id = world.ask_one("select mlflow_run_id from ledger.versions")
    pipeline.report(world.stores, world.run(FIRST_DAY))
    page = gzip.decompress(world.stores.registry.read_file(run_id, f"reports/{FIRST_DAY}.html.gz")).decode()
    keep_report = Registry.keep_report

    def lose_parts_and_keep(*asked):
        world.tell("delete from ledger.page_parts")  # as a purge in between may
        keep_report(*asked)

    monkeypatch.setattr(Registry, "keep_report", lose_parts_and_keep)
    pipeline.report(world.stores, world.run(FIRST_DAY), all_columns=True)
    whole = gzip.decompress(world.stores.registry.read_file(run_id, f"reports/{FIRST_DAY}.html.gz")).decode()
    kept = [row["digest"] for row in world.ask("select digest from ledger.page_parts order by digest")]
    assert (True, 2, kept) == (len(page) < 500_000, len(kept), world.ask_one("select parts from ledger.drift_checks"))
    names = ["score of the champion", *(feature.column for feature in features)]
    assert names[:9] == [name for name in names if f"Drift in column '{name}'" in page]
    assert names == [name for name in names if f"Drift in column '{name}'" in whole]


def test_a_day_that_was_not_checked_has_no_page(world):
    with pytest.raises(NothingToDo, match="nothing to draw"):
        pipeline.report(world.stores, world.run(NEXT_DAY))


def test_a_day_is_checked_and_decided_on_though_mlflow_keeps_no_report(world):
    stores, run = fill_disk(world), world.run(FIRST_DAY)
    pipeline.monitor(stores, run)
    assert Choice.SKIP is pipeline.decide(stores, run).choice
    with pytest.raises(RegistryUnavailable):
        pipeline.report(stores, run)


def test_the_mail_of_a_decision_says_that_its_page_is_missing_or_links_to_it(world, smtp_sink):
    mailing = world.with_smtp(smtp_sink.settings)
    mailing.mail()
    for day in (NEXT_DAY, DAY_AFTER):
        watch(world, day)
    pipeline.report(world.stores, world.run(DAY_AFTER))
    smtp_sink.clear()
    mailing.mail()
    texts = [message.get_body(("plain",)).get_content() for message in smtp_sink.messages]
    assert [True, False] == [f"perennial report {MODEL} --as-of {NEXT_DAY}" in " ".join(text.split()) for text in texts]
    assert [False, True] == [f"perennial/reports/{MODEL}/{DAY_AFTER}" in text for text in texts]


def test_a_day_with_too_many_rejects_keeps_them_all_until_it_is_built_again(world):
    quarantined = "select count(*) from ledger.quarantine where as_of = :d and row_content ->> 'recency_days' = '99'"
    features = "select count(*) from features.lapse where as_of = :d"
    pipeline.refresh(world.stores, world.run(NEXT_DAY))
    rows = world.ask_one(features, d=NEXT_DAY)
    world.tell("update features.lapse set recency_days = 99 where as_of = :d and entity_id % 10 = 0", d=NEXT_DAY)
    with pytest.raises(ValidationFailed, match="rows were rejected"):
        pipeline.validate(world.stores, world.run(NEXT_DAY))
    rejected = world.ask_one(f"{features} and recency_days = 99", d=NEXT_DAY)
    assert (rejected, rows) == (world.ask_one(quarantined, d=NEXT_DAY), world.ask_one(features, d=NEXT_DAY))

    make_snapshot(world, NEXT_DAY)
    assert 0 == world.ask_one(quarantined, d=NEXT_DAY)


# A takeover
def test_drift_asks_for_training_once_it_persists_and_then_cools_down(world):
    """Of 451 rows a column must move far to be beyond chance: tenure, which grows by itself, does."""
    edits = {"drifted_share = 0.3 ": "drifted_share = 0.02 ", 'columns = ["tenure_days", ': "columns = ["}
    edit_model(world.settings.home, edits)
    decisions = [watch(world, day) for day in (NEXT_DAY, DAY_AFTER, THIRD_DAY)]
    assert [("SKIP", "persistence"), ("TRAIN", "drift"), ("SKIP", "cooldown")] == [(d.choice.value, d.rule) for d in decisions]
    asked = pipeline.ask_for_retraining(world.stores, world.run(DAY_AFTER), reason="drift")
    assert decisions[1].sentence == asked
    with pytest.raises(NotAsked, match="cooldown"):
        pipeline.ask_for_retraining(world.stores, world.run(THIRD_DAY), reason="drift")
    (outcome,) = world.ask("select as_of, rows, auc from analytics.lapse_outcomes")
    assert (FIRST_DAY, 451) == (outcome["as_of"], outcome["rows"])
    assert 0.7 < outcome["auc"] < 0.95


# The way back
def test_an_alias_moved_by_hand_is_recorded_and_a_rollback_restores_the_exact_scores(world):
    make_snapshot(world, NEXT_DAY)
    pipeline.score(world.stores, world.run(NEXT_DAY))
    before = world.ask(SCORES, as_of=NEXT_DAY)
    second = train_second_version(world)
    world.stores.registry.set_champion(MODEL, second.version)
    assert second.version == pipeline.score(world.stores, world.run(NEXT_DAY)).version
    assert before != world.ask(SCORES, as_of=NEXT_DAY)
    assert "manual" == world.ask_one("select kind from ledger.promotions order by promotion_id desc limit 1")

    back = pipeline.rollback(world.stores, world.run(NEXT_DAY))
    pipeline.score(world.stores, world.run(NEXT_DAY))
    assert ("rollback", back.version) == (back.kind, world.stores.registry.get_champion(MODEL))
    assert before == world.ask(SCORES, as_of=NEXT_DAY)


# Backfill
def test_a_backfill_never_trains_promotes_or_mails(world):
    run = world.run(NEXT_DAY, "backfill")
    notices = world.ask_one("select count(*) from ledger.outbox")
    pipeline.refresh(world.stores, run)
    pipeline.validate(world.stores, run)
    pipeline.score(world.stores, run)
    for refused in (pipeline.decide, pipeline.train):
        with pytest.raises(NothingToDo):
            refused(world.stores, run)
    with pytest.raises(NotAsked):
        pipeline.ask_for_retraining(world.stores, run, reason="weekly")
    pipeline.mail(world.stores, run, dag="refresh", failed_tasks=("refresh",))
    assert notices == world.ask_one("select count(*) from ledger.outbox")


def test_a_first_training_before_history_covers_the_windows_is_told_from_when_on_it_does(world):
    with pytest.raises(HistoryTooShort, match=r"known by then is 2017-03-27, and labels have matured up to 2017-03-13"):
        operate.list_usable_days(world.stores, world.run("2017-04-03"))


def test_a_past_day_is_not_scored_with_a_champion_from_its_future(world):
    with pytest.raises(NoChampionYet):
        pipeline.score(world.stores, world.run("2017-06-05", "backfill"))
    with pytest.raises(ChampionTooNew):
        pipeline.score(world.stores, world.run("2017-06-05", "simulation"))


# Lost days
def test_reconcile_names_and_starts_what_was_lost(world):
    make_snapshot(world, NEXT_DAY)
    make_snapshot(world, DAY_AFTER)
    pipeline.score(world.stores, world.run(DAY_AFTER))
    run = world.run(DAY_AFTER)
    named = operate.reconcile(world.stores, run, start=False)
    assert [(NEXT_DAY, "score"), (DAY_AFTER, "monitor")] == [(lost.as_of, lost.missing) for lost in named]
    started = operate.reconcile(world.stores, run, start=True)
    assert ["done", "done"] == [lost.outcome for lost in started]
    assert () == operate.reconcile(world.stores, run, start=True)


def test_reconcile_trains_when_the_day_that_it_starts_asks_for_it(world):
    edit_model(world.settings.home, {"max_fit_age_days = 35": "max_fit_age_days = 1"})
    make_snapshot(world, NEXT_DAY)
    pipeline.score(world.stores, world.run(NEXT_DAY))
    (started,) = operate.reconcile(world.stores, world.run(NEXT_DAY), start=True)
    assert ("monitor", "done") == (started.missing, started.outcome)
    assert 1 == world.ask_one("select count(*) from ledger.versions where trained_for = :d and origin = 'refresh'", d=NEXT_DAY)


def test_a_day_that_is_too_old_to_score_is_closed_by_a_newer_one(world):
    live = world.run(DAY_AFTER, "live")
    make_snapshot(world, NEXT_DAY)
    assert [(NEXT_DAY, "score")] == [(lost.as_of, lost.missing) for lost in operate.find_lost(world.stores, live)]
    make_snapshot(world, DAY_AFTER)
    assert [(DAY_AFTER, "score")] == [(lost.as_of, lost.missing) for lost in operate.find_lost(world.stores, live)]


def test_a_snapshot_that_never_came_to_be_is_built_for_training_and_not_scored(world):
    watch(world, DAY_AFTER)
    (built,) = operate.reconcile(world.stores, world.run(DAY_AFTER), start=True)
    assert (NEXT_DAY, "refresh", "done") == (built.as_of, built.missing, built.outcome)
    assert () == operate.reconcile(world.stores, world.run(DAY_AFTER), start=True)
    assert [FIRST_DAY, DAY_AFTER] == [row["as_of"] for row in world.ask("select as_of from ledger.publications order by as_of")]


# Refusals and mail
def test_a_live_run_before_the_day_has_settled_is_too_early(world):
    early = replace(world.run(NEXT_DAY, "live"), clock=world.stores.declaration(MODEL).model.start(NEXT_DAY))
    with pytest.raises(TooEarly, match="2017-06-19 10:00 UTC"):
        pipeline.refresh(world.stores, early)
    assert "refused" == world.ask_one("select status from ledger.runs order by run_id desc limit 1")


def test_notices_wait_while_the_mail_server_is_down_and_go_out_later(world, smtp_sink):
    down = world.with_smtp(Smtp(port=find_free_port())).mail()
    assert (0, 2) == (down["sent"], down["waiting"])
    assert {"sent": 2, "waiting": 0}.items() <= world.with_smtp(smtp_sink.settings).mail().items()
    assert {"sent": 0, "waiting": 0}.items() <= world.with_smtp(smtp_sink.settings).mail().items()
    assert 2 == len({message["Message-ID"] for message in smtp_sink.messages})


@pytest.mark.mltest("O1")
def test_a_failed_task_is_explained_once(world, smtp_sink):
    there = world.with_smtp(smtp_sink.settings)
    run = replace(world.run(NEXT_DAY), dag_run_id="run-1")
    with pytest.raises(SnapshotMissing):
        pipeline.score(there.stores, run)
    pipeline.mail(there.stores, run, dag="score", failed_tasks=("score",))
    pipeline.mail(there.stores, run, dag="score", failed_tasks=("score",))
    (explained,) = (message for message in smtp_sink.messages if "failed" in message["Subject"])
    assert "only a valid one is scored" in explained.get_body(("plain",)).get_content()


def test_a_training_that_cannot_be_assembled_says_why_in_its_mail(world):
    world.tell("update ledger.snapshots set query_hash = 'former' where kind = 'features'")
    run = replace(world.run(NEXT_DAY), dag_run_id="run-1")
    with pytest.raises(SnapshotMissing):
        pipeline.assemble(world.stores, run)
    pipeline.mail(world.stores, run, dag="retrain", failed_tasks=("assemble",))
    (notice,) = world.ask("select notice ->> 'summary' as summary from ledger.outbox where event = 'failure_retrain'")
    assert "run `perennial backfill lapse --from" in notice["summary"]


def test_a_failure_after_a_stop_of_the_same_day_is_explained_too(world):
    plant_null_column(world.loader_url, NEXT_DAY)
    stopped, failed = (replace(world.run(NEXT_DAY), dag_run_id=name) for name in ("run-1", "run-2"))
    pipeline.refresh(world.stores, stopped)
    with pytest.raises(ValidationFailed):
        pipeline.validate(world.stores, stopped)
    pipeline.mail(world.stores, stopped, dag="refresh", failed_tasks=("validate",))
    with pytest.raises(SnapshotMissing):
        pipeline.score(world.stores, failed)
    pipeline.mail(world.stores, failed, dag="score", failed_tasks=("score",))
    notices = world.ask("select event from ledger.outbox where as_of = :d order by event", d=NEXT_DAY)
    assert ["blocked", "failure_score"] == [notice["event"] for notice in notices]
