"""An entity is deleted wherever it stands, by its key as each table writes it, and the ledger stays true without it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial.config import Entity, Source
from perennial.errors import ConfigError
from perennial.records import Rejects
from perennial.records.erasures import Erasure
from perennial.stores import ledger
from perennial.stores.sessions import run_script
from perennial.stores.warehouse import build_labels, build_snapshot, capture_sources, list_elsewhere, quarantine_rows, sync
from perennial.stores.warehouse.erasing import delete_rows, find_rows, refuse_identity
from perennial.stores.warehouse.subjects import find_subject, list_places
from tests.drawn import declare, run_of, with_sql

DAY = date(2017, 5, 8)
LAPSE, SPEND_DROP = declare("lapse"), declare("spend_drop")
RUN = run_of(LAPSE, DAY)
GONE, STAYS = 4711, 47112
SPELT = Entity(key="household_id", type="text")


@pytest.fixture
def session(warehouse):
    """Two households whose numbers begin alike."""
    warehouse.load(
        "source.orders",
        f"""
        household_id | ordered_at           | known_at             | amount_cents
        {GONE}       | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04 | 1000
        {STAYS}      | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04 | 3000
    """,
    )
    return warehouse.session


def subject_of(*declarations, entity=str(GONE), only=False):
    return find_subject(declarations, declarations[0].model.name, entity, only=only)


def erase(session, subject):
    found = find_rows(session, subject)
    days = delete_rows(session, subject, found)
    ledger.record_erasure(session, Erasure(subject.models, found.rows, {}, "Asked.", "tester", RUN.clock), days, ())
    return found


def ask(session, query, **values):
    return session.execute(text(query), values).scalars().all()


def test_a_day_loses_the_row_and_says_what_is_left(session):
    built = build_snapshot(session, LAPSE, RUN)
    quarantine_rows(session, LAPSE, RUN, [Rejects("odd", None, (GONE, STAYS))])
    assert {"features.lapse": 1, "ledger.quarantine": 1} == erase(session, subject_of(LAPSE)).rows
    assert [STAYS] == ask(session, "select entity_id from features.lapse where entity_id > 0 order by 1")
    assert [str(STAYS)] == ask(session, "select entity_id from ledger.quarantine")
    (left,) = session.execute(text("select rows, checksum from ledger.snapshots")).all()
    assert (left.rows, False) == (built.rows - 1, left.checksum == built.checksum)
    same = "select ledger.after_erasures('lapse', :day, 'features', :checksum)"
    assert [left.checksum] == ask(session, same, day=DAY, checksum=built.checksum)
    erase(session, subject_of(LAPSE, entity=str(STAYS)))
    newest = ask(session, "select checksum from ledger.snapshots")
    assert newest == ask(session, same, day=DAY, checksum=built.checksum) == ask(session, same, day=DAY, checksum=left.checksum)
    assert {} == erase(session, subject_of(LAPSE)).rows


def test_the_checksum_of_labels_that_weigh_is_that_of_the_rows_that_are_left(session):
    label = LAPSE.model.label.model_copy(update={"weight": "importance"})
    sql = "select entity_id, 0 as label, entity_id % 7 + 1 as importance from cohort"
    weighed = with_sql(LAPSE.model_copy(update={"model": LAPSE.model.model_copy(update={"label": label})}), labels_sql=sql)
    build_snapshot(session, LAPSE, RUN)
    sync(session, weighed)
    build_labels(session, weighed, RUN, DAY)
    erase(session, subject_of(weighed))
    (kept,) = ask(session, "select checksum from ledger.snapshots where kind = 'labels'")
    assert kept == build_labels(session, weighed, RUN, DAY).checksum


def test_facts_that_were_set_aside_go_from_models_of_other_entities_too(session):
    """spend_drop reads source.orders as well; here it scores stores."""
    entity = SPEND_DROP.model.entity.model_copy(update={"key": "store_id"})
    stores = SPEND_DROP.model_copy(update={"model": SPEND_DROP.model.model_copy(update={"entity": entity})})
    for source, household in (("orders", GONE), ("orders", STAYS), ("elsewhere", GONE)):
        aside = """
            insert into ledger.quarantine (model, as_of, source, fact, rule, row_content, effective_at)
            values ('spend_drop', :day, :source, md5(:row), 'r', cast(:row as jsonb), :clock)"""
        row = f'{{"household_id": {household}, "x": "{source}"}}'
        session.execute(text(aside), {"day": DAY, "source": source, "row": row, "clock": RUN.clock})
    assert {"ledger.quarantine": 1} == erase(session, subject_of(LAPSE, stores)).rows
    assert {} == erase(session, subject_of(LAPSE, stores, only=True)).rows


def test_a_captured_table_loses_every_version_of_the_row_and_one_without_the_key_is_left(session):
    run_script(
        session,
        f"""create schema crm; create table crm."peo:ple %" (household_id bigint, mail text);
        create table crm.plans (plan text); insert into crm.plans values ('{GONE}');
        insert into crm."peo:ple %" values ({GONE}, 'a@example.com'), ({STAYS}, 'b@example.com')""",
    )
    people = Source(table="crm.peo:ple %", times="captured", key=("household_id",))
    sources = {"people": people, "plans": Source(table="crm.plans", times="captured", key=("plan",))}
    declaration = LAPSE.model_copy(update={"model": LAPSE.model.model_copy(update={"sources": sources})})
    capture_sources(session, declaration, RUN.clock - timedelta(days=1))
    session.execute(text('update crm."peo\\:ple %" set mail = null'))
    capture_sources(session, declaration, RUN.clock)
    subject = subject_of(declaration)
    assert {"history of crm.peo:ple %": 2} == erase(session, subject).rows
    assert [1, None] == [each.rows for each in list_elsewhere(session, subject)]
    delete, hint = (each.statement for each in list_elsewhere(session, subject))
    assert f"""delete from "crm"."peo:ple %" where "household_id" = '{GONE}';""" == delete
    assert hint.startswith("-- crm.plans has no column household_id")
    run_script(session, delete)
    assert [STAYS] == ask(session, 'select household_id from crm."peo\\:ple %"')


def test_models_of_another_key_are_not_touched(session):
    models = find_subject((LAPSE, SPEND_DROP), "lapse", " 0004711", only=False)
    assert (("lapse", "spend_drop"), "4711") == (models.models, models.entity)
    assert ("lapse",) == find_subject((LAPSE, SPEND_DROP), "lapse", "4711", only=True).models
    spelt = LAPSE.model_copy(update={"model": LAPSE.model.model_copy(update={"name": "spelt", "entity": SPELT})})
    named = subject_of(LAPSE, spelt)
    assert (("lapse",), ("spelt",)) == (named.models, named.namesakes)
    assert 5 == len({place.table for place in list_places(session, subject_of(LAPSE))})
    with pytest.raises(ConfigError, match="household_id is a whole number"):
        find_subject((LAPSE,), "lapse", "Anna", only=False)


def test_a_reason_that_names_the_entity_is_refused(session):
    with pytest.raises(ConfigError, match="The reason names the entity"):
        refuse_identity(session, subject_of(LAPSE), f"Household {GONE}, by mail")
    refuse_identity(session, subject_of(LAPSE), f"Request {GONE}8")


@pytest.mark.parametrize(
    ("kind", "entity", "said", "left"),
    [
        ("bigint", "12", "12: (as_of, entity_id)=(2017-06-12, 12)", "12: (as_of, entity_id)=(2017-06-12, [erased])"),
        ("bigint", "12", "12 of 2450 rows fail.", "12 of 2450 rows fail."),
        ("text", "gol", "gol of 12", "gol of 12"),
        ("text", "a.b+c@example.com", "a.b+c@example.com, za.b+c@example.com", "[erased], za.b+c@example.com"),
        ("text", "a|bc", "bc a|bc", "bc [erased]"),
    ],
)  # fmt: skip
def test_texts_for_people_lose_the_key_and_nothing_else(session, kind, entity, said, left):
    declared = LAPSE.model.entity.model_copy(update={"type": kind})
    subject = subject_of(LAPSE.model_copy(update={"model": LAPSE.model.model_copy(update={"entity": declared})}), entity=entity)
    session.execute(
        text("""
            insert into ledger.decisions (model, as_of, choice, rule, sentence, evidence, purpose, effective_at)
            select 'lapse', :day, 'SKIP', 'r', said, jsonb_build_object('a', jsonb_build_array(1, said)), 'live', :clock
            from unnest(array[:said, 'Fine.']) as said"""),
        {"day": DAY, "said": said, "clock": RUN.clock},
    )
    assert 2 * (said != left) == ledger.strike_texts(session, subject.models, subject.pattern)
    assert [left, "Fine."] == ask(session, "select sentence from ledger.decisions order by decision_id")
    assert [left, "Fine."] == ask(session, "select evidence -> 'a' ->> 1 from ledger.decisions order by decision_id")
    modes = ask(session, "select distinct mode from pg_locks where relation = 'ledger.decisions'::regclass and granted")
    assert {"AccessShareLock", "RowExclusiveLock"} >= set(modes)


@pytest.fixture
def moved(session):
    """A movement of the champion that has ended; its reason names the household."""
    session.execute(
        text("""
            insert into ledger.promotions (model, version, kind, reason, actor, purpose, effective_at)
            values ('lapse', 1, 'manual', :said, 'a', 'live', :clock);
            update ledger.promotions set status = 'applied', applied_at = :clock"""),
        {"said": f"(as_of, entity_id)=(2017-06-12, {GONE})", "clock": RUN.clock},
    )
    return session


def test_a_movement_that_has_ended_loses_the_key(moved):
    subject = subject_of(LAPSE)
    assert 1 == ledger.strike_texts(moved, subject.models, subject.pattern)
    assert ["(as_of, entity_id)=(2017-06-12, [erased])"] == ask(moved, "select reason from ledger.promotions")
    assert [0] == ask(moved, "select count(*) from ledger.purge_permits")


def test_why_a_canary_began_and_ended_loses_the_key(session):
    said, terms = f"(as_of, entity_id)=(2017-06-12, {GONE})", ledger.CanaryTerms("salt", 0.01, 0.05, 16, 4, 0.0)
    for run in (RUN, replace(RUN, model="other")):
        contest = ledger.open_contest(session, run, (2, 1), ledger.Terms(0.01, 16, 4))
        ledger.end_canary(session, run, ledger.start_canary(session, run, contest, terms, said), "harm", said)
    subject = subject_of(LAPSE)
    assert 2 == ledger.strike_texts(session, subject.models, subject.pattern)
    kept = ["(as_of, entity_id)=(2017-06-12, [erased])", said]
    assert kept == ask(session, "select reason from ledger.canaries order by canary_id")
    assert kept == ask(session, "select reason from ledger.canary_ends order by canary_id")


@pytest.mark.attack("facts of the ledger are rewritten")
@pytest.mark.parametrize("changed", ["reason = 'Other.'", "version = 2", "status = 'undone', applied_at = null"])
def test_nothing_else_of_it_changes_in_the_same_transaction(moved, changed):
    subject = subject_of(LAPSE)
    ledger.strike_texts(moved, subject.models, subject.pattern)
    with pytest.raises(DBAPIError, match=r"moves once|permission denied"):
        moved.execute(text(f"update ledger.promotions set {changed}"))
