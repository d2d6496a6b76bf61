"""What recipes name: components as in suites; rewards by entry point, or by "package.module:function"."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from costbench.errors import TrainError
from costbench.plugins import build_component
from trainers.rewards import HapoState

_GROUP = "costbench.rewards"
_STATES: Mapping[str, Callable[[], Any]] = {"hapo": HapoState}
"""Rewards that remember something, and what they begin with."""


@dataclass(frozen=True)
class Reward:
    """A reward with its hyperparameters, ready for `by_problem` or `by_problem_with_state`."""

    name: str
    function: Callable[..., Any]
    takes_targets: bool
    """Whether it needs the length that each prompt asked for."""
    first_state: Callable[[], Any] | None = None


def component(family: str, spec: object, place: str) -> Any:
    """A dataset, engine or grader; raises TrainError for wrong keys, PluginError for an unknown kind."""
    try:
        return build_component(family, spec)
    except ValidationError as error:
        raise TrainError("\n".join(_wrong(found, place) for found in error.errors())) from error


def _wrong(found: Any, place: str) -> str:
    message = str(found["msg"]).removeprefix("Value error, ")
    return f"{'.'.join(map(str, (place, *found['loc'])))}: {message[:1].lower()}{message[1:]}"


def build_reward(spec: Mapping[str, Any], limit_tokens: int) -> Reward:
    """The reward of a recipe; raises TrainError for an unknown name or key, or one that is missing.

    A reward that knows where generation ends is told `limit_tokens` unless the recipe says otherwise.
    """
    kind = spec.get("kind")
    if not isinstance(kind, str):
        raise TrainError(f"reward: expected a mapping with `kind`, found {dict(spec)!r}")
    function = _function(kind)
    keys = _hyperparameters(function)
    given = {key: value for key, value in spec.items() if key != "kind"}
    for key in given.keys() - keys.keys():
        near = difflib.get_close_matches(key, keys, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        known = ", ".join(sorted(keys)) or "none"
        raise TrainError(f"reward {kind}: unknown key `{key}`{hint} (it has: {known})")
    if "limit_tokens" in keys:
        given.setdefault("limit_tokens", limit_tokens)
    for key in sorted(name for name, needed in keys.items() if needed and name not in given):
        if key == "state":
            raise TrainError(f"reward {kind} needs a state that is made outside of a training")
        raise TrainError(f"reward {kind}: `{key}` is missing; it has no published value")
    reward = Reward(
        name=kind,
        function=partial(function, **given),
        takes_targets="target_tokens" in _columns(function),
        first_state=_first_state(kind, function),
    )
    _try_out(reward)
    return reward


def _try_out(reward: Reward) -> None:
    """On a group of two right responses: a value out of range is told before anything is sampled."""
    columns: list[Any] = [[1, 2], [True, True]]
    columns += [[2, 2]] if reward.takes_targets else []
    try:
        if reward.first_state is None:
            reward.function(*columns)
        else:  # twice: at first there is nothing to remember
            _, state = reward.function("problem", *columns, reward.first_state())
            reward.function("problem", *columns, state)
    except TrainError as error:
        raise TrainError(f"reward {reward.name}: {error}") from error
    except Exception as error:  # a stranger's function can raise anything
        said = f"{type(error).__name__}: {error}"
        raise TrainError(f"reward {reward.name}: fails on two right responses: {said}") from error


def installed_rewards() -> list[str]:
    """Names of all rewards that are installed."""
    return sorted(point.name for point in entry_points(group=_GROUP))


def _function(kind: str) -> Callable[..., Any]:
    if ":" in kind:
        point = EntryPoint(name=kind, value=kind, group=_GROUP)
    else:
        found = entry_points(group=_GROUP, name=kind)
        if not found:
            known = installed_rewards()
            near = difflib.get_close_matches(kind, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TrainError(f"no reward is called {kind!r}{hint} (there are: {', '.join(known)})")
        point = next(iter(found))
    try:
        function = point.load()
    except Exception as error:  # a stranger's module can raise anything
        raise TrainError(f"reward {kind!r} ({point.value}) cannot be loaded: {error}") from error
    if not callable(function):
        raise TrainError(f"reward {kind!r} ({point.value}) is not a function")
    return function  # type: ignore[no-any-return]


def _columns(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


def _hyperparameters(function: Callable[..., Any]) -> dict[str, bool]:
    """Keyword-only parameters, and whether each has to be given."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default is p.empty for p in parameters if p.kind is p.KEYWORD_ONLY}


def _first_state(kind: str, function: Callable[..., Any]) -> Callable[[], Any] | None:
    if "state" not in _columns(function):
        return None
    if kind not in _STATES:
        raise TrainError(
            f"reward {kind} ranks responses that are already there; no step rewards with it"
        )
    return _STATES[kind]
