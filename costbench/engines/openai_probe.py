"""What a server takes, asked with a few small requests before anything is measured."""

from dataclasses import replace

from costbench.engines.openai_faults import RefusedError
from costbench.engines.openai_prompts import Prompts
from costbench.engines.openai_requests import Takes
from costbench.engines.openai_server import QUESTION, Continuing, Server
from costbench.errors import EngineError, RequestError
from costbench.types import Completion, Model, Piece, Request, Sampling

_TOKENS = 16
_PLAIN = Sampling(temperature=1, top_p=1)
"""What no model refuses."""


async def examine(server: Server, model: Model, prompts: Prompts | str, *, wanted: bool) -> None:
    """Settle what requests look like, and whether a written beginning can be continued.

    `prompts` are the model's tokenizer, or why there is none; `wanted` is whether to try to continue.
    Raises EngineError where the server answers no request at all.
    """
    if isinstance(prompts, Prompts):
        server.continuing = Continuing(prompts)
    chat = await _chat(server, model)
    if not server.form.takes.top_k:
        server.doubts = (*server.doubts, "top_k_not_sent")
    cannot = _why_not(model, prompts, chat, wanted=wanted)
    server.continuing = replace(server.continuing, cannot=cannot)
    if cannot is None:
        await _continue(server, model)


async def _chat(server: Server, model: Model) -> Completion:
    """A first answer; fields that the server refuses are left out from then on."""
    request = Request(messages=QUESTION, max_tokens=_TOKENS, seed=0, sampling=_PLAIN)
    while True:
        try:
            return await server.generate(request)
        except RefusedError as error:
            fewer = server.form.takes.without(str(error))
            if fewer is None:
                raise EngineError(f"{server.place}: {error}; {_next_step(error, model)}") from None
            server.form = replace(server.form, takes=fewer)
        except RequestError as error:
            raise EngineError(
                f"{error}; is {server.form.served_name!r} what the server calls the model? Else say "
                f"`served_name` of model {model.name}"
            ) from None


def _next_step(error: RefusedError, model: Model) -> str:
    if error.status == 404:  # noqa: PLR2004 - HTTP's
        return (
            "say `served_name` of model "
            f"{model.name} as the server calls it, and `base_url` up to and with /v1"
        )
    return "change what it refuses in the suite's `sampling` or the engine's `extra_body`"


def _why_not(model: Model, prompts: Prompts | str, chat: Completion, *, wanted: bool) -> str | None:
    if not wanted:
        return "`continuation: never`"
    if isinstance(prompts, str):
        return f"{prompts}; say `tokenizer:`, a folder or hub id with the model's tokenizer"
    here = prompts.count_prompt(prompts.conversation(QUESTION))
    if chat.input_tokens not in {None, here}:
        return (
            f"the server reads {chat.input_tokens} tokens where the chat template here makes {here}: "
            "another template or tokenizer; say `tokenizer:`, the one that the server has"
        )
    if prompts.is_special(model.thinking.close):
        return (
            f"{model.thinking.close} is a special token of its tokenizer, and servers leave those out of "
            "their texts; use the engine transformers"
        )
    return None


async def _continue(server: Server, model: Model) -> None:
    """Plain completions: with stop markers that can be told, else with ones that we listen for."""
    request = Request(
        messages=QUESTION,
        written=(Piece(text="1", origin="injected"),),
        max_tokens=1,
        stop=(model.thinking.close,),
        seed=0,
    )
    asked = server.form.takes
    ways: list[tuple[Takes, bool]] = [(asked, False)]
    if server.form.stream:
        ways.append((replace(asked, stop=False, shows_marker=False), True))
    else:
        ways.append((replace(asked, shows_marker=False), False))
    for takes, listens in ways:
        server.form = replace(server.form, takes=takes)
        server.continuing = replace(server.continuing, cannot=None, listens=listens)
        try:
            await server.generate(request)
        except RequestError as error:
            server.continuing = replace(
                server.continuing, cannot=f"plain completions fail: {error}"
            )
            continue
        return
    server.form = replace(server.form, takes=asked)
