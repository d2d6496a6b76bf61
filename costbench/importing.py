"""One `costbench import`: from files of another tool to a run folder like any other."""

import datetime
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from costbench.errors import ImportFileError, first_line
from costbench.import_cells import ImportedCell, Naming, SourceFile, lay_out, plain_name
from costbench.import_energy import EnergyTrace, read_energy, require_overlap
from costbench.import_writing import Writing, caveats, meta_of, overlapping, write_run
from costbench.imported import ImportedSample
from costbench.imports.reading import require_lines
from costbench.interfaces import ImportFormat
from costbench.locations import new_run_folder
from costbench.plugins import build_component, installed_kinds
from costbench.types import Provenance

AUTO, _LAST = "auto", "table"


@dataclass(frozen=True)
class ImportOptions:
    """What the command line says about an import."""

    out: Path
    source: str = AUTO
    """A format by name, with settings "{kind: table, columns: {response: text}}", or "auto"."""
    settings: Mapping[str, Any] | None = None
    """Further settings of the format: `columns`, `metric`."""
    name: str | None = None
    """What the run folder's name begins with; the format's when None."""
    naming: Naming = field(default_factory=lambda: Naming(""))
    tokenizer: Path | None = None
    gpu: tuple[str, int] | None = None
    """What it ran on, and how many of them: for prices."""
    energy: Path | None = None
    energy_provenance: Provenance | None = None


@dataclass(frozen=True)
class ImportResult:
    """A run folder, and what was imported."""

    folder: Path
    format: str
    attempts: int
    cells: tuple[str, ...]
    caveats: tuple[str, ...] = ()
    """Codes of what its files lack, as reports have them."""


def import_files(paths: Sequence[Path], options: ImportOptions) -> ImportResult:
    """Read the files, check all of it, then write a run folder: whole, or not at all.

    Raises ImportFileError, PluginError, StoreError.
    """
    for path in paths:
        if path.is_dir():
            raise ImportFileError(f"{path}: is a folder; name the files in it")
    form = format_of(options.source, options.settings or {}, paths)
    files = [SourceFile(path, tuple(form.read(path))) for path in paths]
    for file in files:
        if not file.samples:
            raise ImportFileError(f"{file.path}: holds no response")
    counted = _counted(files, options.tokenizer)
    naming = Naming(**vars(options.naming) | {"source": form.kind})
    cells = lay_out(counted, naming)
    trace = _trace(options, cells, form)
    now = datetime.datetime.now(datetime.UTC)
    folder = new_run_folder(options.out, plain_name(options.name or form.kind), now)
    writing = Writing(form, options.name, options.gpu, counted, cells, trace)
    write_run(folder, writing, meta_of(writing, now))
    return ImportResult(
        folder=folder,
        format=form.kind,
        attempts=sum(len(cell.tries) for cell in cells),
        cells=tuple(cell.plan.id for cell in cells),
        caveats=tuple(dict.fromkeys(code for _, code in caveats(writing))),
    )


def format_of(source: str, settings: Mapping[str, Any], paths: Sequence[Path]) -> ImportFormat:
    """The format that is named, or the one that the first file looks like."""
    spec = _guessed(paths[0], settings) if source == AUTO else _parsed(source)
    fields = {"kind": spec} if isinstance(spec, str) else spec
    try:
        found: ImportFormat = build_component("imports", {**fields, **settings})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            option = {"columns": "--column", "metric": "--metric"}.get(place, place)
            raise ImportFileError(
                f"{option}: the format {fields['kind']} has no such thing"
            ) from error
        raise ImportFileError(f"--from: {place}: {first['msg']}") from error
    return found


def _parsed(source: str) -> Any:
    try:
        found = yaml.safe_load(source)
    except (yaml.YAMLError, RecursionError) as error:
        raise ImportFileError(f"--from {source!r}: not a name and not YAML") from error
    return found if isinstance(found, dict) else source


def _guessed(path: Path, settings: Mapping[str, Any]) -> str:
    if not path.is_file():
        raise ImportFileError(f"{path}: cannot be read: no such file")
    kinds = sorted(installed_kinds("imports"), key=lambda kind: kind == _LAST)
    for kind in kinds:
        with suppress(ValidationError):  # a stranger's may need settings
            if build_component("imports", kind).recognizes(path):
                return kind
    require_lines(path)
    if "columns" in settings:  # which nothing else has
        return _LAST
    raise ImportFileError(
        f"{path}: looks like none of {', '.join(kinds)}; name the format with --from, and columns of a "
        "table with --column response=NAME"
    )


def _counted(files: Sequence[SourceFile], tokenizer: Path | None) -> list[SourceFile]:
    """Output tokens that the files do not have, by this tokenizer."""
    if tokenizer is None:
        return list(files)
    from transformers import AutoTokenizer

    try:
        known: Any = AutoTokenizer.from_pretrained(str(tokenizer))
    except Exception as error:
        raise ImportFileError(
            f"--tokenizer {tokenizer}: cannot be loaded: {first_line(error)}"
        ) from error

    def count(one: ImportedSample) -> ImportedSample:
        if one.output_tokens is not None or one.response is None:
            return one
        tokens = len(known(one.response, add_special_tokens=False)["input_ids"])
        return one.model_copy(update={"output_tokens": tokens, "tokens_counted": True})

    return [SourceFile(file.path, tuple(map(count, file.samples))) for file in files]


def _trace(
    options: ImportOptions, cells: Sequence[ImportedCell], form: ImportFormat
) -> EnergyTrace | None:
    if options.energy is None:
        return None
    windows = [span for cell in cells for span in cell.windows.values()]
    if not form.wall_clock:
        raise ImportFileError(
            f"--energy: times in files of {form.kind} are of a clock of their own, which no trace shares"
        )
    if not windows:
        raise ImportFileError(
            "--energy: the files do not say when every attempt began and ended, so there is no window"
        )
    if overlapping(cells):
        raise ImportFileError(
            "--energy: attempts of several cells ran at the same time; a trace cannot tell them apart"
        )
    trace = read_energy(options.energy, options.energy_provenance)
    require_overlap(options.energy, trace, windows)
    return trace
