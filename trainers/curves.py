"""Reward, accuracy and length by step, as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_CURVES = {
    "reward": "reward",
    "accuracy": "accuracy of the samples",
    "output_tokens": "output tokens",
    "length_error": "mean absolute length error (share of what was asked)",
    "over_maximum": "share over the maximum",
    "loss": "loss",
}
_MEMORY = 0.9
_WIDTH, _HEIGHT, _PPI = 560, 110, 72


def write_curves(history: Sequence[Mapping[str, Any]], path: Path) -> bool:
    """A panel per figure that was logged: each step and a moving average. False where there is nothing."""
    import altair as alt

    panels: list[alt.LayerChart] = []
    for key, title in _CURVES.items():
        points = _points(history, key)
        if len(points) < 2 or (key == "loss" and panels):  # noqa: PLR2004 - a line needs two
            continue
        base = alt.Chart(alt.InlineData(values=points)).encode(x=alt.X("step:Q", title="update"))
        axis = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False))
        dots = base.mark_circle(size=8, opacity=0.35, color="#8aa6c1").encode(y=axis)
        line = base.mark_line(color="#1f4e79", strokeWidth=1.6).encode(y=alt.Y("smooth:Q"))
        panels.append((dots + line).properties(width=_WIDTH, height=_HEIGHT, title=title))
    if not panels:
        return False
    chart = (
        alt.vconcat(*panels)
        .configure_title(anchor="start", fontSize=12)
        .configure_view(stroke=None)
    )
    chart.save(str(path), ppi=_PPI)
    return True


def _points(history: Sequence[Mapping[str, Any]], key: str) -> list[dict[str, float]]:
    points: list[dict[str, float]] = []
    smooth: float | None = None
    for entry in history:
        value = entry.get(key)
        if not isinstance(value, int | float) or "step" not in entry:
            continue
        smooth = value if smooth is None else _MEMORY * smooth + (1 - _MEMORY) * value
        points.append({"step": entry["step"], "value": round(value, 4), "smooth": round(smooth, 4)})
    return points
