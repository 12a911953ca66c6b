"""`perennial plan`: what a change of TOML, SQL or suites means, on a model that has lived; what it says is what then happens."""

import json
import re
import shutil
from datetime import date

import pytest
from sqlalchemy import text

from perennial import cli, operate, pipeline
from perennial.cli.edge import FAULT, REFUSED, USAGE
from perennial.config import Settings
from perennial.errors import NothingToTrain
from perennial.homes.planning.days import try_files
from perennial.records import Recipe, Run
from perennial.stores import ledger
from perennial.stores.sessions import Database, take_lock
from tests.cases.harness import MODEL, PLACES, Case, find_file, make_home
from tests.shell import Shell

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
FIRST, WEEK, NEXT = date(2025, 6, 23), date(2025, 6, 30), date(2025, 7, 7)
TABLES = """
select format('%I.%I', nspname, relname)
from pg_class join pg_namespace on pg_namespace.oid = relnamespace
where relkind in ('r', 'p', 'v') and nspname not in ('pg_catalog', 'information_schema') order by 1"""
BUILT = "select kind, as_of, recorded_at from ledger.snapshots"
MINUTES = "sum(minutes::numeric)::double precision as minutes_42d"
COMMENT = ("features.sql", "-- Purpose: how often", "-- Purpose: in words that differ, how often")
NEW_LABELS = ("labels.sql", "entered_at < :label_end", "entered_at < :label_end - interval '1 day'")
NO_MINUTES = ("features.sql", f"    {MINUTES},\n", "")


@pytest.fixture(scope="module")
def lived(postgres, migrated_template, mlflow_server, tmp_path_factory):
    """The settings of an installation whose champion has scored a week; a plan leaves nothing in it."""
    folder = tmp_path_factory.mktemp("lived")
    postgres.make("planned", template=migrated_template)
    settings = Settings(
        warehouse_url=postgres.url("planned", "pipeline"),
        owner_url=postgres.url("planned", "owner"),
        mlflow_uri=mlflow_server,
        home=make_home(folder / "home", "plain"),
        artifacts=folder / "artifacts",
        trials=1,
    )
    superuser, loader = Database(postgres.server.url("planned", "postgres")), Database(postgres.url("planned", "loader"))
    case = Case(None, settings.home, superuser, loader)
    case.load(find_file("plain", "tables.sql").read_text(encoding="utf-8"))
    with pipeline.open_stores(settings) as stores:
        list(operate.bootstrap(stores, run_at(stores, FIRST)))
        list(operate.replay(stores, MODEL, WEEK, WEEK))
    yield settings
    superuser.dispose()
    loader.dispose()
    postgres.drop("planned")


def run_at(stores, day):
    return Run(MODEL, day, stores.declaration(MODEL).model.known_until(day), "simulation")


@pytest.fixture
def open_planned(lived, postgres, tmp_path, capsys, monkeypatch):
    """A function that opens a home of the test's own before the common warehouse, or one that is the test's as well."""
    monkeypatch.setattr(cli, "prepare_process", lambda: None)  # it would quiet the warnings of this process for good
    databases = []

    def open_it(database):
        home = shutil.copytree(lived.home, tmp_path / "home")
        environment = {
            "WAREHOUSE_URL": postgres.url(database, "pipeline"),
            "MLFLOW_URI": lived.mlflow_uri,
            "HOME": str(home),
            "ARTIFACTS": str(lived.artifacts),
            "TRIALS": "1",
        }
        for name, value in environment.items():
            monkeypatch.setenv(f"PERENNIAL_{name}", value)
        databases.extend([Database(postgres.server.url(database, "postgres")), Database(postgres.url(database, "loader"))])
        return Case(Shell(None, capsys, monkeypatch), home, *databases)

    yield open_it
    for each in databases:
        each.dispose()


@pytest.fixture
def case(open_planned):
    """What only plans."""
    return open_planned("planned")


@pytest.fixture
def alone(open_planned, postgres):
    """A warehouse in which stages may run."""
    postgres.make("planned_alone", template="planned")
    yield open_planned("planned_alone")
    postgres.drop("planned_alone")


def plan(case, *words):
    """Exit code, and the plan as data."""
    code, out, err = case.shell.perennial("plan", MODEL, "--json", *words)
    assert err == ""
    (found,) = case.shell.read(out)
    return code, found


def find(found, effect):
    """What has an effect, as lines."""
    return [f"{item['subject']}: {item['found']}" for item in found["items"] if item["effect"] == effect]


