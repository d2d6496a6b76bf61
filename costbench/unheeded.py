"""What an engine has to say that it heeds: one that ignores it in silence would measure another load."""

from collections.abc import Sequence

from costbench.errors import EngineError, SuiteError
from costbench.interfaces import Engine, Policy
from costbench.types import Problem, Request


def why_not_this_policy(engine: Engine, policy: Policy, name: str) -> str | None:
    """Why this engine cannot serve a policy, by what the policy says that it sends; None where it can."""
    if not getattr(policy, "ignores_eos", False):
        return None
    return _why_no_fixed_lengths(engine, name)


def require_heeded(engine: Engine, dataset: str, problems: Sequence[Problem]) -> None:
    """Raises SuiteError where an engine might send something else in place of a dataset's problems."""
    if any(problem.prompt_ids is not None for problem in problems):
        why = _why_no_token_ids(engine, f"dataset {dataset}")
        if why is not None:
            raise SuiteError(why)


def refuse_unheeded(engine: Engine, request: Request, policy: str) -> None:
    """For policies that do not say what they send; raises EngineError before the request is sent."""
    whys = []
    if request.ignore_eos:
        whys.append(_why_no_fixed_lengths(engine, policy))
    if any(message.token_ids is not None for message in request.messages):
        whys.append(_why_no_token_ids(engine, f"policy {policy}"))
    for why in filter(None, whys):
        raise EngineError(why)


def _why_no_token_ids(engine: Engine, what: str) -> str | None:
    if getattr(engine, "takes_token_ids", False):
        return None
    return (
        f"{what} has prompts of token ids, and engine {engine.kind} does not say that it takes any: it might "
        "send their description in words; " + _next_step("takes_token_ids")
    )


def _why_no_fixed_lengths(engine: Engine, policy: str) -> str | None:
    if getattr(engine, "takes_ignore_eos", False):
        return None
    return (
        f"policy {policy} needs responses of a fixed length (`ignore_eos`), and engine {engine.kind} does "
        "not say that it goes on past an end of turn; " + _next_step("takes_ignore_eos")
    )


def _next_step(marker: str) -> str:
    return (
        "use the engine `transformers` or `vllm`; an engine of your own that heeds it says so in its class, "
        f"`{marker}: ClassVar[bool] = True`"
    )
