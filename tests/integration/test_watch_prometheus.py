"""A real Prometheus scrapes the exporter over loopback and evaluates the rules and every query of the dashboards."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from perennial.local.patience import Patience
from perennial.local.ports import find_free_port
from tests.paths import ROOT
from tests.watched import MODEL, make_watched_home, write_life

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Prometheus (Debian: the package prometheus) is not installed"
)
DASHBOARDS = sorted((ROOT / "docs" / "dashboards").glob("*.json"))
MAY_BE_EMPTY = {"sum by (alertname)": "an alert fires only after its time"}
GENEROUS = 120.0


def find_queries(board):
    """Every query of a dashboard as Grafana would send it."""
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$model", MODEL)


QUERIES = [
    pytest.param(expr, id=f"{path.stem}-{title}-{number}")
    for path in DASHBOARDS
    for number, (title, expr) in enumerate(find_queries(json.loads(path.read_text(encoding="utf-8"))))
]


@pytest.fixture(scope="module")
def watched(postgres, migrated_template):
    postgres.make("scraped", template=migrated_template)
    write_life(postgres.url("scraped", "pipeline"), datetime.now(UTC))
    yield postgres.url("scraped", "watcher")
    postgres.drop("scraped")


@pytest.fixture(scope="module")
def exporter(watched, tmp_path_factory):
    """`perennial metrics` as a process of its own; its address."""
    home = make_watched_home(tmp_path_factory.mktemp("watched") / "home")
    environment = {**os.environ, "PERENNIAL_HOME": str(home), "PERENNIAL_WATCHER_URL": watched}
    command = [Path(sys.executable).parent / "perennial", "metrics", "--port", "0", "--limit-seconds", "600"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield re.fullmatch(r"http://(127\.0\.0\.1:\d+)/metrics\n", process.stdout.readline())[1]
        process.terminate()
        assert process.wait() == 0


@pytest.fixture(scope="module")
def prometheus(exporter, tmp_path_factory):
    """A Prometheus with the rules that ship, which has scraped at least twice."""
    folder = tmp_path_factory.mktemp("prometheus")
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [exporter]}]
    shutil.copy(ROOT / "deploy" / "prometheus" / "rules.yml", folder)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    address = f"127.0.0.1:{find_free_port()}"
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log) as process,
    ):
        deadline = Patience().begin(GENEROUS)
        assert deadline.await_that(lambda: has_scraped_twice(address), poll_seconds=0.2), (folder / "log").read_text()
        yield address
        process.terminate()


def query(address, expr):
    with urlopen(f"http://{address}/api/v1/query?{urlencode({'query': expr})}") as answer:
        return json.load(answer)


def has_scraped_twice(address):
    try:
        found = query(address, "count_over_time(perennial_warehouse_up[1h])")["data"]["result"]
    except URLError:
        return False
    return bool(found) and float(found[0]["value"][1]) >= 2


def test_prometheus_has_what_the_ledger_holds(prometheus):
    (found,) = query(prometheus, f'perennial_scores_rows{{model="{MODEL}"}}')["data"]["result"]
    assert (found["metric"]["job"], found["value"][1]) == ("perennial", "1000")


def test_an_age_is_the_difference_that_prometheus_takes(prometheus):
    (found,) = query(prometheus, f'time() - perennial_champion_fitted_timestamp_seconds{{model="{MODEL}"}}')["data"]["result"]
    assert float(found["value"][1]) >= 14 * 86_400


def test_prometheus_has_loaded_the_rules_and_finds_what_is_wrong(prometheus):
    with urlopen(f"http://{prometheus}/api/v1/rules") as answer:
        (group,) = json.load(answer)["data"]["groups"]
    assert [rule for rule in group["rules"] if rule.get("lastError")] == []
    found = query(prometheus, "perennial_scores_blocked == 1")["data"]["result"]
    assert [each["metric"]["model"] for each in found] == [MODEL]


@pytest.mark.parametrize("expr", QUERIES)
def test_a_query_of_a_dashboard_is_answered_with_data(prometheus, expr):
    answer = query(prometheus, expr)
    assert answer["status"] == "success"
    assert answer["data"]["result"] != [] or expr.startswith(tuple(MAY_BE_EMPTY))


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_lists_the_models_that_there_are(prometheus, path):
    variables = {each["name"]: each for each in json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    if "model" in variables:
        metric = re.fullmatch(r"label_values\((\w+), model\)", variables["model"]["definition"])[1]
        with urlopen(f"http://{prometheus}/api/v1/label/model/values?{urlencode({'match[]': metric})}") as answer:
            assert json.load(answer)["data"] == [MODEL, "young"]
