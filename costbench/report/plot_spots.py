"""Where labels go beside points, so that they cover neither points nor each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LABEL_SIZE = 12
_LETTER = 0.56 * LABEL_SIZE
_HEIGHT = LABEL_SIZE + 2
_FAR = 30.0
"""What a step away from the point costs, in covered pixels."""
_LABEL_WEIGHT = 4.0
_INSIDE = 2

Align = Literal["left", "center", "right"]
Pixel = tuple[float, float]


class Box(NamedTuple):
    """A rectangle in pixels, and how bad it is to cover it."""

    left: float
    top: float
    right: float
    bottom: float
    weight: float = 1.0


class Label(NamedTuple):
    """A text that belongs to a point."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Spot:
    """A place for a label relative to its point, in pixels."""

    dx: float
    dy: float
    align: Align
    distance: int
    """Beyond 0 the label is so far off that a line should lead to it."""


_SIDES: tuple[tuple[float, float, Align], ...] = (
    (11.0, 0.0, "left"),
    (-11.0, 0.0, "right"),
    (9.0, -12.0, "left"),
    (9.0, 12.0, "left"),
    (-9.0, -12.0, "right"),
    (-9.0, 12.0, "right"),
    (0.0, -16.0, "center"),
    (0.0, 16.0, "center"),
)
_REACHES = (1.0, 1.8, 2.7, 3.6)
_SPOTS = tuple(
    Spot(across * reach, down * reach, align, distance)
    for distance, reach in enumerate(_REACHES)
    for across, down, align in _SIDES
)


def place_labels(labels: Sequence[Label], obstacles: Sequence[Box], frame: Box) -> list[Spot]:
    """A spot for each label, near it and covering little: the best of a few orders of placing them."""
    fixed = _table(obstacles)
    covered = [[covered_by(label, spot) for spot in _SPOTS] for label in labels]
    alone = [
        [
            _FAR * spot.distance + _cost(boxes, fixed, frame)
            for spot, boxes in zip(_SPOTS, each, strict=True)
        ]
        for each in covered
    ]
    orders = (
        sorted(range(len(labels)), key=lambda at: (sign * labels[at][axis], at))
        for axis in (0, 1)
        for sign in (1, -1)
    )
    tried = [_placed(order, covered, alone) for order in orders]
    return min(tried, key=lambda outcome: outcome[0])[1]


def around(x: float, y: float, half: float, weight: float = 1.0) -> Box:
    """A square about a point."""
    return Box(x - half, y - half, x + half, y + half, weight)


def along(start: Pixel, end: Pixel, weight: float) -> list[Box]:
    """Small boxes along a line."""
    steps = max(1, int(max(abs(end[0] - start[0]), abs(end[1] - start[1])) // 6))
    shares = [step / steps for step in range(steps + 1)]
    return [
        around(start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1]), 2, weight)
        for t in shares
    ]


def _placed(
    order: Sequence[int], covered: Sequence[Sequence[list[Box]]], alone: Sequence[Sequence[float]]
) -> tuple[float, list[Spot]]:
    taken: list[Box] = []
    chosen: dict[int, Spot] = {}
    total = 0.0
    for at in order:
        both, so_far = zip(covered[at], alone[at], strict=True), _table(taken)
        costs = [cost + overlap(boxes, so_far) for boxes, cost in both]
        best = costs.index(min(costs))
        chosen[at] = _SPOTS[best]
        total += costs[best]
        taken += covered[at][best]
    return total, [chosen[at] for at in range(len(order))]


def _cost(boxes: Sequence[Box], obstacles: "NDArray[np.float64]", frame: Box) -> float:
    label, *leader = boxes
    outside = (label.right - label.left) * (label.bottom - label.top) - overlap([label], [frame])
    # A leading line starts inside its own point.
    return frame.weight * outside + overlap([label, *leader[_INSIDE:]], obstacles)


def covered_by(label: Label, spot: Spot) -> list[Box]:
    """What a label takes up at a spot: its own box, then those of the line that leads to it."""
    width = _LETTER * len(label.text)
    shift = {"left": 0.0, "center": width / 2, "right": width}[spot.align]
    x, y = label.x + spot.dx, label.y + spot.dy
    box = Box(x - shift, y - _HEIGHT / 2, x - shift + width, y + _HEIGHT / 2, _LABEL_WEIGHT)
    return [box, *(along((label.x, label.y), (x, y), 1.0) if spot.distance else ())]


def _table(boxes: Sequence[Box]) -> "NDArray[np.float64]":
    """Made once where many are compared with them."""
    import numpy as np

    return np.array(boxes, dtype=np.float64).reshape(len(boxes), len(Box._fields))


def overlap(ours: Sequence[Box], others: "Sequence[Box] | NDArray[np.float64]") -> float:
    """The pixels shared by two sets of boxes, each times the weight of the other box."""
    import numpy as np

    if not len(ours) or not len(others):
        return 0.0
    left, top, right, bottom, _ = np.array(ours).T[:, :, None]
    other = np.asarray(others).T[:, None, :]
    width = np.minimum(right, other[2]) - np.maximum(left, other[0])
    height = np.minimum(bottom, other[3]) - np.maximum(top, other[1])
    return float((np.maximum(width, 0) * np.maximum(height, 0) * other[4]).sum())
