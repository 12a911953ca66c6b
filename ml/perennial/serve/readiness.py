"""/ready: would requests be answered, by whom, and is it known that they are still champion?"""

from __future__ import annotations

from collections.abc import Mapping

from perennial.serve.canaries import Canaries
from perennial.serve.champions import Champions, Serving

DETAIL = "detail"


def describe_readiness(champions: Champions, canaries: Canaries) -> tuple[bool, dict[str, object]]:
    """Ready once a version answers for every model that has a champion, and somebody can be let in.

    A ledger that has fallen silent leaves a server ready: who was champion last goes on, which `ledger` says. A canary
    that does not answer leaves it ready, too: the champion does.
    """
    models = {model: {**_describe(serving), **_describe_canary(canaries, model)} for model, serving in champions.items()}
    states = [serving for _, serving in champions.items()]
    answers = any(serving.champion for serving in states) and not any(
        serving.champion is None and serving.is_behind for serving in states
    )
    ledger = {"state": "silent", DETAIL: champions.silence} if champions.silence else {"state": "answers"}
    said: dict[str, object] = {"ready": answers and not champions.tokens_trouble, "ledger": ledger, "models": models}
    if champions.tokens_trouble:
        said["tokens"] = champions.tokens_trouble
    return bool(said["ready"]), said


def leave_out_details(said: Mapping[str, object]) -> dict[str, object]:
    """For whoever has no token: no sentence that names addresses or folders of this installation."""
    kept = {
        name: leave_out_details(value) if isinstance(value, Mapping) else value for name, value in said.items() if name != DETAIL
    }
    return {**kept, "tokens": "Nobody can be let in: the log says why."} if "tokens" in kept else kept


def _describe(serving: Serving) -> dict[str, object]:
    by = serving.champion
    said: dict[str, object] = {"version": None, "state": "no champion yet"}
    if by is not None:
        said = {"version": by.version.version, "recipe": by.version.recipe, "state": "answers"}
    if serving.is_behind:
        said["wanted"] = serving.wanted
        said["state"] = "the former version answers" if by else "nobody answers"
        said[DETAIL] = serving.trouble or "It is loading."
    return said


def _describe_canary(canaries: Canaries, model: str) -> dict[str, object]:
    """Nothing where the ledger names none, or the model file gives it no share."""
    trial, by = canaries.describe(model), canaries.find(model)
    if trial.wanted is None:
        return {}
    said: dict[str, object] = {"canary": trial.wanted, "state": "answers" if by else "the champion answers everybody"}
    if by is not None:
        said |= {"version": by.loaded.version.version, "recipe": by.loaded.version.recipe, "share": by.share}
    if because := canaries.explain(model):
        said[DETAIL] = because
    return {"canary": said}
