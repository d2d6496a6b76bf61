"""Small price books, and machines to price."""

from pathlib import Path

import machines
import pytest

from costbench.errors import SuiteError
from costbench.hardware import Gpu, Machine
from costbench.prices import PriceBook, load_prices

GOOD = """\
date: 2026-11-20
machines:
  - {match: cpu, per: vcpu, usd_per_hour: 0.04, provider: P, source: S, as_of: 2026-06-17}
  - {match: H200, per: gpu, usd_per_hour: 2, provider: P, source: S, as_of: 2026-04-03}
  - {match: box, per: machine, usd_per_hour: 9, provider: P, source: S, as_of: 2026-04-03}
electricity: {usd_per_kwh: 0.09, place: Virginia, year: 2023, source: S}
grid: {gco2e_per_kwh: 369.5, place: USA, year: 2023, source: S}
"""


def load(folder: Path, text: str) -> PriceBook:
    path = folder / "book.yaml"
    path.write_text(text)
    return load_prices(path)


def problems(folder: Path, text: str) -> list[str]:
    """Each with its line first, without the path."""
    with pytest.raises(SuiteError) as caught:
        load(folder, text)
    return [
        line.removeprefix(f"{folder / 'book.yaml'}:") for line in str(caught.value).splitlines()
    ]


def machine(*gpus: str, cores: int = 4) -> Machine:
    return machines.machine(*(Gpu(name=name, memory_gib=141) for name in gpus), cores=cores)
