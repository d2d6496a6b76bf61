"""Where a model's files are: shipped with the package, in a folder, or on the hub; or only its shape."""

import hashlib
import re
from pathlib import Path

from costbench.errors import EngineError

_PACKAGE = Path(__file__).parent.parent
_SHIPPED = {"embedded": _PACKAGE / "embedded", "random": _PACKAGE / "shapes"}
_NOUNS = {"embedded": "embedded model", "random": "shape of a model"}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_WEIGHTS_AND_TOKENIZER = ("*.safetensors", "*.json", "*.jinja")


def resolve_model(path: str) -> Path | str:
    """A folder, or a hub id as it is; raises EngineError for a folder that is not there."""
    prefix, _, name = path.partition(":")
    shipped = _SHIPPED.get(prefix)
    if shipped is not None and (shipped / (name or "?") / "config.json").is_file():
        return shipped / name
    local = _folder(path.removeprefix("random:"))
    if local is not None:
        if not (local / "config.json").is_file():
            raise EngineError(f"model path {path}: the folder has no config.json")
        return local
    if shipped is not None:
        known = ", ".join(sorted(p.parent.name for p in shipped.glob("*/config.json")))
        raise EngineError(f"no {_NOUNS[prefix]} is called {path!r} (there is: {known or 'none'})")
    if _HUB_ID.fullmatch(path) and not path.startswith("."):
        return path
    raise EngineError(
        f"model path {path}: no such folder; a path is a folder, a hub id like "
        "org/name, embedded:NAME, or random:NAME"
    )


def _folder(path: str) -> Path | None:
    try:
        folder = Path(path).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError):  # too long for a path, or "~" of nobody
        return None


def files_sha256(path: str) -> str | None:
    """A hash over weights, tokenizer and configuration of a local model; None for one on the hub."""
    folder = resolve_model(path)
    if isinstance(folder, str):
        return None
    digest = hashlib.sha256()
    for file in sorted({f for pattern in _WEIGHTS_AND_TOKENIZER for f in folder.glob(pattern)}):
        digest.update(file.name.encode())
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()
