"""What befalls a session is named, whichever way its statements go: through SQLAlchemy, or by COPY straight to the driver."""

import pandas as pd
import pytest

from perennial.errors import WarehouseUnavailable
from perennial.stores.sessions import Database
from perennial.stores.warehouse.copying import copy_frame

END = (
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'cut' and datname = current_database()"
)
ROWS = pd.DataFrame({"a": [1, 2, 3]})


@pytest.fixture
def database(warehouse_urls):
    with Database(warehouse_urls.loader).transaction() as session:
        session.exec_driver_sql("create table source.copied (a int)")
    cut = Database(warehouse_urls.loader, "cut")
    yield cut
    cut.dispose()


def end_sessions(urls):
    with Database(urls.superuser).transaction() as other:
        other.exec_driver_sql(END)


def copy_rows(session):
    copy_frame(session, "source.copied", ROWS)


def count_rows(session):
    session.exec_driver_sql("select count(*) from source.copied").scalar_one()


def lose_connection(database, urls, ask):
    with database.transaction() as session:
        end_sessions(urls)
        ask(session)


@pytest.mark.parametrize("ask", [copy_rows, count_rows])
def test_a_connection_that_ends_is_named(database, warehouse_urls, ask):
    with pytest.raises(WarehouseUnavailable, match="role loader does not answer"):
        lose_connection(database, warehouse_urls, ask)


def test_an_error_of_ours_in_copy_is_no_lost_connection(database):
    with pytest.raises(Exception, match="does not exist") as found, database.transaction() as session:
        copy_frame(session, "source.nowhere", ROWS)
    assert not isinstance(found.value, WarehouseUnavailable)
