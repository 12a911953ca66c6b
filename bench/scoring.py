"""Rows a second of publishing: ours (streaming binary COPY, checked, one transaction) against pandas read + predict + to_sql.

    python bench/scoring.py [rows] [repeats]
    python bench/scoring.py --shards [rows] [repeats]

Both read 30 features of the same rows, score them with the same booster (XGBoost, 300 trees of depth 6, two threads) and
write score, rank and decile into a table with a primary key, interleaved in one run on a throw-away PostgreSQL. Reasons
are measured apart, on fewer rows: exact TreeSHAP costs hundreds of predictions. Memory is the peak of a fresh process.

The floor is what nobody can leave out, one after the other: the same COPY out into nothing, predicting a matrix that is there,
and a COPY of rows that were made before into a table with that key; on a republish after the delete of the day.

With --shards: the day whole in one process against the same day in shards, each scored by a process that runs already and has the
libraries, as Airflow's workers do; all open the model's files anew. Interleaved in one run, with and without three reasons.
"""

from __future__ import annotations

import io
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost
from people import Sink, declare
from sqlalchemy import create_engine

from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, Postgres
from perennial.predictor import Contract, Feature, Predictor, as_dmatrix, load_predictor, write_files
from perennial.records import Run, Version
from perennial.score import scoring_rules
from perennial.stores.sessions import Database, run_script
from perennial.stores.warehouse import Attempt, ScoringJob, commit_shards, migrate, open_attempt, publish, publish_shard, sync
from perennial.stores.warehouse.partitions import ensure_month

FEATURES = tuple(Feature(name=f"f{place}") for place in range(30))
NAMES = ", ".join(feature.name for feature in FEATURES)
FULL, SMALL = date(2020, 1, 6), date(2020, 1, 13)
SMALL_ROWS = 2000
SHARDS = (1, 2, 4)
SOURCE = f"create table source.people (entity_id bigint, {', '.join(f'{feature.name} float8' for feature in FEATURES)})"
FILL = f"""
insert into features.bench (as_of, entity_id, {NAMES})
select '{{as_of}}', n, {", ".join(f"sin(n * {place + 1})" for place in range(30))} from generate_series(1, {{rows}}) as n;
insert into ledger.snapshots (model, as_of, kind, rows, checksum, query_hash, config_hash, status, purpose, effective_at)
values ('bench', '{{as_of}}', 'features', {{rows}}, 'c', 'q', 'c', 'valid', 'simulation', '2020-01-01');
"""
PEER_TABLE = """
create table scores.peer (
    as_of date, entity_id bigint, score float8, rank bigint, decile bigint, publication_id bigint, primary key (as_of, entity_id)
)
"""


def fit(folder: Path) -> dict[str, str]:
    random = np.random.default_rng(7)
    matrix = random.normal(size=(20_000, len(FEATURES)))
    labels = (matrix[:, :5].sum(axis=1) + random.normal(size=len(matrix)) > 1).astype(np.float64)
    parameters = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.05, "nthread": 2}
    booster = xgboost.train(parameters, as_dmatrix(matrix, FEATURES, labels=labels), num_boost_round=300)
    contract = Contract(model="bench", algorithm="xgboost", features=FEATURES, rounds=300)
    return write_files(folder, booster, contract, pd.DataFrame(matrix, columns=[feature.name for feature in FEATURES]))


def fill(server: Postgres, rows: int) -> None:
    migrate(server.url("warehouse", "owner"))
    with Database(server.url("warehouse", "loader")).transaction() as session:
        session.exec_driver_sql(SOURCE)
    with Database(server.url("warehouse", "pipeline")).transaction() as session:
        sync(session, declare(NAMES, reasons=0))
        for as_of, count in ((FULL, rows), (SMALL, SMALL_ROWS)):
            ensure_month(session, "features", "bench", as_of)
            run_script(session, FILL.format(as_of=as_of, rows=count))
        session.exec_driver_sql(PEER_TABLE)
    server.run_sql("warehouse", "vacuum analyze features.bench;")


def publish_ours(url: str, predictor: Predictor, as_of: date, reasons: int) -> None:
    publish(Database(url), make_run(as_of), make_job(predictor, reasons=reasons))


def make_run(as_of: date) -> Run:
    return Run("bench", as_of, datetime(2020, 1, 20, tzinfo=UTC), "simulation")


