"""A canary from its start to its end: a share of the days, its looks, its stop on harm, and the champion back for everybody."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import make_url

from perennial import pipeline
from perennial.compare.arms import Judged
from perennial.errors import NothingToDo, NotPromoted, PromotionRefused
from perennial.invariants import check_installation
from perennial.invariants.looking import Places
from perennial.local.ports import find_free_port
from perennial.pipeline import approving, canaries, judging, scoring
from perennial.pipeline.contests import list_draws
from perennial.pipeline.lineage import find_lineage
from perennial.records import Interval, Look
from perennial.records.canaries import ArmFigures, FiguresOfArms, RequestBatch
from perennial.stores import ledger, warehouse
from perennial.stores.analytics import read_model
from perennial.stores.recording import open_recording, record_requests
from perennial.stores.registry import Registry, discard_files, find_kept
from tests.world import MODEL, challenge, edit_model

TESTED, FIRST, SECOND, LATER = "2017-06-19", "2017-06-26", "2017-07-03", "2017-07-24"
SHARE = {"shards = 1\ncanary = 0 ": "shards = 1\ncanary = 0.4 "}
UNDECIDED = {"min_gain = 0.01 ": "min_gain = 0.0 "}
VERSIONS = "select version, count(*) as rows from analytics.lapse_scores_history where as_of = :as_of group by 1 order by 1"
LIVE = "select canary_id, canary_share, canary_version from ledger.publications where status = 'live' and as_of = :as_of"

VERSIONS_OF_DAY = "select version, canary_version from ledger.publications where status = 'live' and as_of = :as_of"
FEATURES_OF_DAY = """
    select features from ledger.recipes join ledger.versions using (model, recipe)
    join ledger.publications on versions.version in (publications.version, canary_version)
    where status = 'live' and as_of = :as_of"""


@pytest.fixture
def tested(in_summer):
    """A recipe is under test, and 40 % of published rows may be a canary's."""
    edit_model(in_summer.settings.home, {**SHARE, **UNDECIDED})
    challenge(in_summer, in_summer.run(TESTED).as_of, C=0.02)
    pipeline.compare(in_summer.stores, in_summer.run(TESTED))
    return in_summer


@pytest.fixture
def begun(tested):
    canaries.start(tested.stores, tested.run(FIRST), reason="A test wants it.")
    pipeline.score(tested.stores, in_airflow(tested))
    return tested


def in_airflow(world):
    return replace(world.run(FIRST), dag_run_id="scheduled__1")


def turn_round(world):
    """As if the canary had ranked everybody the wrong way round."""
    world.tell("""
        update scores.lapse set score = 1 - score from ledger.publications join ledger.canaries using (canary_id)
        where publications.publication_id = lapse.publication_id
            and ledger.place_entity(entity_id::text, salt) < canary_share""")


def endings(world):
    return [row["kind"] for row in world.ask("select kind from ledger.canary_ends order by canary_id")]


@pytest.mark.mltest("I6")
def test_a_canary_lives_and_is_looked_at_and_stopped(begun):
    (versions,) = ({row["version"]: row["rows"] for row in begun.ask(VERSIONS, as_of=FIRST)},)
    champion, challenger = sorted(versions)
    assert 0.3 < versions[challenger] / sum(versions.values()) < 0.5
    assert [(1, 0.4, challenger)] == [tuple(row.values()) for row in begun.ask(LIVE, as_of=FIRST)]
    assert "canary_1_start" in {row["event"] for row in begun.ask("select event from ledger.outbox")}
    named = check(begun, "publications"), check(begun, "reruns"), check(begun, "lineage")
    assert ((), (), ()) == named
    pipeline.score(begun.stores, begun.run(LATER))
    looks = begun.ask("select side, as_ofs, spent from ledger.canary_looks order by side")
    assert [("gain", 1), ("harm", 1)] == [(look["side"], len(look["as_ofs"])) for look in looks]
    assert [] == endings(begun)
    arms = canaries.find_running(begun.stores, MODEL).arms
    assert (versions[challenger], versions[champion]) == (arms.canary.rows, arms.champion.rows)
    assert arms.canary.rate.low < arms.canary.rate.estimate < arms.canary.rate.high
    (shown,) = read_model(begun.stores.warehouse, MODEL).canaries
    assert (arms.canary.rows, arms.champion.rate.estimate) == (
        shown["arms"]["canary"]["rows"], shown["arms"]["champion"]["rate"]["estimate"]
    )  # fmt: skip
    published = scoring.stop_canary(begun.stores, begun.run(LATER), because="Enough was seen.")
    assert (begun.run(LATER).as_of, champion) == (published.as_of, published.version)
    assert [champion] == [row["version"] for row in begun.ask(VERSIONS, as_of=LATER)]
    assert ["stopped"] == endings(begun)
    assert {champion: versions[champion], challenger: versions[challenger]} == {
        row["version"]: row["rows"] for row in begun.ask(VERSIONS, as_of=FIRST)
    }
    with pytest.raises(NothingToDo, match="no canary runs"):
        scoring.stop_canary(begun.stores, begun.run(LATER), because="Again.")


