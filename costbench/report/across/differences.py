"""In what two runs differ besides their figures: the machine, versions, models, settings, prompts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from costbench.hardware import Machine
from costbench.records import CellRecord, RunRecord
from costbench.report.across.contract import Difference
from costbench.report.across.matching import Match

Facts = dict[str, str]
_SHOWN = 12
"""Digits of a hash."""


def differences(
    runs: tuple[RunRecord, RunRecord], pairs: Sequence[Match]
) -> tuple[Difference, ...]:
    """Those of the whole run first, then those of cells; what is true of every pair names none."""
    baseline, candidate = (_of_run(run) for run in runs)
    found = [
        Difference(what=what, baseline=one, candidate=other)
        for what, one, other in _unlike(baseline, candidate)
    ]
    told = {(each.what, each.baseline, each.candidate) for each in found}
    by_what: dict[tuple[str, str | None, str | None], list[str]] = {}
    for pair in pairs:
        facts = _of_cell(runs[0], pair.baseline), _of_cell(runs[1], pair.candidate)
        if all("model files" in one for one in facts):
            for one in facts:  # the same files may lie elsewhere
                one.pop("model path", None)
        for each in _unlike(*facts):
            if each not in told:
                by_what.setdefault(each, []).append(pair.candidate.id)
    found += [
        Difference(
            what=what,
            baseline=one,
            candidate=other,
            cells=() if len(cells) == len(pairs) else tuple(cells),
        )
        for (what, one, other), cells in by_what.items()
    ]
    return tuple(found)


def models_known(runs: tuple[RunRecord, RunRecord]) -> bool:
    """Whether both runs say by hash which files each model had; folders of older versions do not."""
    return all("model_sha256" in run.meta for run in runs)


def _unlike(one: Facts, other: Facts) -> Iterator[tuple[str, str | None, str | None]]:
    """The settings of two kinds differ anyway: there the kinds are enough."""
    unlike = [what for what in dict.fromkeys((*one, *other)) if one.get(what) != other.get(what)]
    kinds = tuple(f"{what} " for what in unlike if what in one and what in other)
    for what in unlike:
        if not what.startswith(kinds):
            yield what, one.get(what), other.get(what)


def _of_run(run: RunRecord) -> Facts:
    machine = Machine.model_validate(run.meta["machine"])
    suite = run.meta["suite"]
    return {
        "GPU": ", ".join(f"{gpu.name} {gpu.memory_gib:.3g} GiB" for gpu in machine.gpus) or "none",
        "CPU": machine.cpu,
        "cores": str(machine.cores),
        "memory": "unknown" if machine.memory_gib is None else f"{machine.memory_gib:.3g} GiB",
        "system": machine.system,
        "virtual machine": _text(machine.virtual),
        "Python": machine.python,
        **machine.versions,
        "costbench": run.meta["costbench_version"],
        **_devices(run),
        **_flat("protocol", suite["protocol"]),
        **_flat("meters", suite.get("meters")),
    }


def _devices(run: RunRecord) -> Facts:
    devices = [d for facts in run.meters.values() for each in facts for d in each.devices]
    drivers = sorted({d.driver for d in devices if d.driver})
    limits = sorted({f"{d.power_limit_w:g} W" for d in devices if d.power_limit_w})
    found = {"driver": ", ".join(drivers), "power limit": ", ".join(limits)}
    return {what: text for what, text in found.items() if text}


def _of_cell(run: RunRecord, record: CellRecord) -> Facts:
    spec, model = record.spec, record.spec["model"]
    files = run.meta.get("model_sha256", {}).get(f"{spec['group']}/{model['name']}")
    training = spec.get("training") or {}
    engine = run.meta.get(f"engine:{record.id}", {})
    return {
        "group": spec["group"],
        **{name.replace("_", " "): str(figure) for name, figure in record.load.items()},
        **engine.get("versions", {}),
        **_flat("engine", _engine(run, spec["group"])),
        "latency basis": engine.get("latency_basis", "client"),
        **({"model files": files[:_SHOWN]} if files else {}),
        "model path": model["path"],
        **_flat("model", {"revision": model["revision"], "thinking": model["thinking"]}),
        "training recipe": str(training.get("recipe_sha256", "none"))[:_SHOWN],
        **_flat("policy", spec["policy"]),
        **_flat("sampling", spec["sampling"]),
        "prompts": spec["prompt_sha256"][:_SHOWN],
        **_flat("grader", spec["grader"]),
        "grader version": record.grader[1],
    }


def _engine(run: RunRecord, group: str) -> Any:
    groups = run.meta["suite"].get("groups", ())
    return next((each.get("engine") for each in groups if each["name"] == group), None)


def _flat(name: str, content: Any) -> Facts:
    """Settings by their keys: "sampling temperature"; the kind by the name alone."""
    if not isinstance(content, Mapping):
        return {} if content is None else {name: _text(content)}
    found: Facts = {}
    for key, value in content.items():
        found |= _flat(name if key == "kind" else f"{name} {key}", value)
    return found


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if value is None:
        return "unknown"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
