"""One row and a hundred over HTTP: `perennial serve` beside the same application with a constant answer, and MLflow's server.

    .venv/bin/python -m perennial.local .venv/bin/python bench/serving.py [--requests 1500]

Servers of one process each stand side by side on loopback, and one caller in a process of its own asks them in turns, over 1, 8
and 32 connections. `constant` is a route of FastAPI's in our application, `direct` the same answer past its routing, which ours
takes too. On a busy machine milliseconds mean little, and processor time still does: it is said for each request, and its
ratio is that of the requests that one core answers. The model is XGBoost, 300 rounds of depth 6 on 30 numbers, in all of them:
MLflow serves it as its own flavour does (`mlflow.pyfunc.scoring_server`, what `mlflow models serve` runs). Numbers of requests
are bounded, and everything ends by itself. Before that: what the short way of one row saves, in each library, and what loading
costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

import lightgbm
import numpy as np
import pandas as pd
import uvicorn
import xgboost
from starlette.requests import Request
from starlette.responses import Response

from perennial.predictor import (
    Contract,
    Feature,
    Linear,
    Predictor,
    RowEncoder,
    as_dmatrix,
    load_predictor,
    make_quick,
    write_files,
)
from perennial.records import Version
from perennial.serve import ServeOptions
from perennial.serve.application import Application
from perennial.serve.champions import Champions, Serving
from perennial.serve.direct import Direct
from perennial.serve.guard import Guard
from perennial.serve.running import make_config
from perennial.serve.versions import LoadedVersion
from perennial.stores.serving import open_reading

FEATURES = tuple(Feature(name=f"n{number}", median=0.0) for number in range(30))
ROUNDS, DEPTH, ROWS = 300, 6, 5_000
CONNECTIONS = (1, 8, 32)
BATCHES = (1, 100)
TURNS = 3
READY_SECONDS = 180.0
LOAD = """
import importlib, re, sys, time
began = time.perf_counter()
for name in sys.argv[1:]:
    importlib.import_module(name)
