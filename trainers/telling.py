"""What a training says while it goes on: a line per step, now and then a response, warnings before it."""

import os
import sys

import click

from costbench.printable import clean
from trainers.following import Stand
from trainers.recipe import TuningRecipe
from trainers.rewarding import Sample
from trainers.tuning import ReinforcementRecipe

_SHOWN = (
    ("loss", "loss {:.4f}"),
    ("reward", "reward {:.3f}"),
    ("accuracy", "right {:.1%}"),
    ("output_tokens", "{:.0f} tokens"),
    ("length_error", "off by {:.0%}"),
    ("over_maximum", "over {:.0%}"),
    ("truncated", "cut {:.0%}"),
)
_CANCELLED_BY_GROUP_STD = frozenset(
    {"arora_sigmoid", "kimi_k1_5", "shorter_better", "alp", "laser", "laser_d", "hapo", "cosine"}
)
_LONGEST_SAMPLE = 600


class Telling:
    """Shows each stand; on a terminal the line is written over."""

    def __init__(self, recipe: TuningRecipe) -> None:
        self._every = recipe.print_every_steps
        self._over = sys.stderr.isatty()
        self._reinforcement = isinstance(recipe, ReinforcementRecipe)

    def __call__(self, stand: Stand) -> None:
        """One line, and a response where one is due."""
        if not is_first_process():
            return
        line = _line(stand, self._reinforcement)
        click.echo(f"\r\x1b[K{line}" if self._over else line, nl=not self._over, err=True)
        if stand.sample is not None and self._every and stand.step % self._every == 0:
            self.end()
            click.echo(_shown(stand.sample), err=True)

    def end(self) -> None:
        """Leave the line that is written over."""
        if self._over:
            click.echo(err=True)


def tell(message: str) -> None:
    """A sentence on stderr, from one process of a job."""
    if is_first_process():
        click.echo(f"costbench: {message}", err=True)


def is_first_process() -> bool:
    """Whether this is the process of a job that speaks for all."""
    return os.environ.get("RANK", "0") in {"", "0"}


def warn_of(recipe: TuningRecipe) -> None:
    """What is allowed, and mostly not what was meant."""
    if recipe.needs:
        tell(f"{recipe.name} needs {recipe.needs}")
    if not isinstance(recipe, ReinforcementRecipe):
        return
    kind = str(recipe.reward.get("kind"))
    if recipe.policy.scale == "group" and kind in _CANCELLED_BY_GROUP_STD:
        tell(
            "warning: policy.scale is `group`, which divides by the spread of each group's rewards: where "
            f"all of a group are right, the weight of {kind}'s length penalty cancels (`none` keeps it)"
        )


def _line(stand: Stand, reinforcement: bool) -> str:
    if stand.what != "step":
        return f"{stand.what} {stand.step}/{stand.steps} problems"
    shown = [
        form.format(stand.figures[key])
        for key, form in _SHOWN
        if key in stand.figures and not (reinforcement and key == "loss")
    ]
    left = "" if stand.remaining_s is None else f"{stand.remaining_s / 60:.0f} min left"
    return "  ".join([f"step {stand.step}/{stand.steps}", *shown, left])


def _shown(sample: Sample) -> str:
    """A response as text that cannot steer a terminal."""
    verdict = {True: "right", False: "wrong", None: "not graded"}[sample.correct]
    reward = "none" if sample.reward is None else f"{sample.reward:.3f}"
    text = clean(sample.response, keep="\n")
    if len(text) > _LONGEST_SAMPLE:
        text = f"{text[: _LONGEST_SAMPLE // 2]} […] {text[-_LONGEST_SAMPLE // 2 :]}"
    judged = f"({verdict}, {sample.tokens} tokens, reward {reward})"
    return "\n  ".join(["  " + clean(sample.prompt, keep="\n"), f"-> {text}", judged])
