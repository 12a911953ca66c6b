"""A table of another schema with capitals in its name, one updated in place, and a pipeline that may read neither at first."""

import json

import pytest

from perennial.cli.edge import FAULT, USAGE
from perennial.stores.sessions import run_script
from tests.cases.harness import MODEL

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
DAY = "2025-06-30"
GYM = """
create schema "Gym";
alter table source.visits set schema "Gym";
alter table "Gym".visits rename to "Visits";
alter table "Gym"."Visits" rename column entered_at to "enteredAt";
alter table "Gym"."Visits" alter known_at type date;
revoke all on "Gym"."Visits" from pipeline;
create table "Gym".members as select distinct member, 'basic' as plan from "Gym"."Visits";
"""


@pytest.fixture
def case(open_case):
    case = open_case("plain")
    with case.superuser.transaction() as session:
        run_script(session, GYM)
    case.edit("model.toml", 'event_at = "entered_at"', 'table = "Gym.Visits"\nevent_at = "enteredAt"')
    case.edit("features.sql", "count(*) filter (where entered_at", 'count(*) filter (where "enteredAt"')
    case.edit("features.sql", "max((entered_at", 'max(("enteredAt"')
    return case


def allow(case):
    """Run what `perennial grants` prints, as the owner of the tables; returns the statements."""
    _, printed, _ = case.shell.perennial("grants", MODEL)
    with case.superuser.transaction() as session:
        run_script(session, printed)
    return printed.splitlines()


def test_what_must_be_granted_is_said_and_then_the_day_is_built(case):
    code, said = case.run("refresh", DAY)
    assert USAGE == code
    assert f"Gym.Visits, which this program may not read. `perennial grants {MODEL}` prints what the owner" in said
    granted = ['grant usage on schema "Gym" to "pipeline";', 'grant select on "Gym"."Visits" to "pipeline";']
    assert allow(case) == granted
    case.do("refresh", DAY)
    assert [(True,)] == case.ask("select count(*) > 60 from features.quit")
    assert allow(case) == [f"{statement}  -- is given already" for statement in granted]


def test_a_table_updated_in_place_has_a_history_from_the_first_capture_on(case):
    case.edit(
        "model.toml", "[schedule]", '[sources.members]\ntable = "Gym.members"\ntimes = "captured"\nkey = ["member"]\n\n[schedule]'
    )
    allow(case)
    captured = [json.loads(case.shell.perennial("capture", MODEL, "--json")[1]) for _ in range(2)]
    members = case.ask('select count(*) from "Gym".members')[0][0]
    assert captured == [{"source": "members", "new": new, "changed": 0, "gone": 0} for new in (members, 0)]
    code, said = case.run("refresh", DAY)
    assert FAULT == code
    assert "Gym.members holds no fact that was known by 2025-06-30" in said
    assert "its history is captured since 20" in said
