"""Files of a run, fetched without the library: a web server that shows them stays small."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from perennial.config.logins import hide_login, read_login, write_header
from perennial.errors import RegistryUnavailable, VersionMissing

REPORTS = "reports"
CARD = "card"
CARD_PAGE = "model_card.html"
ANSWER_SECONDS = 15.0
REFUSALS = (401, 403)


def name_report(as_of: date) -> str:
    """Where what is of one day's report alone stands among the artifacts of a run; see `perennial.records.pages`."""
    return f"{REPORTS}/{as_of}.html.gz"


def read_report(mlflow_uri: str, mlflow_run_id: str, as_of: date) -> bytes:
    """What is of one day's drift report alone, compressed; of a release that kept pages whole, the page.

    Raises:
        VersionMissing: the registry has lost it.
        RegistryUnavailable: nobody answers.
    """
    try:
        return read_artifact(mlflow_uri, mlflow_run_id, name_report(as_of))
    except VersionMissing:
        return gzip.compress(read_artifact(mlflow_uri, mlflow_run_id, name_report(as_of).removesuffix(".gz")))


def read_card(mlflow_uri: str, mlflow_run_id: str) -> bytes:
    """The model card of the version that a run trained, as a page.

    Raises:
        VersionMissing: no card was written yet, or the registry has lost it.
        RegistryUnavailable: nobody answers.
    """
    return read_artifact(mlflow_uri, mlflow_run_id, f"{CARD}/{CARD_PAGE}")


def read_artifact(mlflow_uri: str, mlflow_run_id: str, path: str) -> bytes:
    """One file of a run; `mlflow_uri` may hold a login.

    Raises:
        VersionMissing: the run has no such file.
        RegistryUnavailable: nobody answers, or only to those who log in, or with a fault of the server.
    """
    shown = hide_login(mlflow_uri)
    try:
        return _ask(mlflow_uri, "get-artifact", {"path": path, "run_uuid": mlflow_run_id})
    except HTTPError as error:
        if error.code in REFUSALS:
            raise RegistryUnavailable(f"MLflow at {shown} wants another login: see PERENNIAL_MLFLOW_URI.") from error
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR and _is_listed(mlflow_uri, mlflow_run_id, path):
            raise RegistryUnavailable(
                f"MLflow at {shown} did not hand out {path} of run {mlflow_run_id}: it answers {error.code}. Its log says why; "
                "run the same command again."
            ) from error
        raise VersionMissing(f"MLflow at {shown} has no {path} in run {mlflow_run_id}.") from error
    except (OSError, HTTPException) as error:
        raise RegistryUnavailable(
            f"MLflow at {shown} does not answer: {error}. Is it running (`perennial status`), and is PERENNIAL_MLFLOW_URI right?"
        ) from error


def _is_listed(mlflow_uri: str, mlflow_run_id: str, path: str) -> bool:
    """Of a file that the server fails to hand out: some stores of files, S3 among them, have it answer 500 for one they lack."""
    question = {"run_id": mlflow_run_id, "path": path.rpartition("/")[0]}
    try:
        listed = json.loads(
            _ask(mlflow_uri, "api/2.0/mlflow/artifacts/list", {name: said for name, said in question.items() if said})
        )
        return any(file["path"] == path for file in listed.get("files", ()))
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return True  # a server that answers nothing is out of order


def _ask(mlflow_uri: str, route: str, question: Mapping[str, str]) -> bytes:
    """What the server answers; an HTTPError is closed already."""
    login = read_login(mlflow_uri) or _find_login()
    headers = {} if login is None else {"Authorization": write_header(login)}
    address = f"{hide_login(mlflow_uri).rstrip('/')}/{route}?{urlencode(question)}"
    try:
        with urlopen(Request(address, headers=headers), timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - our own server
            content: bytes = answer.read()
    except HTTPError as error:
        error.close()
        raise
    return content


def _find_login() -> tuple[str, str] | None:
    """The login that MLflow's own client takes from the environment."""
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    return (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None
