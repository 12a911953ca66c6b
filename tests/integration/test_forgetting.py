"""A household asks to be forgotten after it was scored, set aside, mailed about and learned from; then everything is searched."""

import json
import zipfile
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from perennial import operate, pipeline
from perennial.errors import ConfigError
from perennial.pipeline import forgetting
from perennial.pipeline.evidence import find_serving
from perennial.records import Rejects
from perennial.stores import warehouse
from perennial.stores.sessions import Database
from tests.integration.test_story import NEXT_DAY
from tests.world import BACKFILLED_TO, FIRST_AS_OF, FIRST_DAY, MODEL

NUMBER = 987654321012
TABLES = ("orders", "order_items", "customers", "campaign_members", "coupon_redemptions")
PEOPLE = """
[sources.people]
table = "source.customers"
times = "captured"
key = ["household_id"]
"""
SAID = f"lapse: features.sql gives an entity twice (Key (as_of, entity_id)=(2017-06-12, {NUMBER}) already exists.)"
COUNTED = """
    select snapshots.as_of, kind, snapshots.rows, snapshots.checksum from ledger.snapshots
    where model = 'lapse' order by as_of, kind"""
ADMITTED = "select as_of, event from ledger.admissions where as_of = any(:days) order by admission_id"


def tell_source(world, *statements):
    loader = Database(world.loader_url, "loader")
    try:
        with loader.transaction() as session:
            for statement in statements:
                session.execute(text(statement))
    finally:
        loader.dispose()


def leave_traces(world):
    """What a bad day leaves of a household: in quarantine, in a message of a run, in a mail, in a decision."""
    day = world.run(FIRST_DAY)
    with world.stores.warehouse.transaction() as session:
        rejects = [Rejects("spend is plausible", "spend_28d", (NUMBER,))]
        warehouse.quarantine_rows(session, world.stores.declaration(MODEL), day, rejects)
    fact = json.dumps({"household_id": NUMBER, "ordered_at": None})
    world.tell(
        """
        insert into ledger.quarantine (model, as_of, source, fact, entity_id, rule, row_content, effective_at)
        values ('lapse', :day, 'orders', 'f', :number, 'ordered_at is null', cast(:fact as jsonb), :clock)""",
        day=FIRST_DAY,
        number=str(NUMBER),
        fact=fact,
        clock=day.clock,
    )
    world.tell("update ledger.runs set message = :said where run_id = (select min(run_id) from ledger.runs)", said=SAID)
    world.tell("update ledger.outbox set notice = jsonb_set(notice, '{headline}', to_jsonb(cast(:said as text)))", said=SAID)
    world.tell(
        """
        insert into ledger.decisions (model, as_of, choice, rule, sentence, evidence, purpose, effective_at)
        select model, as_of, choice, rule, :said, evidence, purpose, effective_at from ledger.decisions limit 1""",
        said=SAID,
    )


def find_in_tables(world, database=None, *, but=()):
    """Every table of a database, whose rows hold the number."""
    opened = world.database if database is None else database
    holding = []
    with opened.transaction() as session:
        tables = session.execute(
            text("""
                select relnamespace::regnamespace::text as schema, relname as name from pg_class
                where relkind in ('r', 'p') and not relispartition
                    and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')
                    and has_schema_privilege(relnamespace, 'usage')"""),  # tests/faults keeps copies of its own
        )
        for schema, name in tables.all():
            count = f'select count(*) from "{schema}"."{name}" as found where cast(found as text) like :word'
            if schema not in but and session.execute(text(count), {"word": f"%{NUMBER}%"}).scalar_one():
                holding.append(f"{schema}.{name}")
    return sorted(holding)


def find_in_files(*folders):
    """Every file that holds the number, archives opened."""
    word, holding = str(NUMBER).encode(), []
    packed = NUMBER.to_bytes(8, "little")
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        contents = [path.read_bytes()]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                contents += [archive.read(name) for name in archive.namelist()]
        if any(word in content or packed in content for content in contents):
            holding.append(path.name)
    return holding


def read_texts(message):
    return [message["subject"], *(part.get_content() for part in message.walk() if part.get_content_maintype() == "text")]


@pytest.fixture
def shown(shell, copy_world, backfilled):
    """The world with a household of a distinctive number, after its first day."""
    with copy_world(backfilled) as world:
        model = world.settings.home / "models" / f"{MODEL}.toml"
        model.write_text(model.read_text(encoding="utf-8") + PEOPLE, encoding="utf-8")
        usual = world.ask_one("""
            select entity_id from features.lapse where entity_id in (select household_id from source.customers)
            group by 1 order by count(*) desc, 1 limit 1""")
        tell_source(world, *(f"update source.{name} set household_id = {NUMBER} where household_id = {usual}" for name in TABLES))
        with world.stores.warehouse.transaction() as session:
            warehouse.sync(session, world.stores.declaration(MODEL))
        pipeline.capture(world.stores, world.run(date(2017, 1, 2)))
        list(operate.backfill(world.stores, MODEL, FIRST_AS_OF, BACKFILLED_TO))
        world.live(FIRST_DAY)
        leave_traces(world)
        settings = world.settings
        for name, value in {
            "WAREHOUSE_URL": settings.warehouse_url,
            "MLFLOW_URI": settings.mlflow_uri,
            "HOME": str(settings.home),
            "ARTIFACTS": str(settings.artifacts),
        }.items():
            shell.patch.setenv(f"PERENNIAL_{name}", value)
        shell.world = world
        yield shell
        for row in world.ask("select version, mlflow_run_id from ledger.versions"):  # other worlds count what is of the first day
            world.stores.registry._client.delete_model_version(MODEL, str(row["version"]))
            world.stores.registry._client.delete_run(row["mlflow_run_id"])


