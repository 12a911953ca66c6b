"""Every environment variable that Perennial reads, for people: what it says, and what holds without it.

docs/reference/environment.md is made from here, and a test finds every PERENNIAL_* of the code in this list.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """One variable; `default` is what holds without it, in words."""

    name: str
    default: str
    description: str


WHERE_THINGS_ARE = (
    Variable("PERENNIAL_HOME", "upwards, the next folder with models/, sql/ and expectations/", "The home that holds the models"),
    Variable(
        "PERENNIAL_WAREHOUSE_URL",
        "the embedded stack that runs here",
        "The database warehouse as role pipeline, postgresql+psycopg2://...",
    ),
    Variable("PERENNIAL_OWNER_URL", "the embedded stack's", "The same database as role owner; only `perennial migrate` uses it"),
    Variable("PERENNIAL_LOADER_URL", "the embedded stack's", "The same database as role loader; only `perennial load` uses it"),
    Variable(
        "PERENNIAL_WATCHER_URL", "the embedded stack's", "The same database as role watcher; only `perennial metrics` uses it"
    ),
    Variable(
        "PERENNIAL_SERVE_URL",
        "the embedded stack's",
        "The same database as role analyst; only `perennial serve` uses it",
    ),
    Variable(
        "PERENNIAL_RECORDER_URL",
        "the embedded stack's",
        "The same database as role recorder, by which `perennial serve` counts what requests to a canary came to",
    ),
    Variable(
        "PERENNIAL_SERVE_TOKENS",
        "var/serve-tokens.json of the home",
        "The file of hashed tokens, mode 600, of `perennial serve` and `perennial token`",
    ),
    Variable(
        "PERENNIAL_SUPERUSER_URL",
        "the embedded stack's",
        "The same database as a superuser; only `perennial backup` and `restore` use it",
    ),
    Variable(
        "PERENNIAL_MLFLOW_DATABASE_URL",
        "the embedded stack's, else none",
        "MLflow's database, for the same two; and for `perennial purge`, which without it only hides old runs",
    ),
    Variable("PERENNIAL_MLFLOW_FILES", "the embedded stack's", "The folder of MLflow's artifacts, for backup and restore"),
    Variable("PERENNIAL_MLFLOW_URI", "the embedded stack's", "MLflow's tracking server"),
    Variable("PERENNIAL_AIRFLOW_URL", "http://127.0.0.1:8080", "Airflow's api-server, as this machine reaches it"),
    Variable(
        "PERENNIAL_BROKER_URL",
        "AIRFLOW__CELERY__BROKER_URL, else none",
        "The broker of Celery workers, which `perennial doctor` asks",
    ),
    Variable(
        "PERENNIAL_DASK_ADDRESS",
        "none",
        'The Dask scheduler whose workers fit models with `training.engine = "dask"`, tcp://host:8786 or tls://host:8786',
    ),
    Variable("PERENNIAL_AIRFLOW_PUBLIC_URL", "PERENNIAL_AIRFLOW_URL", "Airflow as people open it: where links in mail lead"),
    Variable("PERENNIAL_MLFLOW_PUBLIC_URL", "PERENNIAL_MLFLOW_URI", "MLflow as people open it: where links in mail lead"),
    Variable(
        "PERENNIAL_ARTIFACTS", "var/artifacts of the home", "A cache of model files and reports; nothing in it is the only copy"
    ),
)
MAIL = (
    Variable("PERENNIAL_SMTP_HOST", "127.0.0.1", "The mail server, instead of the sink of `perennial up` as well"),
    Variable("PERENNIAL_SMTP_PORT", "25", "Its port"),
    Variable("PERENNIAL_SMTP_USER", "no login", "The login"),
    Variable("PERENNIAL_SMTP_PASSWORD", "none", "Its password"),
    Variable("PERENNIAL_SMTP_SENDER", "perennial@example.com", "The From address"),
    Variable("PERENNIAL_SMTP_STARTTLS", "off", "1: encrypt once the server has greeted, as on port 587"),
    Variable("PERENNIAL_SMTP_TLS", "off", "1: encrypt from the first byte, as on port 465"),
)
EMBEDDED_STACK = (
    Variable("PERENNIAL_VAR", "var/ of the home", "The folder in which the embedded stack keeps its state"),
    Variable("PERENNIAL_POSTGRES_PORT", "15432", "PostgreSQL's port on 127.0.0.1"),
    Variable("PERENNIAL_MLFLOW_PORT", "15000", "MLflow's port on 127.0.0.1"),
    Variable("PERENNIAL_AIRFLOW_PORT", "18080", "Airflow's port on 127.0.0.1"),
    Variable("PERENNIAL_MAIL_PORT", "12525", "The mail sink's port on 127.0.0.1"),
    Variable("PERENNIAL_PATIENCE", "1", "Multiplies every limit of waiting, which grows with how slow the machine shows itself"),
)
DEMONSTRATIONS = (
    Variable("PERENNIAL_TRIALS", "training.trials of the model file; 12 in the demo", "Optuna trials of every search"),
    Variable(
        "PERENNIAL_SIMULATED_UNTIL", "a live installation", "The last day of a simulation (YYYY-MM-DD): no cron fires after it"
    ),
)
VARIABLES = (*WHERE_THINGS_ARE, *MAIL, *EMBEDDED_STACK, *DEMONSTRATIONS)
