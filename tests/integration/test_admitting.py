"""What may teach, in the small world: an as_of whose labels were poisoned rests, and how its rest ends.

The horizon is two weeks and the grace two days. 07-10 matures on 07-26; before it 06-12, 06-19, 06-26 and 07-03 were scored by
the first champion, so that on Monday 07-31 there is something to compare it with. It rests for two weeks, until 08-14.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from html import unescape

import pytest
from sqlalchemy import make_url

from perennial import operate, pipeline
from perennial.cli.edge import REFUSED, USAGE
from perennial.errors import AdmissionRefused, NotAsked
from perennial.pipeline import admitting
from perennial.stores import ledger
from tests.integration.test_card import open_pages
from tests.poison import FLIPPED, HONEST, LOOKED_AT, POISONED, RELEASED, SCORED, WEEK_AFTER, events, write_label
from tests.world import MODEL, World, challenge

AFTER_LOOK = "template_after_look"


@pytest.fixture(scope="module")
def after_look(postgres, copy_world, summer) -> Iterator[str]:
    """The database of a world in which six in ten labels of 07-10 say the opposite, and a training has looked."""
    with copy_world(summer) as opened:
        write_label(opened, HONEST, FLIPPED)
        assemble(opened, LOOKED_AT)
        postgres.make(AFTER_LOOK, template=make_url(opened.settings.warehouse_url).database)
    yield AFTER_LOOK
    postgres.drop(AFTER_LOOK)


@pytest.fixture
def world(request, copy_world, summer) -> Iterator[World]:
    """In summer; for whoever asks for `poisoned`, after the look."""
    with copy_world(request.getfixturevalue("after_look") if "poisoned" in request.fixturenames else summer) as opened:
        yield opened


@pytest.fixture
def poisoned(world) -> World:
    """The world after the look, with the label that it looked at."""
    write_label(world, HONEST, FLIPPED)
    return world


def assemble(world: World, day: date):
    return pipeline.assemble(world.stores, world.run(day))


def mails(world: World) -> list[str]:
    return [row["event"] for row in world.ask("select event from ledger.outbox where event ~ '^re(st|lease)_' order by as_of")]


# Quiet weeks
def test_quiet_as_ofs_are_admitted_once_and_nobody_is_mailed(world):
    first, again = assemble(world, LOOKED_AT), assemble(world, LOOKED_AT)
    assert first == again
    assert (SCORED[-1], POISONED) == first.search.holdout
    assert [] == world.ask("select 1 from ledger.admissions where event <> 'admit'")
    assert world.ask_one("select count(*) = count(distinct as_of) from ledger.admissions")
    assert [] == mails(world)


def test_an_as_of_is_compared_with_those_that_a_fit_of_their_time_has_scored(world):
    assemble(world, LOOKED_AT)
    compared = world.ask_one("select evidence -> 'compared_with' from ledger.admissions where as_of = :day", day=POISONED)
    assert [str(day) for day in SCORED] == compared


def test_an_as_of_of_a_time_without_a_champion_is_admitted_and_that_is_said(world):
    assemble(world, LOOKED_AT)
    reason = world.ask_one("select reason from ledger.admissions where as_of = '2017-05-01'")
    assert "Admitted, with nothing to compare it with: no fit of that time has scored it, or all its labels are equal." == reason


def test_a_backfill_looks_at_nothing(world):
    with pytest.raises(NotAsked, match="a backfill never trains"):
        pipeline.assemble(world.stores, world.run(LOOKED_AT, "backfill"))


# Rest
def test_a_poisoned_as_of_neither_teaches_nor_judges(poisoned):
    assembly = assemble(poisoned, LOOKED_AT)
    assert (SCORED[-2], SCORED[-1]) == assembly.search.holdout
    assert (POISONED,) == assembly.plan.rested
    assert ["rest"] == events(poisoned)
    assert "lapse, as_of 2017-07-10: rests until 2017-08-14. Compared with the 4" in assembly.left_out[-1]


def test_the_hash_of_the_training_names_what_rested(poisoned):
    before, after = assemble(poisoned, date(2017, 7, 24)), assemble(poisoned, LOOKED_AT)
    assert before.plan.training == after.plan.training
    assert before.data_hash != after.data_hash


def test_the_owner_is_mailed_once_with_the_statistics_and_the_ways_out(poisoned):
    assemble(poisoned, LOOKED_AT)
    assert ["rest_20170710"] == mails(poisoned)
    notice = poisoned.ask_one("select notice from ledger.outbox where event = 'rest_20170710'")
    assert "AUC of the scores of that time" == notice["moved"][0][0]
    assert 4 == notice["moved"][0][3].rpartition("before: ")[2].count(".")
    assert any("perennial reject lapse --as-of 2017-07-10" in advice for advice in notice["you_must"])


def test_two_trainings_at_once_look_once(world):
    write_label(world, HONEST, FLIPPED)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: assemble(world, LOOKED_AT), range(2))
    assert first == second
    assert ["rest"] == events(world)
    assert world.ask_one("select count(*) = count(distinct as_of) from ledger.admissions")


def test_what_rests_is_nothing_new_to_learn(poisoned):
    with poisoned.stores.warehouse.transaction() as session:
        run = poisoned.run(LOOKED_AT)
        teaching = admitting.find_teaching(session, poisoned.stores.declaration(MODEL), run)
    assert (SCORED[-1], (POISONED,)) == (teaching.days[-1], teaching.rested)


def test_analysts_see_how_far_out_it_lies(poisoned):
    operate.sync(poisoned.stores, MODEL)
    (row,) = poisoned.ask("select * from analytics.admissions where as_of = :day", day=POISONED)
    assert ("rest", RELEASED, True) == (row["event"], row["rests_until"], row["is_newest"])
    assert row["auc_z"] < -4 < 4 < row["log_loss_z"]


def test_the_page_of_the_model_lists_it(poisoned, tmp_path):
    operate.sync(poisoned.stores, MODEL)
    (page,) = open_pages(poisoned, tmp_path, [f"/dags/{MODEL}"])
    row = unescape(page["page"]).split("<h2>Set aside</h2>")[1].split("<h2>")[0]
    assert (200, True) == (page["status"], f"{POISONED}" in row and f"{RELEASED}" in row)
    assert "where it was" in row


def test_the_version_and_its_card_say_what_rested(poisoned):
    version = pipeline.train(poisoned.stores, poisoned.run(LOOKED_AT))
    assert (POISONED,) == version.rested
    pipeline.deliver_to_registry(poisoned.stores)
    card = poisoned.stores.registry.read_file(version.mlflow_run_id, "card/model_card.md").decode()
    assert "Set aside when it was trained" in card
    assert f"{POISONED} (Compared with the 4 as_ofs" in card.replace("\\", "")
    with poisoned.stores.warehouse.transaction() as session:
        assert version == ledger.get_version(session, MODEL, version.version)


def test_a_challenger_is_not_compared_on_what_rests(poisoned):
    challenge(poisoned, LOOKED_AT)
    verdicts = pipeline.compare(poisoned.stores, poisoned.run(LOOKED_AT)).verdicts
    assert POISONED not in {day for verdict in verdicts for day in verdict.holdout_as_ofs}


# The end of a rest
def test_a_repaired_as_of_is_looked_at_again_and_no_other(poisoned):
    looked_at = poisoned.ask_one("select count(*) from ledger.admissions")
    write_label(poisoned, FLIPPED, HONEST)
    assert POISONED == assemble(poisoned, LOOKED_AT).search.holdout[-1]
    assert ["rest", "admit"] == events(poisoned)
    assert looked_at + 1 == poisoned.ask_one("select count(*) from ledger.admissions")


def test_without_a_decision_it_teaches_once_its_rest_is_over_and_the_owner_is_told(poisoned):
    assert POISONED in assemble(poisoned, WEEK_AFTER).plan.rested
    released = assemble(poisoned, RELEASED)
    assert released == assemble(poisoned, RELEASED)
    assert () == released.plan.rested
    assert ["rest", "release"] == events(poisoned)
    assert ["rest_20170710", "release_20170710"] == mails(poisoned)


def test_the_training_of_an_older_day_finds_it_resting_as_it_was(poisoned):
    before = assemble(poisoned, WEEK_AFTER)
    assemble(poisoned, RELEASED)
    assert before == assemble(poisoned, WEEK_AFTER)
    assert ["rest", "release"] == events(poisoned)


def test_a_person_admits_it(inside, poisoned):
    (said,) = inside.ask("admit", MODEL, "--as-of", str(POISONED), "--reason", "A strike: it is true.")
    assert ("admit", getpass.getuser(), "from the next training on") == (said["event"], said["by"], said["teaches"])
    assert POISONED == assemble(poisoned, WEEK_AFTER).search.holdout[0]
    inside.ask("admit", MODEL, "--as-of", str(POISONED), "--reason", "Once more.")
    assert ["rest", "admit"] == events(poisoned)


def test_the_word_of_a_person_stands_on_the_clock_of_the_simulation(inside, poisoned):
    inside.ask("admit", MODEL, "--as-of", str(POISONED), "--reason", "It is true.")
    (entry,) = poisoned.ask(
        "select purpose, effective_at from ledger.admissions where event = 'admit' and as_of = :d", d=POISONED
    )
    assert ("simulation", poisoned.run(LOOKED_AT).clock) == (entry["purpose"], entry["effective_at"])
    (run,) = poisoned.ask("select stage, status from ledger.runs order by run_id desc limit 1")
    assert {"stage": "admit", "status": "ok"} == run


def test_what_a_person_rejects_never_teaches(inside, poisoned):
    inside.ask("reject", MODEL, "--as-of", str(POISONED), "--reason", "The till was broken.")
    assert POISONED in assemble(poisoned, RELEASED).plan.rested
    write_label(poisoned, FLIPPED, HONEST)
    left = assemble(poisoned, RELEASED)
    assert (POISONED,) == left.plan.rested
    assert f"lapse, as_of 2017-07-10: rejected by {getpass.getuser()}. The till was broken." in left.left_out
    assert ["rest", "reject"] == events(poisoned)


def test_what_was_rejected_may_be_admitted_after_all(world):
    run = world.run(POISONED)
    admitting.reject(world.stores, run, reason="It looks odd.")
    assemble(world, LOOKED_AT)
    admitting.admit(world.stores, run, reason="It is not.")
    assert POISONED == assemble(world, LOOKED_AT).search.holdout[-1]
    assert ["reject", "admit"] == events(world)


# What cannot be said
@pytest.mark.parametrize(
    ("day", "why"),
    [
        (date(2017, 7, 11), "only one snapshot a week teaches, that of monday; the nearest are of 2017-07-10 and 2017-07-17"),
        (date(2017, 9, 4), "there is no snapshot of this day"),
        (date(2017, 7, 24), "its labels have not been built"),
    ],
)
def test_an_as_of_without_labels_is_not_admitted(world, day, why):
    with pytest.raises(AdmissionRefused, match=why):
        admitting.admit(world.stores, world.run(day), reason="I want it.")


def test_a_rejection_names_a_day_or_a_version_and_says_why(inside, poisoned):
    day = ["--as-of", str(POISONED)]
    assert USAGE == inside.perennial("reject", MODEL, *day)[0]
    assert USAGE == inside.perennial("reject", MODEL, "1", *day, "--reason", "Both.")[0]
    assert REFUSED == inside.perennial("reject", MODEL, "--as-of", "2017-07-11", "--reason", "A Tuesday.")[0]


def test_the_ledger_keeps_who_said_what(poisoned):
    with pytest.raises(Exception, match="append-only"):
        poisoned.tell("update ledger.admissions set event = 'admit', rests_until = null")
    assert isinstance(poisoned.ask_one("select recorded_at from ledger.admissions where event = 'rest'"), datetime)
