"""Components by name: ours and a stranger's come through the same entry points."""

import difflib
import re
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points, packages_distributions, version
from typing import Any

from costbench.errors import PluginError
from costbench.interfaces import Dataset, Described, Engine, Grader, ImportFormat, Meter, Policy
from costbench.types import Component

# Which protocol a component of each kind has to satisfy, and what it is called in messages.
_KINDS: Mapping[str, tuple[type, str]] = {
    "datasets": (Dataset, "dataset"),
    "engines": (Engine, "engine"),
    "policies": (Policy, "policy"),
    "meters": (Meter, "meter"),
    "graders": (Grader, "grader"),
    "imports": (ImportFormat, "format"),
}


_OURS = "costbench"
_PLACE = re.compile(r"\w+(\.\w+)*:\w+(\.\w+)*")
"""Of a class: "package.module:Class"."""


def build_component(family: str, spec: object, context: Mapping[str, Any] | None = None) -> Any:
    """A component from its YAML: a mapping with `kind`, or the kind alone.

    Raises PluginError for a kind that cannot be found and pydantic's ValidationError for wrong keys.
    """
    fields = {"kind": spec} if isinstance(spec, str) else spec
    if not isinstance(fields, dict) or not isinstance(fields.get("kind"), str):
        raise PluginError(f"expected a name or a mapping with `kind`, found {spec!r}")
    component = component_class(family, fields["kind"])
    if ":" in fields["kind"]:  # a class named by its place keeps its own kind
        fields = {key: value for key, value in fields.items() if key != "kind"}
    return component.model_validate(fields, context=dict(context or {}))


def component_spec(family: str, component: Described) -> dict[str, Any]:
    """What `build_component` makes this component of again: by its place where it is not installed."""
    kind = type(component)
    installed = entry_points(group=f"costbench.{family}", name=component.kind)
    place = f"{kind.__module__}:{kind.__qualname__}"
    by_name = any(point.value == place for point in installed)
    return component.model_dump(mode="json") | ({} if by_name else {"kind": place})


def strangers_versions(family: str, component: Described) -> dict[str, str]:
    """Packages that somebody else's component came in; none of ours, none of a module that nobody installed.

    By its entry point, or by its module where a suite names it by its place.
    """
    kind = type(component)
    place = f"{kind.__module__}:{kind.__qualname__}"
    points = entry_points(group=f"costbench.{family}")
    found = {point.dist.name for point in points if point.value == place and point.dist}
    module = kind.__module__.partition(".")[0]
    if not found and module != _OURS:
        found = set(packages_distributions().get(module, ()))
    return {name: version(name) for name in sorted(found - {_OURS})}


def component_class(family: str, kind: str) -> type[Component]:
    """The class behind an entry point, or behind "package.module:Class"."""
    protocol, noun = _KINDS[family]
    if ":" in kind:
        if not _PLACE.fullmatch(kind):
            raise PluginError(f'{noun} {kind!r} is not a class path; write "package.module:Class"')
        point = EntryPoint(name=kind, value=kind, group=f"costbench.{family}")
    else:
        point = _installed(family, kind)
    try:
        found = point.load()
    except Exception as error:  # a stranger's module can raise anything
        raise PluginError(f"{noun} {kind!r} ({point.value}) cannot be loaded: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Component)):
        raise PluginError(f"{noun} {kind!r} ({point.value}) is not a costbench.types.Component")
    has = {*dir(found), *found.model_fields}  # a version may be a field
    missing = sorted(_verbs(protocol) - has)
    if missing:
        raise PluginError(f"{noun} {kind!r} ({point.value}) lacks {', '.join(missing)}")
    return found


def installed_kinds(family: str) -> list[str]:
    """Names of all components of a family that are installed."""
    return sorted(point.name for point in entry_points(group=f"costbench.{family}"))


def _installed(family: str, kind: str) -> EntryPoint:
    points = entry_points(group=f"costbench.{family}", name=kind)
    if points:
        return next(iter(points))
    noun, known = _KINDS[family][1], installed_kinds(family)
    if not known:
        raise PluginError(
            "no component is registered: costbench is not installed; run `pip install -e .` once"
        )
    near = difflib.get_close_matches(kind, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise PluginError(f"no {noun} is called {kind!r}{hint} (installed: {', '.join(known)})")


def _verbs(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}