def test_a_stop_that_was_killed_before_it_published_is_finished_when_it_is_run_again(begun):
    canaries.end(begun.stores, begun.run(FIRST), canaries.find_running(begun.stores, MODEL), "stopped", "Enough was seen.")
    assert 2 == len(begun.ask(VERSIONS, as_of=FIRST))
    published = scoring.stop_canary(begun.stores, begun.run(FIRST), because="Enough was seen.")
    assert [published.version] == [row["version"] for row in begun.ask(VERSIONS, as_of=FIRST)]
    assert ["stopped"] == endings(begun)
    with pytest.raises(NothingToDo, match="no canary runs"):
        scoring.stop_canary(begun.stores, begun.run(FIRST), because="Again.")


def test_the_lineage_of_a_day_names_both_versions_and_what_either_reads(begun):
    told = find_lineage(begun.stores, in_airflow(begun), ("score",))
    (scores,) = (each for each in told.outputs if each.place == ("scores", MODEL))
    (published,) = begun.ask(VERSIONS_OF_DAY, as_of=FIRST)
    facts = scores.facts["publication"]
    assert (published["version"], published["canary_version"], 0.4) == (
        facts["model_version"], facts["canary_version"], facts["canary_share"]
    )  # fmt: skip
    named = {(f"{MODEL}/{number}",) for number in published.values()}
    assert named == {each.place for each in told.inputs if len(each.place) == 1}
    read = {feature for recipe in begun.ask(FEATURES_OF_DAY, as_of=FIRST) for feature in recipe["features"]}
    assert read == {origin.column for origin in scores.origins.columns["score"]}


def check(world, name):
    found = check_installation(world.stores, world.run(LATER).clock, Places(), everything=True, only=[name])
    return tuple(finding for one in found for finding in one.answer.findings)


def test_harm_in_the_outcomes_ends_a_canary_before_the_day_is_scored(begun):
    turn_round(begun)
    publication = pipeline.score(begun.stores, begun.run(LATER))
    assert ["harm"] == endings(begun)
    assert [publication.version] == [row["version"] for row in begun.ask(VERSIONS, as_of=LATER)]
    reason = begun.ask_one("select reason from ledger.canary_ends")
    assert reason.startswith("On what was served it did worse: its loss is 0.")
    assert ["canary_1_end", "canary_1_start"] == mailed(begun)
    pipeline.score(begun.stores, begun.run(LATER))
    assert 2 == begun.ask_one("select count(*) from ledger.canary_looks")


def test_what_was_served_to_the_champions_arm_is_what_its_outcome_is_of(begun):
    turn_round(begun)
    pipeline.score(begun.stores, begun.run(LATER))
    pipeline.monitor(begun.stores, begun.run(LATER))
    rows = begun.ask_one("select rows from ledger.outcomes where as_of = :as_of", as_of=FIRST)
    champion = begun.ask_one("select rows from ledger.canary_arms where arm = 'champion' order by publication_id limit 1")
    assert champion == rows


