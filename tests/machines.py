"""Machines that tests suppose to be on."""

from typing import Any

from costbench.hardware import Gpu, Machine


def machine(*gpus: Gpu, **facts: Any) -> Machine:
    """A small one with these GPUs; the facts are fields of a machine."""
    usual = {
        "cpu": "Test CPU",
        "cores": 4,
        "memory_gib": 8.0,
        "system": "Linux 6",
        "python": "3.11.0",
        "virtual": None,
        "versions": {},
    }
    return Machine.model_validate({**usual, "gpus": gpus, **facts})