print(time.perf_counter() - began, re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""
SERVERS = ("ours", "constant", "direct", "mlflow")
PATHS = {
    "ours": "/v1/models/toy/predict",
    "constant": "/constant",
    "direct": "/v1/models/constant/predict",
    "mlflow": "/invocations",
}


def draw() -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(7)
    values = random.normal(size=(ROWS, len(FEATURES)))
    labels = (values[:, :6].sum(axis=1) + random.normal(size=ROWS) > 0).astype(float)
    return pd.DataFrame(values, columns=[feature.name for feature in FEATURES]), labels


def fit(algorithm: str, frame: pd.DataFrame, labels: np.ndarray) -> Predictor:
    matrix = frame.to_numpy()
    contract = Contract(model="toy", algorithm="xgboost", features=FEATURES, rounds=ROUNDS)
    if algorithm == "xgboost":
        parameters = {"objective": "binary:logistic", "max_depth": DEPTH, "eta": 0.1, "nthread": 1}
        return Predictor(contract, xgboost.train(parameters, as_dmatrix(matrix, FEATURES, labels=labels, threads=1), ROUNDS))
    if algorithm == "lightgbm":
        parameters = {"objective": "binary", "num_leaves": 2**DEPTH, "verbosity": -1, "num_threads": 1}
        booster = lightgbm.train(parameters, lightgbm.Dataset(matrix, labels), ROUNDS)
        return Predictor(contract.model_copy(update={"algorithm": algorithm}), booster)
    width = len(FEATURES)
    linear = Linear(intercept=0.0, coefficients=(0.3,) * width, means=(0.0,) * width, scales=(1.0,) * width)
    return Predictor(Contract(model="toy", algorithm="logistic", features=FEATURES, linear=linear), None)


# What one row costs, without HTTP
def measure_rows(folder: Path) -> None:
    frame, labels = draw()
    print(f"{'microseconds':<14}{'one row':>10}{'short way':>11}{'100 rows':>10}{'short way':>11}   same bits")
    for algorithm in ("xgboost", "lightgbm", "logistic"):
        made = fit(algorithm, frame, labels)
        manifest = write_files(folder / algorithm, made.booster, made.contract, frame)
        predictor = load_predictor(folder / algorithm, manifest, threads=1)
        quick, matrix = make_quick(predictor), frame.to_numpy()[:2000]
        whole = predictor.score_matrix(matrix)
        alone = np.concatenate([quick.score(matrix[place : place + 1]) for place in range(len(matrix))])
        same = np.array_equal(whole, alone) and np.array_equal(whole[:100], quick.score(matrix[:100]))
        (folder / f"{algorithm}.json").write_text(json.dumps(manifest), encoding="utf-8")
        times = [time_call(how, matrix, rows) for rows in BATCHES for how in (predictor.score_matrix, quick.score)]
        print(f"{algorithm:<14}{times[0]:>10.0f}{times[1]:>11.0f}{times[2]:>10.0f}{times[3]:>11.0f}   {'yes' if same else 'NO'}")
        if algorithm == "xgboost":
            save_for_mlflow(made, folder / "mlflow")


def time_call(call: Callable[[np.ndarray], object], matrix: np.ndarray, rows: int, times: int = 200) -> float:
    """Microseconds, the median, of other rows each time: a processor learns the way of the same one."""
    found = []
    for turn in range(times):
        place = turn * 7 % (len(matrix) - rows)
        began = time.perf_counter()
        call(matrix[place : place + rows])
        found.append(time.perf_counter() - began)
    return median(found) * 1e6


def save_for_mlflow(made: Predictor, folder: Path) -> None:
    import mlflow.xgboost  # noqa: PLC0415 - the parent alone needs it

    booster = made.booster
    booster.feature_names = [feature.name for feature in FEATURES]
    mlflow.xgboost.save_model(booster, str(folder), model_format="ubj")


def measure_imports() -> None:
    print("\nwhat a process has loaded            seconds       MB")
    for said, modules in (
        ("Python and numpy", "numpy"),
        ("the predictor", "perennial.predictor"),
        ("the application", "perennial.serve.running"),
        ("pandas, xgboost and lightgbm", "pandas xgboost lightgbm"),
    ):
        done = subprocess.run([sys.executable, "-c", LOAD, *modules.split()], capture_output=True, text=True, check=True)
        seconds, kilobytes = done.stdout.split()
        megabytes = int(kilobytes) / 1024
        print(f"{said:<34}{float(seconds):>10.1f}{megabytes:>9.0f}")


# The servers
def serve(kind: str, folder: Path, port: int) -> None:
    """One of them, in this process, until it is ended."""
    if kind == "mlflow":
        from mlflow.pyfunc import load_model  # noqa: PLC0415 - ours is to be without it
        from mlflow.pyfunc.scoring_server import init  # noqa: PLC0415 - likewise

        uvicorn.run(init(load_model(str(folder / "mlflow"))), host="127.0.0.1", port=port, log_level="error")
        return
    nowhere = "postgresql+psycopg2://analyst@127.0.0.1:1/warehouse"
    options = ServeOptions(nowhere, "", folder, folder, ("toy",), tokens=None, port=port, rate=1_000_000, poll_seconds=3600)
    champions = Champions(options, open_reading(nowhere))
    manifest = json.loads((folder / "xgboost.json").read_text(encoding="utf-8"))
    predictor = load_predictor(folder / "xgboost", manifest, threads=1)
    loaded = LoadedVersion(make_version(), predictor, RowEncoder.of(FEATURES), make_quick(predictor))
    champions._serving["toy"] = Serving(loaded)  # noqa: SLF001 - there is no ledger here
    application = Application(options, champions)

    async def constant(request: Request) -> Response:
        application._entry.admit(request)  # noqa: SLF001 - the same door
        await request.body()
        return Response(b'{"predictions":[{"score":0.5}]}', media_type="application/json")

    async def choose(model: str, request: Request) -> Response:
        return await (constant(request) if model == "constant" else application.predict(model, request))

    application.api.add_api_route("/constant", constant, methods=["POST"], response_model=None)
    application.guarded = Guard(Direct(application.api, application.api.routes[-1], choose), application._gauges)  # noqa: SLF001 - as there
    config = make_config(options)
    config.app, config.factory, config.log_config, config.log_level = application.guarded, False, None, "critical"
    logging.disable(logging.WARNING)
    uvicorn.Server(config).run()


def make_version() -> Version:
    day = date(2026, 1, 5)
    return Version("toy", 1, "xgboost", "run", {}, "", (day,), (), day, datetime(2026, 1, 5, tzinfo=UTC))


@dataclass(frozen=True)
class Server:
    """Where it listens, and its process."""

    port: int
    pid: int

    def read_processor(self) -> float:
        """Seconds of processor time until now, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(kind: str, folder: Path) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, __file__, "--serve", kind, "--folder", str(folder), "--port", str(port)]
    process = subprocess.Popen(command)
    try:
        wait_for(port, process)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port)):
                return
        except OSError:
            time.sleep(0.1)
    sys.exit("a server did not start")


# The caller
@dataclass(frozen=True)
class Found:
    """Milliseconds, requests in a second, and milliseconds of processor time that the server took for each."""

    p50: float
    p95: float
    p99: float
    rate: float
    processor: float


def write_body(kind: str, rows: int) -> bytes:
    frame = draw()[0].head(rows)
    if kind == "mlflow":
        return json.dumps({"dataframe_split": frame.to_dict(orient="split", index=False)}).encode()
    return json.dumps({"rows": frame.to_dict(orient="records")}).encode()


async def call(server: Server, request: bytes, count: int, connections: int) -> Found:
    """So many requests over so many connections, each waiting for its answer before the next."""
    left, times = iter(range(count)), []

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for _ in left:
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head[:20]:
                sys.exit(f"refused: {head!r}")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            times.append(time.perf_counter() - began)
        writer.close()

    began, used = time.perf_counter(), server.read_processor()
    await asyncio.gather(*(ask() for _ in range(connections)))
    elapsed = time.perf_counter() - began
    p50, p95, p99 = (float(value) * 1000 for value in np.quantile(times, (0.5, 0.95, 0.99)))
    return Found(p50, p95, p99, len(times) / elapsed, (server.read_processor() - used) / len(times) * 1000)


def ask_in_turns(servers: dict[str, Server], rows: int, connections: int, requests: int) -> dict[str, Found]:
    found: dict[str, list[Found]] = {kind: [] for kind in servers}
    for _ in range(TURNS):
        for kind, server in servers.items():
            body = write_body(kind, rows)
            head = (
                f"POST {PATHS[kind]} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            count = max(connections * 4, requests // (4 if rows > 1 else 1))
            found[kind].append(asyncio.run(call(server, head.encode() + body, count, connections)))
    return {
        kind: Found(*(median(getattr(each, name) for each in turns) for name in ("p50", "p95", "p99", "rate", "processor")))
        for kind, turns in found.items()
    }


def measure_servers(folder: Path, requests: int) -> None:
    with running("ours", folder) as own, running("mlflow", folder) as other:
        servers = dict(zip(SERVERS, (own, own, own, other), strict=True))
        for connections in CONNECTIONS:  # warm up
            ask_in_turns(servers, 1, connections, 80)
        for rows in BATCHES:
            print(f"\n{rows} row{'s' if rows > 1 else ''} a request: milliseconds, medians of {TURNS} turns")
            print(f"{'connections':<13}{'server':<10}{'p50':>8}{'p95':>8}{'p99':>8}{'requests/s':>12}{'processor':>11}")
            for connections in CONNECTIONS:
                found = ask_in_turns(servers, rows, connections, requests)
                for kind, each in found.items():
                    print(
                        f"{connections:<13}{kind:<10}{each.p50:>8.2f}{each.p95:>8.2f}{each.p99:>8.2f}{each.rate:>12.0f}{each.processor:>11.2f}"
                    )
                ours, constant, direct, mlflow = (found[kind] for kind in SERVERS)
                said = (
                    f"p99 {ours.p99 / constant.p99:.2f} times the constant's, processor {ours.processor / constant.processor:.2f}"
                )
                said += f" (of the direct one {ours.p99 / direct.p99:.2f} and {ours.processor / direct.processor:.2f}); "
                said += f"{ours.rate / mlflow.rate:.1f} times MLflow's rate, by processor {mlflow.processor / ours.processor:.1f}"
                print(f"{'':<13}{said}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--serve", choices=("ours", "mlflow"))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.folder, options.port)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure_rows(Path(folder))
        measure_imports()
        measure_servers(Path(folder), options.requests)


if __name__ == "__main__":
    main()