def test_a_canary_whose_inputs_have_gone_is_stopped_before_it_scores(begun):
    with begun.stores.warehouse.transaction() as session:
        columns = [column.name for column in warehouse.read_columns(session, MODEL)]
    salt = canaries.find_running(begun.stores, MODEL).salt
    emptied = ", ".join(f"{name} = null" for name in columns)
    begun.tell(
        f"update features.lapse set {emptied} where as_of = '{SECOND}' and ledger.place_entity(entity_id::text, '{salt}') < 0.4"
    )
    publication = pipeline.score(begun.stores, begun.run(SECOND))
    assert ["harm"] == endings(begun)
    assert "100% of its inputs are missing" in begun.ask_one("select reason from ledger.canary_ends")
    assert [publication.version] == [row["version"] for row in begun.ask(VERSIONS, as_of=SECOND)]


def test_without_mlflow_a_canary_that_is_not_kept_here_sits_the_day_out(begun):
    (sides,) = begun.ask(VERSIONS_OF_DAY, as_of=FIRST)
    with begun.stores.warehouse.transaction() as session:
        versions = [ledger.get_version(session, MODEL, number) for number in sides.values()]
    champion, canary = (find_kept(version, begun.settings.artifacts / "versions") for version in versions)
    assert champion.is_dir()
    discard_files(canary)
    deaf = replace(begun.stores, registry=Registry(f"http://127.0.0.1:{find_free_port()}"))
    assert sides["version"] == pipeline.score(deaf, begun.run(SECOND)).version
    assert [sides["version"]] == [row["version"] for row in begun.ask(VERSIONS, as_of=SECOND)]
    assert [] == endings(begun)
    pipeline.score(begun.stores, begun.run(SECOND))
    assert set(sides.values()) == {row["version"] for row in begun.ask(VERSIONS, as_of=SECOND)}


def test_a_new_champion_ends_the_canary(begun):
    champion = begun.ask_one("select max(version) from ledger.promotions where status = 'applied'")
    with begun.stores.warehouse.transaction() as session:
        version = ledger.get_version(session, MODEL, champion)
    other = replace(version, recipe=version.recipe + 7)
    assert canaries.find_share(begun.stores, begun.run(SECOND), other) is None
    assert ["ended"] == endings(begun)


def test_a_canary_starts_only_with_a_share_a_recipe_under_test_and_an_account_that_covers_it(in_summer):
    world = in_summer
    with pytest.raises(PromotionRefused, match=r"write `canary = 0\.05` under \[scoring\]"):
        canaries.start(world.stores, world.run(FIRST))
    edit_model(world.settings.home, {**SHARE, **UNDECIDED})
    with pytest.raises(PromotionRefused, match="under test against the champion: none"):
        canaries.start(world.stores, world.run(FIRST))
    challenge(world, world.run(TESTED).as_of, C=0.02)
    pipeline.compare(world.stores, world.run(TESTED))
    world.tell("set local session_replication_role = replica; update ledger.contests set alpha = 0.05")
    with pytest.raises(PromotionRefused, match=r"does not cover another test of 0\.\d+\. It does from 2018-06-19 on"):
        canaries.start(world.stores, world.run(FIRST))


def test_what_canaries_draw_the_account_remembers(begun):
    drawn = begun.ask("select alpha from ledger.contests union all select alpha from ledger.canaries")
    with begun.stores.warehouse.transaction() as session:
        since = begun.run(TESTED).clock.replace(year=2016)
        assert sorted(row["alpha"] for row in drawn) == sorted(alpha for alpha, _ in list_draws(session, MODEL, since))


@pytest.fixture
def recording(begun, postgres):
    database = open_recording(postgres.url(make_url(begun.settings.warehouse_url).database, "recorder"))
    yield database
    database.dispose()


def serve(recording, arm, *, errors=0, score=0.4):
    values = {"requests": 500, "rows": 500, "errors": errors, "inputs": 5_000, "missing": 10}
    sums = {"score_sum": score * 500, "score_squares": (score**2 + 0.02) * 500, "seconds": 0.2, "second_squares": 0.0001}
    record_requests(recording, [RequestBatch(MODEL, arm, 1, 1, share=0.4, effective_at=datetime.now(UTC), **values, **sums)])


