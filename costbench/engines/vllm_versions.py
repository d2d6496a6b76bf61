"""All names of vLLM that are used here, at one place: they are the same in 0.22 and in 0.31, but for two.

0.22 refuses a request with ValueError, 0.31 with a VLLMClientError that is none. Their other differences
(raw prompts, engine arguments that came and went) are not used.
"""

from typing import Any

import torch
import vllm.exceptions
from vllm import SamplingParams, __version__
from vllm.config.reasoning import ReasoningConfig
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.inputs import tokens_input
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError
from vllm.v1.metrics.loggers import PrometheusStatLogger

__all__ = [
    "ON_A_CPU",
    "REFUSALS",
    "AsyncEngineArgs",
    "AsyncLLM",
    "EngineDeadError",
    "EngineGenerateError",
    "PrometheusStatLogger",
    "ReasoningConfig",
    "RequestOutputKind",
    "SamplingParams",
    "__version__",
    "gpu_uuids",
    "tokens_input",
    "torch_version",
]

torch_version = str(torch.__version__)

ON_A_CPU = bool(current_platform.is_cpu())

REFUSALS: tuple[type[Exception], ...] = (
    ValueError,
    getattr(vllm.exceptions, "VLLMClientError", ValueError),
)
"""What it raises for a request that it does not take."""


def gpu_uuids(config: Any) -> tuple[str, ...]:
    """The GPUs that an engine of this configuration works on, in the order of CUDA_VISIBLE_DEVICES.

    NVML is asked, not CUDA: a context of this process would take memory of the first one.
    """
    if not current_platform.is_cuda():
        return ()
    parallel = config.parallel_config
    gpus = parallel.world_size * parallel.data_parallel_size
    return tuple(str(current_platform.get_device_uuid(at)) for at in range(gpus))
