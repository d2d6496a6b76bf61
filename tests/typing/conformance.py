"""For mypy only: every built-in fits its protocol, so that a renamed verb fails the check."""

from costbench.datasets.arithmetic import Arithmetic
from costbench.datasets.hub import Hub
from costbench.datasets.jsonl import Jsonl
from costbench.engines.openai import OpenaiEngine
from costbench.engines.transformers import TransformersEngine
from costbench.graders.exact import ExactGrader
from costbench.graders.math import MathGrader
from costbench.interfaces import Dataset, Engine, Grader, Meter, Normalizing, Policy, Served
from costbench.metering.codecarbon import CodeCarbonMeter
from costbench.metering.nvml import NvmlMeter
from costbench.policies.budget_forcing import BudgetForcing
from costbench.policies.majority import Majority
from costbench.policies.prompt_budget import PromptBudget
from costbench.policies.truncation import Truncation
from costbench.policies.unconstrained import Unconstrained

datasets: tuple[type[Dataset], ...] = (Arithmetic, Hub, Jsonl)
engines: tuple[type[Engine], ...] = (TransformersEngine, OpenaiEngine)
served: tuple[type[Served], ...] = (OpenaiEngine,)
policies: tuple[type[Policy], ...] = (
    Unconstrained,
    Truncation,
    BudgetForcing,
    PromptBudget,
    Majority,
)
meters: tuple[type[Meter], ...] = (NvmlMeter, CodeCarbonMeter)
graders: tuple[type[Grader], ...] = (ExactGrader, MathGrader)
normalizing: tuple[type[Normalizing], ...] = (ExactGrader, MathGrader)
