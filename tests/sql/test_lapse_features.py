"""sql/lapse/features.sql on drawn tables: which facts count, and what they give."""

import pytest


def test_orders_on_the_as_of_day_itself_are_not_counted(warehouse):
    warehouse.load(
        "source.orders",
        """
        household_id | ordered_at           | known_at             | amount_cents
        1            | 2017-05-07 23:59 -04 | 2017-05-08 00:10 -04 | 1000
        1            | 2017-05-08 00:00 -04 | 2017-05-08 00:10 -04 | 9900
    """,
    )
    assert warehouse.features("lapse", as_of="2017-05-08")["spend_7d"] == {1: 10.0}


def test_an_order_learned_after_the_day_has_settled_is_not_counted(warehouse):
    warehouse.load(
        "source.orders",
        """
        household_id | ordered_at           | known_at                | amount_cents
        1            | 2017-05-07 12:00 -04 | 2017-05-08 06:00:00 -04 | 1000
        1            | 2017-05-07 13:00 -04 | 2017-05-08 06:00:01 -04 | 9900
    """,
    )
    assert warehouse.features("lapse", as_of="2017-05-08")["spend_7d"] == {1: 10.0}


def test_of_several_versions_of_an_order_the_newest_known_one_counts(warehouse):
    warehouse.load(
        "source.orders",
        """
        order_id | household_id | ordered_at           | known_at             | amount_cents
        7        | 1            | 2017-05-05 12:00 -04 | 2017-05-05 13:00 -04 | 1000
        7        | 1            | 2017-05-05 12:00 -04 | 2017-05-06 13:00 -04 | 2000
        7        | 1            | 2017-05-05 12:00 -04 | 2017-05-09 13:00 -04 | 9900
    """,
    )
    assert warehouse.features("lapse", as_of="2017-05-08")["spend_7d"] == {1: 20.0}


def test_a_change_that_happened_after_the_start_of_the_day_does_not_count_though_it_was_known_in_time(warehouse):
    warehouse.load(
        "source.orders",
        """
        order_id | household_id | ordered_at           | known_at             | amount_cents
        7        | 1            | 2017-05-05 12:00 -04 | 2017-05-05 13:00 -04 | 1000
        7        | 1            | 2017-05-08 03:00 -04 | 2017-05-08 03:10 -04 | 0
    """,
    )
    assert warehouse.features("lapse", as_of="2017-05-08")["spend_7d"] == {1: 10.0}


def test_a_household_without_an_order_in_56_days_is_not_in_the_cohort(warehouse):
    warehouse.load(
        "source.orders",
        """
        household_id | ordered_at           | known_at
        1            | 2017-03-13 00:00 -04 | 2017-03-13 01:00 -04
        2            | 2017-03-12 23:59 -04 | 2017-03-13 00:59 -04
    """,
    )
    assert warehouse.features("lapse", as_of="2017-05-08")["recency_days"] == {1: 56}


@pytest.mark.parametrize(
    ("column", "expected"),
    [("orders_7d", 1), ("orders_14d", 2), ("orders_28d", 3), ("orders_56d", 4), ("orders_84d", 5), ("tenure_days", 85)],
)
def test_each_window_holds_its_days(warehouse, column, expected):
    warehouse.load(
        "source.orders",
        """
        household_id | ordered_at           | known_at
        1            | 2017-05-01 00:00 -04 | 2017-05-01 01:00 -04
        1            | 2017-04-24 00:00 -04 | 2017-04-24 01:00 -04
        1            | 2017-04-10 00:00 -04 | 2017-04-10 01:00 -04
        1            | 2017-03-13 00:00 -04 | 2017-03-13 01:00 -04
        1            | 2017-02-13 00:00 -05 | 2017-02-13 01:00 -05
        1            | 2017-02-12 23:59 -05 | 2017-02-13 00:59 -05
    """,
    )
    assert {1: expected} == warehouse.features("lapse", as_of="2017-05-08")[column]


@pytest.mark.parametrize(
    ("column", "expected"),
    [("gap_mean_days", 5.0), ("gap_max_days", 7), ("gap_deviation_days", 2.0), ("recency_over_gap", 0.4)],
)
def test_gaps_are_days_between_orders(warehouse, column, expected):
    warehouse.load(
        "source.orders",
        """
        household_id | ordered_at           | known_at
        1            | 2017-04-26 12:00 -04 | 2017-04-26 13:00 -04
        1            | 2017-05-03 12:00 -04 | 2017-05-03 13:00 -04
        1            | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04
    """,
    )
    assert {1: expected} == warehouse.features("lapse", as_of="2017-05-08")[column]


def test_one_order_has_no_gap(warehouse):
    warehouse.load(
        "source.orders",
        """
        household_id | ordered_at           | known_at
        1            | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04
    """,
    )
    assert warehouse.features("lapse", as_of="2017-05-08")["gap_mean_days"] == {1: None}


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("items_28d", 2),
        ("items_84d", 3),
        ("retail_discount_share_84d", 0.25),
        ("private_brand_share_84d", 0.5),
        ("fresh_share_84d", 0.5),
        ("categories_84d", 1),
    ],
)
def test_lines_are_summed_and_a_line_of_an_unknown_product_still_counts(warehouse, column, expected):
    warehouse.load(
        "source.products",
        """
        product_id | department | brand   | category
        11         | PRODUCE    | Private | APPLES
    """,
    )
    warehouse.load(
        "source.orders",
        """
        household_id | ordered_at           | known_at
        1            | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04
    """,
    )
    warehouse.load(
        "source.order_items",
        """
        household_id | product_id | ordered_at           | known_at             | amount_cents | retail_discount_cents
        1            | 11         | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04 | 300          | 100
        1            | 99999      | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04 | 200          | 0
        1            | 99999      | 2017-03-06 12:00 -05 | 2017-03-06 13:00 -05 | 100          | 100
    """,
    )
    assert {1: expected} == warehouse.features("lapse", as_of="2017-05-08")[column]


def test_a_campaign_that_was_announced_is_open_until_its_last_day(warehouse):
    warehouse.load(
        "source.campaigns",
        """
        campaign_id | announced_at         | known_at             | starts_on  | ends_on
        2           | 2017-05-01 00:00 -04 | 2017-05-01 01:00 -04 | 2017-05-01 | 2017-05-08
        3           | 2017-05-01 00:00 -04 | 2017-05-01 01:00 -04 | 2017-05-01 | 2017-05-07
    """,
    )
    warehouse.load(
        "source.campaign_members",
        """
        campaign_id | household_id | announced_at         | known_at
        2           | 1            | 2017-05-01 00:00 -04 | 2017-05-01 01:00 -04
        3           | 1            | 2017-05-01 00:00 -04 | 2017-05-01 01:00 -04
    """,
    )
    warehouse.load(
        "source.orders",
        """
        household_id | ordered_at           | known_at
        1            | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04
    """,
    )
    features = warehouse.features("lapse", as_of="2017-05-08")
    assert (features["campaigns_total"], features["open_campaigns"]) == ({1: 2}, {1: 1})


def test_a_household_of_unknown_income_is_in_the_segment_unknown(warehouse):
    warehouse.load(
        "source.customers",
        """
        household_id | income
        1            | 35-49K
        2            | null
    """,
    )
    warehouse.load(
        "source.orders",
        """
        household_id | ordered_at           | known_at
        1            | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04
        2            | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04
        3            | 2017-05-06 12:00 -04 | 2017-05-06 13:00 -04
    """,
    )
    assert warehouse.features("lapse", as_of="2017-05-08")["income"] == {1: "35-49K", 2: "unknown", 3: "unknown"}