def count_rows(case):
    """Every table and view of the warehouse with its rows."""
    return case.ask(" union all ".join(f"select '{table}', count(*) from {table}" for (table,) in case.ask(TABLES)))


# What a change means
def test_without_a_change_nothing_changes_and_nothing_is_left_behind_beside_a_running_pipeline(case):
    before = count_rows(case)
    with case.superuser.transaction() as session:  # what a refresh of that day holds
        take_lock(session, MODEL, WEEK)
        take_lock(session, "sync", MODEL)
        session.execute(text(f"lock table features.{MODEL}, labels.{MODEL}, scores.{MODEL} in exclusive mode"))
        code, found = plan(case)
    assert (0, "changes nothing", []) == (code, found["verdict"], found["rebuilt"] + found["labelled"])
    assert [(3, True)] == [(len(found["days"]), all(not day["columns"] for day in found["days"]))]
    assert {day["scores"]["share"] for day in found["days"]} == {0.0}
    assert before == count_rows(case)
    assert [] == case.ask("select * from pg_locks where locktype = 'advisory'")


def test_a_build_holds_no_table_of_the_model(case, lived):
    """Not even for reading: `sync` would wait for it, and whoever reads behind `sync`."""
    with pipeline.open_stores(lived) as stores, case.superuser.transaction() as session:
        session.execute(text(f"lock table features.{MODEL}, labels.{MODEL}, scores.{MODEL} in access exclusive mode"))
        run = run_at(stores, FIRST)
        trial = try_files(stores.warehouse, stores.declaration(MODEL), [FIRST], run.clock)
    assert ("", "", [""]) == (trial.fault, trial.contract, [day.fault for day in trial.days])


def test_a_comment_builds_no_snapshot_anew_and_starts_a_training(case):
    case.edit(*COMMENT)
    code, found = plan(case)
    assert (0, "breaks nothing", []) == (code, found["verdict"], found["rebuilt"] + found["labelled"])
    assert any("the hash of the next training is another" in said for said in find(found, "changes"))
    assert any("comments included: the next training searches anew" in said for said in find(found, "changes"))
    assert any(said.endswith("come out as they stand, to the last value.") for said in find(found, "same"))


def test_a_new_column_leaves_the_champion_as_it_is(case):
    case.edit("features.sql", MINUTES, f"{MINUTES},\n    max(minutes) as longest")
    code, found = plan(case)
    assert (0, "breaks nothing") == (code, found["verdict"])
    assert "features: New columns, null in older snapshots: longest (double precision)." in find(found, "changes")
    assert {("longest", "new")} == {(column["name"], column["kind"]) for day in found["days"] for column in day["columns"]}
    assert {day["scores"]["share"] for day in found["days"]} == {0.0}
    (to_do,) = find(found, "to do")
    assert f"`perennial backfill {MODEL} --from {found['outdated'][0]} --to {found['outdated'][-1]}`" in to_do


def test_what_is_built_anew_has_its_cost_in_rows_and_seconds(case):
    case.edit("features.sql", MINUTES, f"{MINUTES},\n    max(minutes) as longest")
    found = plan(case)[1]
    days = ", ".join(f"'{day}'" for day in found["rebuilt"])
    ((rows,),) = case.ask(f"select sum(rows) from ledger.snapshots where kind = 'features' and as_of in ({days})")
    snapshots, labels = (said for said in find(found, "note") if said.startswith("cost: "))
    seconds = r"\d+\.\d s"
    assert re.fullmatch(
        rf"cost: Snapshots: about {rows:,} rows, and as an estimate {seconds} by former days or {seconds} by the 3 built .*",
        snapshots,
    )
    assert re.fullmatch(rf"cost: Labels: about {rows:,} rows, as an estimate {seconds}\.", labels)


def test_changed_values_are_measured_with_the_scores_and_the_top_tenth(case):
    case.edit("features.sql", MINUTES, f"1.25 * {MINUTES}")
    code, found = plan(case)
    assert 0 == code
    for day in found["days"]:
        (column,) = day["columns"]
        ((most,),) = case.ask(f"select max(minutes_42d) from features.{MODEL} where as_of = '{day['as_of']}'")
        assert ("minutes_42d", "changed", 1.0) == (column["name"], column["kind"], column["share"])
        assert column["largest"] == pytest.approx(0.25 * most)
        assert 0 < day["scores"]["share"] <= 1
        assert day["scores"]["entering"] == day["scores"]["leaving"]  # the same members are there
    table = case.shell.perennial("plan", MODEL)[1]
    assert "minutes_42d" in table
    assert "top tenth" in table