def test_requests_that_fail_end_a_canary_at_once(begun, recording):
    for arm in ("champion", "canary"):
        serve(recording, arm)
    assert "" == judging.check_requests(begun.stores, begun.run(SECOND))
    serve(recording, "canary", errors=200)
    assert "" == judging.check_requests(begun.stores, begun.run(SECOND, "backfill"))
    with pytest.raises(NothingToDo, match="nothing was published for this day"):
        pipeline.monitor(begun.stores, begun.run(SECOND))
    assert ["harm"] == endings(begun)
    assert "of its rows got no score" in begun.ask_one("select reason from ledger.canary_ends")
    assert "" == judging.check_requests(begun.stores, begun.run(SECOND))


FIGURE = Interval(0.5, 0.4, 0.6, 0.05)
ARM = ArmFigures(100, FIGURE, FIGURE, None)


def show_gain(world):
    """As if its arm had been better by far on the first day."""
    canary = canaries.find_running(world.stores, MODEL)
    look = Look((world.run(FIRST).as_of,), 0.2, 0.01, 0.1, canary.alpha / 10, 4.0)
    with world.stores.warehouse.transaction() as session:
        judging._record(world.stores, session, world.run(SECOND), canary, Judged((look,), (), FiguresOfArms(ARM, ARM)))


def mailed(world):
    return [row["event"] for row in world.ask("select event from ledger.outbox where event like 'canary%' order by event")]


def test_a_canary_that_has_shown_a_gain_is_promoted_by_the_gate(begun):
    show_gain(begun)
    (tested,) = {row["challenger_recipe"] for row in begun.ask("select challenger_recipe from ledger.canaries")}
    pipeline.compare(begun.stores, begun.run(SECOND))
    promotion = pipeline.promote(begun.stores, begun.run(SECOND))
    assert promotion.reason.startswith("On what was served its canary did better by 0.2 in the headline")
    assert tested == begun.ask_one("select recipe from analytics.champions")
    assert [] == begun.ask("select from analytics.canaries")
    pipeline.score(begun.stores, begun.run(SECOND))
    assert ["ended"] == endings(begun)
    assert ["canary_1_better", "canary_1_end", "canary_1_start"] == mailed(begun)


def ask_a_person(world):
    """Its canary is ahead, and the model file says that a person decides."""
    edit_model(world.settings.home, {'approval = "auto"': 'approval = "manual"'})
    show_gain(world)
    pipeline.compare(world.stores, world.run(SECOND))
    return pipeline.promote(world.stores, world.run(SECOND))


def answer(world, question, decision):
    named = {"decision": decision, "actor": "ann", "source": "shell"}
    return approving.answer(world.stores, world.run(SECOND), question.question_id, **named)


def test_where_a_person_decides_a_canary_that_is_better_waits_and_is_promoted_when_it_is_approved(tested):
    canaries.start(tested.stores, tested.run(FIRST))
    recipe = tested.ask_one("select challenger_recipe from ledger.canaries")
    question = ask_a_person(tested)
    assert ("open", ('promotion.approval = "manual".',)) == (question.status, question.because)
    assert "its canary did better" in approving.write_request(tested.stores, question)[1]
    assert recipe != tested.ask_one("select recipe from analytics.champions")
    assert recipe == tested.ask_one("select recipe from analytics.canaries")  # it acts on its share meanwhile
    answer(tested, question, "approve")
    promotion = approving.carry_out(tested.stores, tested.run(SECOND), question.question_id)
    assert promotion.reason.startswith("On what was served its canary did better by 0.2 in the headline")
    assert (recipe, "ann") == (tested.ask_one("select recipe from analytics.champions"), promotion.actor)
    assert [] == tested.ask("select from analytics.canaries")
    pipeline.score(tested.stores, tested.run(SECOND))
    assert (["ended"], 1) == (endings(tested), len(tested.ask(VERSIONS, as_of=SECOND)))


