"""What is different where a server does the work: whose energy it is, and what it cannot do."""

from collections.abc import Iterable, Sequence

from costbench.cell import Cell
from costbench.interfaces import Budgeting, Caching, Engine, Limited, OpenEngine, Served
from costbench.store import Store
from costbench.suite import Meters
from costbench.types import GPU_SCOPE, MeterFacts


def why_unmetered(engine: Engine, meters: Meters, facts: Iterable[MeterFacts]) -> str | None:
    """Why our meters do not see the work, as a code of `metering.reasons`; None where they do.

    A suite that names the server's process or GPUs says that they are of this machine.
    """
    if not isinstance(engine, Served):
        return None
    if meters.gpus != "engine":
        return None
    if meters.server_pid is None:
        return "remote_server" if engine.remote else "server_not_named"
    on_gpus = any(each.scope == GPU_SCOPE for each in facts)
    return "server_gpus_not_named" if on_gpus else None


def gpus_at_work(
    engine: Engine, opened: OpenEngine, meters: Meters, facts: Iterable[MeterFacts]
) -> list[str]:
    """The GPUs that a cell's engine works on: an engine's own word, of a server the suite's."""
    if not isinstance(engine, Served) or meters.gpus == "engine":
        return list(opened.gpu_uuids)
    if meters.gpus != "all":
        return list(meters.gpus)
    devices = (device for each in facts for device in each.devices)
    return [device.domain.removeprefix("gpu:") for device in devices]


def note_engine(
    store: Store, cells: Sequence[Cell], opened: OpenEngine, facts: Sequence[MeterFacts]
) -> None:
    """Keep what is known of the engine of these cells in this session.

    A resumed run may be on another GPU of the same kind, or know more of its server.
    """
    said = store.meta("suite")["meters"]  # which meters they are does not matter
    meters = Meters(**{key: said[key] for key in ("gpus", "server_pid") if key in said})
    session = str(store.session)
    with store.transaction():
        for cell in cells:
            known = store.meta(f"engine:{cell.id}") or {}
            uuids = gpus_at_work(cell.engine, opened, meters, facts)
            unmetered = why_unmetered(cell.engine, meters, facts)
            store.set_meta(
                f"engine:{cell.id}",
                {
                    "latency_basis": opened.latency_basis,
                    "gpu_uuids": known.get("gpu_uuids", {}) | {session: uuids},
                    "unmetered": known.get("unmetered", {}) | {session: unmetered},
                    "versions": dict(opened.versions),
                    "doubts": list(opened.doubts) if isinstance(opened, Limited) else [],
                },
            )


async def forget_prompts(store: Store, cell: Cell, engine: OpenEngine) -> None:
    """Empty the engine's prefix cache before a pass; kept as an event where that cannot be done.

    Cells ask the same questions, and so does every pass of one: with a warm cache the later ones are cheaper.
    """
    if isinstance(engine, Caching) and not await engine.reset_prefix_cache():
        store.add_event("cache", "the prefix cache could not be emptied before a pass", cell.id)


def note_questions_again(store: Store, cell: Cell, engine: OpenEngine) -> None:
    """A window that is longer than its pass asks its questions again, which an engine may have cached."""
    if isinstance(engine, Caching):
        store.add_event("cache", "a pass asked its questions again to fill its window", cell.id)


async def within_reach(cells: Sequence[Cell], opened: OpenEngine) -> tuple[list[Cell], str | None]:
    """The cells whose policies this engine can serve, and why not the others."""
    left, whys = list(cells), list[str]()
    for needs, why_not in (("continues", _cannot_continue), ("engine_budgets", _cannot_budget)):
        needing = [cell for cell in left if getattr(cell.policy, needs, False)]
        cannot = await why_not(opened) if needing else None
        if cannot is not None:
            left = [cell for cell in left if cell not in needing]
            names = dict.fromkeys(cell.policy_name for cell in needing)
            whys.append(f"{', '.join(names)}: {cannot}")
    return left, "; ".join(whys) or None


async def _cannot_continue(opened: OpenEngine) -> str | None:
    return opened.cannot_continue if isinstance(opened, Limited) else None


async def _cannot_budget(opened: OpenEngine) -> str | None:
    if isinstance(opened, Budgeting):
        return await opened.why_no_thinking_budget()
    return (
        "this engine has no budget of thinking tokens of its own; use the policy `budget_forcing`, or "
        "the engine `vllm`"
    )
