"""A form made from a JSON schema: a field each, what is common first, the rest folded by group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from policysearch.service.pages.elements import Html, tag

COMMON: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "search": ("data", "name", "trials", "images", "epochs", "confirm", "strategy", "space", "workers"),
        "calibrate": ("data", "name", "rewards", "arms", "seeds", "long", "space", "workers"),
        "evaluate": ("policy", "data", "name", "against", "seeds", "images", "epochs", "workers"),
    }
)
"""Fields that each form shows at once, in their order."""
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Images": (
            *("resize", "aspect", "background", "image_column", "label_column", "group", "skip_damaged"),
            *("validation", "split_seed"),
        ),
        "Reward and choice of policies": ("reward", "calibrated", "rungs", "promote", "prune", "operations"),
        "Confirmation": ("finalists", "confirm_images", "confirm_epochs", "confirm_reward"),
        "What is learned": ("task", "model", "recipe"),
        "Where it runs": ("place", "retries", "deadline", "seed"),
        "For the list of jobs": ("note", "labels"),
    }
)
"""The folded groups; a field that is in none comes under `_REST`."""
_REST = "More"
_LONG = 1_000
"""Text that may be longer than this gets several lines."""
_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "data": "Images",
        "trials": "Pulls",
        "images": "Images per pull",
        "epochs": "Epochs per pull",
        "confirm": "Confirming replicates",
        "space": "Policies to choose from",
        "strategy": "Strategy",
        "group": "Images that belong together",
    }
)
_HELP: Mapping[str, str] = MappingProxyType(
    {
        "data": "a data set of this server: those that it ships, the operator's, and your uploads",
        "space": "a name from the list, or the text of a space of your own in TOML",
        "strategy": "a name from the list, also with parameters as in epsilon-greedy:epsilon=0.1; additive and "
        "by-factor are for the space recipe, others for any, such as default with 40 pulls",
        "calibrated": "the id of a calibration that is done: images, epochs and reward come from it",
        "operations": "plugins of the operator that hold operations, separated by commas",
        "task": "classes of images, several labels, features without labels, texts of lines, or masks; a task other "
        "than classification has defaults of its own, which hold for every field that stays as it is",
        "model": "a network from the list, torchvision:NAME or timm:NAME",
        "reward": "what is maximised: a metric, or a sum such as accuracy-0.5*ece",
        "group": "near (images that look nearly the same), or a column of the data: such images stay on one side",
    }
)
"""What people need to know here where the schema speaks to the command line."""
_NUMBERS = ("integer", "number")


@dataclass(frozen=True)
class Field:
    """One field of a form.

    Attributes:
        path: its name, with a point between a table and its key: `recipe.rate`.
        kind: "text", "integer", "number", "boolean" or "list".
        label, help: what people read.
        default: as text; empty where there is none.
        choices: the only values that it takes; empty for any.
        examples: values that are offered.
        low, high: bounds of a number, included.
        longest: letters of a text.
        required: whether it has no default.
        offers: like `choices`, each with what people read.
    """

    path: str
    kind: str
    label: str
    help: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    longest: int | None = None
    required: bool = False
    offers: tuple[tuple[str, str], ...] = ()


def fields_of(schema: Mapping[str, Any], table: Mapping[str, Any] | None = None, prefix: str = "") -> Iterator[Field]:
    """The fields of an object in a JSON schema, those of a table inside it included.

    Args:
        schema: the whole schema, whose `$defs` are looked up.
        table: the object; by default the schema itself.
        prefix: of the paths.
    """
    table = schema if table is None else table
    required = table.get("required", ())
    for name, entry in table.get("properties", {}).items():
        shape = _resolved(schema, entry)
        if shape.get("type") == "object" and "properties" in shape:
            yield from fields_of(schema, shape, f"{prefix}{name}.")
        else:
            yield _field(f"{prefix}{name}", {**shape, **entry}, shape, name in required)


def _resolved(schema: Mapping[str, Any], entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a value looks like: references followed, and of several shapes the first that is not null."""
    while "$ref" in entry or "anyOf" in entry:
        if "$ref" in entry:
            entry = schema["$defs"][entry["$ref"].rsplit("/", 1)[-1]]
        else:
            entry = next(shape for shape in entry["anyOf"] if shape.get("type") != "null")
    return entry


