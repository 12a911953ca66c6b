"""`perennial plan`: what the files of a home would change in an installation, before anybody merges them.

Read `making` first: it asks `standing` what the ledger holds, `days` what the files give on a few days, `comparing` how that
differs, and `explaining`, `champion` and `suites` what it means; `writing` shows it to people.
"""

from perennial.homes.planning.making import plan_home
from perennial.homes.planning.plan import ColumnChange, DayChange, Effect, Item, Plan, ScoreChange
from perennial.homes.planning.writing import list_columns, list_items, write_markdown

__all__ = [
    "ColumnChange",
    "DayChange",
    "Effect",
    "Item",
    "Plan",
    "ScoreChange",
    "list_columns",
    "list_items",
    "plan_home",
    "write_markdown",
]
