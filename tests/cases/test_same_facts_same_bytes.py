"""The same facts give the same rows: wherever they stand on disk, and whatever a view makes of them."""

import pytest

from perennial.cli.edge import USAGE

DAY = "2025-06-30"
CHECKSUM = "select checksum from ledger.snapshots"


@pytest.mark.parametrize("then", ["", "analyze source.visits"], ids=["unknown", "analyzed"])
@pytest.mark.parametrize("order", ["minutes", "visit desc", "member, md5(visit::text)"])
def test_a_sum_of_doubles_does_not_hang_on_the_order_on_disk_nor_on_statistics(open_case, order, then):
    case = open_case("heaped_minutes")
    case.do("refresh", DAY)
    before = case.ask(CHECKSUM)
    case.load(
        f"create table source.moved as select * from source.visits order by {order};"
        "delete from source.visits; insert into source.visits select * from source.moved;" + then
    )
    case.do("refresh", DAY)
    assert case.ask(CHECKSUM) == before


def define(case, condition):
    case.load(f"create or replace view source.lately as select * from source.turnstile {condition}")
    code, said = case.run("refresh", DAY)
    return code, "source.lately, a view that uses " in said, said


@pytest.mark.parametrize(
    ("condition", "used"),
    [
        ("where random() < .8", "random()"),
        ("where known_at > now() - interval '10 years'", "now()"),
        ("where known_at > current_timestamp - interval '10 years'", "the time of day"),
        ("where entered_at::date < current_date", "the time of day"),
        ("where age(entered_at) < interval '10 years'", "age(timestamp with time zone)"),
        ("tablesample system (50)", "tablesample"),
    ],
)
def test_a_view_that_throws_dice_or_tells_the_time_is_refused(open_case, condition, used):
    code, is_named, said = define(open_case("dicing_view"), condition)
    assert (USAGE, True) == (code, is_named)
    assert f"uses {used}" in said


def test_a_view_that_only_selects_is_a_source_like_any_other(open_case):
    code, _, said = define(open_case("dicing_view"), "where minutes > 0 and current_user <> 'nobody'")
    assert code == 0, said


def test_what_a_materialized_view_was_made_of_is_stored_and_may_be_read(open_case):
    case = open_case("dicing_view")
    case.load("drop view source.visits; create materialized view source.visits as select * from source.lately")
    assert case.run("refresh", DAY)[0] == 0
