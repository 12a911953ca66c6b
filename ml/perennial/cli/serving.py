"""`perennial serve`, and the tokens of those who may ask it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from perennial import local
from perennial.cli.edge import AsJson, app, read_clock, show_table
from perennial.config import find_artifacts, find_home, load_model, model_names
from perennial.config.extras import require_extra
from perennial.errors import ConfigError, UnknownModel
from perennial.serve import ServeOptions, TokenFile

PANEL = "Serving"
tokens_app = typer.Typer(help="Tokens of those who may ask `perennial serve`.", no_args_is_help=True)
app.add_typer(tokens_app, name="token", rich_help_panel=PANEL)

TokenName = Annotated[str, typer.Argument(help="Whose it is: a team, or a program.", show_default=False)]
Models = Annotated[list[str] | None, typer.Argument(help="Names of files in models/; all without any.", show_default=False)]


@app.command(rich_help_panel=PANEL)
def serve(
    model: Models = None,
    *,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Its port.")] = 8711,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes; each loads the champions.")] = 1,
    rate: Annotated[int, typer.Option("--rate", min=0, help="Requests in a second that a token may send; 0: any number.")] = 100,
    batch_rows: Annotated[int, typer.Option("--batch-rows", min=1, max=100_000, help="Rows of a request, at most.")] = 1000,
    max_kilobytes: Annotated[int, typer.Option("--max-kilobytes", min=1, help="Size of a request, at most.")] = 4096,
    poll_seconds: Annotated[int, typer.Option("--poll-seconds", min=1, help="How often the ledger is asked.")] = 5,
    no_tokens: Annotated[bool, typer.Option("--no-tokens", help="Answer anybody on this machine.")] = False,
) -> None:
    """Answer with the champion over HTTP: scores of rows that are sent, and published scores of entities."""
    require_extra("serve", "`perennial serve`")
    from perennial.serve.published import find_shares  # noqa: PLC0415 - as below
    from perennial.serve.running import run  # noqa: PLC0415 - FastAPI and uvicorn; `perennial --help` must not

    home = find_home()
    warehouse_url, mlflow_uri, artifacts = _find_places()
    models = _check_models(home, model or [])
    options = ServeOptions(
        warehouse_url=warehouse_url,
        mlflow_uri=mlflow_uri,
        home=home,
        artifacts=artifacts,
        models=models,
        tokens=None if no_tokens else _find_tokens().path,
        host=host,
        port=port,
        workers=workers,
        rate=rate,
        batch_rows=batch_rows,
        body_bytes=max_kilobytes << 10,
        poll_seconds=poll_seconds,
        recorder_url=_find_recorder(),
        canaries=find_shares(home, models),
    )
    if options.tokens is not None and not TokenFile(options.tokens).read():
        raise ConfigError(
            "There is no token, so that nobody could be answered: make one with `perennial token new NAME`, or give --no-tokens "
            "to answer anybody on this machine."
        )
    run(options)


@tokens_app.command("new")
def new_token(name: TokenName) -> None:
    """Make a token and print it, this once: only its hash is kept."""
    typer.echo(_find_tokens().add(name, read_clock()))


@tokens_app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """Show who has a token."""
    known = _find_tokens().read().values()
    rows = [{"name": token.name, "created_at": token.created_at, "sha256": token.sha256[:12]} for token in known]
    show_table(rows, as_json=as_json, empty="No tokens: `perennial token new NAME` makes one.")


@tokens_app.command("revoke")
def revoke_token(name: TokenName) -> None:
    """Take a token away; running servers know it within --poll-seconds."""
    _find_tokens().revoke(name)
    typer.echo(f"Token '{name}' is revoked.")


def _check_models(home: Path, wanted: list[str]) -> tuple[str, ...]:
    """All models of the home, or those that are named.

    Raises:
        UnknownModel, ConfigError: there is no such file, or it says what cannot be.
    """
    known = model_names(home)
    if not known:
        raise ConfigError(f"{home} declares no model in models/: there is nothing to serve.")
    for name in wanted:
        if name not in known:
            raise UnknownModel(f"There is no models/{name}.toml; found: {', '.join(known)}.")
    return tuple(load_model(home / "models" / f"{name}.toml").name for name in wanted or known)


def _find_tokens() -> TokenFile:
    """PERENNIAL_SERVE_TOKENS, else var/serve-tokens.json of the home."""
    named = os.environ.get("PERENNIAL_SERVE_TOKENS")
    return TokenFile(Path(named) if named else find_home() / "var" / "serve-tokens.json")


def _find_places() -> tuple[str, str, Path]:
    """The warehouse as role analyst, MLflow (empty: none) and the artifacts: of the embedded stack without PERENNIAL_SERVE_URL.

    Raises:
        ConfigError: there is neither, or another driver is meant.
    """
    url = os.environ.get("PERENNIAL_SERVE_URL")
    if url:
        if not url.startswith("postgresql+psycopg2://"):
            raise ConfigError("PERENNIAL_SERVE_URL must begin with postgresql+psycopg2:// (the bare form picks another driver).")
        return url, os.environ.get("PERENNIAL_MLFLOW_URI", ""), find_artifacts()
    url, settings = local.find_warehouse_url("analyst"), local.find_settings()
    if not url or settings is None:
        raise ConfigError("PERENNIAL_SERVE_URL is not set: give the warehouse as role analyst, postgresql+psycopg2://analyst:...")
    return url, settings.mlflow_uri, settings.artifacts


def _find_recorder() -> str:
    """The warehouse as role recorder: PERENNIAL_RECORDER_URL, else of the embedded stack where that is what is served; or empty.

    Raises:
        ConfigError: another driver is meant.
    """
    url = os.environ.get("PERENNIAL_RECORDER_URL", "")
    if url and not url.startswith("postgresql+psycopg2://"):
        raise ConfigError("PERENNIAL_RECORDER_URL must begin with postgresql+psycopg2:// (the bare form picks another driver).")
    if url or os.environ.get("PERENNIAL_SERVE_URL"):
        return url
    return local.find_warehouse_url("recorder") or ""
