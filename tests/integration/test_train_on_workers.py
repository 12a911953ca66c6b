"""`training.engine = "dask"`, with two workers who read PostgreSQL themselves.

A fit that runs whole on one of them is the local one to the last byte. One that both share is another, and always the same.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import dask
import pytest
from sqlalchemy import make_url, text

from perennial import pipeline
from perennial.config import load_declaration
from perennial.errors import ConfigError, WorkersUnavailable
from perennial.local.dask_workers import check_dask
from perennial.pipeline import engines
from perennial.pipeline.admitting import admit_matured
from perennial.pipeline.engines import open_engine
from perennial.pipeline.fitting import gather_material
from perennial.pipeline.working import describe_program
from perennial.predictor import load_predictor
from perennial.stores.cluster import Cluster
from perennial.train import refit, train
from perennial.train.boosters import REGULARISED_DEFAULTS
from tests.certificates import write_certificate
from tests.cluster import run_cluster
from tests.integration.stage_process import PRELOADED, WAIT_SECONDS, Halt, attempt_stage, run_stage, wait_for
from tests.world import END_STATE, FIRST_DAY, MODEL, copy_home, edit_model

ALGORITHMS = ["xgboost", "lightgbm"]
ON_WORKERS = {'engine = "local"': 'engine = "dask"'}
READING = "select count(*) from pg_stat_activity where application_name = 'perennial worker' and wait_event_type = 'Lock'"
TLS = "distributed.comm.tls"
SHARED = {"workers_per_fit = 1": "workers_per_fit = 2"}


@pytest.fixture(scope="module")
def local(copy_world, backfilled):
    """The world before its first training, with the labels for it."""
    with copy_world(backfilled) as world:
        pipeline.assemble(world.stores, world.run(FIRST_DAY))
        yield world


@pytest.fixture(scope="module")
def cluster(local, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    with run_cluster(folder, PERENNIAL_WAREHOUSE_URL=local.settings.warehouse_url) as started:
        yield started


@pytest.fixture(scope="module")
def material(local):
    run, declaration = local.run(FIRST_DAY), local.stores.declaration(MODEL)
    with local.stores.warehouse.transaction() as session:
        labelled = admit_matured(local.stores, session, declaration, run)
    return gather_material(local.stores, declaration, run, labelled)


@pytest.fixture
def open_on(local, cluster):
    """Opens the engine of the model, whose file has other keys of [training]."""

    def open_it(address=None, **keys):
        declaration = local.stores.declaration(MODEL)
        model = declaration.model.model_copy(update={"training": declaration.model.training.model_copy(update=keys)})
        settings = replace(local.settings, dask_address=address or cluster.address)
        return open_engine(replace(local.stores, settings=settings), declaration.model_copy(update={"model": model}))

    return open_it


def fit(material, algorithm, folder, engine=None):
    given = (material.declaration.model, material.training, material.plan, REGULARISED_DEFAULTS[algorithm])
    return refit(*given, folder=folder, engine=engine)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_whole_fit_on_a_worker_writes_the_bytes_of_a_local_one(algorithm, material, open_on, tmp_path):
    here = fit(material, algorithm, tmp_path / "here")
    with open_on(engine="dask") as engine:
        there = fit(material, algorithm, tmp_path / "there", engine)
    assert (there.manifest, there.metrics) == (here.manifest, here.metrics)


def test_a_search_on_workers_chooses_what_a_local_one_does(material, open_on, tmp_path):
    given = (material.declaration.model, material.training, material.plan)
    here = train(*given, folder=tmp_path / "here", trials=3, is_first=True)
    with open_on(engine="dask") as engine:
        there = train(*given, folder=tmp_path / "there", trials=3, is_first=True, engine=engine)
    assert (there.recipe, there.manifest, there.tuning) == (here.recipe, here.manifest, here.tuning)


def test_a_worker_that_dies_costs_a_training_nothing_but_time(local, material, cluster, open_on, tmp_path):
    here = fit(material, "lightgbm", tmp_path / "here")
    with open_on(engine="dask") as engine, ThreadPoolExecutor(1) as pool:
        with killed_while_it_reads(local, cluster, "w2"):
            there = pool.submit(fit, material, "lightgbm", tmp_path / "there", engine)
        assert there.result(WAIT_SECONDS).manifest == here.manifest
    cluster.start_worker("w2")
    cluster.wait()


@contextmanager
def killed_while_it_reads(world, cluster, name):
    """A worker that holds no rows yet dies while it waits for them; the block gives it work."""
    cluster.kill(name)
    cluster.start_worker(name)
    cluster.wait()
    with world.database.transaction() as session:
        session.execute(text("lock table features.lapse in access exclusive mode"))
        yield
        wait_for(lambda: world.ask_one(READING) > 0)
        cluster.kill(name)
    cluster.wait()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_shared_fit_is_not_the_local_one_and_is_the_same_every_time(algorithm, material, open_on, tmp_path):
    here = fit(material, algorithm, tmp_path / "here")
    with open_on(engine="dask", workers_per_fit=2) as engine:
        first, again = (fit(material, algorithm, tmp_path / name, engine) for name in ("first", "again"))
    assert first.manifest == again.manifest
    assert first.manifest != here.manifest
    assert abs(first.metrics["auc"] - here.metrics["auc"]) < 0.02
    scores = load_predictor(first.folder, first.manifest).score(material.training.features)
    assert 0 < scores.min() < scores.max() < 1


def test_a_shared_fit_without_one_of_its_workers_fails_and_a_rerun_gives_the_same(local, material, cluster, open_on, tmp_path):
    with open_on(engine="dask", workers_per_fit=2) as engine, ThreadPoolExecutor(1) as pool:
        undisturbed = fit(material, "xgboost", tmp_path / "undisturbed", engine)
        with killed_while_it_reads(local, cluster, "w2"):
            broken = pool.submit(fit, material, "xgboost", tmp_path / "broken", engine)
        with pytest.raises(WorkersUnavailable, match=r"Worker w2 of tcp\S+ was lost in a fit that several share"):
            broken.result(WAIT_SECONDS)
        with pytest.raises(WorkersUnavailable, match=r"workers_per_fit = 2, and tcp://\S+ has 1: start more"):
            fit(material, "xgboost", tmp_path / "lacking", engine)
        cluster.start_worker("w2")
        cluster.wait()
        assert fit(material, "xgboost", tmp_path / "again", engine).manifest == undisturbed.manifest


def test_a_stage_that_was_killed_in_its_search_goes_on_with_workers_to_what_a_local_one_finds(
    local, copy_world, backfilled, tmp_path
):
    with copy_world(backfilled) as world:
        edit_model(world.settings.home, ON_WORKERS)
        with run_cluster(tmp_path, PERENNIAL_WAREHOUSE_URL=world.settings.warehouse_url) as cluster:
            settings, run = replace(world.settings, dask_address=cluster.address), world.run(FIRST_DAY)
            halt = Halt("INSERT INTO trial_values", signal=signal.SIGKILL)
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(PRELOADED)
            attempt = context.Process(target=attempt_stage, args=("train", settings, run, halt))
            attempt.start()
            attempt.join(WAIT_SECONDS)
            assert -signal.SIGKILL == attempt.exitcode
            run_stage("train", settings, run)
        run_stage("train", local.settings, local.run(FIRST_DAY))
        assert [local.ask(END_STATE[what]) for what in ("versions", "recipes")] == [
            world.ask(END_STATE[what]) for what in ("versions", "recipes")
        ]


def test_a_shared_engine_is_a_ruling_and_a_whole_one_is_none(local, copy_world, backfilled):
    plain = local.stores.declaration(MODEL).model.rulings
    with copy_world(backfilled) as world:
        home = world.settings.home
        edit_model(home, ON_WORKERS)
        assert load_declaration(home, MODEL).model.rulings == plain
        edit_model(home, SHARED)
        assert load_declaration(home, MODEL).model.rulings == {**plain, "engine": "dask, 2 workers a fit"}


def test_without_an_address_the_variable_is_named(open_on, local):
    declaration = local.stores.declaration(MODEL)
    model = declaration.model.model_copy(update={"training": declaration.model.training.model_copy(update={"engine": "dask"})})
    with pytest.raises(ConfigError, match=r"models/lapse\.toml, and PERENNIAL_DASK_ADDRESS is not set"):
        open_engine(local.stores, declaration.model_copy(update={"model": model})).__enter__()


def test_a_scheduler_that_does_not_answer_is_named(material, open_on, tmp_path):
    with (
        open_on("tcp://127.0.0.1:9", engine="dask") as engine,
        pytest.raises(WorkersUnavailable, match=r"tcp://127\.0\.0\.1:9 does not"),
    ):
        fit(material, "xgboost", tmp_path, engine)


def test_workers_that_cannot_fit_are_named_before_anything_is_fitted(local, material, cluster, open_on, tmp_path):
    cluster.start_worker("lost", PERENNIAL_WAREHOUSE_URL="postgresql+psycopg2://pipeline:hush-hush@127.0.0.1:9/warehouse")
    cluster.wait()
    with (
        open_on(engine="dask") as engine,
        pytest.raises(WorkersUnavailable, match=r"Worker lost at .*127\.0\.0\.1:9.*does not answer"),
    ):
        fit(material, "xgboost", tmp_path, engine)
    found = {one.component: one for one in check_dask(replace(local.settings, dask_address=cluster.address))}
    assert {"dask w1": True, "dask w2": True, "dask lost": False} == {name: one.is_well for name, one in found.items()}
    assert "127.0.0.1:9" in found["dask lost"].found
    assert found["dask lost"].fix.startswith("Correct PERENNIAL_WAREHOUSE_URL there")
    assert [] == [each for each in (*read_logs(cluster), str(found).encode()) if b"hush-hush" in each]
    cluster.kill("lost")
    cluster.wait()


def test_workers_with_another_program_are_named_before_anything_is_fitted(local, material, cluster, open_on, monkeypatch):
    monkeypatch.setattr(engines, "describe_program", lambda: {**describe_program(), "xgboost": "0.1"})
    said = r"it has xgboost \S+ instead of 0\.1: install there what runs here"
    with open_on(engine="dask") as engine, pytest.raises(ConfigError, match=rf"Worker w1 at \S+: {said}.* Worker w2 at"):
        fit(material, "xgboost", cluster.folder / "nothing", engine)
    found = check_dask(replace(local.settings, dask_address=cluster.address))
    assert [(False, True)] * 2 == [(one.is_well, one.fix.startswith("Install there")) for one in found]


def test_no_password_travels(local, material, cluster, open_on, monkeypatch):
    """Neither in what the scheduler is given, nor in what it or a worker writes into its log."""
    given, submit = [], Cluster._submit

    def keep(self, function, each, *where, **how):
        given.append(pickle.dumps((function, each)))
        return submit(self, function, each, *where, **how)

    monkeypatch.setattr(Cluster, "_submit", keep)
    with open_on(engine="dask") as engine:
        fit(material, "xgboost", cluster.folder / "fit", engine)
    password = make_url(local.settings.warehouse_url).password
    assert (True, True) == (bool(password), len(given) > 1)
    assert [] == [each for each in (*given, *read_logs(cluster)) if password.encode() in each]


def read_logs(cluster):
    """Of scheduler and workers."""
    logs = [file.read_bytes() for file in cluster.folder.glob("*.log")]
    assert len(logs) > 2
    return logs


def test_a_scheduler_that_dies_in_a_fit_is_named(local, material, open_on, tmp_path):
    with (
        run_cluster(tmp_path, 1, PERENNIAL_WAREHOUSE_URL=local.settings.warehouse_url) as cluster,
        ThreadPoolExecutor(1) as pool,
        open_on(cluster.address, engine="dask") as engine,
        local.database.transaction() as session,
    ):
        session.execute(text("lock table features.lapse in access exclusive mode"))
        lost = pool.submit(fit, material, "xgboost", tmp_path / "lost", engine)
        wait_for(lambda: local.ask_one(READING) > 0)
        cluster.scheduler.kill()
        with pytest.raises(WorkersUnavailable, match=rf"The Dask scheduler at {cluster.address} was lost"):
            lost.result(WAIT_SECONDS)


def test_doctor_names_a_scheduler_that_is_silent_or_was_never_named(local, tmp_path):
    (silent,) = check_dask(replace(local.settings, dask_address="tcp://127.0.0.1:9"))
    assert (silent.is_well, "tcp://127.0.0.1:9 does not answer" in silent.found) == (False, True)
    assert () == check_dask(local.settings)
    home = copy_home(tmp_path / "home", ON_WORKERS)
    (waiting,) = check_dask(replace(local.settings, home=home))
    assert waiting.found == 'models/lapse.toml says training.engine = "dask", and PERENNIAL_DASK_ADDRESS is not set'


def test_rows_that_no_worker_has_room_for_are_refused(material, cluster, open_on, tmp_path):
    cluster.start_worker("small", "--memory-limit", "300MB")
    cluster.wait()
    with open_on(engine="dask") as engine, pytest.raises(ConfigError, match=r"lapse: a worker would need .* of the 300 MB"):
        fit(material, "xgboost", tmp_path, engine)
    cluster.kill("small")
    cluster.wait()


def trust(file):
    """What Dask's configuration says of certificates, for a client here, and as variables for scheduler and workers."""
    keys = {f"{TLS}.ca-file": str(file), **{f"{TLS}.{role}.cert": str(file) for role in ("client", "scheduler", "worker")}}
    variables = {f"DASK_{name.upper().replace('.', '__').replace('-', '_')}": value for name, value in keys.items()}
    return dask.config.set(keys), {**variables, "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True"}


