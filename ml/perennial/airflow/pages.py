"""Perennial's pages in Airflow's web server: self-contained HTML about models and runs, from the ledger."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from airflow.api_fastapi.core_api.security import get_user
from airflow.sdk import Connection
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from perennial.airflow.connections import read_mlflow_uri, write_warehouse_url
from perennial.airflow.declared import declared_models
from perennial.config import Model, name_figure, write_figure
from perennial.errors import RegistryUnavailable, VersionMissing, WarehouseUnavailable
from perennial.records.pages import escape_data, join_page, list_parts
from perennial.stores.analytics import (
    ModelFacts,
    Row,
    RunFacts,
    TableRows,
    find_report,
    find_training,
    read_model,
    read_parts,
    read_run,
)
from perennial.stores.registry import read_card, read_report
from perennial.stores.sessions import Database

FOLDER = Path(__file__).parent / "templates"
TONES = {
    **dict.fromkeys(("PROMOTE", "ok", "live", "sent"), "good"),
    **dict.fromkeys(("TRAIN", "INCONCLUSIVE", "running", "refused", "rests", "set aside", "runs"), "warm"),
    **dict.fromkeys(("BLOCK", "failed", "lost", "blocked", "rejected", "harm"), "bad"),
}
# What comes from MLflow was drawn by others: it acts as nobody here, whatever a person put there.
SANDBOX = {"Content-Security-Policy": "sandbox allow-scripts allow-downloads"}
CLOSED_SANDBOX = {"Content-Security-Policy": "sandbox allow-popups allow-popups-to-escape-sandbox"}
WIDTH, HEIGHT, MARGIN = 560, 120, 18
FEWEST_POINTS = 2


def make_app() -> FastAPI:
    """The pages, behind Airflow's login."""
    app = FastAPI(title="Perennial", dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/", show_models, response_class=HTMLResponse)
    app.add_api_route("/dags/{dag_id}", show_model, response_class=HTMLResponse)
    app.add_api_route("/runs/{dag_id}/{dag_run_id:path}", show_run, response_class=HTMLResponse)
    app.add_api_route("/reports/{model}/{as_of}", show_report, response_class=HTMLResponse)
    app.add_api_route("/cards/{model}/{version}", show_card, response_class=HTMLResponse)
    return app


def show_models() -> HTMLResponse:
    """One card for every declared model."""
    models = tuple(declared_models())
    try:
        facts = tuple(read_model(open_warehouse(), model.name) for model in models)
    except WarehouseUnavailable as error:
        return render("message.html", 503, title="Perennial", message=str(error))
    return render("models.html", cards=tuple(zip(models, facts, strict=True)))


def show_model(dag_id: str) -> HTMLResponse:
    """The model that a DAG belongs to."""
    model = next((model for model in declared_models() if model.name == dag_id.partition(".")[0]), None)
    if model is None:
        return render("message.html", 404, title=dag_id, message=f"{dag_id} is not a DAG of a model in models/.")
    try:
        facts: ModelFacts = read_model(open_warehouse(), model.name)
    except WarehouseUnavailable as error:
        return render("message.html", 503, title=model.name, message=str(error))
    return render("model.html", model=model, facts=facts, chart=draw_weeks(facts.weeks), title=name_title(model))


def show_run(dag_id: str, dag_run_id: str) -> HTMLResponse:
    """What the ledger knows of one run."""
    try:
        facts: RunFacts = read_run(open_warehouse(), dag_id.partition(".")[0], dag_run_id)
    except WarehouseUnavailable as error:
        return render("message.html", 503, title=dag_id, message=str(error))
    return render("run.html", dag_id=dag_id, facts=facts)


def show_report(model: str, as_of: date) -> HTMLResponse:
    """Evidently's report on the snapshot of a day, as it was kept with the version that scored it."""
    try:
        mlflow_run_id = find_report(open_warehouse(), model, as_of)
        if mlflow_run_id is None:
            return render("message.html", 404, title=model, message=f"{model} was not checked for drift on {as_of}.")
        own = read_report(read_mlflow_uri(), mlflow_run_id, as_of)
        page = join_page(own, read_parts(open_warehouse(), list_parts(own)))
        return HTMLResponse(escape_data(page), headers=SANDBOX)
    except KeyError as lost:
        advice = f"The ledger has lost the part {lost} of this page: `perennial report {model} --as-of {as_of}` draws it again."
        return render("message.html", 404, title=model, message=advice)
    except (WarehouseUnavailable, RegistryUnavailable, VersionMissing) as error:
        return render("message.html", 503, title=model, message=str(error))


def show_card(model: str, version: int) -> HTMLResponse:
    """The model card of a version, as it was last written."""
    try:
        mlflow_run_id = find_training(open_warehouse(), model, version)
        if mlflow_run_id is None:
            return render("message.html", 404, title=model, message=f"The ledger does not know version {version} of {model}.")
        return HTMLResponse(read_card(read_mlflow_uri(), mlflow_run_id), headers=CLOSED_SANDBOX)
    except VersionMissing:
        advice = f"No card of version {version} was written yet: `perennial card {model} {version}` writes it."
        return render("message.html", 404, title=model, message=advice)
    except (WarehouseUnavailable, RegistryUnavailable) as error:
        return render("message.html", 503, title=model, message=str(error))


def open_warehouse() -> Database:
    """The warehouse under the role of Airflow's connection."""
    return Database(write_warehouse_url(Connection.get("warehouse")), "perennial pages")


def draw_weeks(weeks: TableRows) -> tuple[Row, ...]:
    """Points of the realised headline with their intervals, oldest first, in the picture; none of days set aside."""
    assessed = [week for week in reversed(weeks) if week["realised"] is not None and not week["is_aside"]]
    if len(assessed) < FEWEST_POINTS:
        return ()
    low = min(_number(week["realised_low"]) for week in assessed)
    high = max(_number(week["realised_high"]) for week in assessed)
    step = (WIDTH - 2 * MARGIN) / (len(assessed) - 1)

    def place(value: object) -> float:
        return round(MARGIN + (high - _number(value)) / ((high - low) or 1.0) * (HEIGHT - 2 * MARGIN), 1)

    return tuple(
        {
            "x": round(MARGIN + step * position, 1),
            "y": place(week["realised"]),
            "low": place(week["realised_low"]),
            "high": place(week["realised_high"]),
            "label": f"{week['as_of']}: {write_figure(str(week['metric']), _number(week['realised']))}",
        }
        for position, week in enumerate(assessed)
    )


def render(template: str, status: int = 200, **values: object) -> HTMLResponse:
    """One page; what people or data wrote is escaped."""
    return HTMLResponse(_environment().get_template(template).render(**values), status)


def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        "tone": lambda word: TONES.get(str(word), "calm"),
        "day": _show_day,
        "percent": _show_percent,
        "figure": _show_figure,
        "headline": name_title,
    }
    environment.globals |= {"width": WIDTH, "height": HEIGHT}
    return environment


def name_title(model: Model) -> str:
    """What the model is judged by, as people read it; without the task, whose metrics are heavy to load."""
    return name_figure(model.headline)


def _show_figure(metric: str, value: float | None) -> str:
    return "" if value is None else write_figure(metric, value)


def _show_day(value: date | datetime | None) -> str:
    return "" if value is None else value.strftime("%Y-%m-%d")


def _show_percent(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.0%}"


def _number(value: object) -> float:
    assert isinstance(value, float)
    return value
