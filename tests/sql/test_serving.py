"""What a server reads, as role analyst, of a warehouse that is slow."""

import pytest

from perennial.errors import WarehouseBusy
from perennial.stores.serving import PARAMETERS, find_score
from perennial.stores.sessions import Database


@pytest.fixture
def slow(warehouse_urls):
    """Its views take longer than anybody waits."""
    with Database(warehouse_urls.pipeline).transaction() as session:
        for view in ("toy_scores_latest", "toy_scores_history"):
            session.exec_driver_sql(
                f"create view analytics.{view} as select 'b' as entity_id, current_date as as_of, pg_sleep(600)::text as slept"
            )
    return Database(warehouse_urls.analyst, parameters=PARAMETERS | {"statement_timeout": "100ms"}, kept_connections=1)


def test_what_takes_too_long_is_busy_and_no_fault_of_ours(slow):
    with pytest.raises(WarehouseBusy, match="did not answer in time"):
        find_score(slow, "toy", "b")
    slow.dispose()
