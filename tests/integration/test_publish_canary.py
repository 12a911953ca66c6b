"""A day with a canary: one publication, two versions, ranks over all rows; whole or in shards; stopped before it harms."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from perennial.errors import SchemaMismatch
from perennial.predictor import Contract, Feature, Linear, Predictor, encode
from perennial.records import Look, Tally
from perennial.records.canaries import CanaryShare
from perennial.score import scoring_rules
from perennial.stores import ledger, warehouse
from perennial.stores.analytics import read_model
from perennial.stores.ledger import CanaryTerms, Terms
from perennial.stores.sessions import Database
from perennial.stores.warehouse import CanaryHarm, CanaryJob
from perennial.stores.warehouse.publishing import measure_scores
from perennial.stores.warehouse.publishing.publication import commit_shards, publish_shard
from tests.integration.publish_toy import AS_OF, FEATURES, VERSION, declare, make_job, make_predictor, make_run, make_toy
from tests.published import read_scores

OTHER = 9  # the version of the recipe under test
ARMS = """
    select arm, arms.version, arms.rows, arms.mean_score
    from ledger.canary_arms as arms join ledger.publications using (publication_id)
    where status = 'live' order by arm desc"""


def make_challenger(intercept=-1.9):
    """It reads other features, in another order."""
    linear = Linear(intercept=intercept, coefficients=(-0.25, 1.2), means=(50, 30), scales=(20, 15))
    return Predictor(Contract(model="toy", algorithm="logistic", features=(FEATURES[1], FEATURES[0]), linear=linear), None)


class Silent(Predictor):
    """It has no score for anybody."""

    def score_matrix(self, matrix):
        return np.full(len(matrix), np.nan)


def start(toy, share=0.3):
    with toy.pipeline.transaction() as session:
        contest = ledger.open_contest(session, make_run(), (2, 1), Terms(0.01, 16, 4))
        terms = CanaryTerms("5f0c", 0.01, 0.05, 16, 4, 0.0)
        canary = ledger.running_canary(session, "toy") or ledger.start_canary(session, make_run(), contest, terms, None)
    return CanaryShare(canary, share, OTHER)


def canary_job(toy, share, *, challenger=None, reasons=3, shards=1):
    job = make_job(toy.entity, reasons=reasons, shards=shards)
    return replace(job, canary=CanaryJob(share, challenger or make_challenger()))


def read(toy):
    with toy.pipeline.transaction() as session:
        return read_scores(session, declare(toy.entity).model, AS_OF)


def features_of(toy, scores):
    columns = ["entity_id", *(feature.name for feature in FEATURES)]
    rows = toy.query(f"select {', '.join(columns)} from features.toy order by entity_id")
    frame = pd.DataFrame(rows, columns=columns).astype({"entity_id": "str"} if toy.entity == "uuid" else {})
    return frame.set_index("entity_id").loc[scores.index]


@pytest.mark.parametrize("entity", ["bigint", "text", "uuid"])
def test_each_arm_has_the_scores_and_reasons_of_its_version(warehouse_urls, entity):
    toy = make_toy(warehouse_urls, entity)
    share = start(toy)
    toy.publish(canary_job(toy, share))
    scores = read(toy)
    rows = features_of(toy, scores)
    inside = share.find_members(map(str, scores.index))
    assert 200 < inside.sum() < 400
    for members, predictor in ((inside, make_challenger()), (~inside, make_predictor())):
        np.testing.assert_array_equal(predictor.score(rows[members]), scores["score"][members])
        told = scores.loc[members, ["reason_1", "reason_2", "reason_3"]].to_numpy(dtype=object)
        expected = predictor.explain(rows[members], 3)
        assert [list(row) for row in expected] == told[:, : len(expected[0])].tolist()
    assert scores["reason_3"][inside].isna().all()


def test_ranks_are_over_all_rows_and_arms_are_counted(warehouse_urls):
    toy = make_toy(warehouse_urls)
    share = start(toy)
    toy.publish(canary_job(toy, share))
    scores = read(toy)
    expected = scores["score"].rank(method="first", ascending=False).astype(int)
    assert expected.tolist() == scores["rank"].tolist()
    inside = share.find_members(map(str, scores.index))
    champion, canary = toy.query(ARMS)
    assert ("champion", VERSION.version, int((~inside).sum())) == champion[:3]
    assert ("canary", OTHER, int(inside.sum())) == canary[:3]
    assert canary[3] == pytest.approx(scores["score"][inside].mean(), abs=1e-12)
    assert [(1, "5f0c", 0.3, OTHER)] == toy.query(
        "select canary_id, salt, canary_share, canary_version from ledger.publications join ledger.canaries using (canary_id)"
    )


@pytest.mark.parametrize("reasons", [0, 2])
def test_shards_give_what_one_process_gives(warehouse_urls, reasons):
    toy = make_toy(warehouse_urls)
    share = start(toy)
    toy.publish(canary_job(toy, share, reasons=reasons))
    whole = read(toy)
    arms = toy.query(ARMS)
    job = canary_job(toy, share, reasons=reasons, shards=3)
    attempt = warehouse.open_attempt(toy.pipeline, make_run(), job, is_sharded=True)
    with toy.pipeline.transaction() as session:
        found = warehouse.find_attempt(session, make_run(), attempt.attempt)
    assert (share.canary.canary_id, 0.3, OTHER) == (found.canary.canary_id, found.canary.share, found.canary.version)
    for number in range(3):
        publish_shard(toy.pipeline, found.attempt, job, number)
    commit_shards(toy.pipeline, found.attempt, job)
    assert whole.drop(columns="publication_id").equals(read(toy).drop(columns="publication_id"))
    assert arms == toy.query(ARMS)


def test_without_a_canary_a_day_is_what_it_was(warehouse_urls):
    toy = make_toy(warehouse_urls)
    toy.publish()
    before, checksum = read(toy), measured(toy)
    share = start(toy)
    toy.publish(canary_job(toy, share))
    assert checksum != measured(toy)
    toy.publish()
    assert before.drop(columns="publication_id").equals(read(toy).drop(columns="publication_id"))
    assert checksum == measured(toy)


def measured(toy):
    with toy.pipeline.transaction() as session:
        number = session.execute(text("select publication_id from ledger.publications where status = 'live'")).scalar_one()
        return measure_scores(session, declare().model, AS_OF, number)


def test_a_larger_share_keeps_who_was_in_the_smaller_one(warehouse_urls):
    toy = make_toy(warehouse_urls)
    toy.publish(canary_job(toy, start(toy, 0.1)))
    first = {row[0] for row in toy.query(members_of(0.1))}
    toy.publish(canary_job(toy, start(toy, 0.4)))
    assert first < {row[0] for row in toy.query(members_of(0.4))}
    assert [("champion",), ("canary",)] == [row[:1] for row in toy.query(ARMS)]


def members_of(share):
    return f"select entity_id from scores.toy where ledger.place_entity(entity_id::text, '5f0c') < {share}"


def test_a_canary_far_from_the_champion_publishes_nothing_and_the_day_stays_open_for_another_attempt(warehouse_urls):
    toy = make_toy(warehouse_urls)
    toy.publish()
    before = read(toy)
    with pytest.raises(CanaryHarm, match=r"the mean score is 0\.9\d+ after"):
        toy.publish(canary_job(toy, start(toy), challenger=make_challenger(9.0)))
    assert before.equals(read(toy))
    assert ["live", "building"] == toy.statuses()
    toy.publish()
    assert ["replaced", "replaced", "live"] == toy.statuses()


def test_a_canary_without_scores_publishes_nothing(warehouse_urls):
    toy = make_toy(warehouse_urls)
    with pytest.raises(CanaryHarm, match="scores are missing"):
        toy.publish(canary_job(toy, start(toy), challenger=Silent(make_challenger().contract, None)))
    assert [(0,)] == toy.query("select count(*) from scores.toy")


def test_rules_of_a_day_judge_its_canary_against_the_champions_rows():
    rules = scoring_rules(declare().model, make_run(), VERSION, None)
    near, far = (Tally(300, 300, 0, 0, 0, mean, 0.2, 0.001, 0.001) for mean in (0.25, 0.35))
    assert () == rules.check_canary(near)
    assert 1 == len(rules.check_canary(far))


def test_a_page_and_the_views_tell_both_arms(warehouse_urls):
    toy = make_toy(warehouse_urls)
    share = start(toy)
    toy.publish(canary_job(toy, share))
    scores = read(toy)
    inside = int(share.find_members(map(str, scores.index)).sum())
    with toy.pipeline.transaction() as session:
        ledger.record_canary_look(session, make_run(), share.canary, ("gain", Look((AS_OF,), 0.01, 0.02, 0.5, 0.001, 3.0)))
    (shown,) = read_model(toy.pipeline, "toy").canaries
    told = {"days": 1, "canary_rows": inside, "champion_rows": len(scores) - inside, "state": "runs", "as_ofs": 1, "gain": 0.01}
    assert told == {name: shown[name] for name in told}
    assert shown["gain_lower"] == pytest.approx(-0.05)
    assert (None, None) == (shown["loss"], shown["because"])
    assert [(VERSION.version, len(scores) - inside), (OTHER, inside)] == toy.query(
        "select version, count(*) from analytics.toy_scores_history group by 1 order by 1"
    )
    assert [(1, 0.3, OTHER)] == toy.query("select canary_id, canary_share, canary_version from analytics.toy_lineage")
    with Database(warehouse_urls.superuser).transaction() as session:  # nobody but the view may look into the ledger
        session.execute(text("set local role analyst"))
        seen = session.execute(text("select count(distinct version) from analytics.toy_scores_history")).scalar_one()
        assert 2 == seen


def test_only_the_champions_rows_are_read_as_its_own(warehouse_urls):
    toy = make_toy(warehouse_urls)
    share = start(toy)
    toy.publish(canary_job(toy, share))
    scores = read(toy)
    inside = share.find_members(map(str, scores.index))
    with toy.pipeline.transaction() as session:
        published = warehouse.read_day(session, declare(), AS_OF)
        ours, theirs = warehouse.read_arms(session, declare(), share.canary.canary_id, [AS_OF])
    assert scores.index[~inside].tolist() == published.index.tolist()
    assert scores["score"][~inside].tolist() == ours.tolist()
    assert scores["score"][inside].tolist() == theirs.tolist()


def test_the_share_of_missing_inputs_is_that_of_the_encoded_rows(warehouse_urls):
    toy = make_toy(warehouse_urls)
    encoded = encode(features_of(toy, pd.Series(index=range(1, 1001))), FEATURES)
    with toy.pipeline.transaction() as session:
        found = warehouse.measure_missing(session, "toy", AS_OF, FEATURES)
        some = warehouse.measure_missing(session, "toy", AS_OF, FEATURES, ("5f0c", 0.3))
        with pytest.raises(SchemaMismatch, match="lacks elsewhere"):
            warehouse.measure_missing(session, "toy", AS_OF, [Feature(name="elsewhere", median=0.0)])
    assert found == pytest.approx(np.isnan(encoded).mean())
    inside = start(toy).find_members(map(str, range(1, 1001)))
    assert some == pytest.approx(np.isnan(encoded[inside]).mean())
