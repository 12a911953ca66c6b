"""A weekly, a monthly and a seasonal model live through their first champion and several retrainings, from a shell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from perennial.cli.edge import FAULT, REFUSED
from tests.cases.harness import MODEL, Case

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
DAILY = 'refresh = "0 8 * * *"\nretrain = "0 9 * * 3"'
WEEKLY = 'every = "week"\nrefresh = "0 8 * * 1"\nretrain = "0 9 * * 1"'
MONTHLY = 'every = "month"\nrefresh = "0 8 3 * *"\nretrain = "0 9 3 * *"'
SEASONAL = f'{DAILY}\nsnapshot_weekday = "wednesday"'
SMALLER = (
    ('absence_of = "visits"\n', '\n[quality]\nrow_count_band = "off"\n'),
    ("as_ofs = 6\nmin_as_ofs = 4", "as_ofs = 3\nmin_as_ofs = 3"),
)
FROM_VISITS, FROM_CLASSES = "from visits\n", "from classes\nwhere entered_at >= :as_of_start - interval '1 day'\n"
IN_SEASON, SEASON_ENDS, OFF_SEASON = "2024-08-14", date(2024, 8, 21), "2024-12-25"
SUNDAY = "2025-01-26"


@dataclass(frozen=True)
class Living:
    """One model of the world `cadence`."""

    case: Case
    name: str

    def do(self, command: str, *words: str) -> str:
        """A command that must end well, and what it said."""
        code, said = self.run(command, *words)
        assert code == 0, said
        return said

    def run(self, command: str, *words: str) -> tuple[int, str]:
        code, out, err = self.case.shell.perennial(command, self.name, *words)
        return code, out + err

    def on(self, command: str, as_of: str) -> tuple[int, str]:
        return self.run(command, "--as-of", as_of, "--simulate")

    def days(self, query: str) -> list[str]:
        """The days that a query about the model finds."""
        return [str(row[0]) for row in self.case.ask(query.format(model=self.name))]


@pytest.fixture
def live(open_case) -> Callable[..., Living]:
    """A function that opens the world with one model, made of the files of the world."""

    def open_it(name: str, schedule: str, **edits: tuple[str, str]) -> Living:
        case = open_case("cadence", mlflow=True)
        for before, after in ((DAILY, schedule), *SMALLER):
            case.edit("model.toml", before, after)
        case.edit("model.toml", f'name = "{MODEL}"', f'name = "{name}"')
        for file, (before, after) in edits.items():
            case.edit(file.replace("_", "."), before, after)
        for part in ("sql", "expectations"):
            (case.home / part / MODEL).rename(case.home / part / name)
        (case.home / "models" / f"{MODEL}.toml").rename(case.home / "models" / f"{name}.toml")
        return Living(case, name)

    return open_it


PUBLISHED = "select as_of from ledger.publications where model = '{model}' and status = 'live' order by as_of"
FITTED = "select trained_for from ledger.versions where model = '{model}' order by version"
LEARNED_FIRST = "select unnest(training_as_ofs) from ledger.versions where model = '{model}' and version = 1"
LEARNED_LAST = "select unnest(training_as_ofs) from ledger.versions where version = (select max(version) from ledger.versions)"
QUIET = "select as_of from ledger.snapshots where kind = 'features' and rows = 0 and status = 'valid' order by as_of"
CHECKED = "select as_of from ledger.drift_checks where model = '{model}' order by as_of"


@pytest.mark.parametrize(
    ("schedule", "first", "last", "as_ofs", "newest", "off"),
    [
        (
            WEEKLY,
            "2025-03-03",
            "2025-03-10",
            ["2025-03-03", "2025-03-10"],
            ["2025-02-03", "2025-02-10", "2025-02-17"],
            ("2025-03-05", "2025-03-03 and 2025-03-10"),
        ),
        (
            MONTHLY,
            "2025-02-03",
            "2025-03-03",
            ["2025-02-03", "2025-03-03"],
            ["2024-11-03", "2024-12-03", "2025-01-03"],
            ("2025-03-31", "2025-03-03 and 2025-04-03"),
        ),
    ],
    ids=["weekly", "monthly"],
)
def test_a_model_lives_by_its_grid(live, schedule, first, last, as_ofs, newest, off, request):  # noqa: PLR0917 - one life
    """Bootstrap, a retraining on every as_of, nothing lost afterwards; a day off the grid is refused before anything is built."""
    model = live(request.node.callspec.id, schedule)
    model.do("bootstrap", "--as-of", first, "--simulate")
    model.do("replay", "--from", first, "--to", last)
    assert as_ofs == model.days(PUBLISHED) == model.days(CHECKED)
    assert as_ofs == sorted(set(model.days(FITTED)))
    assert "No day was lost." in model.do("reconcile", "--as-of", last, "--simulate", "--no-start")

    assert newest == model.days(LEARNED_FIRST)

    day, nearest = off
    for command in ("refresh", "validate", "score", "monitor", "decide"):
        code, said = model.on(command, day)
        assert (FAULT, True) == (code, f"The nearest are {nearest}." in said), said
    code, said = model.run("backfill", "--from", day, "--to", day)
    assert (FAULT, True) == (code, f"the nearest are {nearest}." in said), said
    assert [] == model.case.ask(f"select 1 from ledger.runs where as_of = '{day}'")


SOMEBODY_CAME = """\
      "type": "expect_table_row_count_to_be_between",
      "kwargs": {"min_value": 1},
      "meta": {"note": "Somebody came.", "table": "visits", "days": 7}"""
WHO_CAME_STAYED = """\
      "type": "expect_column_values_to_not_be_null",
      "kwargs": {"column": "minutes"},
      "meta": {"note": "Who came stayed.", "table": "classes", "days": 7}"""
LABELLED_BY_VISITS = "        from visits\n        where visits.member = cohort.entity_id and"
LABELLED_BY_CLASSES = "        from classes as visits\n        where visits.member = cohort.entity_id and"
SEASON = {
    "model_toml": ("[sources.visits]", "[sources.classes]"),
    "features_sql": (FROM_VISITS, FROM_CLASSES),
    "labels_sql": (LABELLED_BY_VISITS, LABELLED_BY_CLASSES),
    "source_json": (SOMEBODY_CAME, WHO_CAME_STAYED),
}


def test_a_cohort_that_may_be_empty_is_quiet_for_months_and_at_weekends(live):
    model = live("seasonal", SEASONAL, **SEASON)
    code, said = model.on("refresh", SUNDAY)
    assert (FAULT, True) == (code, "write `may_be_empty = true` under [entity] of models/seasonal.toml" in said), said

    file = model.case.home / "models" / "seasonal.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("[entity]", "[entity]\nmay_be_empty = true"), encoding="utf-8")
    model.do("bootstrap", "--as-of", IN_SEASON, "--simulate")
    model.do("backfill", "--from", IN_SEASON, "--to", "2024-12-18")
    model.do("replay", "--from", OFF_SEASON, "--to", "2025-01-22")
    assert ["2025-01-08", "2025-01-15", "2025-01-22"] == model.days(PUBLISHED) == model.days(CHECKED)
    weeks = [str(SEASON_ENDS + timedelta(weeks=week)) for week in range(20)]
    assert ("2025-01-01", weeks) == (weeks[-1], model.days(QUIET))
    assert ["2024-08-07", "2024-08-14", "2025-01-08"] == model.days(LEARNED_LAST)

    assert [0, 0] == [model.on(stage, SUNDAY)[0] for stage in ("refresh", "validate")]
    for stage, reason in (("score", "the cohort is empty"), ("monitor", "nothing was published"), ("decide", "no drift check")):
        code, said = model.on(stage, SUNDAY)
        assert (REFUSED, True) == (code, reason in said), said
    assert "No day was lost." in model.do("reconcile", "--as-of", "2025-01-22", "--simulate", "--no-start")
    (freshness,) = model.case.ask("select scored_as_of::text, missing_as_of from analytics.freshness where model = 'seasonal'")
    assert ("2025-01-22", None) == freshness