@pytest.mark.mltest("D5")
def test_nothing_is_left_of_a_household_that_is_forgotten_and_the_world_lives_on(shown, postgres, server_folder, smtp_sink):
    world = shown.world
    held = {"decisions", "outbox", "quarantine", "runs"}
    kept = {"features.lapse", "labels.lapse", "scores.lapse", "history.source.customers", *(f"ledger.{name}" for name in held)}
    assert kept == set(find_in_tables(world, but=("source",))) - {"scores.lapse$recipes"}
    rows = world.ask_one("select count(*) from features.lapse where entity_id = :number", number=NUMBER)
    before, admitted = world.ask(COUNTED), world.ask(ADMITTED, days=[FIRST_AS_OF + timedelta(days=day) for day in range(77)])
    champion = world.ask_one("select max(version) from ledger.promotions where status = 'applied'")

    # It says what would go, and asks before it goes.
    code, out, _ = shown.perennial("forget", MODEL, str(NUMBER), "--reason", "Request 12", "--dry-run")
    assert (0, before) == (code, world.ask(COUNTED))
    assert f"would go from features.lapse  {rows}\n" in out
    assert 2 == shown.perennial("forget", MODEL, str(NUMBER), "--reason", "Request 12")[0]
    with pytest.raises(ConfigError, match="names the entity"):
        forgetting.forget(
            world.stores,
            forgetting.find_subject(world.stores, MODEL, str(NUMBER)),
            reason=f"Household {NUMBER} asked.",
            actor="tester",
            clock=world.run(FIRST_DAY).clock,
        )

    (told,) = shown.ask("forget", MODEL, str(NUMBER), "--reason", "Request 12", "--yes")
    assert (told["models"], told["erased from history of source.customers"]) == (
        "lapse, next_department, spend_drop, spend_next_28d",
        1,
    )
    assert f"version {champion}" in told["lapse had learned from it in"].split(", ")
    serving = world.ask_one(
        "select mlflow_run_id from ledger.versions where model = :model and version = :version", model=MODEL, version=champion
    )
    assert serving in told["their runs in MLflow, lapse"].split(", ")
    assert b"{}" == world.stores.registry.read_file(serving, "profile.json")
    assert find_in_tables(world, but=("source",)) == []
    assert 3 == shown.perennial("forget", MODEL, str(NUMBER), "--reason", "Request 12", "--yes")[0]
    assert 1 == world.ask_one("select count(*) from ledger.erasures")

    world.with_smtp(smtp_sink.settings).mail()
    assert smtp_sink.messages
    assert [] == [message for message in smtp_sink.messages if any(str(NUMBER) in text for text in read_texts(message))]

    # What was counted stays true.
    for row, former in zip(world.ask(COUNTED), before, strict=True):
        stands = world.ask_one(f"select count(*) from {row['kind']}.lapse where as_of = :day", day=row["as_of"])
        lost = world.ask_one(
            "select coalesce(sum(rows), 0) from ledger.erased_days where as_of = :day and kind = :kind and checksum = :checksum",
            day=row["as_of"],
            kind=row["kind"],
            checksum=row["checksum"],
        )
        assert (row["rows"], former["rows"]) == (stands, stands + lost)
    assert 0 == world.ask_one("""
        select count(*) from ledger.publications
        where status = 'live' and rows <> (
            select count(*) + (select sum(rows) from ledger.erased_days where kind = 'scores' and as_of = publications.as_of)
            from scores.lapse where publication_id = publications.publication_id)""")
    with world.stores.warehouse.transaction() as session:
        assert not warehouse.is_restated(session, find_serving(session, world.run(FIRST_DAY)))

    # Its owner deletes it at the source, and the next day and training are without.
    tell_source(world, *(statement for name, statement in told.items() if name.startswith("yours: ") and statement[0] != "-"))
    assert find_in_tables(world) == []
    world.live(NEXT_DAY)
    assert "ok" == world.ask_one(
        "select status from ledger.runs where stage = 'refit' and as_of = :day order by run_id desc limit 1", day=NEXT_DAY
    )
    assert admitted == world.ask(ADMITTED, days=[row["as_of"] for row in admitted])
    assert find_in_tables(world) == []
    mlflow = Database(postgres.url("mlflow", "mlflow"), "test")
    assert [] == find_in_tables(world, mlflow)
    mlflow.dispose()
    assert [] == find_in_files(server_folder / "mlflow", world.settings.artifacts)
