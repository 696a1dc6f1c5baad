"""The JSON Schema of suite files: the pydantic models' own, and each model's options from the catalog."""

from typing import Any

from bench.suite.catalog import MODELS, Option, model_options
from bench.suite.claims import CLAIM_KINDS
from bench.suite.schema import DATASET_SPECS, ModelSpec, Suite

_TYPES = {"bool": "boolean", "int": "integer", "float": "number", "str": "string"}


def suite_schema() -> dict[str, Any]:
    """Returns the schema of what `bench.suite.load.load_suite` accepts."""
    schema = Suite.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["required"].remove("name")  # the file's stem stands in
    shared = schema["$defs"].pop("ModelSpec")["properties"]
    schema["properties"]["models"]["items"] = {
        "anyOf": [{"enum": list(MODELS)}, *(_model_schema(name, shared) for name in MODELS)]
    }
    for spec in DATASET_SPECS.values():
        own = schema["$defs"][spec.__name__]
        own["required"] = ["name", *own.get("required", [])]
    by_mapping = schema["properties"]["datasets"]["items"]
    bare = [name for name in DATASET_SPECS if not _needs_keys(name)]
    schema["properties"]["datasets"]["items"] = {"anyOf": [{"enum": bare}, by_mapping]}
    schema["$defs"]["Operand"] = {"anyOf": [{"type": "string"}, schema["$defs"]["Operand"]]}
    for kind in CLAIM_KINDS.values():
        own = schema["$defs"][kind.__name__]["properties"]
        own |= {
            key: _or_one(field) for key, field in own.items() if _arrays_in(field) and key != "equivalent"
        }
    return schema


def _arrays_in(field: dict[str, Any]) -> list[dict[str, Any]]:
    return [branch for branch in field.get("anyOf", [field]) if branch.get("type") == "array"]


def _or_one(field: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema of a list, or of one item in its place."""
    around = {key: value for key, value in field.items() if key in ("title", "description", "default")}
    branches = field.get("anyOf") or [{key: value for key, value in field.items() if key not in around}]
    return {"anyOf": [*branches, *(array["items"] for array in _arrays_in(field))], **around}


def _needs_keys(dataset: str) -> bool:
    return any(field.is_required() for field in DATASET_SPECS[dataset].model_fields.values())


def _model_schema(name: str, shared: dict[str, Any]) -> dict[str, Any]:
    fields = {key: shared[key] for key in ModelSpec.model_fields if key not in ("name", "options")}
    options = {key: _option_schema(option) for key, option in model_options(name).items()}
    grouped = {"type": "object", "properties": options, "additionalProperties": False}
    return {
        "type": "object",
        "title": MODELS[name].label,
        "properties": {"name": {"const": name}, **fields, **options, "options": grouped},
        "required": ["name"],
        "additionalProperties": False,
    }


def _option_schema(option: Option) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": _TYPES[option.type_name]}
    if option.allowed:
        kind = {"enum": list(option.allowed)}
    elif option.bound is not None:
        relation, limit = option.bound
        kind["exclusiveMinimum" if relation == "above" else "minimum"] = limit
    return {**kind, "default": option.default}
