"""The page of the exporter, what is due when, and the alert rules."""

import re
import shutil
import subprocess
from contextlib import contextmanager
from datetime import UTC, date, datetime
from http.client import HTTPConnection
from threading import Event, Thread

import pytest
import yaml

from perennial.config import load_model
from perennial.errors import ConfigError
from perennial.watch import LABELS, METRICS, make_server, read_models
from perennial.watch.declared import find_due, list_limits
from perennial.watch.serving import MOST_WAITING
from tests.paths import ROOT

RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
CASES = ROOT / "tests" / "unit" / "watch_rules.yml"
ALERTS = [rule["alert"] for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
with_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian: the package prometheus) is not installed"
)


# The page
@contextmanager
def serve(write):
    with make_server(write, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def ask(port, path, method="GET"):
    connection = HTTPConnection("127.0.0.1", port)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers["Content-Type"], body


def test_the_page_shows_what_is_written_for_each_scrape():
    texts = iter([b"a 1\n", b"a 2\n"])
    with serve(lambda: next(texts)) as port:
        assert ask(port, "/metrics") == (200, "text/plain; version=1.0.0; charset=utf-8", b"a 1\n")
        assert ask(port, "/metrics?x=1")[2] == b"a 2\n"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/", 404),
        ("GET", "/metrics/../etc", 404),
        ("POST", "/metrics", 405),
        ("HEAD", "/health", 200),
    ],
)
def test_nothing_else_is_read_for(method, path, status):
    def refuse():
        raise AssertionError

    with serve(refuse) as port:
        assert ask(port, path, method)[0] == status


def test_scrapes_take_turns_and_more_than_fit_are_sent_away():
    entered, leave, inside = Event(), Event(), []

    def write():
        inside.append(1)
        entered.set()
        assert leave.wait()
        assert len(inside) == 1
        inside.pop()
        return b"a 1\n"

    answers = []
    with serve(write) as port:
        threads = [Thread(target=lambda: answers.append(ask(port, "/metrics")[0])) for _ in range(3 * MOST_WAITING)]
        for thread in threads:
            thread.start()
        assert entered.wait()
        while len(answers) < 2 * MOST_WAITING:  # these were sent away while one reads
            threads[0].join(0.01)
        leave.set()
        for thread in threads:
            thread.join()
    assert sorted(answers) == [200] * MOST_WAITING + [503] * 2 * MOST_WAITING


def test_a_port_that_is_taken_is_said_with_the_remedy():
    with serve(bytes) as port, pytest.raises(ConfigError, match=rf"Nobody can listen on 127\.0\.0\.1:{port}: .*--port"):
        make_server(bytes, "127.0.0.1", port)


# What model files say
def load(tmp_path, *edits):
    text = (ROOT / "models" / "lapse.toml").read_text(encoding="utf-8")
    for former, new in edits:
        assert former in text
        text = text.replace(former, new)
    (tmp_path / "lapse.toml").write_text(text, encoding="utf-8")
    return load_model(tmp_path / "lapse.toml")


WEEKLY = (('refresh = "30 7 * * *"', 'refresh = "30 7 * * 1"'), ('every = "day"', 'every = "week"'))


@pytest.mark.parametrize(
    ("edits", "newest", "due"),
    [
        ([], date(2026, 11, 27), datetime(2026, 11, 28, 12, 30, tzinfo=UTC)),
        ([], date(2026, 10, 31), datetime(2026, 11, 1, 12, 30, tzinfo=UTC)),  # clocks in New York go back that night
        ([], date(2026, 10, 30), datetime(2026, 10, 31, 11, 30, tzinfo=UTC)),
        (WEEKLY, date(2026, 11, 23), datetime(2026, 11, 30, 12, 30, tzinfo=UTC)),
    ],
)
def test_scores_are_due_when_the_next_day_of_the_grid_is_built(tmp_path, edits, newest, due):
    assert find_due(load(tmp_path, *edits), newest) == due


def test_a_fit_that_is_never_made_anew_has_no_age_to_keep(tmp_path):
    assert list_limits(load(tmp_path))["fit_age"] == 35 * 86_400
    assert list_limits(load(tmp_path, ('refresh = "weekly"', 'refresh = "never"')))["fit_age"] is None


def test_a_file_that_cannot_be_opened_is_no_model_and_no_error(tmp_path):
    (tmp_path / "models" / "lapse.toml").mkdir(parents=True)
    (found,) = read_models(tmp_path)
    assert (found.name, found.model, found.fault) == ("lapse", None, "models/lapse.toml cannot be read: Is a directory.")


# Names
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_follows_the_conventions(metric):
    assert re.fullmatch(r"[a-z][a-z_]*[a-z]", metric.name)
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert metric.help[0].isupper()
    assert metric.help.endswith(".")
    assert set(metric.labels) <= set(LABELS)


def test_no_metric_stands_twice():
    assert len({metric.name for metric in METRICS}) == len(METRICS)


# Alert rules
@with_promtool
def test_the_alerts_fire_when_they_should_and_not_before():
    done = subprocess.run(["promtool", "test", "rules", str(CASES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tried():
    tried = {
        alert["alertname"]
        for case in yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
        for alert in case.get("alert_rule_test", [])
        if alert["exp_alerts"]
    }
    assert tried == set(ALERTS)


@with_promtool
def test_promtool_accepts_the_configuration():
    place = RULES.with_name("prometheus.yml")
    done = subprocess.run(["promtool", "check", "config", str(place)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_of_a_rule_is_told():
    named = set(re.findall(r"\bperennial_[a-z_]+", RULES.read_text(encoding="utf-8")))
    assert named - {metric.full_name for metric in METRICS} == {"perennial_warehouse_up"}
