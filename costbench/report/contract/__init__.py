"""The report as data: `costbench report --format json`, schema version 1.

A promise to users: keys are added, never renamed or removed. A value that nobody measured is null, with the
reason beside it.
"""

from costbench.report.contract.cell import (
    CellReport,
    EnergyFacts,
    IdleFacts,
    LengthControl,
    LevelAccuracy,
    MoneyFacts,
    OnFrontier,
    WindowFacts,
    Windows,
)
from costbench.report.contract.comparing import (
    BudgetLine,
    Comparison,
    CostOfPass,
    Essentialness,
    LengthComparison,
    Payback,
    Saving,
    SetCostOfPass,
    TrainingCost,
)
from costbench.report.contract.costs import (
    ApiFacts,
    BookCell,
    BookFacts,
    BreakEvenFacts,
    Footprint,
    GhgCategories,
    PhaseEnergy,
    TariffFacts,
)
from costbench.report.contract.estimates import (
    METHOD_VERSION,
    SCHEMA_VERSION,
    E,
    Facts,
    FrontierMetric,
    Spread,
)
from costbench.report.contract.run import (
    AttributionFacts,
    Fit,
    Report,
    SecondOpinionFacts,
    SkippedGroup,
)
from costbench.report.contract.serving import AtSlo, ServingFacts, ServingWindow
from costbench.report.contract.wanting import (
    Bill,
    Choice,
    Decided,
    DecisionFacts,
    DemandFacts,
    Served,
    TierChoice,
)

__all__ = [
    "METHOD_VERSION",
    "SCHEMA_VERSION",
    "ApiFacts",
    "AtSlo",
    "AttributionFacts",
    "Bill",
    "BookCell",
    "BookFacts",
    "BreakEvenFacts",
    "BudgetLine",
    "CellReport",
    "Choice",
    "Comparison",
    "CostOfPass",
    "Decided",
    "DecisionFacts",
    "DemandFacts",
    "E",
    "EnergyFacts",
    "Essentialness",
    "Facts",
    "Fit",
    "Footprint",
    "FrontierMetric",
    "GhgCategories",
    "IdleFacts",
    "LengthComparison",
    "LengthControl",
    "LevelAccuracy",
    "MoneyFacts",
    "OnFrontier",
    "Payback",
    "PhaseEnergy",
    "Report",
    "Saving",
    "SecondOpinionFacts",
    "Served",
    "ServingFacts",
    "ServingWindow",
    "SetCostOfPass",
    "SkippedGroup",
    "Spread",
    "TariffFacts",
    "TierChoice",
    "TrainingCost",
    "WindowFacts",
    "Windows",
]
