"""A cron that cannot fire as the model file says is refused with the reason, and hides no other model."""

import shutil

import pytest

from perennial.cli.edge import FAULT
from tests.cases.harness import MODEL

DAILY = 'refresh = "0 8 * * *"'


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ('refresh = "0 8 31 2 *"', "schedule.refresh = '0 8 31 2 *' does not fire on every monday"),
        (
            'refresh = "0 8 * * 1-5"\nsnapshot_weekday = "sunday"',
            "schedule.refresh = '0 8 * * 1-5' does not fire on every sunday",
        ),
    ],
)
def test_a_schedule_that_never_builds_a_training_day_is_refused(open_case, schedule, says):
    case = open_case("plain")
    shutil.copy(case.home / "models" / f"{MODEL}.toml", case.home / "models" / "another.toml")
    case.edit("model.toml", DAILY, schedule)
    code, out, _ = case.shell.perennial("models", "--json")
    faults = {row["model"]: row["fault"] for row in case.shell.read(out)}
    assert FAULT == code
    assert says in faults[MODEL]
    assert {"another", MODEL} == set(faults)
