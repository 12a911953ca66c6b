"""Who serves: one champion, whom ledger and alias name alike; and whatever was begun has somebody who ends it."""

from __future__ import annotations

from perennial.errors import RegistryUnavailable
from perennial.invariants.looking import Answer, Finding, Look, ask, name_day
from perennial.stores import ledger, warehouse


def check_champions(look: Look) -> Answer:
    """Each model has at most one champion, its movements form a chain, and the alias in MLflow names the same version."""
    findings = [
        Finding(
            f"{row.model}: version {row.version} took over from {row.previous_version}, and {row.left_by_the_one_before} served",
            "restore ledger.promotions from a backup: nobody but a superuser can break the chain",
            row.model,
        )
        for row in look.ask("list_movements")
        if row.previous_version != row.left_by_the_one_before
    ]
    champions = {row.model: row.version for row in look.ask("champions")}
    try:
        for model in sorted({*champions, *(row.model for row in look.ask("list_versions"))}):
            findings.extend(_check_alias(look, model, champions.get(model)))
    except RegistryUnavailable as silence:
        return Answer(f"{len(champions)} champions", tuple(findings), f"the alias: {silence}")
    return Answer(f"{len(champions)} champions and their alias", tuple(findings))


def _check_alias(look: Look, model: str, version: int | None) -> list[Finding]:
    named = look.stores.registry.read_alias(model)
    if named == version:
        return []
    with look.stores.warehouse.transaction() as now:  # it may have moved since this check began
        if named == ledger.champion(now, model) or ledger.open_promotions(now, model):
            return []
    known, said = ("nobody" if each is None else f"version {each}" for each in (version, named))
    return [Finding(f"{model}: the ledger's champion is {known}, the alias names {said}", _reconcile(model), model)]


def check_holders(look: Look) -> Answer:
    """Nothing runs, is being built or is intended without somebody who lives and works on it."""
    before = look.clock - warehouse.LONGEST_ATTEMPT
    with look.stores.warehouse.transaction() as now:  # locks are those of this moment; rows must be, too
        lost, building = ledger.find_lost(now, before)
        intents = [{(row.model, row.version) for row in ask(now, "open_movements")} for _ in range(2)]
    findings = [
        Finding(
            f"{name_day(run.model, run.as_of)}: attempt {run.run_id} at {run.stage} runs, and its process is gone",
            _reconcile(run.model),
            run.model,
        )
        for run in lost
    ]
    findings += [
        Finding(
            f"{name_day(model, as_of)}: attempt {attempt} to publish is open, and nobody works on it", _reconcile(model), model
        )
        for model, as_of, attempt in building
    ]
    findings += [
        Finding(f"{model}: the movement to version {version} was begun, and nobody ends it", _reconcile(model), model)
        for model, version in sorted(set.intersection(*intents))
    ]
    return Answer("runs, publications and movements that are open", tuple(findings))


def _reconcile(model: str) -> str:
    return f"perennial reconcile {model}"