def make_job(predictor: Predictor, **scoring: object) -> ScoringJob:
    run = make_run(FULL)
    version = Version("bench", 1, "xgboost", "m", {}, "d", (FULL,), (FULL,), FULL, run.clock)
    declaration = declare(NAMES, publish_max_shift=100.0, **scoring)
    return ScoringJob(
        declaration, predictor, version, scoring_rules(declaration.model, run, version, None), lambda _: (), "bench"
    )


def publish_in_shards(pool: ProcessPoolExecutor, url: str, folder: Path, shards: int, reasons: int) -> None:
    """One shard: the day whole, as a task of its own would."""
    if shards == 1:
        pool.submit(publish_whole, url, folder, reasons).result()
        return
    job = make_job(open_files(folder), reasons=reasons, shards=shards)
    attempt = open_attempt(Database(url), make_run(FULL), job, is_sharded=True)
    for scored in [pool.submit(publish_part, url, folder, attempt, number, reasons) for number in range(shards)]:
        scored.result()
    commit_shards(Database(url), attempt, job)


def publish_whole(url: str, folder: Path, reasons: int) -> None:
    publish_ours(url, open_files(folder), FULL, reasons)


def publish_part(url: str, folder: Path, attempt: Attempt, number: int, reasons: int) -> None:
    publish_shard(Database(url), attempt, make_job(open_files(folder), reasons=reasons, shards=attempt.shards), number)


def publish_peer(url: str, predictor: Predictor, as_of: date) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        query = f"select entity_id, {NAMES} from features.bench where as_of = '{as_of}' order by entity_id"
        frame = pd.read_sql(query, connection, index_col="entity_id")
        scores = pd.DataFrame({"as_of": as_of, "score": predictor.score(frame)}, index=frame.index)
        scores["rank"] = scores["score"].rank(method="first", ascending=False).astype("int64")
        scores["decile"] = (scores["rank"] - 1) * 10 // len(scores) + 1
        scores["publication_id"] = 1
        connection.exec_driver_sql(f"delete from scores.peer where as_of = '{as_of}'")
        scores.to_sql("peer", connection, schema="scores", if_exists="append", chunksize=10_000)
    engine.dispose()


def publish_floor(url: str, predictor: Predictor, matrix: np.ndarray, content: bytes, *, again: bool) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        cursor = connection.connection.cursor()
        if not again:
            connection.exec_driver_sql("truncate scores.floor")
        query = f"select entity_id, {NAMES} from features.bench where as_of = '{FULL}' order by entity_id"
        cursor.copy_expert(f"copy ({query}) to stdout (format binary)", Sink())
        predictor.score_matrix(matrix)
        connection.exec_driver_sql(f"delete from scores.floor where as_of = '{FULL}'")
        cursor.copy_expert("copy scores.floor from stdin (format binary)", io.BytesIO(content))
    engine.dispose()


def make_content(url: str) -> bytes:
    """The published day as the bytes of a COPY; makes the table of the floor as well."""
    engine, out = create_engine(url), io.BytesIO()
    with engine.begin() as connection:
        connection.exec_driver_sql("create table scores.floor (like scores.bench including indexes)")
        query = f"copy (select * from scores.bench where as_of = '{FULL}' order by entity_id) to stdout (format binary)"
        connection.connection.cursor().copy_expert(query, out)
    engine.dispose()
    return out.getvalue()


def compare_with_floor(url: str, predictor: Predictor, rows: int, repeats: int) -> None:
    matrix = np.random.default_rng(1).normal(size=(rows, len(FEATURES)))
    begin_anew(url)
    first = time_call(publish_ours, url, predictor, FULL, 0)
    content = make_content(url)
    floor_first = time_call(lambda: publish_floor(url, predictor, matrix, content, again=False))
    print(f"first           {first:7.2f} s  {first / floor_first:.2f} of the floor")
    pairs = [
        (
            time_call(publish_ours, url, predictor, FULL, 0),
            time_call(lambda: publish_floor(url, predictor, matrix, content, again=True)),
        )
        for _ in range(repeats)
    ]
    shares = [ours / floor for ours, floor in pairs]
    print(f"again           {statistics.median(ours for ours, _ in pairs):7.2f} s  {statistics.median(shares):.2f} of the floor")


