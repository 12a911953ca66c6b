"""Who is in a canary: a share of the entities, the same ones every time, and more of them in a larger share."""

import uuid
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from perennial.records.canaries import Canary, CanaryShare, find_place, make_salt

SALT = "5f0c"
ENTITIES = [*map(str, range(20_000)), *(str(uuid.UUID(int=n)) for n in range(200))]


def share_of(share, salt=SALT):
    began = datetime(2017, 11, 6, 11, tzinfo=UTC)
    canary = Canary(1, "toy", 1, 2, 1, salt, 0.001, 0.05, 16, 4, 0.0, date(2017, 11, 6), "ann", "simulation", began)
    return CanaryShare(canary, share, 5)


def members(share, salt=SALT):
    return {entity for entity in ENTITIES if share_of(share, salt).choose(entity) == "canary"}


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_about_the_share_is_in_it(share):
    expected = share * len(ENTITIES)
    assert abs(len(members(share)) - expected) < 5 * (expected * (1 - share)) ** 0.5


def test_who_is_in_a_small_share_is_in_a_larger_one():
    assert members(0.01) < members(0.05) < members(0.10) < members(0.5)


def test_another_salt_draws_others():
    alike = len(members(0.1) & members(0.1, "77aa")) / len(members(0.1))
    assert 0.05 < alike < 0.15


def test_neighbouring_numbers_do_not_go_together():
    inside = [share_of(0.5).choose(str(n)) == "canary" for n in range(10_000)]
    alike = sum(a == b for a, b in pairwise(inside)) / 9_999
    assert abs(alike - 0.5) < 0.025


@pytest.mark.parametrize(
    "entity", ["", "é", "\u0065\u0301", "'; drop table x; --", "a:b", "\ud800", "\x00", "\U0001d518", "x" * 100_000]
)
def test_every_text_has_one_place_in_zero_to_one(entity):
    assert 0 <= find_place(entity, SALT) < 1
    assert find_place(entity, SALT) == find_place(entity, SALT)


def test_members_come_in_the_order_of_the_entities():
    found = share_of(0.3).find_members(ENTITIES[:50])
    assert [entity in members(0.3) for entity in ENTITIES[:50]] == found.tolist()


def test_a_salt_is_the_same_in_a_replay_and_another_for_the_next_canary():
    day = date(2017, 11, 6)
    assert make_salt("toy", (2, 1), day, 0, 7) == make_salt("toy", (2, 1), day, 0, 7)
    assert 4 == len({make_salt("toy", (2, 1), day, n, seed) for n in (0, 1) for seed in (7, 8)})
