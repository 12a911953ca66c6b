"""What a task tells OpenLineage: the lineage of its stages as datasets with facets. Needs the extra `lineage`.

Airflow's provider asks our operators in a process that it forks from the task's, after the stage has ended, and stops it after
`[openlineage] execution_timeout` seconds; what goes wrong here changes nothing for the task. Tables are called as OpenLineage has
it for PostgreSQL, versions as MLflow writes them behind `models:/`. Facets of our own begin with `perennial_`;
docs/reference/lineage-facets.json describes them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from airflow.providers.openlineage.extractors.base import OperatorLineage
from openlineage.client import event_v2
from openlineage.client.facet_v2 import (
    BaseFacet,
    DatasetFacet,
    JobFacet,
    RunFacet,
    column_lineage_dataset,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    dataset_type_dataset,
    dataset_version_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)
from openlineage.client.naming.dataset import Postgres

from perennial.airflow.connections import read_settings
from perennial.airflow.runs import read_run
from perennial.config import Model, Settings, find_home, load_declaration
from perennial.errors import PerennialError
from perennial.records import ColumnOrigin, ColumnOrigins, Dataset, Lineage, RuleResult, to_json

log = logging.getLogger(__name__)
Told: TypeAlias = "OperatorLineage[Any, Any]"
PRODUCER = "urn:perennial:program"
SCHEMAS = "urn:perennial:lineage-facets:1-0-0#/$defs/{}"
"""URNs: the schemas lie beside the program's documentation, at no address of their own."""
VALUES = ("identity", "transformation", "aggregation")


def tell_start(model: str, stages: tuple[str, ...]) -> Told:
    """What is known before a stage begins: the model that it is of. What it reads and writes is told once it has."""
    try:
        declared = load_declaration(find_home(), model).model
    except PerennialError as error:
        log.warning("%s: nothing is told of its lineage. %s", model, error)
        return OperatorLineage()
    return OperatorLineage(job_facets={"perennial_model": _make_facet(JobFacet, "ModelJob", _describe_model(declared, stages))})


def tell_end(model: str, stages: tuple[str, ...], context: Mapping[str, Any]) -> Told:
    """What the stages of a task that has ended read and wrote, by the ledger; nothing where the ledger does not answer."""
    from perennial import pipeline  # noqa: PLC0415 - imports every heavy library
    from perennial.pipeline.lineage import find_lineage  # noqa: PLC0415 - as above

    settings = read_settings()
    try:
        declared = load_declaration(settings.home, model).model
        run = read_run(context, declared)
        with pipeline.open_stores(settings) as stores:
            found = find_lineage(stores, run, stages)
            names = Names.of(settings, stores.warehouse.place)
    except PerennialError as error:
        log.warning("%s: nothing is told of its lineage. %s", model, error)
        return OperatorLineage()
    return translate(found, names, _describe_model(declared, stages))


@dataclass(frozen=True)
class Names:
    """How OpenLineage calls the datasets of an installation.

    Attributes:
        place: host, port and database of the warehouse.
        registry: where MLflow answers: `host:port`.
    """

    place: tuple[str, int, str]
    registry: str

    @classmethod
    def of(cls, settings: Settings, place: tuple[str, int, str]) -> Names:
        """Those of the installation that these settings name; no login is part of a name."""
        address = urlsplit(settings.mlflow_uri)
        return cls(place, f"{address.hostname or address.path}:{address.port}" if address.port else str(address.hostname))

    def find(self, place: tuple[str, ...]) -> dict[str, str]:
        """Namespace and name of a table, or of a version."""
        if len(place) == 1:
            return {"namespace": f"mlflow://{self.registry}", "name": place[0]}
        host, port, database = self.place
        schema, table = place
        named = Postgres(host, str(port), database, schema, table)
        return {"namespace": named.get_namespace(), "name": named.get_name()}


def translate(lineage: Lineage, names: Names, model: Mapping[str, object]) -> Told:
    """A lineage in OpenLineage's words."""
    job = {"perennial_model": _make_facet(JobFacet, "ModelJob", model)}
    run = {"perennial_run": _make_facet(RunFacet, "RunRun", lineage.facts)} if lineage.facts else {}
    return OperatorLineage(
        inputs=[_translate_input(each, names) for each in lineage.inputs],
        outputs=[_translate_output(each, names) for each in lineage.outputs],
        run_facets=run,
        job_facets=job,
    )


