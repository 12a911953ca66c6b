"""Entities that are no bigint and no text called entity_id: each lives a whole life, and its scores carry the key as it was."""

import json
from dataclasses import dataclass

import pytest

from perennial.cli.edge import FAULT, USAGE
from perennial.stores.sessions import Database
from tests.cases.harness import MODEL, PLACES

pytestmark = pytest.mark.filterwarnings("ignore:module .sre_:DeprecationWarning")
FIRST, NEXT = "2025-06-30", "2025-07-01"
CAME = "select distinct {} from source.visits where entered_at >= '2025-05-20 00:00+02' and entered_at < '2025-07-01 00:00+02'"
LABELS = """
    select
        cohort.entity_id,
        not exists (
            select from visits
            where visits.{} = cohort.entity_id and entered_at >= :as_of_start and entered_at < :label_end
        ) as label
    from cohort"""
LABELS_OF_LOCKERS = """
    with came as (
        select distinct club, locker from visits where entered_at >= :as_of_start and entered_at < :label_end
    )

    select cohort.*, came.club is null as label from cohort left join came using (club, locker)"""


@dataclass(frozen=True)
class Key:
    """What models/quit.toml says of the entity, and how the queries name it."""

    key: str
    type: str
    columns: str
    labels: str


PERSON = Key('"person"', '"uuid"', "person", LABELS.format("person"))
CARD = Key('"card"', '"bigint"', "card", LABELS.format("card"))
LOCKER = Key('["club", "locker"]', '["bigint", "text"]', "club, locker", LABELS_OF_LOCKERS)


@pytest.fixture
def declare(open_case):
    """Opens the world with a model of this key, which features.sql gives by its own names."""

    def declare(key, *, mlflow=False):
        case = open_case("keyed_visits", mlflow=mlflow)
        case.edit("model.toml", 'key = "member"\ntype = "text"', f"key = {key.key}\ntype = {key.type}")
        case.edit("features.sql", "member as entity_id", key.columns)
        case.edit("features.sql", "group by member", f"group by {key.columns}")
        if key is LOCKER:  # copies of one piece of evidence, and slices, beside a key of several columns
            case.edit(
                "features.sql",
                "count(*) as visits_42d,",
                "locker::text as number, 'club ' || club as house, count(*) as visits_42d,",
            )
            case.edit(
                "model.toml", "[sources.visits]", 'cluster = "number"\n\n[features]\nsegments = ["house"]\n\n[sources.visits]'
            )
        (case.home / PLACES["labels.sql"]).write_text(key.labels, encoding="utf-8")
        return case

    return declare


@pytest.fixture
def read(warehouse_urls):
    """Ask as an analyst, who has rights on the views alone."""
    analyst = Database(warehouse_urls.analyst, "test")

    def query(statement):
        with analyst.transaction() as session:
            return [tuple(row) for row in session.exec_driver_sql(statement)]

    yield query
    analyst.dispose()


def reject(case, column, value):
    """Let the suite of snapshots set one entity aside."""
    rule = {
        "type": "expect_column_values_to_not_be_in_set",
        "kwargs": {"column": column, "value_set": [value]},
        "meta": {"note": "Not this one.", "action": "quarantine"},
    }
    suite = {"name": "quit.snapshot", "expectations": [rule]}
    (case.home / PLACES["snapshot.json"]).write_text(json.dumps(suite), encoding="utf-8")
    case.edit("model.toml", "[monitoring]", "[quality]\nmax_quarantined_share = 0.2\n\n[monitoring]")


@pytest.mark.parametrize("key", [PERSON, CARD, LOCKER], ids=lambda key: key.columns)
def test_scores_carry_the_columns_of_the_key_in_their_own_types(declare, read, key):
    case = declare(key, mlflow=True)
    case.do("bootstrap", FIRST)
    for stage in ("refresh", "validate", "score", "monitor", "decide"):
        case.do(stage, NEXT)
    came = case.ask(CAME.format(key.columns))
    assert sorted(came) == sorted(read(f"select {key.columns} from analytics.quit_scores_latest"))
    found = read(f"select as_of::text, {key.columns} from analytics.quit_scores_history")
    assert {(NEXT, *entity) for entity in came} == {row for row in found if row[0] == NEXT}
    shown = case.shell.ask("scores", MODEL, "--limit", "100")
    names = key.columns.split(", ")
    assert {tuple(map(str, entity)) for entity in came} == {tuple(str(row[name]) for name in names) for row in shown}


