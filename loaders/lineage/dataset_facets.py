"""The OpenLineage facets of a dataset: schema, statistics, partitions, tests."""

from typing import Any

import attr
from openlineage.client.facet_v2 import (
    DatasetFacet,
    base_subset_dataset,
    column_lineage_dataset,
    data_quality_assertions_dataset,
    datasource_dataset,
    documentation_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    ownership_dataset,
    schema_dataset,
)

from loaders.lineage import facts

PRODUCER = "urn:nightshift"
DBT_SCHEMAS = (
    "https://github.com/OpenLineage/OpenLineage/tree/main/integration/common/"
    "openlineage/schema/"
)


@attr.define
class DbtExposuresDatasetFacet(DatasetFacet):
    """The dbt exposures that read a dataset, as openlineage-dbt describes them."""

    exposures: list[dict[str, str]]

    @staticmethod
    def _get_schema() -> str:
        return f"{DBT_SCHEMAS}dbt-exposures-dataset-facet.json"


def common(dataset: facts.Dataset) -> dict[str, Any]:
    """Return the facets of a dataset that do not depend on the run."""
    facets: dict[str, Any] = {
        "dataSource": datasource_dataset.DatasourceDatasetFacet(
            name=dataset.namespace, uri=dataset.namespace
        )
    }
    if dataset.description:
        facets["documentation"] = documentation_dataset.DocumentationDatasetFacet(
            description=dataset.description
        )
    if dataset.owner:
        facets["ownership"] = ownership_dataset.OwnershipDatasetFacet(
            owners=[ownership_dataset.Owner(name=dataset.owner)]
        )
    if dataset.columns:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(
            fields=[
                schema_dataset.SchemaDatasetFacetFields(
                    name=column.name,
                    type=column.type or None,
                    description=column.description or None,
                )
                for column in dataset.columns
            ]
        )
    if dataset.copied_from:
        facets["columnLineage"] = _column_lineage(dataset, *dataset.copied_from)
    if dataset.exposures:
        facets["dbt_exposures"] = DbtExposuresDatasetFacet(
            exposures=list(dataset.exposures)
        )
    return facets


def _column_lineage(
    dataset: facts.Dataset, namespace: str, name: str
) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    fields = {}
    for column in dataset.columns:
        if column.source:
            copied = column_lineage_dataset.InputField(
                namespace=namespace,
                name=name,
                field=column.source,
                transformations=[
                    column_lineage_dataset.Transformation(
                        type="DIRECT", subtype="IDENTITY"
                    )
                ],
            )
            fields[column.name] = column_lineage_dataset.Fields(inputFields=[copied])
    return column_lineage_dataset.ColumnLineageDatasetFacet(fields=fields)


def of_input(dataset: facts.Dataset) -> dict[str, Any]:
    """Return what a run read of a dataset, and the results of its tests."""
    facets: dict[str, Any] = {}
    if counts := _counts(dataset):
        facets["inputStatistics"] = (
            input_statistics_input_dataset.InputStatisticsInputDatasetFacet(**counts)
        )
    if dataset.days:
        facets["subset"] = base_subset_dataset.InputSubsetInputDatasetFacet(
            inputCondition=_partitions(dataset)
        )
    if dataset.assertions:
        facets["dataQualityAssertions"] = (
            data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
                assertions=[_assertion(each) for each in dataset.assertions]
            )
        )
    return facets


def of_output(dataset: facts.Dataset) -> dict[str, Any]:
    """Return what a run wrote into a dataset."""
    facets: dict[str, Any] = {}
    if counts := _counts(dataset):
        facets["outputStatistics"] = (
            output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                **counts
            )
        )
    if dataset.days:
        facets["subset"] = base_subset_dataset.OutputSubsetOutputDatasetFacet(
            outputCondition=_partitions(dataset)
        )
    return facets


def _counts(dataset: facts.Dataset) -> dict[str, Any]:
    counts = {
        "rowCount": dataset.rows,
        "size": dataset.bytes,
        "fileCount": dataset.files,
    }
    return {name: count for name, count in counts.items() if count is not None}


def _partitions(
    dataset: facts.Dataset,
) -> base_subset_dataset.PartitionSubsetCondition:
    return base_subset_dataset.PartitionSubsetCondition(
        partitions=[
            base_subset_dataset.Partition(
                dimensions={"dt": str(day)}, identifier=f"dt={day}"
            )
            for day in dataset.days
        ]
    )


def _assertion(
    test: facts.Assertion,
) -> data_quality_assertions_dataset.Assertion:
    return data_quality_assertions_dataset.Assertion(
        assertion=test.assertion,
        name=test.name,
        success=test.is_success,
        column=test.column,
        severity=test.severity,
        actual=None if test.failures is None else str(test.failures),
        expected=test.expected,
    )
