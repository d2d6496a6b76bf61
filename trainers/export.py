"""A finished training as an ordinary model folder."""

import shutil
from pathlib import Path
from typing import Any

from costbench.engines.model_files import resolve_model
from trainers.recipe import TuningRecipe
from trainers.tuning import Base


def export_model(trainer: Any, recipe: TuningRecipe, folder: Path) -> bool:
    """Write bfloat16 weights with the base model's tokenizer and sampling defaults; nothing pickled.

    All processes of a job have to call it; true in the one that has written.
    """
    saved = Path(trainer.args.output_dir) / "final"
    trainer.save_model(str(saved))  # gathers what is spread over processes
    if not trainer.is_world_process_zero():
        return False
    shutil.rmtree(folder, ignore_errors=True)
    _write(saved, recipe, folder)
    shutil.rmtree(saved)
    return True


def sampling_defaults(base: Base) -> Any:
    """The base model's generation settings; None where it has none."""
    from transformers import GenerationConfig

    try:
        return GenerationConfig.from_pretrained(
            str(resolve_model(base.path)), revision=base.revision or "main"
        )
    except OSError:
        return None


def end_ids(base: Base, tokenizer: Any) -> frozenset[int]:
    """Every id that ends a response, as TRL has it: the tokenizer's and those of the model's defaults."""
    defaults = sampling_defaults(base)
    found = defaults.eos_token_id if defaults else None
    own = found if isinstance(found, list) else [found]
    return frozenset(one for one in [*own, tokenizer.eos_token_id] if one is not None)


def _write(saved: Path, recipe: TuningRecipe, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    base = str(resolve_model(recipe.base.path))
    if recipe.lora is None:
        model: Any = AutoModelForCausalLM.from_pretrained(str(saved), dtype=torch.bfloat16)
    else:
        from peft import PeftModel

        whole = AutoModelForCausalLM.from_pretrained(
            base, revision=recipe.base.revision, dtype=torch.float32
        )
        merged: Any = PeftModel.from_pretrained(whole, str(saved)).merge_and_unload()
        model = merged.to(torch.bfloat16)
    model.generation_config = sampling_defaults(recipe.base) or GenerationConfig()
    model.save_pretrained(str(folder))
    AutoTokenizer.from_pretrained(base, revision=recipe.base.revision).save_pretrained(str(folder))
    for weights in folder.glob("*.safetensors"):
        weights.chmod(0o644)  # safetensors writes for its owner alone
