"""Checkpoints of a training: weights and optimizer state as safetensors, the rest as JSON. No pickle."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from costbench.errors import TrainError
from trainers.scratch import SupervisedRecipe

_TIED = "lm_head.weight"
"""Stored once: the output layer is the input embedding."""


@dataclass
class Ledger:
    """What a training has done and used so far, over all its parts."""

    step: int = 0
    tokens: int = 0
    duration_s: float = 0.0
    joules: float | None = None
    """None: no meter gave a figure for some part of it, or its parts were counted in unlike ways."""
    energy_method: str | None = None
    energy_provenance: str | None = None
    energy_scope: str | None = None
    energy_mixed: bool = False
    """Methods, provenances or scopes of its parts differ: a sum of them would have no name, ever after."""
    machines: list[str] = field(default_factory=list)
    """Labels of all that worked on it, each once, in their order."""


class Checkpoint:
    """A folder with the newest state of one recipe's training."""

    def __init__(self, folder: Path, recipe: SupervisedRecipe) -> None:
        self._folder = folder
        said = recipe.model_dump_json(exclude={"compute"})  # it may go on on another machine
        self._identity = hashlib.sha256(said.encode()).hexdigest()

    def load(self, model: torch.nn.Module, optimizers: list[torch.optim.Optimizer]) -> Ledger:
        """Restore the newest state; a fresh ledger where there is none."""
        state = self._folder / "state.json"
        if not state.exists():
            return Ledger()
        found = json.loads(state.read_text())
        if found["recipe_sha256"] != self._identity:
            raise TrainError(
                f"{self._folder}: holds the checkpoint of another recipe; "
                "train into another folder with --out, or delete it"
            )
        tensors = load_file(self._folder / found["tensors"])
        weights = {
            k.removeprefix("model/"): v for k, v in tensors.items() if k.startswith("model/")
        }
        missing, unexpected = model.load_state_dict(weights, strict=False)
        if unexpected or set(missing) - {_TIED}:
            raise TrainError(f"{self._folder}: the checkpoint does not fit the model; delete it")
        for number, optimizer in enumerate(optimizers):
            _restore(optimizer, f"optimizer{number}/", tensors)
        return Ledger(**found["ledger"])

    def save(
        self, model: torch.nn.Module, optimizers: list[torch.optim.Optimizer], ledger: Ledger
    ) -> None:
        """Write the state so that a crash at any moment leaves the old or the new one, never half."""
        self._folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"model/{name}": tensor.contiguous() for name, tensor in _weights(model)}
        for number, optimizer in enumerate(optimizers):
            for index, entry in optimizer.state_dict()["state"].items():
                for key, value in entry.items():
                    tensors[f"optimizer{number}/{index}/{key}"] = value.contiguous()
        name = f"state-{ledger.step}.safetensors"
        save_file(tensors, self._folder / name)
        content = {
            "recipe_sha256": self._identity,
            "tensors": name,
            "ledger": dataclasses.asdict(ledger),
        }
        fresh = self._folder / "state.json.new"
        fresh.write_text(json.dumps(content, indent=1))
        fresh.replace(self._folder / "state.json")
        for old in self._folder.glob("state-*.safetensors"):
            if old.name != name:
                old.unlink()


def _weights(model: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [(name, t) for name, t in model.state_dict().items() if name != _TIED]


def _restore(
    optimizer: torch.optim.Optimizer, prefix: str, tensors: dict[str, torch.Tensor]
) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(prefix):
            index, key = name.removeprefix(prefix).split("/")
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
