"""`perennial doctor` with one component ill at a time: the table is complete, names it, and says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from perennial.cli.edge import FAULT
from perennial.config.settings import Settings
from perennial.local import AirflowClient, find_airflow
from perennial.local.doctor import check_platform
from perennial.local.doctor import diagnose as run_diagnosis
from tests.paths import ROOT
from tests.shell import Shell
from tests.world import MODEL, copy_home

NOBODY = "127.0.0.1:1"
COMPONENTS = [
    "perennial",
    "home",
    "platform",
    "libgomp",
    "disk",
    "PostgreSQL",
    "MLflow",
    "Airflow api-server",
    "SMTP",
    "models",
    "days",
]


@contextmanager
def serve_files(folder) -> Iterator[str]:
    """A web server that is no Airflow; its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def lonely(shell, tmp_path) -> Shell:
    """An installation of one's own whose servers are all away; there is no var/."""
    environment = {
        "PERENNIAL_VAR": str(tmp_path / "nowhere" / "var"),
        "PERENNIAL_WAREHOUSE_URL": f"postgresql+psycopg2://pipeline@{NOBODY}/warehouse",
        "PERENNIAL_MLFLOW_URI": f"http://{NOBODY}",
        "PERENNIAL_AIRFLOW_URL": f"http://{NOBODY}",
        "PERENNIAL_SMTP_PORT": "1",
        "PERENNIAL_HOME": str(ROOT),
    }
    for name, value in environment.items():
        shell.patch.setenv(name, value)
    return shell


def diagnose(shell: Shell) -> dict[str, dict[str, str]]:
    """The last row of each component that is not well, by component."""
    code, out, _ = shell.perennial("doctor", "--json")
    assert FAULT == code
    return {row["component"]: row for row in shell.read(out) if row["well"] == "NO"}


def test_every_component_has_its_row_though_every_server_is_down(lonely):
    _, out, _ = lonely.perennial("doctor", "--json")
    assert COMPONENTS == [row["component"] for row in lonely.read(out)]


def test_servers_that_are_down_are_named_with_their_addresses(lonely):
    ill = diagnose(lonely)
    assert "does not answer" in ill["PostgreSQL"]["found"]
    assert f"http://{NOBODY} does not answer" in ill["MLflow"]["found"]
    assert f"Airflow at http://{NOBODY} does not answer" in ill["Airflow api-server"]["found"]
    assert "PERENNIAL_AIRFLOW_URL" in ill["Airflow api-server"]["fix"]


def test_an_address_that_is_none_is_a_finding(lonely):
    lonely.patch.setenv("PERENNIAL_MLFLOW_URI", "mlruns")
    lonely.patch.setenv("PERENNIAL_AIRFLOW_URL", "airflow")
    assert {"MLflow", "Airflow api-server"} <= diagnose(lonely).keys()


def test_another_server_at_the_address_is_not_taken_for_airflow(lonely, tmp_path):
    (tmp_path / "api/v2/monitor/health").mkdir(parents=True)
    (tmp_path / "api/v2/monitor/health/index.html").write_text("<p>Welcome")
    with serve_files(tmp_path) as url:
        lonely.patch.setenv("PERENNIAL_AIRFLOW_URL", url)
        assert f"What answers at {url} is no Airflow" in diagnose(lonely)["Airflow api-server"]["found"]


def test_a_warehouse_without_migrations_asks_for_them(lonely, postgres):
    lonely.patch.setenv("PERENNIAL_WAREHOUSE_URL", postgres.url("unmigrated_warehouse", "pipeline"))
    ill = diagnose(lonely)
    assert "PostgreSQL" not in ill
    assert "Run `perennial migrate`." == ill["migrations"]["fix"]
    assert "run `perennial migrate` as owner first" in ill["days"]["found"]


@pytest.mark.parametrize("command", [("score", MODEL, "--as-of", "2017-06-12"), ("history", MODEL), ("mail",)])
def test_every_command_asks_for_missing_migrations(lonely, postgres, command):
    lonely.patch.setenv("PERENNIAL_WAREHOUSE_URL", postgres.url("unmigrated_warehouse", "pipeline"))
    code, _, said = lonely.perennial(*command)
    assert (FAULT, True) == (code, "run `perennial migrate` as owner first" in said)


def test_a_broken_model_file_is_named_among_the_findings(lonely, tmp_path):
    home = copy_home(tmp_path / "home", {"trials = 50": "trails = 50"})
    lonely.patch.setenv("PERENNIAL_HOME", str(home))
    assert "models/lapse.toml: unknown key 'training.trails'" in diagnose(lonely)["models"]["found"]


def test_an_airflow_of_ones_own_gets_no_made_up_login(tmp_path):
    settings = Settings("postgresql+psycopg2://", "", "", ROOT, ROOT / "var", airflow_url="http://airflow.example.com")
    airflow = find_airflow(settings, {"PERENNIAL_VAR": str(tmp_path / "var")})
    assert ("http://airflow.example.com", None) == (airflow.url, airflow.user)
    assert not (tmp_path / "var").exists()


def test_the_home_and_the_platform_are_named(lonely):
    _, out, _ = lonely.perennial("doctor", "--json")
    found = {row["component"]: row["found"] for row in lonely.read(out)}
    assert (str(ROOT), "Linux") == (found["home"], found["platform"])


def test_elsewhere_than_on_linux_it_says_what_there_is_instead(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    (finding,) = check_platform()
    assert finding.found.startswith("macOS: the embedded stack is for Linux. On Windows use WSL2")


def test_what_nobody_asked_of_the_stack_is_no_fault(lonely):
    findings = run_diagnosis(Settings.from_environment(), AirflowClient(f"http://{NOBODY}"), unwanted=("airflow", "mail"))
    rows = {finding.component: finding for finding in findings}
    assert not {"Airflow api-server", "SMTP"} & rows.keys()
    assert rows["airflow"].is_well
    assert rows["mail"].is_well
    assert not rows["MLflow"].is_well
