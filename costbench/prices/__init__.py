"""Prices: dated books, every figure with its source. Money and carbon exist only where one is named."""

from costbench.prices.api import ApiPrice, api_price
from costbench.prices.book import PriceBook
from costbench.prices.changes import SET_BY_USER, with_changes
from costbench.prices.embodied import embodied_entries, embodied_gco2e_per_s
from costbench.prices.entries import Deployment, Electricity, MachinePrice, OwnedMachine
from costbench.prices.human import human_usd
from costbench.prices.loading import load_prices
from costbench.prices.site import Embodied, Grid, Host, Pue, Water
from costbench.prices.tariffs import Tariff, headline, tariffs

__all__ = [
    "SET_BY_USER",
    "ApiPrice",
    "Deployment",
    "Electricity",
    "Embodied",
    "Grid",
    "Host",
    "MachinePrice",
    "OwnedMachine",
    "PriceBook",
    "Pue",
    "Tariff",
    "Water",
    "api_price",
    "embodied_entries",
    "embodied_gco2e_per_s",
    "headline",
    "human_usd",
    "load_prices",
    "tariffs",
    "with_changes",
]
