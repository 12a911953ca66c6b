"""Reading a training set, fitting one recipe on it, and a whole training: ours against pandas.read_sql and the same XGBoost.
The floor of reading is a binary COPY whose bytes are thrown away.

    python bench/training_scale.py [--rows 1300000] [--as-ofs 26] [--singles] [--keep FOLDER] [ours "ours and train" ...]

Rows of 30 features (28 numbers, a flag and a text of four values; with --singles numbers that a float32 holds) are made in a
throw-away PostgreSQL, which --keep leaves in a folder for another run. Each piece of work runs in a fresh process: wall time and
CPU of the work alone, and how far the peak of memory rose above what stood before it. A fit has 50 rounds of the regularised
default on one thread, without folds or a search. A training has guards, alarms, five folds, two trials, the plain recipes and the
final fit, on two threads; for each of its phases it prints seconds and the most memory that was sampled while it lasted.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import xgboost
from people import Sink, declare
from phases import Phases, find_peak
from sqlalchemy import create_engine

from perennial.config import Declaration
from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, Postgres
from perennial.monitor import MOST_ROWS
from perennial.records import SplitPlan, TrainingSet
from perennial.stores.sessions import Database, run_script
from perennial.stores.warehouse import migrate, read_training_sample, read_training_set, sync
from perennial.stores.warehouse.partitions import ensure_month
from perennial.train import train
from perennial.train.bins import BINS
from perennial.train.boosters import REGULARISED_DEFAULTS, fit_recipe
from perennial.train.rows import gather_rows

FIRST = date(2020, 1, 6)
ROUNDS, SEED, TRIALS = 50, 1, 2
NUMBERS = [f"f{place}" for place in range(28)]
NAMES = ", ".join([*NUMBERS, "flag", "kind"])
SOURCE = (
    f"create table source.people (entity_id bigint, {', '.join(f'{name} float8' for name in NUMBERS)}, flag boolean, kind text)"
)
# A label comes true the more often the higher f0 and f1 stand; a factor of 40503 makes noise of neighbouring numbers.
FILL = """
insert into features.bench (as_of, entity_id, {names})
select '{as_of}', n, {numbers}, n % 2 = 0, 'kind ' || n % 4 from generate_series(1, {rows}) as n;
insert into labels.bench (as_of, entity_id, label, known_at)
select '{as_of}', n,
    (sin(n + {week}) + sin(n * 2 + {week}) / 2 + (n * 40503::bigint + {week} * 911) % 65536 / 16384. > 4)::int,
    '2021-01-01' from generate_series(1, {rows}) as n;
