"""`perennial new`: from a table to a first model.

In this order: `wishes` (what was asked; `by_hand`: what is not drafted), `stores.warehouse.profiling` (what the table holds),
`choosing` (what follows), `features`, `queries` (with `classes`), `model_file` and `suites` (texts), `stores.warehouse.probing`
and `measuring` (what the queries give on real days, for the limits), `writing`, `saying`; `drafting` calls them.
"""

from perennial.homes.new.drafting import Draft, draft_model, list_tables, open_table, propose_learned
from perennial.homes.new.saying import list_next, say_found
from perennial.homes.new.wishes import Wish, check_columns, check_task, needs_zone, propose_entities, propose_times
from perennial.homes.new.writing import refuse_to_overwrite, write_files
from perennial.stores.warehouse.profiling import read_server_timezone

__all__ = [
    "Draft",
    "Wish",
    "check_columns",
    "check_task",
    "draft_model",
    "list_next",
    "list_tables",
    "needs_zone",
    "open_table",
    "propose_entities",
    "propose_learned",
    "propose_times",
    "read_server_timezone",
    "refuse_to_overwrite",
    "say_found",
    "write_files",
]
