"""Models with random weights: the shape of a known one, for time and energy where its weights cannot be had.

Such a model has no tokenizer. It reads token ids (dataset `random_tokens`); what it writes means nothing.
"""

from typing import Any, ClassVar

from costbench.errors import EngineError
from costbench.types import Model

PREFIX = "random:"
DOUBT = "random_weights"
"""The caveat of every cell of such a model."""
_SEED = 0


def is_random(model: Model) -> bool:
    """Whether its weights are drawn, not loaded."""
    return model.path.startswith(PREFIX)


def load_random(folder: str, dtype: str, device: str) -> Any:
    """A transformers model after a folder's config.json, made on the device itself; always the same there.

    Raises whatever transformers and torch raise.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config: Any = AutoConfig.from_pretrained(folder)
    wanted = config.dtype if dtype == "auto" else getattr(torch, dtype)
    torch.manual_seed(_SEED)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(config, dtype=wanted)


class NoTokenizer:
    """In place of a tokenizer, for a model that reads and writes ids only."""

    eos_token_id: ClassVar[None] = None
    pad_token_id: ClassVar[int] = 0

    def __init__(self, model: Model, vocabulary: int) -> None:
        self._model = model
        self._vocabulary = vocabulary

    def __len__(self) -> int:
        return self._vocabulary

    def __call__(self, text: str, **options: Any) -> dict[str, list[int]]:
        """Only nothing can be encoded; raises EngineError for anything else."""
        del options
        if text:
            raise self._refusal()
        return {"input_ids": []}

    def apply_chat_template(self, *turns: Any, **options: Any) -> str:
        """Raises EngineError."""
        raise self._refusal()

    def decode(self, ids: list[int], **options: Any) -> str:
        """No text."""
        del ids, options
        return ""

    def _refusal(self) -> EngineError:
        return EngineError(
            f"model {self._model.name} ({self._model.path}) has random weights and no tokenizer: use the "
            "dataset `random_tokens`, and policies that write no text of their own, such as `fixed_length`"
        )
