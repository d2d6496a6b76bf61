"""Reading recipes: YAML, with changes from the command line; every problem of a file told at once."""

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from costbench.errors import SuiteError, TrainError
from costbench.yaml_file import YamlFile, read_yaml
from trainers.scratch import SupervisedRecipe
from trainers.tuning import DpoRecipe, ReinforcementRecipe, SftRecipe

TuningRecipe = ReinforcementRecipe | SftRecipe | DpoRecipe
Recipe = SupervisedRecipe | TuningRecipe
KINDS: dict[str, type[Recipe]] = {
    "supervised": SupervisedRecipe,
    "reinforcement": ReinforcementRecipe,
    "sft": SftRecipe,
    "dpo": DpoRecipe,
}


_BUNDLED = Path(__file__).parent / "recipes"


def bundled_recipes() -> dict[str, Path]:
    """By name."""
    return {path.stem: path for path in sorted(_BUNDLED.glob("*.yaml"))}


def load_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe; `changes` are KEY=VALUE with a dotted key. Raises TrainError for what is wrong."""
    try:
        file = read_yaml(path)
    except SuiteError as error:
        raise TrainError(str(error)) from error
    content = file.content
    if not isinstance(content, dict):
        raise TrainError(f"{path}:1: the file: expected a mapping")
    for change in changes:
        content = _changed(content, change)
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise TrainError(f"{path}: `kind` is one of {', '.join(KINDS)}, found {kind!r}")
    return _validated(KINDS[kind], YamlFile(path, content, file.root))


def _validated(model: type[Recipe], file: YamlFile) -> Recipe:
    try:
        return model.model_validate(file.content)
    except ValidationError as error:
        raise TrainError(file.explain(error)) from error


def _changed(content: dict[str, object], change: str) -> dict[str, object]:
    """The content with one value replaced; the value is read as YAML."""
    key, equals, text = change.partition("=")
    if not equals or not key:
        raise TrainError(f"--set {change!r}: expected KEY=VALUE, such as reward.alpha=0.1")
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # "2026-13-45"
        raise TrainError(f"--set {change!r}: the value is not YAML") from error
    return _with(content, key.split("."), value, change)


def _with(
    content: dict[str, object], keys: Sequence[str], value: object, change: str
) -> dict[str, object]:
    first, rest = keys[0], keys[1:]
    if not rest:
        return {**content, first: value}
    inner = content.get(first)
    if inner is None:
        inner = {}
    if not isinstance(inner, dict):
        raise TrainError(f"--set {change!r}: `{first}` holds no keys of its own")
    return {**content, first: _with(inner, rest, value, change)}