@pytest.fixture(scope="module")
def behind_certificates(local, tmp_path_factory):
    """A cluster that nobody reaches without the certificate; the block has it."""
    folder = tmp_path_factory.mktemp("certificates")
    trusted, variables = trust(write_certificate(folder / "ours.pem"))
    with trusted, run_cluster(folder, 1, "tls", PERENNIAL_WAREHOUSE_URL=local.settings.warehouse_url, **variables) as started:
        yield started


def test_a_fit_behind_certificates_writes_the_bytes_of_a_local_one(material, behind_certificates, open_on, tmp_path):
    here = fit(material, "xgboost", tmp_path / "here")
    with open_on(behind_certificates.address, engine="dask") as engine:
        assert fit(material, "xgboost", tmp_path / "there", engine).manifest == here.manifest


def diagnose(local, address):
    (finding,) = check_dask(replace(local.settings, dask_address=address))
    return finding.is_well, finding.found


def test_whoever_has_another_certificate_or_none_gets_no_worker_and_is_told_why(local, behind_certificates, tmp_path):
    address = behind_certificates.address
    assert (True, address.startswith("tls://")) == (diagnose(local, address)[0], True)
    with trust(write_certificate(tmp_path / "other.pem"))[0]:
        is_well, found = diagnose(local, address)
    assert (is_well, "TLS certificate does not match" in found) == (False, True)
    with dask.config.set({f"{TLS}.client.cert": None}):
        is_well, found = diagnose(local, address)
    assert (is_well, "this process has none: set DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in found) == (False, True)
    with dask.config.set({f"{TLS}.client.cert": str(tmp_path / "nowhere.pem")}):
        is_well, found = diagnose(local, address)
    assert (is_well, "cannot be read" in found) == (False, True)


def test_an_address_in_the_clear_is_refused_where_encryption_is_required(local):
    with dask.config.set({"distributed.comm.require-encryption": True}):
        is_well, found = diagnose(local, "tcp://127.0.0.1:9")
    assert (is_well, "name it by tls://" in found) == (False, True)