@pytest.mark.parametrize(
    ("key", "column", "query"),
    [
        (PERSON, "entity_id", "select min(person::text), min(person::text) from source.visits"),
        (CARD, "entity_id", "select 700000000039, '700000000039'"),
        (LOCKER, "locker", "select locker, json_build_array(club, locker)::text from source.visits where locker like '%x%'"),
    ],
    ids=lambda value: getattr(value, "columns", ""),
)
def test_a_row_of_any_key_goes_to_quarantine(declare, key, column, query):
    case = declare(key)
    value, entity = case.ask(query)[0]
    reject(case, column, value)
    case.do("refresh", FIRST)
    case.do("validate", FIRST)
    assert (entity,) in case.ask("select entity_id from ledger.quarantine where source is null")
    assert [] == case.ask(f"select from features.quit where entity_id::text = '{entity}'")


def test_a_fact_without_its_time_is_set_aside_with_its_entity(declare):
    case = declare(LOCKER)
    newest = "select max(visit) from source.visits where entered_at < '2025-06-30'"
    case.load(f"update source.visits set known_at = null where visit = ({newest})")
    case.do("refresh", FIRST)
    case.do("validate", FIRST)
    expected = case.ask("select json_build_array(club, locker)::text from source.visits where known_at is null")
    assert expected == case.ask("select entity_id from ledger.quarantine where source = 'visits'")


@pytest.mark.parametrize(
    ("key", "change", "found"),
    [
        (
            LOCKER,
            "update source.visits set locker = null where card = 700000000039",
            "features.sql gives null as locker in 1 rows",
        ),
        (
            PERSON,
            "update source.visits set person = null where card = 700000000039",
            "features.sql gives null as person in 1 rows",
        ),
        (
            CARD,
            "alter table source.visits alter card type numeric; update source.visits set card = 39.5 where card = 700000000039",
            "features.sql gives 39.5 as card, which is no whole number that a bigint holds",
        ),
        (
            CARD,
            "alter table source.visits alter card type numeric; update source.visits set card = 1e30 where card = 700000000039",
            "gives 1000000000000000000000000000000 as card",
        ),
    ],
)
def test_what_is_wrong_with_a_key_is_named_with_its_column(declare, key, change, found):
    case = declare(key)
    case.load(change)
    code, said = case.run("refresh", FIRST)
    assert (FAULT, True) == (code, found in said), said


def test_a_query_without_a_column_of_the_key_is_refused(declare):
    case = declare(LOCKER)
    case.edit("features.sql", "club, locker,", "club,")
    code, _, said = case.shell.perennial("sync", MODEL)
    assert (USAGE, True) == (code, "must give every column of the key, club and locker; it lacks locker" in said)


def test_tables_keep_the_key_that_they_were_made_with(declare):
    case = declare(LOCKER)
    case.do("refresh", FIRST)
    case.edit("model.toml", '["club", "locker"]', '["locker", "club"]')
    case.edit("model.toml", '["bigint", "text"]', '["text", "bigint"]')
    code, _, said = case.shell.perennial("sync", MODEL)
    assert (FAULT, True) == (code, "are text (JSON array of club bigint, locker text), and models/quit.toml says now" in said)


def test_a_segment_is_no_column_of_the_key(declare):
    case = declare(LOCKER)
    case.edit("model.toml", 'segments = ["house"]', 'segments = ["locker"]')
    code, _, said = case.shell.perennial("sync", MODEL)
    assert (USAGE, True) == (code, "gives as nothing but a column of the key" in said)
