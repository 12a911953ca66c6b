"""`training.engine = "dask"`: each fit runs whole on one of two workers, which read PostgreSQL themselves, and is the local one."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

import pytest

from perennial import pipeline
from perennial.errors import ConfigError, WorkersUnavailable
from perennial.pipeline.admitting import admit_matured
from perennial.pipeline.engines import open_engine
from perennial.pipeline.fitting import gather_material
from perennial.records import Recipe
from perennial.train import fit_predictor, refit, train
from perennial.train.boosters import REGULARISED_DEFAULTS
from tests.cluster import run_cluster
from tests.world import FIRST_DAY, MODEL, QUICK, copy_home, edit_model

ON_WORKERS = {'algorithms = ["xgboost", "lightgbm"]': 'engine = "dask"\nalgorithms = ["xgboost", "lightgbm"]'}


@pytest.fixture(scope="module")
def prepared(copy_world, backfilled):
    """The world with all labels for its first training, whose model asks for workers."""
    with copy_world(backfilled) as world:
        pipeline.assemble(world.stores, world.run(FIRST_DAY))
        edit_model(world.settings.home, ON_WORKERS)
        yield world


@pytest.fixture(scope="module")
def cluster(prepared, tmp_path_factory):
    with run_cluster(tmp_path_factory.mktemp("cluster"), PERENNIAL_WAREHOUSE_URL=prepared.settings.warehouse_url) as started:
        yield started


@pytest.fixture(scope="module")
def material(prepared):
    run, declaration = prepared.run(FIRST_DAY), prepared.stores.declaration(MODEL)
    with prepared.stores.warehouse.transaction() as session:
        labelled = admit_matured(prepared.stores, session, declaration, run)
    return gather_material(prepared.stores, declaration, run, labelled)


def on(world, cluster):
    """The stores of an installation that knows this scheduler."""
    return replace(world.stores, settings=replace(world.settings, dask_address=cluster.address))


@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm"])
def test_a_refit_on_workers_writes_the_bytes_of_a_local_one(algorithm, prepared, cluster, material, tmp_path):
    model, recipe = material.declaration.model, REGULARISED_DEFAULTS[algorithm]
    local = refit(model, material.training, material.plan, recipe, folder=tmp_path / "local")
    with open_engine(on(prepared, cluster), material.declaration) as engine:
        there = refit(model, material.training, material.plan, recipe, folder=tmp_path / "there", engine=engine)
    assert there.manifest == local.manifest
    assert there.metrics == local.metrics
    assert there.data_hash == local.data_hash


def test_a_search_on_workers_chooses_what_a_local_one_does(prepared, cluster, material, tmp_path):
    model = material.declaration.model
    given = (model, material.training, material.plan)
    local = train(*given, folder=tmp_path / "local", trials=4, is_first=True)
    with open_engine(on(prepared, cluster), material.declaration) as engine:
        there = train(*given, folder=tmp_path / "there", trials=4, is_first=True, engine=engine)
    assert there.recipe == local.recipe
    assert there.manifest == local.manifest
    assert there.tuning == local.tuning
