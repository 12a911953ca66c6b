"""OpenAPI 3.1 of what a server answers now: a path for each model, its features as a schema, and a row to try it with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from perennial.predictor import Contract, Feature
from perennial.serve.canaries import Canaries, LoadedCanary
from perennial.serve.champions import Champions
from perennial.serve.choosing import choose_version
from perennial.serve.options import ServeOptions
from perennial.serve.requests import MOST_REASONS
from perennial.serve.versions import LoadedVersion

Schema = dict[str, Any]
MOST_SHOWN = 20
ENTITIES = (
    "Whose each row is: its entity_id, null where that is not known. A canary may answer for it; rows may then hold features "
    "that the version does not read, and each prediction names its version and recipe."
)
OPEN = ("/health", "/ready", "/metrics")
REFUSALS = {
    "400": "The body is not JSON",
    "401": "No token that this server knows",
    "408": "The request did not arrive in time",
    "413": "The request is too large",
    "422": "Rows that the version does not read; `problems` names row, feature and the type that was found",
    "429": "The token sends too many requests",
    "503": "No version is loaded, or the warehouse does not answer",
}


def write_openapi(api: FastAPI, champions: Champions, canaries: Canaries, options: ServeOptions) -> Schema:
    """The document, made anew for the versions that answer at this moment."""
    document = get_openapi(title="perennial serve", version="1", description=str(__doc__), routes=api.routes)
    paths = document["paths"]
    for general in [path for path in paths if "{model}" in path]:
        del paths[general]
    for path, methods in paths.items():
        for operation in methods.values():
            operation["security"] = [] if path in OPEN else [{"token": []}]
    for model, serving in champions.items():
        paths[f"/v1/models/{model}/scores/{{entity}}"] = {"get": _describe_scores(model)}
        if (by := choose_version(serving)) is not None:
            paths[f"/v1/models/{model}/predict"] = {"post": _describe_predict(model, by, canaries.find(model), options)}
    document.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def _describe_predict(model: str, by: LoadedVersion, canary: LoadedCanary | None, options: ServeOptions) -> Schema:
    contract = by.predictor.contract
    row = {feature.name: _describe_feature(feature) for feature in _list_features(by, canary)}
    items = {**_object(row, required=list(contract.names)), "additionalProperties": canary is not None}
    body = _object(
        {
            "rows": {"type": "array", "items": items, "minItems": 1, "maxItems": options.batch_rows},
            "entities": {
                "type": "array",
                "items": {"type": ["string", "integer", "null"]},
                "description": ENTITIES,
            },
            "reasons": {"type": "integer", "minimum": 0, "maximum": MOST_REASONS, "default": 0},
        },
        required=["rows"],
    )
    example: Schema = {"rows": [{feature.name: _choose_example(feature) for feature in contract.features}], "reasons": 3}
    said = f"Version {by.version.version} of recipe {by.version.recipe} answers now."
    if canary is not None:
        tried = canary.loaded.version
        example = {
            "rows": [{feature.name: _choose_example(feature) for feature in _list_features(by, canary)}],
            "entities": ["17"],
            "reasons": 3,
        }
        said += f" Of entities that are named, version {tried.version} of recipe {tried.recipe} answers for {canary.share:.3g}."
    return {
        "summary": f"Scores of rows by the champion of {model}",
        "description": said,
        "security": [{"token": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body, "example": example}}},
        "responses": {"200": _respond("Scores, in the order of the rows", _describe_answer(contract)), **_refusals()},
    }


def _list_features(by: LoadedVersion, canary: LoadedCanary | None) -> list[Feature]:
    """What the champion reads, and then what the canary reads besides."""
    known = {feature.name: feature for feature in by.predictor.contract.features}
    more = () if canary is None else canary.loaded.predictor.contract.features
    return list({**{feature.name: feature for feature in more}, **known}.values()) if more else list(known.values())


def _describe_answer(contract: Contract) -> Schema:
    prediction: Schema = {"score": {"type": "number"}}
    if contract.classes is not None:
        prediction["class"] = {"type": "string", "enum": list(contract.classes)}
        prediction["probabilities"] = _object({name: {"type": "number"} for name in contract.classes})
    required = list(prediction)
    prediction["reasons"] = {"type": "array", "items": {"type": "string"}}
    prediction |= {name: {"type": "integer", "description": "Where entities are named"} for name in ("version", "recipe")}
    numbers: Schema = {name: {"type": "integer"} for name in ("version", "recipe")}
    predictions = {"type": "array", "items": _object(prediction, required=required)}
    return _object({"model": {"type": "string"}, **numbers, "predictions": predictions})


def _describe_scores(model: str) -> Schema:
    entity = {"name": "entity", "in": "path", "required": True, "schema": {"type": "string"}, "description": "Its entity_id"}
    texts = {name: {"type": "string"} for name in ("model", "entity_id", "as_of", "scored_at")}
    numbers = {name: {"type": "number"} for name in ("score", "age_hours", "rank", "decile", "version")}
    said = {**texts, **numbers, "is_stale": {"type": "boolean"}, "reasons": {"type": "array", "items": {"type": "string"}}}
    answer = {"type": "object", "properties": said, "required": list(said)}
    return {
        "summary": f"The newest published score of an entity of {model}",
        "security": [{"token": []}],
        "parameters": [entity],
        "responses": {"200": _respond("The score", answer), "404": {"description": "It has none"}, **_refusals()},
    }


def _describe_feature(feature: Feature) -> Schema:
    if feature.kind == "numeric":
        return {"type": ["number", "boolean", "null"]}
    known = ", ".join(feature.categories[:MOST_SHOWN])
    more = " and more" if len(feature.categories) > MOST_SHOWN else ""
    return {"type": ["string", "null"], "description": f"Known: {known}{more}"}


def _choose_example(feature: Feature) -> object:
    if feature.kind == "numeric":
        return feature.median
    return feature.categories[0] if feature.categories else None


def _object(properties: Mapping[str, Schema], required: list[str] | None = None) -> Schema:
    names = list(properties) if required is None else required
    return {"type": "object", "additionalProperties": False, "required": names, "properties": dict(properties)}


def _respond(said: str, schema: Schema) -> Schema:
    return {"description": said, "content": {"application/json": {"schema": schema}}}


def _refusals() -> Schema:
    return {status: {"description": said} for status, said in REFUSALS.items()}