def test_where_a_person_says_no_the_canary_acts_on_nobody_from_the_next_day_on(tested):
    canaries.start(tested.stores, tested.run(FIRST))
    champion = tested.ask_one("select recipe from analytics.champions")
    question = ask_a_person(tested)
    answer(tested, question, "reject")
    with pytest.raises(NotPromoted, match="rejected by ann"):
        approving.carry_out(tested.stores, tested.run(SECOND), question.question_id)
    pipeline.score(tested.stores, tested.run(SECOND))
    assert (champion, 1) == (tested.ask_one("select recipe from analytics.champions"), len(tested.ask(VERSIONS, as_of=SECOND)))
    assert ["ended"] == endings(tested)
    assert "was not approved" in tested.ask_one("select reason from ledger.canary_ends")
    with pytest.raises(PromotionRefused, match="under test against the champion: none"):
        canaries.start(tested.stores, tested.run(SECOND))


BY_REQUESTS = {
    "shards = 1\ncanary = 0.4 ": "shards = 1\ncanary = 0 ",
    "[serving]                               # Who answers requests\ncanary = 0 ": "[serving]\ncanary = 0.4 ",
    '# acted_on = "lowers"': 'acted_on = "lowers"',
}
ASKED = """
    insert into ledger.requests (
        day, model, arm, version, canary_id, share, rows, errors, inputs, missing, score_sum, score_squares, seconds, effective_at
    )
    values (:day, 'lapse', 'canary', 5, 1, 0.4, 20, 0, 200, 3, 8, 4, 0.01, :day)"""
DRAWN = """
    select count(*) filter (where place < 0.4) as canary, count(*) filter (where place >= 0.4) as champion
    from (
        select ledger.place_entity(entity_id::text, salt) as place
        from labels.lapse cross join ledger.canaries where as_of = :as_of
    )"""


def test_requests_that_are_acted_on_are_judged_by_everybody_whom_the_hash_has_drawn(tested):
    edit_model(tested.settings.home, BY_REQUESTS)
    canaries.start(tested.stores, tested.run(FIRST))
    pipeline.score(tested.stores, tested.run(FIRST))
    assert 1 == len(tested.ask(VERSIONS, as_of=FIRST))  # published scores are the champion's
    assert judging.judge(tested.stores, tested.run(LATER)) is None  # nobody was asked for
    tested.tell(
        "create table ledger.requests_of_june partition of ledger.requests for values from ('2017-06-01') to ('2017-08-01')"
    )
    tested.tell(ASKED, day="2017-06-28")  # in the label window of the first as_of alone
    found = judging.judge(tested.stores, tested.run(LATER))
    (drawn,) = tested.ask(DRAWN, as_of=FIRST)
    assert drawn == {"canary": found.arms.canary.rows, "champion": found.arms.champion.rows}
    assert (None, 1) == (found.arms.canary.headline, len(found.looks))
    looks = tested.ask("select side, as_ofs from ledger.canary_looks order by side")
    assert [("gain", FIRST), ("harm", FIRST)] == [(look["side"], str(look["as_ofs"][0])) for look in looks]


def test_a_shell_starts_shows_and_stops_it(inside):
    world = inside.world
    edit_model(world.settings.home, {**SHARE, **UNDECIDED})
    pipeline.refresh(world.stores, world.run(TESTED))
    pipeline.validate(world.stores, world.run(TESTED))
    challenge(world, world.run(TESTED).as_of, C=0.02)
    pipeline.compare(world.stores, world.run(TESTED))
    day = ("--as-of", TESTED, "--simulate")
    (begun,) = inside.ask("canary", "start", MODEL, *day)
    assert (1, "0.4 of the published scores") == (begun["canary"], begun["acts_on"])
    code, _, err = inside.perennial("canary", "start", MODEL, *day)
    assert (3, True) == (code, "is the canary since 2017-06-19" in err)
    pipeline.score(world.stores, world.run(TESTED))
    (shown,) = inside.ask("canary", "show", MODEL)
    assert ("runs", 1, "no look yet", "no look yet") == (shown["state"], shown["days"], shown["gain"], shown["rate"])
    (stopped,) = inside.ask("canary", "stop", MODEL, *day, "--reason", "Seen.")
    assert TESTED == stopped["published_again"]
    code, _, err = inside.perennial("canary", "stop", MODEL, *day)
    assert (3, True) == (code, "no canary runs" in err)
