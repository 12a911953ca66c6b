"""What each generated page says before its tables, in Markdown."""

from __future__ import annotations

MODEL_FILE = """\
Every key of `models/<name>.toml`. An unknown key, a wrong type or a missing file is an error that names the file, the key
and what was found. `perennial keys` prints these texts in a shell; [models/lapse.toml](../../models/lapse.toml) shows every
key in use.

A table of sources is written `[sources.orders]`, with the name of your own table; below it stands as `sources.<name>`."""

COMMANDS = """\
`perennial --help` lists them, `perennial COMMAND --help` explains one.

Exit codes: 0 done, 1 a fault, 2 wrong usage, 3 refused by a gate. `--json` prints data: one object, or one in each line."""

VIEWS = """\
What the role `analyst` reads: the schema `analytics`, and nothing else. Each model has the views that begin with its name;
the others hold all models. [Read the scores](../how-to/read-scores.md) shows queries.

PostgreSQL tells the same: `\\d+ analytics.freshness` in psql shows every COMMENT."""

INVARIANTS = """\
What must hold of the whole installation at any time. `perennial check --all` looks, and every night the DAG `perennial.nightly`;
each finding names its remedy: [Check the whole](../how-to/check-the-whole.md)."""

ERRORS = """\
The class names the situation. The message that comes with it says which model and as_of, what was found, what is still
being served, and how to go on; this page is for whoever meets the name alone, in a log or in `analytics.run_log`.
[Something is red](../how-to/something-is-red.md) says where to look first."""

ERROR_KINDS = """\
A permanent error fails its task in Airflow without another try; an unavailable service is tried again. A refusal ends a
shell command with exit code 3, a wrong configuration with 2, everything else with 1."""

VARIABLES = """\
A shell reads them all. Airflow's services take the warehouse and the mail server from the connections `warehouse` and
`smtp_default` instead ([Your own servers](../how-to/own-servers.md)); the containers are told by `.env`
([Containers](../how-to/containers.md)).

With no `PERENNIAL_SMTP_*` at all, a shell reads Airflow's `AIRFLOW_CONN_SMTP_DEFAULT`; one of them hides it, so set all
that you need."""

METRICS = """\
What `perennial metrics` shows to Prometheus ([Watch with Prometheus](../how-to/watch.md)). Every metric has the label
`model`, a file of `models/`. Truth values are 0 and 1, shares are fractions of 1, instants are seconds since 1970 in UTC:
`time() - x` is an age. What has not happened yet has no series; counts of what waits are 0 then."""

SERVE_METRICS = """\
What a server shows at its own `/metrics`, all workers together ([Serve one score now](../how-to/serve.md)). Labels: `model`; of
requests also `route` and `status`, of their durations `route` alone; of arms `arm`, which is champion or canary."""
