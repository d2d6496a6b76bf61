"""How continuous batching draws tokens: each row by its own temperature, all by one top_p and top_k.

What transformers has for single rows sorts the vocabulary for top_k, too, and cannot take the best token.
"""

import torch
from transformers import LogitsProcessorList
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingLogitsProcessor,
    ContinuousBatchingLogitsProcessorList,
)
from transformers.generation.continuous_batching.requests import FutureRequestState

_TEMPERATURE = "temperature"
_GREEDY = 0.0
_UNSAID = 1.0
"""Of the manager's own warm-up and of padding."""


def by_rows(filters: LogitsProcessorList, recorded: bool) -> ContinuousBatchingLogitsProcessorList:
    """What a manager takes; `filters` are those for top_k and top_p.

    `recorded`: in CUDA graphs, which do the same whatever rows there are.
    """
    made = ContinuousBatchingLogitsProcessorList(LogitsProcessorList([ByRow(filters, recorded)]))
    made.tensors_required = 1
    return made


def drawn_at(temperature: float) -> dict[str, float]:
    """What a request carries; 0 is its best token at each step, the first of those that are equal."""
    return {_TEMPERATURE: temperature}


class ByRow(ContinuousBatchingLogitsProcessor):
    """Scores, shape [rows, vocabulary], in float32, as they are drawn from."""

    def __init__(self, filters: LogitsProcessorList, recorded: bool) -> None:
        self.supported_kwargs = {_TEMPERATURE: float}
        self.ignored_kwargs = ()
        self._filters = filters
        self._recorded = recorded
        self._greedy, self._drawn = True, True
        """Whether there is such a row in the step."""

    def fill_defaults(self, int32_tensor: torch.Tensor) -> None:
        """Called once."""
        int32_tensor.copy_(_bits(torch.full(int32_tensor.shape, _UNSAID)))

    def prepare_tensor_args(
        self, requests_with_new_token: list[FutureRequestState]
    ) -> torch.Tensor:
        """Called before each step."""
        temperatures = [
            each.state.logit_processor_kwargs.get(_TEMPERATURE, _UNSAID)
            for each in requests_with_new_token
        ]
        if not self._recorded:
            self._greedy = _GREEDY in temperatures
            self._drawn = any(each != _GREEDY for each in temperatures)
        return _bits(torch.tensor(temperatures, dtype=torch.float32))

    def __call__(  # type: ignore[override]  # it says FloatTensor, which nothing is
        self, scores: torch.Tensor, tensor_arg: torch.Tensor
    ) -> torch.Tensor:
        """Of rows behind those with a new token nobody reads what is drawn, but it has to be possible."""
        if not self._drawn:
            return _only_the_best(scores)
        temperatures = tensor_arg[: len(scores)].view(torch.float32).unsqueeze(-1)
        greedy = temperatures == _GREEDY
        drawn = scores / temperatures.masked_fill(greedy, 1.0)
        for narrow in self._filters:
            drawn = narrow(None, drawn)
        return torch.where(greedy, _only_the_best(scores), drawn) if self._greedy else drawn


def _only_the_best(scores: torch.Tensor) -> torch.Tensor:
    best = scores.argmax(dim=-1, keepdim=True)
    return torch.full_like(scores, -torch.inf).scatter_(-1, best, 0.0)


def _bits(temperatures: torch.Tensor) -> torch.Tensor:
    """As the manager keeps them, among integers."""
    return temperatures.view(torch.int32)
