"""The workers of the Dask scheduler that fit models, as `perennial doctor` sees them: who is there, and can each of them fit?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from perennial.config import Settings, load_declaration, model_names, require_extra
from perennial.errors import ConfigError, WorkersUnavailable
from perennial.local.doctor import Finding
from perennial.pipeline.engines import ADDRESS, assess_workers, say_without_workers
from perennial.stores.cluster import Worker, open_cluster

PAGE = "documentation, 'Fits on other machines'"
GIB = 2**30


def check_dask(settings: Settings) -> tuple[Finding, ...]:
    """A row for each worker; without an address none, unless a model asks for workers."""
    address = settings.dask_address
    if not address:
        return tuple(_name_waiting(settings))
    try:
        require_extra("dask", ADDRESS)
        with open_cluster(address) as cluster:
            found = assess_workers(cluster)
    except (ConfigError, WorkersUnavailable) as error:
        fix = f"Start the scheduler ({PAGE}), or correct {ADDRESS}."
        return (Finding("dask", is_well=False, found=str(error), fix=fix if isinstance(error, WorkersUnavailable) else ""),)
    if not found:
        return (Finding("dask", is_well=False, found=say_without_workers(address), fix=f"Start workers ({PAGE})."),)
    return tuple(_report(worker, fault, permanent) for worker, (fault, permanent) in found.items())


def _name_waiting(settings: Settings) -> Iterator[Finding]:
    """The models that could not be trained for want of an address; what is wrong with a file is somebody else's to say."""
    for name in model_names(settings.home):
        with suppress(ConfigError):
            if load_declaration(settings.home, name).model.training.engine == "dask":
                found = f'models/{name}.toml says training.engine = "dask", and {ADDRESS} is not set'
                yield Finding(
                    "dask", is_well=False, found=found, fix=f'Name the scheduler in {ADDRESS}, or write engine = "local".'
                )


def _report(worker: Worker, fault: str, is_permanent: bool) -> Finding:  # noqa: FBT001 - as it was found
    limit = "no memory limit" if worker.memory_bytes is None else f"memory up to {worker.memory_bytes / GIB:.1f} GiB"
    found = f"at {worker.address}, threads {worker.threads}, {limit}"
    if not fault:
        return Finding(f"dask {worker.name}", is_well=True, found=found)
    fix = f"Install there what runs here ({PAGE})." if is_permanent else "Correct PERENNIAL_WAREHOUSE_URL there, or open the way."
    return Finding(f"dask {worker.name}", is_well=False, found=f"{found}: {fault}", fix=fix)
