"""What a card says of the energy of a training."""

from costbench.training import UNLIKE_METERS, TrainingEnergy
from costbench.types import GPU_SCOPE, MODULE_SCOPE
from costbench.units import kwh_from_joules
from trainers.checkpoint import Ledger

_SCOPES = {
    GPU_SCOPE: "of the GPUs alone",
    MODULE_SCOPE: "of modules of CPU, GPU and memory",
    "cpu_package": "of CPU packages, and of memory where it is counted, alone",
    "machine_model": "of CPU and memory of the whole machine",
}
"""What a meter's scope covers, in words; one of somebody's own meter speaks for itself."""


def training_energy(ledger: Ledger, *, metered: bool = True) -> TrainingEnergy:
    """The energy of all parts; not `metered`, some of it was used where no meter of ours is."""
    joules = ledger.joules if metered else None
    return TrainingEnergy.model_validate(
        {
            "joules": joules,
            "provenance": "unavailable" if joules is None else ledger.energy_provenance,
            "method": ledger.energy_method,
            "scope": ledger.energy_scope,
            "reason": UNLIKE_METERS if ledger.energy_mixed else None,
        }
    )


def energy_said(energy: TrainingEnergy) -> str:
    """In kWh with its provenance, method and scope, or why it is not known."""
    if energy.reason == UNLIKE_METERS:
        return "energy not known (unlike meters have counted parts of it, which do not add up)"
    if energy.joules is None:
        return "energy not known (no meter covered all of it)"
    covers = _SCOPES.get(energy.scope or "")
    scope = f"{energy.scope}: {covers}" if covers else energy.scope
    return (
        f"{kwh_from_joules(energy.joules):.5f} kWh ({energy.provenance}: {energy.method}, {scope})"
    )
