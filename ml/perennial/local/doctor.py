"""`perennial doctor`: looks at every component of an installation and says how to fix what is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import version

from perennial.config import Settings, load_declaration, model_names
from perennial.config.logins import hide_login
from perennial.errors import ConfigError, PerennialError, PermanentError
from perennial.local.airflow_api import SERVICES, AirflowClient
from perennial.local.health import answers_smtp
from perennial.local.libgomp import LIBRARY, has_libgomp
from perennial.local.platforms import ELSEWHERE, is_linux, name_platform
from perennial.local.servers import fetch
from perennial.stores import queries
from perennial.stores.sessions import Database

ROLES = ("owner", "loader", "pipeline", "analyst")
OLDEST_POSTGRES = 150000
DISK_GIB = 2.0
GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """What one look found; `fix` says what to do, and is empty when all is well."""

    component: str
    is_well: bool
    found: str
    fix: str = ""


Check = Callable[[], Iterable[Finding]]
"""A look of the caller's own, such as the keys that `perennial reconcile` would start."""


def diagnose(
    settings: Settings, airflow: AirflowClient, more: Iterable[Check] = (), *, unwanted: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Look at everything, in the order in which things depend on each other; nothing is changed.

    Args:
        unwanted: services that nobody asked of the embedded stack (`perennial up --only`): their absence is no fault.
    """
    checks: tuple[Check, ...] = (
        lambda: check_program(settings),
        check_platform,
        check_libgomp,
        lambda: check_disk(settings),
        lambda: check_postgres(settings),
        lambda: check_mlflow(settings),
        *(() if "airflow" in unwanted else (lambda: check_airflow(airflow), lambda: check_import_errors(airflow))),
        *(() if "mail" in unwanted else (lambda: check_smtp(settings),)),
        lambda: check_models(settings),
        lambda: check_grants(settings),
        *more,
    )
    left_out = (Finding(name, is_well=True, found="not asked of this stack: `perennial up --only`") for name in unwanted)
    return (*(finding for check in checks for finding in check()), *left_out)


def check_program(settings: Settings) -> tuple[Finding, ...]:
    """Which program looks, and for which home."""
    return (
        Finding("perennial", is_well=True, found=f"version {version('perennial')}"),
        Finding("home", is_well=True, found=str(settings.home)),
    )


def check_platform() -> tuple[Finding, ...]:
    """The embedded stack is for Linux; servers of one's own are reached from anywhere."""
    found = "Linux" if is_linux() else f"{name_platform()}: the embedded stack is for Linux. {ELSEWHERE}"
    return (Finding("platform", is_well=True, found=found),)


def check_libgomp() -> tuple[Finding, ...]:
    """LightGBM loads only where the linker finds libgomp."""
    if has_libgomp():
        return (Finding("libgomp", is_well=True, found=f"{LIBRARY} loads"),)
    fix = "Install it (on Debian: `apt-get install libgomp1`), or start Python through `perennial`, which brings a copy."
    return (Finding("libgomp", is_well=False, found=f"{LIBRARY} is missing: LightGBM cannot load", fix=fix),)


def check_disk(settings: Settings) -> tuple[Finding, ...]:
    """Model files and reports need room."""
    folder = next(place for place in (settings.artifacts, *settings.artifacts.parents) if place.exists())
    free = shutil.disk_usage(folder).free / GIB
    fix = "" if free >= DISK_GIB else f"Make room: under {DISK_GIB:.0f} GiB PostgreSQL may stop in the middle of a publication."
    return (Finding("disk", is_well=not fix, found=f"{free:.1f} GiB free at {folder}", fix=fix),)


def check_postgres(settings: Settings) -> tuple[Finding, ...]:
    """The server, the migrations and the roles, as role pipeline sees them."""
    database = Database(settings.warehouse_url, "perennial doctor")
    try:
        with database.transaction() as session:
            facts = session.execute(queries.load("doctor")["read_server"]).one()
            roles = set(session.execute(queries.load("doctor")["read_roles"]).scalars())
            is_open = "analyst" in roles and bool(session.execute(queries.load("doctor")["may_analysts_lock"]).scalar_one())
        migrations = _check_migrations(database)
        waiting = (_check_waiting(database),) if migrations.is_well else ()
        return (_assess_server(facts.version, facts.number), migrations, _assess_roles(roles, is_open=is_open), *waiting)
    except PerennialError as error:
        fix = "Start it with `perennial up`, or correct PERENNIAL_WAREHOUSE_URL."
        return (Finding("PostgreSQL", is_well=False, found=str(error), fix=fix),)
    finally:
        database.dispose()


def check_mlflow(settings: Settings) -> tuple[Finding, ...]:
    """MLflow says OK by itself; an open port alone proves nothing."""
    shown = hide_login(settings.mlflow_uri)
    if fetch(f"{shown}/health") == "OK":
        return (Finding("MLflow", is_well=True, found=f"{shown} is healthy"),)
    fix = "Start it with `perennial up`, or correct PERENNIAL_MLFLOW_URI; its log is var/mlflow/mlflow.log."
    return (Finding("MLflow", is_well=False, found=f"{shown} does not answer", fix=fix),)


def check_airflow(airflow: AirflowClient) -> tuple[Finding, ...]:
    """The heartbeats of Airflow's services, as the api-server knows them."""
    try:
        unhealthy = airflow.unhealthy()
    except PerennialError as error:
        fix = "Start it (`perennial up`; its logs are in var/log), or set PERENNIAL_AIRFLOW_URL to your own Airflow's address."
        return (Finding("Airflow api-server", is_well=False, found=str(error), fix=fix),)
    unseen = "" if airflow.user else "; its DAGs need a login and were not looked at"
    answers = Finding("Airflow api-server", is_well=True, found=f"{airflow.url} answers{unseen}")
    return (answers, *(_assess_service(service, is_well=service not in unhealthy) for service in SERVICES))


def check_import_errors(airflow: AirflowClient) -> tuple[Finding, ...]:
    """A DAG file with an error is simply absent from Airflow's pages."""
    if not airflow.user:
        return ()
    try:
        errors, dags = airflow.import_errors(), airflow.dags()
    except PerennialError as error:
        fix = "Log in to Airflow and look at 'Import Errors' on its first page."
        return (Finding("DAGs", is_well=False, found=f"cannot be read: {error}", fix=fix),)
    if not errors and dags:
        return (Finding("DAGs", is_well=True, found=f"{len(dags)} DAGs, no import error"),)
    if not errors:
        return (Finding("DAGs", is_well=False, found="Airflow knows no DAG", fix="Look at the DAG folder and its log."),)
    last = [(error["filename"], str(error["stack_trace"]).strip().splitlines()[-1]) for error in errors]
    return tuple(Finding("DAGs", is_well=False, found=f"{name}: {line}", fix="Correct that file.") for name, line in last)


def check_smtp(settings: Settings) -> tuple[Finding, ...]:
    """Mail waits in the outbox while its server is away."""
    place = f"{settings.smtp.host}:{settings.smtp.port}"
    if answers_smtp(settings.smtp.host, settings.smtp.port, tls=settings.smtp.tls):
        return (Finding("SMTP", is_well=True, found=f"{place} takes mail"),)
    fix = (
        "Correct PERENNIAL_SMTP_* (all of them: one alone hides AIRFLOW_CONN_SMTP_DEFAULT), or the connection smtp_default in "
        "Airflow; unsent mail waits and is not lost."
    )
    return (Finding("SMTP", is_well=False, found=f"{place} does not answer", fix=fix),)


def check_models(settings: Settings) -> tuple[Finding, ...]:
    """Every model file with its SQL and suites."""
    names = model_names(settings.home)
    broken = [str(error) for error in (_find_fault(settings, name) for name in names) if error]
    if broken or not names:
        found = broken or [f"there is no file in {settings.home / 'models'}"]
        return tuple(
            Finding("models", is_well=False, found=one, fix="Correct it (documentation, 'Your own data').") for one in found
        )
    return (Finding("models", is_well=True, found=", ".join(names)),)


def check_grants(settings: Settings) -> tuple[Finding, ...]:
    """May the pipeline read every source? Nothing is said of models that cannot be read, nor without PostgreSQL: others do."""
    from perennial.stores.warehouse import list_grants, show_table  # noqa: PLC0415 - imports LightGBM, as below

    names = [name for name in model_names(settings.home) if _find_fault(settings, name) is None]
    database = Database(settings.warehouse_url, "perennial doctor")
    try:
        with database.transaction() as session:
            read = {
                (name, show_table(source, declared)): list_grants(session, source, declared)
                for name in names
                for source, declared in load_declaration(settings.home, name).model.sources.items()
            }
    except PerennialError:
        return ()
    finally:
        database.dispose()
    missing = {
        name: [grant.statement for (model, _), grants in read.items() for grant in grants if model == name and not grant.is_given]
        for name in names
    }
    absent = dict.fromkeys(table for (_, table), grants in read.items() if not grants)
    found = f"not there yet: {', '.join(absent)}; the others may be read" if absent else "may be read"
    return tuple(
        Finding("sources", is_well=False, found=f"{name}: may not be read", fix=f"Let the owner run: {' '.join(statements)}")
        for name, statements in missing.items()
        if statements
    ) or (Finding("sources", is_well=True, found=found),)


def _find_fault(settings: Settings, name: str) -> ConfigError | None:
    try:
        load_declaration(settings.home, name)
    except ConfigError as error:
        return error
    return None


def _assess_server(version: str, number: int) -> Finding:
    fix = "" if number >= OLDEST_POSTGRES else "PostgreSQL 15 to 18 is needed."
    return Finding("PostgreSQL", is_well=not fix, found=f"PostgreSQL {version} answers", fix=fix)


def _check_migrations(database: Database) -> Finding:
    from perennial.stores.warehouse import check_ledger  # noqa: PLC0415 - imports LightGBM, before anybody has found libgomp for it

    try:
        with database.transaction() as session:
            check_ledger(session)
    except PermanentError as conflict:
        return Finding("migrations", is_well=False, found=str(conflict), fix="Run `perennial migrate`.")
    return Finding("migrations", is_well=True, found="the ledger is up to date")


def _check_waiting(database: Database) -> Finding:
    """What waits is well until it was tried in vain."""
    with database.transaction() as session:
        waiting = session.execute(queries.load("events")["count_waiting"]).one()
    found = f"{waiting.mails} mails, {waiting.cards} model cards and {waiting.verdicts} verdicts for MLflow wait"
    found += f": {waiting.because}" if waiting.because else ""
    fix = "" if waiting.because is None else "Mend what it says; `perennial mail` sends the mail and tells MLflow."
    return Finding("deliveries", is_well=not fix, found=found, fix=fix)


def _assess_roles(present: set[str], *, is_open: bool) -> Finding:
    missing = ", ".join(role for role in ROLES if role not in present)
    if not missing and is_open:
        fix = "Let a superuser run `perennial migrate --rights-sql | psql -d warehouse` (docs/how-to/own-servers.md)."
        return Finding("roles", is_well=False, found="every role may take the locks by which stages wait for each other", fix=fix)
    if not missing:
        return Finding("roles", is_well=True, found=", ".join(ROLES))
    fix = "Let a superuser run `perennial migrate --install-sql | psql -d postgres` (docs/how-to/own-servers.md)."
    return Finding("roles", is_well=False, found=f"missing: {missing}", fix=fix)


def _assess_service(service: str, *, is_well: bool) -> Finding:
    name = f"Airflow {service.replace('_', '-')}"
    if is_well:
        return Finding(name, is_well=True, found="its heartbeat is fresh")
    return Finding(
        name,
        is_well=False,
        found="no fresh heartbeat",
        fix=f"See its log (`perennial up`: var/log/{name.lower().replace(' ', '-')}.log).",
    )
