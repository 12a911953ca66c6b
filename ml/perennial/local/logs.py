"""Logs of the embedded stack: where they lie, and how they stay small. Task logs of Airflow are swept, logs of servers rotated.

So are the messages that its mail server keeps as files.

A server holds its log open for as long as it lives, and appends: so what it wrote is copied aside and the file cut off, by the
standard library's handler, which keeps the former ones under its usual names, `<log>.1` the newest. A line that is written
between copy and cut is lost.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from perennial.config import Settings
from perennial.config.folders import remove_file
from perennial.config.logins import read_login
from perennial.errors import ConfigError
from perennial.local.addresses import find_var
from perennial.local.passwords import read_passwords

LOG_BYTES, KEPT_LOGS = 10 * 2**20, 4
"""Of each server: the log and four former ones, 50 MiB at most but for what is written between two looks."""
TASK_LOG_BYTES = 2**30
OLDEST_SECONDS = 30 * 86400.0


def list_server_logs(var: Path) -> tuple[Path, ...]:
    """The logs of the servers of a stack."""
    return tuple(sorted((*var.glob("log/*.log"), *var.glob("mlflow/*.log"), *var.glob("postgres/*.log"))))


def tend_logs(var: Path, clock_seconds: float) -> None:
    """Rotate what has grown, and let go what is older than 30 days, but for logs of models, which `perennial purge` takes away.

    Of all logs of Airflow's tasks at most 1 GiB is kept, the newest.
    """
    for log in (*list_server_logs(var), *var.glob("supervisor.log")):
        rotate(log)
    for former in (*var.glob("*/*.log.*"), *var.glob("*.log.*"), *var.glob("mail/*.eml")):
        if former.stat().st_mtime < clock_seconds - OLDEST_SECONDS:
            former.unlink(missing_ok=True)
    sweep_task_logs(var / "airflow" / "logs", clock_seconds)


def rotate(log: Path, most_bytes: int = LOG_BYTES) -> bool:
    """Copy a log aside that has grown beyond its bound, and cut it off; says whether it did."""
    if log.stat().st_size <= most_bytes:
        return False
    handler = RotatingFileHandler(log, backupCount=KEPT_LOGS, delay=True)
    handler.rotator = _copy_and_cut
    handler.doRollover()
    handler.close()
    return True


def _copy_and_cut(source: str, target: str) -> None:
    """The log itself stays where its server holds it open; the former ones only change their name."""
    if source.endswith(".log"):
        shutil.copy2(source, target)
        os.truncate(source, 0)
    else:
        Path(source).replace(target)


def sweep_task_logs(folder: Path, clock_seconds: float, most_bytes: int = TASK_LOG_BYTES) -> int:
    """Take away what is too old and no model's (their files say how long), and the oldest of too many; how many went."""
    found = ((path.stat(), path) for path in folder.rglob("*.log") if path.is_file() and not path.is_symlink())
    newest_first = sorted(((stat.st_mtime, stat.st_size, path) for stat, path in found), reverse=True)
    kept_bytes, swept = 0, 0
    for mtime, size, path in newest_first:
        kept_bytes += size
        is_old = mtime < clock_seconds - OLDEST_SECONDS and not _is_of_a_model(path.relative_to(folder))
        if not is_old and kept_bytes <= most_bytes:
            continue
        remove_file(path, folder)
        swept += 1
    return swept


def _is_of_a_model(log: Path) -> bool:
    """The installation's own DAGs, and the parsing of all, are no model's."""
    return log.parts[0].startswith("dag_id=") and not log.parts[0].startswith("dag_id=perennial.")


def find_log_folders(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Folders with logs on this machine: those of the embedded stack, and Airflow's where the environment names it."""
    named = environment.get("AIRFLOW__LOGGING__BASE_LOG_FOLDER")
    home = environment.get("AIRFLOW_HOME")
    airflow = [Path(named)] if named else [Path(home) / "logs"] if home else []
    with suppress(ConfigError):
        var = find_var(environment)
        airflow += [var / "airflow" / "logs", *{log.parent for log in list_server_logs(var)}]
    return tuple(sorted({folder.absolute() for folder in airflow if folder.is_dir()}))


def find_secrets(settings: Settings, environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Every password that this process knows: of its settings, and of the embedded stack whose folder it may read."""
    urls = (settings.warehouse_url, settings.owner_url, settings.mlflow_uri, settings.mlflow_database_url)
    logins = [login for url in urls if url and (login := read_login(url))]
    known = {password for _, password in logins} | {settings.smtp.password or ""}
    with suppress(ConfigError, OSError, ValueError):
        file = find_var(environment) / "passwords.json"
        known |= set(read_passwords(file).values()) if file.is_file() else set()
    return frozenset(known - {""})
