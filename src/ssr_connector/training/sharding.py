"""FSDP2 (torch's `fully_shard`): weights, gradients and AdamW's state divided among the processes of a run.

Not through accelerate, which knows it on GPUs alone and with one precision for the whole model.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from ssr_connector.config import TrainingSection
from ssr_connector.encoders import PretrainedEncoder
from ssr_connector.training.processes import processes


def is_sharded(config: TrainingSection) -> bool:
    """Whether this run divides anything: one process holds everything in any case."""
    return config.sharding == "fsdp" and processes().num_processes > 1


def shard(student: Any, precision: str) -> None:
    """Divide a student's weights among all processes, on their devices, in place.

    They are gathered layer by layer where they are used. Layers come in bf16 where that is the precision: what autocast
    would make of them is kept for the backward pass, a copy of every layer, and what is gathered is freed instead.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    state = processes()
    mesh = init_device_mesh(state.device.type, (state.num_processes,))
    exact = MixedPrecisionPolicy()
    layerwise = exact
    if precision == "bf16":  # what comes in is autocast's business, so that residual sums stay as they are without FSDP
        layerwise = MixedPrecisionPolicy(torch.bfloat16, torch.float32, cast_forward_inputs=False)
    for module in units(student):
        policy = exact if isinstance(module, PretrainedEncoder) else layerwise  # encoders run in float32
        fully_shard(module, mesh=mesh, mp_policy=policy, reshard_after_forward=True)
    fully_shard(student, mesh=mesh, mp_policy=exact, reshard_after_forward=True)
    # The encoder is called before the student is, and torch takes what is called first for the root.
    student._get_fsdp_state()._lazy_init()


def units(module: nn.Module) -> list[nn.Module]:
    """What is gathered at once: Transformer layers, output heads with weights of their own, encoders as a whole.

    As one, because processes run an encoder in different numbers of windows, and must gather equally often.
    """
    from transformers import PreTrainedModel
    from transformers.modeling_layers import GradientCheckpointingLayer

    encoders = [m for m in module.modules() if isinstance(m, PretrainedEncoder)]
    within = {m for encoder in encoders for m in encoder.modules()}
    found: list[nn.Module] = list(encoders)
    part: Any
    for part in module.modules():
        if part in within:
            continue
        if isinstance(part, GradientCheckpointingLayer):
            found.append(part)
        head = part.get_output_embeddings() if isinstance(part, PreTrainedModel) else None
        if head is not None and head.weight is not part.get_input_embeddings().weight:
            found.append(head)
    return found


def unshard(student: nn.Module) -> None:
    """Put whole weights, on the CPU of every process, where the shards were; it trains no more. All call it at once."""
    whole: dict[nn.Parameter, nn.Parameter] = {}  # so that tied ones stay tied
    for module in student.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter not in whole:
                whole[parameter] = nn.Parameter(full(parameter.detach()).cpu(), parameter.requires_grad)
            module.register_parameter(name, whole[parameter])


def full(tensor: Tensor) -> Tensor:
    """All of it. All processes call it at once."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def local(tensor: Tensor) -> Tensor:
    """The rows of it that this process holds."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def rows(tensor: Tensor) -> slice:
    """Which rows these are: torch divides the first dimension like `torch.chunk`, and the last ones may get none."""
    if not isinstance(tensor, DTensor):
        return slice(0, tensor.shape[0])
    size = -(-tensor.shape[0] // tensor.device_mesh.size())
    first = min(tensor.shape[0], tensor.device_mesh.get_local_rank() * size)
    return slice(first, first + tensor.to_local().shape[0])
