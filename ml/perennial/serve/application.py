"""The routes. What they answer is put together elsewhere; here it is said who answers what."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from perennial.errors import PerennialError
from perennial.predictor import RowsRefused
from perennial.serve.answers import Refusal, answer
from perennial.serve.arm_gauges import note_arm
from perennial.serve.arms import answer_arms
from perennial.serve.canaries import Canaries, describe_canary
from perennial.serve.champions import Champions
from perennial.serve.choosing import choose_version
from perennial.serve.direct import Direct
from perennial.serve.entry import Entry
from perennial.serve.gauges import Gauges
from perennial.serve.guard import Guard
from perennial.serve.openapi import write_openapi
from perennial.serve.options import ServeOptions
from perennial.serve.published import find_published
from perennial.serve.readiness import describe_readiness, leave_out_details
from perennial.serve.requests import Question, parse_question, read_body
from perennial.serve.together import Together
from perennial.serve.versions import LoadedVersion, Prediction, describe, refuse_no_scores
from perennial.stores.serving import open_reading

Found = TypeVar("Found")
log = logging.getLogger(__name__)

INLINE_BYTES = 32 << 10
"""A smaller body is answered on the loop: to hand it to a thread costs more than scoring it."""
PREDICT = "/v1/models/{model}/predict"
THREADS = 2
LOOK_UPS = 2


class Application:
    """One process of a server: its champions, its door, its counts, and the routes."""

    def __init__(self, options: ServeOptions, champions: Champions | None = None) -> None:
        self.options = options
        self._database = open_reading(options.warehouse_url)
        self.champions = champions or Champions(options, self._database)
        self.canaries = Canaries(options, self._database, self.champions)
        self._entry = Entry(options, self.champions)
        self._gauges = Gauges()
        self._together = Together()
        self._threads = ThreadPoolExecutor(THREADS, "scoring")
        self._look_ups = ThreadPoolExecutor(LOOK_UPS, "look-ups")
        self.api = self._make_api()
        predict = next(route for route in self.api.routes if getattr(route, "path", "") == PREDICT)
        self.guarded = Guard(Direct(self.api, predict, self.predict), self._gauges)

    def _make_api(self) -> FastAPI:
        api = FastAPI(title="perennial serve", docs_url=None, redoc_url=None, openapi_url=None, lifespan=self._live)
        api.add_exception_handler(Refusal, _refuse)
        for path, route, methods in (
            ("/health", self.health, ["GET"]),
            ("/ready", self.ready, ["GET"]),
            ("/metrics", self.metrics, ["GET"]),
            ("/openapi.json", self.openapi, ["GET"]),
            ("/v1/models", self.models, ["GET"]),
            (PREDICT, self.predict, ["POST"]),
            ("/v1/models/{model}/scores/{entity:path}", self.scores, ["GET"]),
        ):
            api.add_api_route(path, route, methods=methods, response_model=None)
        return api

    @asynccontextmanager
    async def _live(self, _api: FastAPI) -> AsyncIterator[None]:
        self.champions.start()
        self.canaries.start()
        yield
        self.champions.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._look_ups.shutdown(wait=False, cancel_futures=True)
        self.canaries.stop()
        self._database.dispose()

    async def health(self) -> Response:
        """The process answers."""
        return answer({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Whether requests would be answered, and by whom; with a token also what stands in the way."""
        is_ready, said = describe_readiness(self.champions, self.canaries)
        return answer(said if self._entry.knows(request) else leave_out_details(said), status=200 if is_ready else 503)

    async def metrics(self) -> Response:
        """Figures for Prometheus."""
        self._gauges.note(self.champions, self.canaries)
        return Response(self._gauges.render(), media_type=CONTENT_TYPE_LATEST)

    async def openapi(self, request: Request) -> Response:
        """What may be asked, for the versions that answer now."""
        self._entry.admit(request)
        return answer(write_openapi(self.api, self.champions, self.canaries, self.options))

    async def models(self, request: Request) -> Response:
        """The models that are served, with the version that answers."""
        self._entry.admit(request)
        chosen = {model: choose_version(serving) for model, serving in self.champions.items()}
        tried = {model: {"canary": describe_canary(canary)} for model in chosen if (canary := self.canaries.find(model))}
        said = [
            {"model": model, **(describe(by) if by else {"version": None}), **tried.get(model, {})}
            for model, by in chosen.items()
        ]
        return answer({"models": said})

    async def predict(self, model: str, request: Request) -> Response:
        """Scores of the rows in the body."""
        self._entry.admit(request)
        version = self._choose(model, request)
        body = await read_body(request, self.options.body_bytes, self.options.body_seconds)
        if len(body) > INLINE_BYTES:
            return await self._beside(self._threads, partial(self._answer, model, version, body))
        question = parse_question(body, self.options.batch_rows)
        if question.entities:
            score = partial(self._score_arms, model, version, question)
            return await self._beside(self._threads, score) if question.reasons else score()
        if question.reasons:
            return await self._beside(self._threads, partial(self._score, model, version, question))
        return await self._score_together(model, version, question)

    async def scores(self, model: str, entity: str, request: Request) -> Response:
        """The newest published score of an entity."""
        self._entry.admit(request)
        self._check_model(model, request)
        look_up = partial(find_published, self._database, self.options.home, model, entity)
        try:
            found = await self._beside(self._look_ups, look_up)
        except PerennialError as error:
            log.warning("%s: published scores cannot be read. %s", model, error)
            raise Refusal(503, f"The published scores cannot be read now ({type(error).__name__}).") from error
        if found is None:
            raise Refusal(404, f"Model {model} has published no score of this entity in its newest publication.")
        return answer(found)

    def _score_arms(self, model: str, version: LoadedVersion, question: Question) -> Response:
        """Rows that name their entities, each by the version of its arm."""
        count = partial(note_arm, self.canaries.counts, self._gauges.arms)
        try:
            predictions = answer_arms(model, version, self.canaries.find(model), question, count)
        except RowsRefused as refused:
            read = f"Rows of {model} lack what version {version.version.version} reads, or hold another type"
            raise Refusal(422, f"{read}; /v1/models lists its features.", problems=refused.problems) from None
        self._gauges.rows.labels(model).inc(len(predictions))
        by = {"version": version.version.version, "recipe": version.version.recipe}
        return answer({"model": model, **by, "predictions": predictions})

    def _check_model(self, model: str, request: Request) -> None:
        if model not in self.champions:
            raise Refusal(404, "There is no model of this name here: /v1/models lists them.")
        request.scope["served_model"] = model

    def _choose(self, model: str, request: Request) -> LoadedVersion:
        self._check_model(model, request)
        version = choose_version(self.champions[model])
        if version is None:
            raise Refusal(503, f"No version of {model} is loaded: /ready says why.", headers={"retry-after": "5"})
        return version

    def _answer(self, model: str, version: LoadedVersion, body: bytes) -> Response:
        question = parse_question(body, self.options.batch_rows)
        return self._score_arms(model, version, question) if question.entities else self._score(model, version, question)

    def _score(self, model: str, version: LoadedVersion, question: Question) -> Response:
        try:
            predictions = version.predict(version.encode(question.rows), question.reasons)
            refuse_no_scores(predictions)
        except RowsRefused as refused:
            raise _say_what_is_read(model, version, refused) from None
        return self._write(model, version, predictions)

    async def _score_together(self, model: str, version: LoadedVersion, question: Question) -> Response:
        """On the loop, and without reasons."""
        try:
            predictions = await self._together.predict(version, version.encode(question.rows))
            refuse_no_scores(predictions)
        except RowsRefused as refused:
            raise _say_what_is_read(model, version, refused) from None
        return self._write(model, version, predictions)

    def _write(self, model: str, version: LoadedVersion, predictions: Sequence[Prediction]) -> Response:
        self._gauges.rows.labels(model).inc(len(predictions))
        said_by = {"model": model, "version": version.version.version, "recipe": version.version.recipe}
        return answer({**said_by, "predictions": predictions})

    @staticmethod
    async def _beside(pool: ThreadPoolExecutor, work: Callable[[], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(pool, work)


def _say_what_is_read(model: str, version: LoadedVersion, refused: RowsRefused) -> Refusal:
    said = f"Rows of {model} are not what version {version.version.version} reads; /v1/models lists its features."
    return Refusal(422, said, problems=refused.problems)


async def _refuse(_request: Request, refusal: Any) -> Response:
    return refusal.as_response()  # type: ignore[no-any-return]  # FastAPI knows handlers of any exception only


def make_application(options: ServeOptions) -> Guard:
    """What uvicorn runs in each process."""
    return Application(options).guarded
