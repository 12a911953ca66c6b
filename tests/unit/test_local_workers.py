"""What `perennial doctor` says of Celery workers: of those that answered, and of a broker that does not."""

from __future__ import annotations

import shutil

import pytest

from perennial.local.ports import find_free_port
from perennial.local.workers import Worker, assess_workers, check_workers, describe_here, digest_home
from tests.paths import ROOT

WORKER = Worker("celery@one", machine="pear", queues=("default", "big"), program="0.1.0+a", home="b")


def assess(worker):
    (finding,) = assess_workers([worker], program="0.1.0+a", home="b")
    return finding


def test_a_worker_like_ours_is_well_and_says_where_it_is_and_what_it_takes():
    finding = assess(WORKER)
    assert ("worker celery@one", True, "") == (finding.component, finding.is_well, finding.fix)
    assert finding.found == "on pear, queue default, big, program 0.1.0+a, home b"


@pytest.mark.parametrize(
    ("program", "home", "fix"),
    [
        ("0.0.9+z", "b", "Install there what runs here, 0.1.0+a"),
        ("0.1.0+a", "z", "to what they are here, home b"),
        ("0.1.0+a", "", "name it in PERENNIAL_HOME"),
        ("", "", "AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS=perennial.airflow.workers.CONFIGURATION"),
    ],
)
def test_another_program_another_home_and_a_silent_worker_are_faults(program, home, fix):
    finding = assess(Worker("celery@two", "plum", ("default",), program, home))
    assert (finding.is_well, fix in finding.fix) == (False, True)


def test_a_worker_without_a_home_says_so_and_what_it_runs(tmp_path, monkeypatch):
    monkeypatch.delenv("PERENNIAL_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    said = describe_here(["default"])
    assert ("", True) == (said["home"], bool(said["program"]))


def test_a_home_changes_its_digest_with_any_file_that_stages_read_and_with_no_other(tmp_path):
    for name in ("models", "sql", "expectations"):
        shutil.copytree(ROOT / name, tmp_path / name)
    assert digest_home(tmp_path) == digest_home(ROOT)
    (tmp_path / "README.md").write_text("Ours")
    assert digest_home(tmp_path) == digest_home(ROOT)
    with (tmp_path / "sql" / "lapse" / "labels.sql").open("a") as file:
        file.write("-- a line more\n")
    assert digest_home(tmp_path) != digest_home(ROOT)


def test_without_a_broker_there_are_no_rows():
    assert check_workers({}) == ()


def test_a_broker_that_is_away_is_named_without_its_password():
    port = find_free_port()
    (finding,) = check_workers({"PERENNIAL_BROKER_URL": f"redis://:secret@127.0.0.1:{port}/0"})
    assert f"redis://127.0.0.1:{port}/0 does not answer" in finding.found
    assert "secret" not in finding.found + finding.fix