def _field(path: str, entry: Mapping[str, Any], shape: Mapping[str, Any], required: bool) -> Field:
    kind = {"array": "list", "string": "text"}.get(str(shape.get("type")), str(shape.get("type", "text")))
    whole = 1 if kind == "integer" else 0
    low, high = shape.get("minimum"), shape.get("maximum")
    if low is None and "exclusiveMinimum" in shape:
        low = shape["exclusiveMinimum"] + whole
    if high is None and "exclusiveMaximum" in shape:
        high = shape["exclusiveMaximum"] - whole
    name = path.rpartition(".")[2]
    return Field(
        path,
        kind,
        _LABELS.get(path, name.replace("_", " ").capitalize()),
        _HELP.get(path, str(entry.get("description", ""))),
        _text(entry.get("default")),
        tuple(str(value) for value in shape.get("enum", ())),
        tuple(str(value) for value in entry.get("examples", ())),
        low,
        high,
        shape.get("maxLength"),
        required,
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def field_parts(
    kind: str, schema: Mapping[str, Any], values: Mapping[str, str], offers: Mapping[str, Sequence[tuple[str, str]]]
) -> list[Html]:
    """The common fields, then a fold for each group.

    Args:
        kind: of job.
        schema: of its request.
        values: what fields hold at first instead of their defaults, by path.
        offers: the only values of a field, each with what people read, by path.
    """
    fields = {field.path: replace(field, offers=tuple(offers.get(field.path, ()))) for field in fields_of(schema)}
    common = [fields.pop(path) for path in COMMON.get(kind, ()) if path in fields]
    parts = [tag("div", *(_element(field, values) for field in common), class_="fields")]
    for title, names in GROUPS.items():
        chosen = [fields.pop(path) for path in list(fields) if path.partition(".")[0] in names]
        chosen.sort(key=lambda field: names.index(field.path.partition(".")[0]))
        parts += _fold(title, chosen, values)
    return [*parts, *_fold(_REST, list(fields.values()), values)]


def _fold(title: str, fields: Sequence[Field], values: Mapping[str, str]) -> Iterable[Html]:
    if fields:
        grid = tag("div", *(_element(field, values) for field in fields), class_="fields")
        yield tag("details", tag("summary", title), grid)


def _element(field: Field, values: Mapping[str, str]) -> Html:
    """A label, its box, its help and a place for its error."""
    place = f"f-{field.path.replace('.', '-')}"
    value = values.get(field.path, field.default)
    described = f"{place}-help {place}-error"
    common: dict[str, Any] = {
        "id": place,
        "name": field.path,
        "data_type": field.kind,
        "data_default": field.default,
        "aria_describedby": described,
        "required": field.required,
    }
    label = tag("label", field.label, for_=place)
    help_ = tag("p", field.help, class_="help", id=f"{place}-help")
    error = tag("p", class_="error", id=f"{place}-error", data_error=field.path, hidden=True)
    if field.kind == "boolean":
        box = tag("input", type="checkbox", checked=value == "true", **common)
        return tag("div", box, label, help_, error, class_="field check")
    return tag("div", label, *_box(field, value, place, common), help_, error, class_="field")


def _box(field: Field, value: str, place: str, common: Mapping[str, Any]) -> list[Html]:
    offers = field.offers or [(choice, choice) for choice in field.choices]
    if offers:
        options = (tag("option", text, value=choice, selected=choice == value) for choice, text in offers)
        return [tag("select", *options, **common)]
    if field.kind in _NUMBERS:
        step = 1 if field.kind == "integer" else "any"
        bounds: dict[str, Any] = {"min": _bound(field.low), "max": _bound(field.high), "step": step}
        mode = "numeric" if field.kind == "integer" else "decimal"
        return [tag("input", type="number", value=value, inputmode=mode, **bounds, **common)]
    if field.longest is not None and field.longest > _LONG and not field.examples and field.path != "strategy":
        return [tag("textarea", value, rows=3, maxlength=field.longest, **common)]
    offered = tag("datalist", *(tag("option", value=example) for example in field.examples), id=f"{place}-list")
    names = f"{place}-list" if field.examples else None
    box = tag("input", type="text", value=value, list=names, maxlength=field.longest, autocomplete="off", **common)
    return [box, offered] if field.examples else [box]


def _bound(value: float | None) -> str | None:
    return None if value is None else f"{value:.17g}"
