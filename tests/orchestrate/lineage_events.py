"""OpenLineage events as a receiver sees them: rebuilt and validated.

Each event is rebuilt with the classes of openlineage-python, and the facets whose
schemas openlineage-integration-common ships are validated.
"""

import inspect
import json
import types
import typing
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import attr
import openlineage.common.schema
from jsonschema import Draft202012Validator
from openlineage.client import event_v2, generated
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent
from openlineage.common.provider.dbt import facets as dbt_facets
from referencing import Registry, Resource

from tests.emulators.receiver import Receiver

# The base facets, to which the schemas refer.
SPEC = ("https://openlineage.io/spec/2-0-2/", "https://openlineage.io/spec/1-0-2/")
BASE_FACET = {
    "type": "object",
    "properties": {
        "_producer": {"type": "string", "format": "uri"},
        "_schemaURL": {"type": "string", "format": "uri"},
    },
    "required": ["_producer", "_schemaURL"],
}
BASE_NAMES = ("BaseFacet", "RunFacet", "JobFacet", "DatasetFacet")
BASE_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": dict.fromkeys(BASE_NAMES, BASE_FACET),
}


def take(receiver: Receiver) -> list[RunEvent]:
    """Return the events since the last call, rebuilt and validated."""
    events = []
    for request in receiver.take():
        assert (request.method, request.path) == ("POST", "/api/v1/lineage")
        events.append(rebuild(json.loads(request.body)))
    return events


def rebuild(event: dict[str, Any]) -> RunEvent:
    """Return the event with its facets as objects of their generated classes."""
    assert event["schemaURL"].endswith("OpenLineage.json#/$defs/RunEvent")
    run, job = event["run"], event["job"]
    return RunEvent(
        eventType=event_v2.RunState[event["eventType"]],
        eventTime=event["eventTime"],
        producer=event["producer"],
        run=Run(run["runId"], _facets(run["facets"])),
        job=Job(job["namespace"], job["name"], _facets(job["facets"])),
        inputs=[
            InputDataset(
                namespace=each["namespace"],
                name=each["name"],
                facets=_facets(each["facets"]),
                inputFacets=_facets(each["inputFacets"]),
            )
            for each in event["inputs"]
        ],
        outputs=[
            OutputDataset(
                namespace=each["namespace"],
                name=each["name"],
                facets=_facets(each["facets"]),
                outputFacets=_facets(each["outputFacets"]),
            )
            for each in event["outputs"]
        ],
    )


def _facets(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _facet(name, value) for name, value in values.items()}


def _facet(name: str, value: dict[str, Any]) -> object:
    if schema := _schemas().get(name):
        schema.validate({name: value})
    cls = _classes()[value["_schemaURL"].rpartition("/")[2]]
    content = {key: each for key, each in value.items() if key not in BASE_FACET_KEYS}
    assert value["_producer"] == "urn:nightshift"
    facet = _build(cls, content)
    assert getattr(facet, "_schemaURL") == value["_schemaURL"]  # noqa: B009
    return facet


BASE_FACET_KEYS = ("_producer", "_schemaURL")


@cache
def _classes() -> dict[str, type]:
    """Return the facet classes by the last part of their schema's URL."""
    modules = [
        import_module(f"{generated.__name__}.{module.name}")
        for module in iter_modules(generated.__path__)
    ]
    return {
        cls._get_schema().rpartition("/")[2]: cls
        for module in (*modules, dbt_facets)
        for cls in vars(module).values()
        if inspect.isclass(cls) and hasattr(cls, "_get_schema")
    }


@cache
def _schemas() -> dict[str, Draft202012Validator]:
    """Return a validator for each facet whose schema a package ships, by name."""
    base = Resource.from_contents(BASE_SCHEMA)
    registry: Registry[Any] = Registry().with_resources(
        [(f"{url}OpenLineage.json", base) for url in SPEC]
    )
    validators = {}
    folder = Path(str(openlineage.common.schema.__file__)).parent
    for path in folder.glob("dbt-*.json"):
        schema = json.loads(path.read_text("utf-8"))
        del schema["$schema"]  # one of them names none that exists
        (name,) = schema["properties"]
        validators[name] = Draft202012Validator(schema, registry=registry)
    return validators


def _build(kind: Any, value: Any) -> Any:  # noqa: ANN401 - any annotated type
    """Build a value of an annotated type; an unknown or missing key is an error."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if value is None or kind is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        options = [each for each in arguments if each is not type(None)]
        errors = []
        for option in options:
            try:
                return _build(option, value)
            except (TypeError, AssertionError) as error:
                errors.append(error)
        raise TypeError(errors)
    if origin is list:
        return [_build(arguments[0], each) for each in value]
    if origin is dict:
        return {key: _build(arguments[1], each) for key, each in value.items()}
    if attr.has(kind):
        hints = typing.get_type_hints(kind)
        if unknown := value.keys() - hints:
            raise TypeError(f"{kind} has no {unknown}")
        return kind(**{key: _build(hints[key], each) for key, each in value.items()})
    assert isinstance(value, kind), (kind, value)
    return value
