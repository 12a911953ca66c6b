"""What Airflow makes of dags/: the exact set, their order, and the rules of the house."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from perennial.config import model_names
from tests.paths import ROOT

PARSER = Path(__file__).parent / "parse_dags.py"
LOADER = Path(__file__).parent / "load_plugins.py"
VERBS = ("approve", "monitor", "refresh", "retrain", "retrain_weekly", "score")
NIGHTLY = "perennial.nightly"


def parse(airflow_home, home=ROOT, script=PARSER, **environment):
    """Parse dags/ for the models under `home`, in a fresh process without a metadata database."""
    variables = {
        **os.environ,
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PERENNIAL_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, str(script), str(ROOT / "dags")], env=variables, capture_output=True, text=True, check=True, timeout=120
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    return parse(tmp_path_factory.mktemp("airflow"))


@pytest.fixture(scope="module")
def lapse(parsed):
    return {verb: parsed["dags"][f"lapse.{verb}"] for verb in VERBS}


def test_every_model_has_exactly_these_dags(parsed):
    assert {f"{name}.{verb}" for name in model_names(ROOT) for verb in VERBS} | {NIGHTLY} == set(parsed["dags"])


def test_no_file_fails_to_import(parsed):
    assert {} == parsed["import_errors"]


def test_parsing_loads_no_heavy_library(parsed):
    assert [] == parsed["heavy"]


@pytest.mark.parametrize(
    ("verb", "tasks"),
    [
        ("refresh", ["refresh", "validate", "mail"]),
        ("score", ["score", "ask_for_first_training", "mail"]),
        ("monitor", ["monitor", "ask_for_retraining", "report", "mail"]),
        ("retrain_weekly", ["ask_for_retraining", "mail"]),
        ("retrain", ["assemble", "refit", "train", "compare", "promote", "ask_for_approval", "mail"]),
        ("approve", ["ask", "promote", "mail"]),
    ],
)
def test_tasks_stand_in_data_flow_order(lapse, verb, tasks):
    assert tasks == lapse[verb]["tasks"]


def test_the_page_of_a_day_is_drawn_after_the_decision_beside_the_mail_which_waits_for_it(lapse):
    assert ["ask_for_retraining", "report"] == lapse["monitor"]["downstream"]["monitor"]
    assert [] == lapse["monitor"]["downstream"]["report"]
    assert {"mail": "report"} == lapse["monitor"]["waits_for"]


@pytest.mark.parametrize(
    ("verb", "assets"),
    [
        ("refresh", ["features/lapse"]),
        ("score", ["drift/lapse", "scores/lapse"]),
        ("monitor", ["drift/lapse"]),
        ("retrain_weekly", ["weekly/lapse"]),
        ("retrain", ["challenger/lapse", "champion/lapse"]),
        ("approve", ["champion/lapse"]),
    ],
)
def test_each_dag_announces_its_assets(lapse, verb, assets):
    assert assets == lapse[verb]["outlets"]


@pytest.mark.parametrize(
    ("verb", "timetable"),
    [
        ("refresh", "CronPartitionTimetable"),
        ("score", "PartitionedAssetTimetable"),
        ("monitor", "PartitionedAssetTimetable"),
        ("retrain_weekly", "CronPartitionTimetable"),
        ("retrain", "PartitionedAssetTimetable"),
        ("approve", "PartitionedAssetTimetable"),
    ],
)
def test_only_keyed_timetables_are_used(lapse, verb, timetable):
    assert timetable == lapse[verb]["timetable"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_dag_keeps_the_rules_of_the_house(lapse, verb):
    dag = lapse[verb]
    assert {
        "retries": [2],
        "limits": True,
        "teardowns": ["mail"],
        "owners": ["growth@example.com"],
        "tags": sorted(["perennial", "lapse", verb]),
        "max_active_runs": 1,
        "catchup": False,
        "params": ["as_of"],
        "links": ["Drift report", "MLflow run"],
    } == {
        key: dag[key]
        for key in ("retries", "limits", "teardowns", "owners", "tags", "max_active_runs", "catchup", "params", "links")
    }


def test_the_nightly_dag_keeps_the_same_rules(parsed):
    dag = parsed["dags"][NIGHTLY]
    assert {"mark_lost", "purge", "check", "mail", "all_well"} == set(dag["tasks"])
    assert {
        "retries": [2],
        "limits": True,
        "teardowns": ["mail"],
        "tags": ["nightly", "perennial"],
        "max_active_runs": 1,
        "catchup": False,
        "outlets": [],
    } == {key: dag[key] for key in ("retries", "limits", "teardowns", "tags", "max_active_runs", "catchup", "outlets")}
    assert "#### At 3 a.m." in dag["doc"]
    assert dag["longest_run_seconds"] <= dag["run_limit_seconds"]


def test_what_a_purge_waits_for_does_not_keep_the_check_from_looking_and_leaves_the_run_red(parsed):
    dag = parsed["dags"][NIGHTLY]
    assert (["all_well", "check"], ["all_well", "mail"]) == (dag["downstream"]["purge"], dag["downstream"]["check"])
    assert ("all_done", "all_success") == (dag["rules"]["check"], dag["rules"]["all_well"])


@pytest.mark.parametrize("verb", VERBS)
def test_a_dag_says_what_to_do_at_3_am(lapse, verb):
    assert "#### At 3 a.m." in lapse[verb]["doc"]


@pytest.mark.parametrize("verb", ["refresh", "retrain_weekly"])
def test_cron_runs_in_the_timezone_of_the_model(lapse, verb):
    assert "America/New_York" in lapse[verb]["timezone"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_run_may_last_as_long_as_all_attempts_of_all_its_tasks(lapse, verb):
    """Airflow skips what has not ended in a run that is over its limit, the mail included: nobody would be told."""
    assert lapse[verb]["longest_run_seconds"] <= lapse[verb]["run_limit_seconds"]


def test_an_approval_may_run_as_long_as_people_have_to_answer(lapse):
    assert 72 * 3600 + lapse["approve"]["longest_run_seconds"] <= lapse["approve"]["run_limit_seconds"]


def test_a_simulation_ends_every_schedule_in_the_past(tmp_path):
    found = parse(tmp_path, PERENNIAL_SIMULATED_UNTIL="2018-01-03")
    assert {"2018-01-03T00:00:00+00:00"} == {dag["end_date"] for dag in found["dags"].values()}


@pytest.fixture(scope="module")
def twenty_models(tmp_path_factory):
    """A home with twenty models, each a copy of lapse under another name, and one that is broken."""
    home = tmp_path_factory.mktemp("home")
    (home / "models").mkdir()
    for number in range(20):
        name = f"copy_{number}"
        text = (ROOT / "models/lapse.toml").read_text().replace('name = "lapse"', f'name = "{name}"')
        (home / "models" / f"{name}.toml").write_text(text)
        for folder in ("sql", "expectations"):
            (home / folder).mkdir(exist_ok=True)
            (home / folder / name).symlink_to(ROOT / folder / "lapse")
    (home / "models" / "broken.toml").write_text('name = "broken"\nowner = 3\n')
    return home


def test_twenty_models_cost_no_more_each_than_the_first_ones_and_a_broken_one_harms_nobody(twenty_models, tmp_path):
    found, few = parse(tmp_path, home=twenty_models), parse(tmp_path)
    assert 121 == len(found["dags"])
    assert found["parse_seconds"] / len(found["dags"]) < 2 * few["parse_seconds"] / len(few["dags"])


def test_a_model_of_shards_scores_them_in_mapped_tasks(twenty_models, tmp_path):
    file = twenty_models / "models" / "copy_0.toml"
    file.write_text(file.read_text().replace("shards = 1", "shards = 2"))
    dag = parse(tmp_path, home=twenty_models)["dags"]["copy_0.score"]
    assert ["plan_shards", "score_shard", "score", "ask_for_first_training", "mail"] == dag["tasks"]
    assert dag["longest_run_seconds"] + 110 * 60 == dag["run_limit_seconds"]


def test_plugins_folder_exposes_one_file_to_airflow():
    assert ["*", "!airflow_plugin.py"] == (ROOT / "plugins/.airflowignore").read_text().split()


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    return parse(tmp_path_factory.mktemp("airflow"), script=LOADER)


def test_one_plugin_loads_without_an_error(plugins):
    assert (["perennial"], {}) == (plugins["names"], plugins["import_errors"])


def test_pages_stand_in_the_menu_on_a_dag_and_on_a_run(plugins):
    assert ["/perennial"] == plugins["prefixes"]
    assert {
        "nav": "perennial/",
        "dag": "perennial/dags/{DAG_ID}",
        "dag_run": "perennial/runs/{DAG_ID}/{RUN_ID}",
    } == plugins["views"]


def test_the_web_server_loads_no_heavy_library_for_our_pages(plugins):
    assert [] == plugins["heavy"]
