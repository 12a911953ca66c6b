"""`perennial export` from a shell: the champion of a world that lives, and its snapshots."""

import json
import subprocess
import sys
from datetime import date

import pytest


@pytest.mark.parametrize("form", ["native", "onnx"])
def test_the_champion_is_exported_and_scores_by_itself(form, inside, tmp_path):
    (champion,) = inside.ask("champion", "lapse")
    folder = tmp_path / "deep" / form
    (facts,) = inside.ask("export", "lapse", "--format", form, "--to", str(folder))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert (facts["version"], manifest["version"]) == (champion["version"], champion["version"])
    done = subprocess.run([sys.executable, "-I", folder / "score.py"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith(f"lapse, version {champion['version']}: ")
    assert {path.name for path in folder.iterdir()} == {"README.md", "manifest.json", "model", "score.py"}
    assert [path.name for path in folder.parent.iterdir()] == [form]


def test_what_is_there_is_not_written_over(inside, tmp_path):
    (tmp_path / "mine").mkdir()
    code, _, err = inside.perennial("export", "lapse", "--format", "native", "--to", str(tmp_path / "mine"))
    assert code == 3
    assert "is there already: nothing was written" in err
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_version_that_nobody_knows_leaves_no_folder(inside, tmp_path):
    code, _, err = inside.perennial("export", "lapse", "--format", "native", "--version", "999999", "--to", str(tmp_path / "out"))
    assert code == 1
    assert "the ledger does not know version 999999" in err
    assert list(tmp_path.iterdir()) == []


def test_the_query_of_the_feature_repo_gives_the_snapshot_at_the_instant_at_which_it_was_known(inside, world, tmp_path):
    inside.ask("export", "lapse", "--format", "feast", "--to", str(tmp_path / "feast"))
    source = (tmp_path / "feast" / "features.py").read_text(encoding="utf-8")
    (line,) = [line for line in source.splitlines() if line.startswith("    query=")]
    query = json.loads(line.removeprefix("    query=").rstrip(","))
    with world.stores.warehouse.transaction() as session:
        found = session.exec_driver_sql(f"select distinct snapshot_as_of, snapshot_known_at from ({query}) rows").all()
    model = world.stores.declaration("lapse").model
    assert dict(found) == {day: model.known_until(date.fromisoformat(day)) for day, _ in found}
    assert len(found) > 5