def test_a_shift_that_would_not_be_published_breaks(case):
    case.edit("features.sql", MINUTES, f"-100000 * {MINUTES}")
    case.edit("model.toml", "[label]", "[scoring]\npublish_max_shift = 0.01\n\n[label]")
    code, found = plan(case)
    assert REFUSED == code
    assert any("the day would not be published: the mean score is" in said for said in find(found, "breaks"))


def test_another_label_is_built_anew(case):
    case.edit(*NEW_LABELS)
    code, found = plan(case)
    assert (0, []) == (code, found["rebuilt"])
    assert len(found["labelled"]) > 5
    shares = [day["labels"]["share"] for day in found["days"] if day["labels"]]
    assert len(shares) == 2  # the newest of the three days has not matured
    assert all(0 < share < 0.5 for share in shares)


def test_a_suite_that_fails_on_days_that_passed_breaks(case):
    case.edit("snapshot.json", '"min_value": 1}', '"min_value": 4}')
    code, found = plan(case)
    assert REFUSED == code
    assert any("which has passed, would be stopped: " in said for said in find(found, "breaks"))


def test_a_suite_that_rejects_other_rows_is_told_apart_from_facts_that_changed(case):
    case.edit("model.toml", "[label]", "[quality]\nmax_quarantined_share = 0.5\n\n[label]")
    case.edit("snapshot.json", '"min_value": 1}', '"min_value": 4}')
    code, found = plan(case)
    assert (0, True) == (code, all(day["leaving"] for day in found["days"]))
    (said,) = (line for line in find(found, "changes") if line.startswith("values: "))
    assert said.endswith("differ, in who is there; the suites reject other rows.")
    assert sum("rows are rejected, where 0 were." in line for line in find(found, "changes")) == 3


def test_a_ruling_that_leaves_no_feature_breaks(case):
    case.edit("model.toml", "\ntrials = 1", '\ntrials = 1\nexclude = ["days_away", "minutes_42d", "visits_10d", "visits_42d"]')
    code, found = plan(case)
    assert REFUSED == code
    assert any("training.exclude leaves no feature" in said for said in find(found, "breaks"))


def test_a_scores_suite_that_fails_on_what_was_published_breaks(case):
    suite = json.loads((case.home / PLACES["scores.json"]).read_text(encoding="utf-8"))
    rule = {
        "type": "expect_column_mean_to_be_between",
        "kwargs": {"column": "score", "max_value": 0.001},
        "meta": {"note": "Nobody stays away."},
    }
    suite["expectations"].append(rule)
    (case.home / PLACES["scores.json"]).write_text(json.dumps(suite), encoding="utf-8")
    code, found = plan(case)
    assert REFUSED == code
    assert any("what was published would fail the scores suite: Nobody stays away." in said for said in find(found, "breaks"))


def test_a_new_rule_that_holds_is_named(case):
    suite = json.loads((case.home / PLACES["snapshot.json"]).read_text(encoding="utf-8"))
    rule = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "days_away"}, "meta": {"note": "They came."}}
    suite["expectations"].append(rule)
    (case.home / PLACES["snapshot.json"]).write_text(json.dumps(suite), encoding="utf-8")
    code, found = plan(case)
    assert 0 == code
    assert ["suites: Rules that are new: snapshot: expect_column_values_to_not_be_null: days_away."] == find(found, "changes")