def begin_anew(url: str) -> None:
    """Nothing was published."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("truncate scores.bench")
    engine.dispose()


def time_call(call: Callable[..., object], *arguments: object) -> float:
    begun = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - begun


def measure_peak(url: str, folder: Path, who: str, as_of: date) -> float:
    """Peak memory in MB of a fresh process that publishes once."""
    program = [sys.executable, __file__, "--once", str(folder), who, as_of.isoformat()]  # any account reads these words
    return float(subprocess.run(program, input=url, check=True, capture_output=True, text=True).stdout)


def run_once(folder: str, who: str, as_of: str) -> None:
    url = sys.stdin.read()
    predictor = open_files(Path(folder))
    day = date.fromisoformat(as_of)
    publish_ours(url, predictor, day, 0) if who == "ours" else publish_peer(url, predictor, day)
    # Not getrusage: its maximum is inherited from the parent.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(int(peak.split()[1]) / 1024)


def open_files(folder: Path) -> Predictor:
    manifest = dict(line.split() for line in (folder.parent / "manifest").read_text().splitlines())
    return load_predictor(folder, manifest)


def compare(url: str, folder: Path, rows: int, repeats: int) -> None:
    predictor = open_files(folder)
    predict = time_call(predictor.score_matrix, np.zeros((rows, len(FEATURES))))
    pairs = [
        (time_call(publish_ours, url, predictor, FULL, 0), time_call(publish_peer, url, predictor, FULL)) for _ in range(repeats)
    ]
    ours, peer = (statistics.median(times) for times in zip(*pairs, strict=True))
    compare_with_floor(url, predictor, rows, repeats)
    with_reasons = time_call(publish_ours, url, predictor, SMALL, 3)
    print(f"rows {rows}, features {len(FEATURES)}, repeats {repeats} (medians); predicting alone takes {predict:.2f} s")
    print(f"ours            {ours:7.2f} s  {rows / ours:10,.0f} rows/s")
    print(f"pandas, to_sql  {peer:7.2f} s  {rows / peer:10,.0f} rows/s")
    print(f"ratio           {peer / ours:7.2f}     single pairs {', '.join(f'{b / a:.2f}' for a, b in pairs)}")
    print(f"ours, 3 reasons {with_reasons:7.2f} s  {SMALL_ROWS / with_reasons:10,.0f} rows/s  ({SMALL_ROWS} rows)")
    for who in ("ours", "peer"):
        small, full = (measure_peak(url, folder, who, as_of) for as_of in (SMALL, FULL))
        print(f"peak memory     {who}: {small:.0f} MB for {SMALL_ROWS} rows, {full:.0f} MB for {rows}")


def compare_shards(url: str, folder: Path, rows: int, repeats: int) -> None:
    with ProcessPoolExecutor(max(SHARDS), mp_context=get_context("spawn")) as pool:
        for reasons in (0, 3):
            publish_in_shards(pool, url, folder, max(SHARDS), reasons)  # every process has begun, and the table is filled
            rounds = [
                [time_call(publish_in_shards, pool, url, folder, shards, reasons) for shards in SHARDS] for _ in range(repeats)
            ]
            whole, *_ = columns = list(zip(*rounds, strict=True))
            print(f"rows {rows}, features {len(FEATURES)}, reasons {reasons}, repeats {repeats} (medians)")
            for shards, seconds in zip(SHARDS, columns, strict=True):
                ratios = [one / several for one, several in zip(whole, seconds, strict=True)]
                middle, ratio = statistics.median(seconds), statistics.median(ratios)
                print(f"{shards} shards        {middle:7.2f} s  {ratio:.2f} of the speed of one")
                print(f"                single rounds {', '.join(f'{ratio:.2f}' for ratio in ratios)}")


def main(measure: Callable[[str, Path, int, int], None], rows: int, repeats: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="perennial-"))
    server = Postgres(folder / "postgres", find_free_port(), passwords=folder / "passwords.json", options=THROWAWAY)
    try:
        server.start()
        server.ensure_roles()
        server.ensure_database("warehouse", "owner", guests=("loader", "pipeline", "analyst"))
        manifest = fit(folder / "model")
        (folder / "manifest").write_text("\n".join(f"{name} {digest}" for name, digest in manifest.items()))
        fill(server, rows)
        measure(server.url("warehouse", "pipeline"), folder / "model", rows, repeats)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        run_once(*sys.argv[2:])
    else:
        given = [word for word in sys.argv[1:] if word != "--shards"]
        numbers = (int(number) for number in (*given, *("100000", "3")[len(given) :]))
        main(compare_shards if "--shards" in sys.argv else compare, *numbers)
