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
    Comparison,
    LengthComparison,
    Payback,
    Saving,
    TrainingCost,
)
from costbench.report.contract.estimates import (
    METHOD_VERSION,
    SCHEMA_VERSION,
    E,
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
    "AttributionFacts",
    "Bill",
    "CellReport",
    "Choice",
    "Comparison",
    "Decided",
    "DecisionFacts",
    "DemandFacts",
    "E",
    "EnergyFacts",
    "Fit",
    "FrontierMetric",
    "IdleFacts",
    "LengthComparison",
    "LengthControl",
    "LevelAccuracy",
    "MoneyFacts",
    "OnFrontier",
    "Payback",
    "Report",
    "Saving",
    "SecondOpinionFacts",
    "Served",
    "SkippedGroup",
    "Spread",
    "TierChoice",
    "TrainingCost",
    "WindowFacts",
    "Windows",
]