BROKEN = {
    "a table that is not declared": ("features.sql", "from visits", "from visit", "reads visit, which is no declared source"),
    "a member twice": ("features.sql", "group by member", "group by member, minutes > 50", "gives an entity twice (Key (as_of"),
    "a column of another type": ("features.sql", "count(*) as visits_42d", "count(*)::text as visits_42d", "is now text"),
    "a key of another type": ("model.toml", 'type = "text"', 'type = "bigint"', "must give the column entity_id as bigint"),
    "labels for some": ("labels.sql", "from cohort", "from cohort where entity_id > 'm5'", "none for"),
    "labels that do not parse": ("labels.sql", "select", "selekt", "labels.sql is not a valid query"),
    "an unknown key": ("model.toml", "trials = 1", "trails = 1", "unknown key 'training.trails'"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_refresh_would_refuse_breaks(case, fault):
    name, before, after, said = BROKEN[fault]
    path = case.home / PLACES[name]
    path.write_text(path.read_text(encoding="utf-8").replace(before, after, 1), encoding="utf-8")
    code, found = plan(case)
    assert REFUSED == code
    assert any(said in line for line in find(found, "breaks")), find(found, "breaks")
    assert "=(" not in str(find(found, "breaks"))  # whose row it was is not told


# What it says is what then happens
def read_built(case):
    return {(kind, str(as_of)): recorded_at for kind, as_of, recorded_at in case.ask(BUILT)}


def name_built(before, after, kind):
    return sorted(day for (what, day), at in after.items() if what == kind and before.get((what, day)) != at)


def test_what_is_built_anew_is_what_the_plan_names_and_comes_out_as_it_says(alone):
    alone.edit("features.sql", MINUTES, f"1.25 * {MINUTES}")
    alone.edit(*NEW_LABELS)
    _, found = plan(alone)
    alone.ask(f"create table public.former as select * from features.{MODEL}; select 1")
    before = read_built(alone)
    alone.do("refresh", str(NEXT))
    refreshed = read_built(alone)
    assert ([str(NEXT)], []) == (name_built(before, refreshed, "features"), name_built(before, refreshed, "labels"))
    code, _, said = alone.shell.perennial("backfill", MODEL, "--from", found["outdated"][0], "--to", found["outdated"][-1])
    assert (0, "") == (code, said)
    built = read_built(alone)
    assert found["rebuilt"] == name_built(refreshed, built, "features")
    with pipeline.open_stores(Settings.from_environment()) as stores, stores.warehouse.transaction() as session:
        pipeline.labelling.build_matured_labels(session, stores.declaration(MODEL), run_at(stores, WEEK))
    assert found["labelled"] == name_built(built, read_built(alone), "labels")
    for day in found["days"]:
        if day["as_of"] in found["rebuilt"]:
            ((largest, share),) = alone.ask(f"""
                select max(abs(new.minutes_42d - old.minutes_42d)), avg((new.minutes_42d <> old.minutes_42d)::integer)
                from features.{MODEL} new join public.former old using (as_of, entity_id) where as_of = '{day["as_of"]}'""")
            (column,) = day["columns"]
            assert (largest, float(share)) == (pytest.approx(column["largest"]), column["share"])


def test_days_that_teach_no_more_are_told_with_what_builds_those_that_do(alone):
    alone.edit("model.toml", "[schedule]", '[schedule]\nsnapshot_weekday = "thursday"')
    with pipeline.open_stores(Settings.from_environment()) as stores, pytest.raises(NothingToTrain):
        pipeline.refit(stores, run_at(stores, WEEK))
    code, found = plan(alone)
    (said,) = find(found, "to do")
    assert (0, "breaks nothing", []) == (code, found["verdict"], found["outdated"])
    assert "learned from 6 do no more, and of those that do instead 0 are built" in said
    assert {3} == {date.fromisoformat(day).weekday() for day in found["rebuilt"]}
    before = read_built(alone)
    span = re.search(r"`perennial backfill quit --from (\S+) --to (\S+)` builds (\d+) days", said)
    assert (0, "") == alone.shell.perennial("backfill", MODEL, "--from", span[1], "--to", span[2])[::2]
    assert found["rebuilt"] == name_built(before, read_built(alone), "features")
    assert int(span[3]) == len(found["rebuilt"]) > 8
    assert [] == find(plan(alone)[1], "to do")


def test_a_refit_follows_comments_and_rulings_as_the_plan_says(alone):
    with pipeline.open_stores(Settings.from_environment()) as stores:
        run = run_at(stores, WEEK)
        with pytest.raises(NothingToTrain, match="has learned from every as_of"):
            pipeline.refit(stores, run)
        alone.edit(*COMMENT)
        assert any(said.startswith("recipe: ") and "goes on" in said for said in find(plan(alone)[1], "same"))
        first = pipeline.refit(stores, run).version
        alone.edit("model.toml", "max_feature_auc", 'monotone = { days_away = "increasing" }\nmax_feature_auc')
        code, found = plan(alone)
        assert 0 == code
        assert any("which serves, ends with the next refit: people have ruled" in said for said in find(found, "changes"))
        assert first.recipe != pipeline.refit(stores, run).version.recipe


def test_a_column_that_is_gone_breaks_and_stops_the_refresh(alone):
    alone.edit(*NO_MINUTES)
    code, found = plan(alone)
    said = find(found, "breaks")
    assert REFUSED == code
    assert any("features.sql no longer gives the column minutes_42d" in line for line in said)
    assert any("cannot score: it reads minutes_42d" in line for line in said)
    code, refused = alone.run("refresh", str(NEXT))
    assert FAULT == code
    assert "features.sql no longer gives the column minutes_42d" in refused


def test_another_label_under_a_test_breaks(alone):
    with pipeline.open_stores(Settings.from_environment()) as stores, stores.warehouse.transaction() as session:
        run = run_at(stores, WEEK)
        champion = ledger.get_version(session, MODEL, ledger.champion(session, MODEL)).recipe
        because = {"origin": "person", "chosen_on": None, "because": "A test wants it."}
        challenger = ledger.enter_recipe(session, run, Recipe("logistic", {"C": 0.5}), **because).number
        ledger.open_contest(session, run, (challenger, champion), ledger.Terms(alpha=0.01, last_look=4, overlap=2))
    alone.edit("model.toml", "max_feature_auc", 'monotone = { days_away = "increasing" }\nmax_feature_auc')
    code, found = plan(alone)
    assert (0, True) == (code, any(said.endswith(" 1 test against it begins again.") for said in find(found, "changes")))
    alone.edit(*NEW_LABELS)
    code, found = plan(alone)
    assert REFUSED == code
    (said,) = find(found, "breaks")
    assert said.startswith(f"labels: Recipes under test ({challenger}): their looks so far were taken on labels of another")


def test_facts_of_the_past_that_changed_are_no_change_of_the_files(alone):
    alone.load("insert into source.visits select -1, 'm9', '2025-06-01 12:00+02', '2025-06-01 13:00+02', 9999")
    code, found = plan(alone)
    assert (0, []) == (code, found["rebuilt"])
    (said,) = find(found, "changes")
    assert "the definition is that which built them, so that facts of their time have changed since" in said


def test_a_day_whose_facts_are_gone_is_no_fault_of_the_files(alone):
    alone.load("delete from source.visits where entered_at < '2025-03-15'")
    code, found = plan(alone)
    assert (0, "changes nothing") == (code, found["verdict"])
    assert any("by the definition that built it: its facts have changed" in said for said in find(found, "note"))
    alone.edit("features.sql", MINUTES, f"1.25 * {MINUTES}")
    code, found = plan(alone)
    assert REFUSED == code
    assert any(" cannot be built. " in said for said in find(found, "breaks"))


# Around it
def test_a_source_that_somebody_holds_is_no_fault_of_the_files(case):
    with case.loader.transaction() as session:
        session.execute(text("lock table source.visits in access exclusive mode"))
        code, out, err = case.shell.perennial("plan", MODEL)
    assert (FAULT, "") == (code, out)
    assert "still does after lock_timeout" in err


def test_a_champion_whose_files_nobody_gives_is_judged_by_its_recipe(case, tmp_path, monkeypatch):
    monkeypatch.setenv("PERENNIAL_MLFLOW_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("PERENNIAL_ARTIFACTS", str(tmp_path / "empty"))
    case.edit(*NO_MINUTES)
    code, found = plan(case)
    assert REFUSED == code
    assert any("so that no score was compared" in said for said in find(found, "note"))
    assert any("cannot score: it reads minutes_42d" in said for said in find(found, "breaks"))


def test_markdown_holds_a_table_of_every_model_and_what_became_of_their_files(case):
    name = "join"
    for part in ("models/quit.toml", "sql/quit", "expectations/quit"):
        shutil.move(case.home / part, case.home / part.replace(MODEL, name))
    file = case.home / "models" / f"{name}.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(f'name = "{MODEL}"', f'name = "{name}"'), encoding="utf-8")
    code, out, err = case.shell.perennial("plan", "--format", "markdown")
    assert (0, "") == (code, err)
    assert [f"### {name}: breaks nothing", f"### {MODEL}: breaks nothing"] == [
        line for line in out.splitlines() if line[:1] == "#"
    ]
    assert "| changes | model file | A new model: nothing was built of it. " in out
    assert f"| changes | model file | There is no models/{MODEL}.toml any more: nothing is refreshed or scored" in out


def test_an_unknown_model_is_a_wrong_use(case):
    code, _, err = case.shell.perennial("plan", "quits")
    assert USAGE == code
    assert "There is no models/quits.toml; found: quit." in err
