"""One suite against the database: one pass over each view finds the rules that hold, Great Expectations judges the others.

Great Expectations takes seconds to import, builds a graph of metrics for each rule and sends several statements for each: it is
asked only where counting does not suffice, and imported where it runs. Only the keys of failing rows leave the database.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from perennial.errors import ConfigError
from perennial.records import Rejects, RuleResult
from perennial.validate.counting import count_rules
from perennial.validate.saying import say_failing, say_observed
from perennial.validate.suites import Rule, Suite

if TYPE_CHECKING:
    from great_expectations.compatibility.sqlalchemy import Engine  # type: ignore[attr-defined]  # exported without saying so
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
    from great_expectations.validator.validator import Validator

EVERY_KEY = 2**31 - 1
"""Great Expectations lists at most so many keys, 20 unless told otherwise, in its COMPLETE form too."""


def run_suite(engine: Engine, suite: Suite) -> tuple[tuple[RuleResult, ...], tuple[Rejects, ...]]:
    """Check every rule of a suite.

    The engine must show the views of `suite.views`; `warehouse.open_audit` makes them.
    The results stand in the order of the suite.

    Returns:
        One result for each rule, and for each rule with the action `quarantine` that failed the keys of all failing rows.

    Raises:
        ConfigError: Great Expectations does not know the expectation, or its arguments are wrong.
    """
    found: dict[str, tuple[RuleResult, Rejects | None]] = {}
    for view, rules in suite.views.items():
        held = count_rules(engine, view, rules, suite)
        found |= {name: (result, None) for name, result in held.items()}
        found |= judge_rules(engine, view, tuple(rule for rule in rules if rule.name not in held), suite)
    results = tuple(found[rule.name][0] for rule in suite.rules)
    rejects = tuple(reject for _, reject in (found[rule.name] for rule in suite.rules) if reject is not None)
    return results, rejects


def judge_rules(engine: Engine, view: str, rules: tuple[Rule, ...], suite: Suite) -> dict[str, tuple[RuleResult, Rejects | None]]:
    """What Great Expectations finds of rules about a view, and which rows they reject, by their names.

    Raises:
        ConfigError: it does not know the expectation, or its arguments are wrong.
    """
    if not rules:
        return {}
    outcomes = _validate(_open_view(_open_engine(engine), view), rules, suite)
    return {rule.name: _read(outcome, rule, suite) for rule, outcome in outcomes}


def _open_engine(engine: Engine) -> SqlAlchemyExecutionEngine:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    from great_expectations.execution_engine.sqlalchemy_execution_engine import (  # noqa: PLC0415 - seven seconds
        SqlAlchemyExecutionEngine,
    )

    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.ERROR)  # its import set it to INFO
    return SqlAlchemyExecutionEngine(engine=engine, create_temp_table=False)


def _open_view(execution_engine: SqlAlchemyExecutionEngine, view: str) -> Validator:
    import great_expectations  # noqa: PLC0415 - seven seconds
    from great_expectations.core.batch import Batch  # noqa: PLC0415 - seven seconds
    from great_expectations.core.batch_spec import SqlAlchemyDatasourceBatchSpec  # noqa: PLC0415 - seven seconds
    from great_expectations.validator.validator import Validator  # noqa: PLC0415 - seven seconds

    context = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]  # a plain mapping is what it reads
    spec = SqlAlchemyDatasourceBatchSpec(type="table", data_asset_name=view, table_name=view, batch_identifiers={})
    data, markers = execution_engine.get_batch_data_and_markers(batch_spec=spec)
    batch = Batch(data=data, batch_spec=spec, batch_markers=markers)  # type: ignore[arg-type]  # its types name the class itself
    return Validator(execution_engine=execution_engine, data_context=context, batches=[batch])


def _validate(validator: Validator, rules: tuple[Rule, ...], suite: Suite) -> list[tuple[Rule, ExpectationValidationResult]]:
    from great_expectations.exceptions.exceptions import GreatExpectationsError  # noqa: PLC0415 - seven seconds
    from great_expectations.expectations.expectation_configuration import (  # noqa: PLC0415 - seven seconds
        ExpectationConfiguration,
    )

    named = {rule.name: rule for rule in rules}
    configurations = [ExpectationConfiguration(type=rule.type, kwargs=rule.kwargs, meta={"name": rule.name}) for rule in rules]
    for configuration, rule in zip(configurations, rules, strict=True):
        try:
            configuration.to_domain_obj()  # a suite of its own would log a broken expectation and drop it
        except (GreatExpectationsError, ValueError, TypeError) as error:
            raise ConfigError(f"{suite.which}.json, '{rule.name}': Great Expectations refuses it: {error}") from error
    outcomes = validator.graph_validate(configurations=configurations, runtime_configuration=_result_format(suite))
    return [(named[_name_of(outcome)], outcome) for outcome in outcomes]


def _result_format(suite: Suite) -> dict[str, object]:
    form: dict[str, object] = {"result_format": "BASIC"}
    if suite.key is not None:
        form = {
            "result_format": "COMPLETE",
            "unexpected_index_column_names": [suite.key],
            "partial_unexpected_count": EVERY_KEY,
            "return_unexpected_index_query": False,
        }
    return {"result_format": form}


def _name_of(outcome: ExpectationValidationResult) -> str:
    assert outcome.expectation_config is not None
    assert outcome.expectation_config.meta is not None
    return str(outcome.expectation_config.meta["name"])


def _read(outcome: ExpectationValidationResult, rule: Rule, suite: Suite) -> tuple[RuleResult, Rejects | None]:
    """Turn one outcome into our records; rows are rejected only if every failing one is named."""
    found: Mapping[str, object] = outcome.result or {}
    failing, rows = _count(found, "unexpected_count"), _count(found, "element_count")
    rejects = _list_rejects(found, rule, suite) if rule.meta.action == "quarantine" and not outcome.success else None
    result = RuleResult(
        suite=suite.which,
        rule=rule.name,
        column=rule.column,
        passed=bool(outcome.success),
        failing=failing,
        rows=rows,
        sentence=f"{rule.meta.note} {_describe(outcome, found)}",
    )
    return result, rejects if rejects is not None and len(rejects.entity_ids) == failing > 0 else None


def _count(found: Mapping[str, object], name: str) -> int:
    value = found.get(name)
    return value if isinstance(value, int) else 0


def _list_rejects(found: Mapping[str, object], rule: Rule, suite: Suite) -> Rejects:
    listed = found.get("unexpected_index_list")
    assert suite.key is not None
    keys = tuple(row[suite.key] for row in listed) if isinstance(listed, list) else ()
    return Rejects(rule=rule.name, column=rule.column, entity_ids=keys)


def _describe(outcome: ExpectationValidationResult, found: Mapping[str, object]) -> str:
    if (message := _exception_of(outcome)) is not None:
        return f"It could not be checked: {message}"
    if "observed_value" in found:
        return say_observed(found["observed_value"])
    return say_failing(_count(found, "unexpected_count"), _count(found, "element_count"))


def _exception_of(outcome: ExpectationValidationResult) -> str | None:
    """The first line of what was raised; one exception stands bare, those of metrics under a key each."""
    told = outcome.exception_info or {}
    for entry in (told, *(entry for entry in told.values() if isinstance(entry, Mapping))):
        if entry.get("raised_exception"):
            return str(entry.get("exception_message")).strip().partition("\n")[0]
    return None