def _translate_input(dataset: Dataset, names: Names) -> event_v2.InputDataset:
    facets: dict[str, Any] = {}
    if dataset.rows is not None:
        facets["dataQualityMetrics"] = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
            columnMetrics={}, rowCount=dataset.rows, producer=PRODUCER
        )
    if dataset.findings:
        facets["dataQualityAssertions"] = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
            assertions=[_translate_finding(each) for each in dataset.findings], producer=PRODUCER
        )
    return event_v2.InputDataset(**names.find(dataset.place), facets=_list_facets(dataset, names), inputFacets=facets)


def _translate_output(dataset: Dataset, names: Names) -> event_v2.OutputDataset:
    facets: dict[str, Any] = {}
    if dataset.rows is not None:
        facets["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=dataset.rows, producer=PRODUCER
        )
    return event_v2.OutputDataset(**names.find(dataset.place), facets=_list_facets(dataset, names), outputFacets=facets)


def _list_facets(dataset: Dataset, names: Names) -> dict[str, DatasetFacet]:
    """What can be said of a dataset wherever it stands."""
    kind = "MODEL" if len(dataset.place) == 1 else "TABLE"
    facets: dict[str, DatasetFacet] = {
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet(datasetType=kind, producer=PRODUCER)
    }
    if dataset.version is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=dataset.version, producer=PRODUCER)
    if dataset.columns:
        fields = [schema_dataset.SchemaDatasetFacetFields(name=each.name, type=each.type) for each in dataset.columns]
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=fields, producer=PRODUCER)
    if dataset.origins is not None:
        facets["columnLineage"] = _translate_origins(dataset.origins, names)
    for name, content in dataset.facts.items():
        words = "".join(word.capitalize() for word in name.split("_"))
        facets[f"perennial_{name}"] = _make_facet(DatasetFacet, f"{words}Dataset", content)
    return facets


def _translate_origins(origins: ColumnOrigins, names: Names) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    fields = {
        name: column_lineage_dataset.Fields(inputFields=_translate_columns(made, names)) for name, made in origins.columns.items()
    }
    return column_lineage_dataset.ColumnLineageDatasetFacet(
        fields=fields, dataset=_translate_columns(origins.rows, names), producer=PRODUCER
    )


def _translate_columns(origins: Iterable[ColumnOrigin], names: Names) -> list[column_lineage_dataset.InputField]:
    """Each column once, with every way in which it bears."""
    by_column = groupby(sorted(origins), key=lambda origin: (origin.schema, origin.table, origin.column))
    return [
        column_lineage_dataset.InputField(
            **names.find((schema, table)),
            field=column,
            transformations=[
                column_lineage_dataset.Transformation(
                    type="DIRECT" if origin.way in VALUES else "INDIRECT", subtype=origin.way.upper()
                )
                for origin in alike
            ],
        )
        for (schema, table, column), alike in by_column
    ]


def _translate_finding(finding: RuleResult) -> data_quality_assertions_dataset.Assertion:
    """What a rule found, in counts: its sentence may show values of rows."""
    return data_quality_assertions_dataset.Assertion(
        assertion=finding.rule.partition(":")[0],
        success=finding.passed,
        column=finding.column,
        name=finding.rule,
        params={"suite": finding.suite, "failing": finding.failing, "rows": finding.rows},
    )


def _describe_model(model: Model, stages: tuple[str, ...]) -> dict[str, object]:
    return {
        "model": model.name,
        "stages": list(stages),
        "description": model.description,
        "timezone": model.timezone,
        "horizon_days": model.label.horizon_days,
    }


def _make_facet(base: type[BaseFacet], name: str, content: Mapping[str, object]) -> Any:
    """A facet of our own: `perennial_run` is a PerennialRunRunFacet."""
    words = f"Perennial{name}Facet"
    kind = type(words, (base,), {"_get_schema": staticmethod(lambda: SCHEMAS.format(words))})
    return kind(producer=PRODUCER).with_additional_properties(**to_json(content))
