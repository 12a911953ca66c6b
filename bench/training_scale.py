"""Reading a training set and fitting one recipe on it: ours against pandas.read_sql and the same XGBoost. The floor of
reading is a binary COPY whose bytes are thrown away.

    python bench/training_scale.py [rows] [as_ofs]

Rows of 30 features (28 numbers, a flag and a text of four values) are made in a throw-away PostgreSQL. Each reads in a
fresh process: wall time and CPU of the work alone, and how far the peak of memory rose above what stood before it.
The sample is what the page of a day draws. A fit has 50 rounds of the regularised default on one thread, without folds or a
search.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import xgboost
from people import Sink, declare
from sqlalchemy import create_engine

from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, Postgres
from perennial.monitor import MOST_ROWS
from perennial.records import TrainingSet
from perennial.stores.sessions import Database, run_script
from perennial.stores.warehouse import migrate, read_training_sample, read_training_set, sync
from perennial.stores.warehouse.partitions import ensure_month
from perennial.train.boosters import REGULARISED_DEFAULTS, fit_recipe
from perennial.train.rows import BINS, gather_rows

FIRST = date(2020, 1, 6)
ROUNDS, SEED = 50, 1
NUMBERS = [f"f{place}" for place in range(28)]
NAMES = ", ".join([*NUMBERS, "flag", "kind"])
SOURCE = (
    f"create table source.people (entity_id bigint, {', '.join(f'{name} float8' for name in NUMBERS)}, flag boolean, kind text)"
)
FILL = f"""
insert into features.bench (as_of, entity_id, {NAMES})
select '{{as_of}}', n, {", ".join(f"sin(n * {place + 1})" for place in range(28))}, n % 2 = 0, 'kind ' || n % 4
from generate_series(1, {{rows}}) as n;
insert into labels.bench (as_of, entity_id, label, known_at)
select '{{as_of}}', n, (n % 7 = 0)::integer, '2021-01-01' from generate_series(1, {{rows}}) as n;
insert into ledger.snapshots (model, as_of, kind, rows, checksum, query_hash, config_hash, status, purpose, effective_at)
select 'bench', '{{as_of}}', kind, {{rows}}, 'c', 'q', 'c', 'valid', 'simulation', '2020-01-01'
from (values ('features'), ('labels')) as kinds (kind);
"""
JOINED = f"""select as_of, entity_id, label, {NAMES} from features.bench join labels.bench using (as_of, entity_id)
order by as_of, entity_id"""


def find_days(count: int) -> list[date]:
    return [FIRST + timedelta(days=7 * week) for week in range(count)]


def fill(server: Postgres, rows: int, as_ofs: int) -> None:
    migrate(server.url("warehouse", "owner"))
    with Database(server.url("warehouse", "loader")).transaction() as session:
        session.exec_driver_sql(SOURCE)
    with Database(server.url("warehouse", "pipeline")).transaction() as session:
        sync(session, declare(NAMES))
        for as_of in find_days(as_ofs):
            for schema in ("features", "labels"):
                ensure_month(session, schema, "bench", as_of)
            run_script(session, FILL.format(as_of=as_of, rows=rows // as_ofs))
    server.run_sql("warehouse", "vacuum analyze features.bench;")


def read_ours(url: str, as_ofs: int) -> TrainingSet:
    with Database(url).transaction() as session:
        return read_training_set(session, declare(NAMES), find_days(as_ofs))


def read_sample(url: str, as_ofs: int) -> pd.DataFrame:
    with Database(url).transaction() as session:
        return read_training_sample(session, declare(NAMES), find_days(as_ofs), most=MOST_ROWS)


def read_with_pandas(url: str, _: int) -> pd.DataFrame:
    engine = create_engine(url)
    with engine.connect() as connection:
        return pd.read_sql(JOINED, connection)


def read_floor(url: str, _: int) -> object:
    with Database(url).transaction() as session:
        cursor = session.connection.cursor()
        cursor.copy_expert(f"copy ({JOINED}) to stdout (format binary)", Sink())
    return None


def fit_ours(url: str, as_ofs: int) -> object:
    rows = gather_rows(declare(NAMES).model, read_ours(url, as_ofs))
    return fit_recipe(REGULARISED_DEFAULTS["xgboost"], ROUNDS, SEED, rows)


def fit_with_pandas(url: str, as_ofs: int) -> object:
    rows = read_with_pandas(url, as_ofs)
    inputs = rows.drop(columns=["as_of", "entity_id", "label"]).astype({"kind": "category"})
    chosen = REGULARISED_DEFAULTS["xgboost"].parameters
    model = xgboost.XGBClassifier(
        n_estimators=ROUNDS, n_jobs=1, max_bin=BINS, enable_categorical=True, random_state=SEED, **chosen
    )
    return model.fit(inputs, rows["label"])


WORK: dict[str, Callable[[str, int], object]] = {
    "floor": read_floor,
    "ours": read_ours,
    "ours, a sample": read_sample,
    "pandas.read_sql": read_with_pandas,
    "ours and fit": fit_ours,
    "pandas and fit": fit_with_pandas,
}


def find_peak() -> float:
    """Peak memory of this process in MB. Not getrusage: its maximum is inherited from the parent."""
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def run_once(who: str, url: str, as_ofs: int) -> None:
    before, begun, worked = find_peak(), time.perf_counter(), time.process_time()
    held = WORK[who](url, as_ofs)
    print(time.perf_counter() - begun, time.process_time() - worked, find_peak() - before)
    del held


def main(rows: int, as_ofs: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="perennial-"))
    server = Postgres(folder / "postgres", find_free_port(), passwords=folder / "passwords.json", options=THROWAWAY)
    try:
        server.start()
        server.ensure_roles()
        server.ensure_database("warehouse", "owner", guests=("loader", "pipeline", "analyst"))
        fill(server, rows, as_ofs)
        cells = rows * 30
        print(f"{rows} rows x 30 features on {as_ofs} as_ofs; as float64 {cells * 8 / 1e6:.0f} MB, binned {cells / 1e6:.0f} MB")
        url, floor = server.url("warehouse", "pipeline"), 0.0
        for who in WORK:
            program = [sys.executable, __file__, "--once", who, url, str(as_ofs)]
            told = subprocess.run(program, check=True, capture_output=True, text=True).stdout
            wall, cpu, peak = (float(each) for each in told.split())
            floor = floor or wall
            print(
                f"{who:16} {wall:7.2f} s ({wall / floor:5.2f} of the floor)  CPU {cpu:6.2f} s  peak +{peak:,.0f} MB", flush=True
            )
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        run_once(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main(*(int(argument) for argument in (*sys.argv[1:], *("100000", "10")[len(sys.argv) - 1 :])))
