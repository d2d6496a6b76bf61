"""What a training took, as its card has it."""

from costbench.hardware import Gpu
from costbench.training import TrainingEnergy, TrainingFacts
from tests.report.in_memory import MACHINE

TRAINED_ON_GPU = MACHINE.model_copy(update={"gpus": (Gpu(name="NVIDIA Test", memory_gib=80.0),)})


def training(joules=5000.0, **changes):
    """100 s, 0.01 USD at the run's machine's price."""
    energy = {"provenance": "measured", "method": "a_clock", "scope": "test_bench"}
    energy |= changes.pop("energy", {})
    facts = {
        "recipe": "alpha-0.2",
        "recipe_sha256": "0" * 64,
        "method": "arora_sigmoid",
        "base": "base",
        "data_sha256": "1" * 64,
        "problems": 100,
        "seed": 0,
        "steps": 10,
        "tokens": 1000,
        "duration_s": 100.0,
        "energy": TrainingEnergy(joules=joules, **energy),
        "gpus": 0,
        "machine": MACHINE,
        "versions": {},
    }
    return TrainingFacts(**facts | changes)
