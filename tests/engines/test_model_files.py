"""Models that are not there, and the hash that tells two of them apart."""

import asyncio
import shutil
from pathlib import Path

import pytest

from costbench.engines.model_files import files_sha256, resolve_model
from costbench.engines.transformers import TransformersEngine
from costbench.errors import EngineError
from costbench.types import Model


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "embedded:nothing",
            r"no embedded model is called 'embedded:nothing' \(there is: .*abacus-base",
        ),
        ("./no/such/folder", "no such folder; a path is a folder, a hub id like org/name"),
        ("name-without-org", "no such folder"),
    ],
)
def test_a_model_that_is_not_there_is_told_with_what_a_path_can_be(path: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        resolve_model(path)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"has no config\.json"):
        resolve_model(str(tmp_path))


def test_a_hub_id_is_left_as_it_is() -> None:
    assert resolve_model("org/model-1.5B") == "org/model-1.5B"
    assert files_sha256("org/model-1.5B") is None


def test_the_hash_changes_with_any_file_of_the_model(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(resolve_model("embedded:abacus-base"), copy)
    original = files_sha256("embedded:abacus-base")
    assert files_sha256(str(copy)) == original
    (copy / "chat_template.jinja").write_text("another")
    assert files_sha256(str(copy)) != original


def test_broken_weights_are_an_engine_error_with_the_models_name(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(resolve_model("embedded:abacus-base"), copy)
    (copy / "model.safetensors").write_bytes(b"not weights")

    async def open_it() -> None:
        async with TransformersEngine().open(Model(name="broken", path=str(copy)), 1):
            pass

    with pytest.raises(EngineError, match="model broken"):
        asyncio.run(open_it())


def test_asking_for_cuda_without_a_gpu_says_what_to_do() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("a GPU is here")

    async def open_it() -> None:
        model = Model(name="abacus-base", path="embedded:abacus-base")
        async with TransformersEngine(device="cuda").open(model, 1):
            pass

    with pytest.raises(EngineError, match="torch sees no GPU; install a CUDA build"):
        asyncio.run(open_it())