insert into ledger.snapshots (model, as_of, kind, rows, checksum, query_hash, config_hash, status, purpose, effective_at)
select 'bench', '{as_of}', kind, {rows}, 'c', 'q', 'c', 'valid', 'simulation', '2020-01-01'
from (values ('features'), ('labels')) as kinds (kind);
"""
JOINED = f"""select as_of, entity_id, label, {NAMES} from features.bench join labels.bench using (as_of, entity_id)
order by as_of, entity_id"""


def find_days(count: int) -> list[date]:
    return [FIRST + timedelta(days=7 * week) for week in range(count)]


def declare_bench() -> Declaration:
    declaration = declare(NAMES)
    training = declaration.model.training.model_copy(update={"trials": TRIALS, "max_feature_auc": 1.0})
    return Declaration(
        model=declaration.model.model_copy(update={"training": training}),
        features_sql=declaration.features_sql,
        labels_sql=declaration.labels_sql,
        expectations=declaration.expectations,
    )


def fill(server: Postgres, options: argparse.Namespace) -> None:
    migrate(server.url("warehouse", "owner"))
    with Database(server.url("warehouse", "loader")).transaction() as session:
        session.exec_driver_sql(SOURCE)
    database, kind = Database(server.url("warehouse", "pipeline")), "float4" if options.singles else "float8"
    with database.transaction() as session:
        sync(session, declare(NAMES))
    for week, as_of in enumerate(find_days(options.as_ofs)):
        numbers = ", ".join(f"sin(n * {place + 1} + {week})::{kind}" for place in range(len(NUMBERS)))
        told = FILL.format(as_of=as_of, names=NAMES, numbers=numbers, week=week, rows=options.rows // options.as_ofs)
        with database.transaction() as session:
            for schema in ("features", "labels"):
                ensure_month(session, schema, "bench", as_of)
            run_script(session, told)
    server.run_sql("warehouse", "vacuum analyze features.bench; vacuum analyze labels.bench;")


def read_ours(url: str, as_ofs: int) -> TrainingSet:
    with Database(url).transaction() as session:
        return read_training_set(session, declare_bench(), find_days(as_ofs), drawn="to teach")


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
    rows = gather_rows(declare_bench().model, read_ours(url, as_ofs))
    return fit_recipe(REGULARISED_DEFAULTS["xgboost"], ROUNDS, SEED, rows)


def fit_with_pandas(url: str, as_ofs: int) -> object:
    rows = read_with_pandas(url, as_ofs)
    inputs = rows.drop(columns=["as_of", "entity_id", "label"]).astype({"kind": "category"})
    chosen = REGULARISED_DEFAULTS["xgboost"].parameters
    model = xgboost.XGBClassifier(
        n_estimators=ROUNDS, n_jobs=1, max_bin=BINS, enable_categorical=True, random_state=SEED, **chosen
    )
    return model.fit(inputs, rows["label"])


def train_ours(url: str, as_ofs: int) -> object:
    model, days = declare_bench().model, tuple(find_days(as_ofs))
    with tempfile.TemporaryDirectory() as folder, Phases() as phases:
        trained = train(model, read_ours(url, as_ofs), SplitPlan(days, (), 35), folder=Path(folder), is_first=True)
    print(
        f"{trained.algorithm}, {trained.rounds} rounds, AUC {trained.metrics['auc']:.5f}",
        *trained.alarms,
        sep="; ",
        file=sys.stderr,
    )
    print(phases, file=sys.stderr)
    return trained


WORK: dict[str, Callable[[str, int], object]] = {
    "floor": read_floor,
    "ours": read_ours,
    "ours, a sample": read_sample,
    "pandas.read_sql": read_with_pandas,
    "ours and fit": fit_ours,
    "pandas and fit": fit_with_pandas,
    "ours and train": train_ours,
}


def run_once(who: str, url: str, as_ofs: int) -> None:
    before, begun, worked = find_peak(), time.perf_counter(), time.process_time()
    held = WORK[who](url, as_ofs)
    print(time.perf_counter() - begun, time.process_time() - worked, find_peak() - before)
    del held


@contextmanager
def open_server(options: argparse.Namespace) -> Iterator[Postgres]:
    """A server with the rows; where it was kept, filled already."""
    folder = options.keep or Path(tempfile.mkdtemp(prefix="perennial-"))
    is_filled = (folder / "filled").exists()
    server = Postgres(folder / "postgres", find_free_port(), passwords=folder / "passwords.json", options=THROWAWAY)
    try:
        server.start()
        if not is_filled:
            server.ensure_roles()
            server.ensure_database("warehouse", "owner", guests=("loader", "pipeline", "analyst"))
            fill(server, options)
            (folder / "filled").touch()
        yield server
    finally:
        server.stop()
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_300_000)
    parser.add_argument("--as-ofs", type=int, default=26)
    parser.add_argument("--singles", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("work", nargs="*", choices=[*WORK, []], default=list(WORK))
    return parser.parse_args()


def main(options: argparse.Namespace) -> None:
    with open_server(options) as server:
        cells, rows = options.rows * 30, f"{options.rows} rows x 30 features on {options.as_ofs} as_ofs"
        print(f"{rows}; as float64 {cells * 8 / 1e6:.0f} MB, binned {cells / 1e6:.0f} MB", flush=True)
        url, floor = server.url("warehouse", "pipeline"), 0.0
        for who in options.work:
            program = [sys.executable, __file__, "--once", who, str(options.as_ofs)]  # any account reads these words
            told = subprocess.run(program, input=url, check=True, stdout=subprocess.PIPE, text=True).stdout
            wall, cpu, peak = (float(each) for each in told.split())
            floor = wall if who == "floor" else floor
            ratio = f" ({wall / floor:5.2f} of the floor)" if floor else ""
            print(f"{who:16} {wall:7.2f} s{ratio}  CPU {cpu:6.2f} s  peak +{peak:,.0f} MB", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        run_once(sys.argv[2], sys.stdin.read(), int(sys.argv[3]))
    else:
        main(read_options())
