"""What moves the weights: AdamW, or Muon (Jordan et al. 2024) for weight matrices and AdamW for the rest.

Muon takes steps of equal size in every direction of a matrix, here as large as AdamW's would be (0.2 of the learning
rate an entry; Liu et al. 2025), so that one learning rate serves both. It is torch's own, which
orthogonalises in bfloat16: dear on small matrices where the processor has no such arithmetic.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from ssr_connector.config import TrainingSection
from ssr_connector.training.checkpoint import trainable
from ssr_connector.training.sharding import local


def build_optimizers(module: nn.Module, config: TrainingSection) -> list[torch.optim.Optimizer]:
    """For everything in a module that learns."""
    matrices = muon_matrices(module, config)
    chosen = {id(p) for p in matrices}
    others = [p for p in trainable(module).values() if id(p) not in chosen]
    lr, decay = config.lr, config.weight_decay
    optimizers: list[torch.optim.Optimizer] = []
    if matrices:
        optimizers.append(torch.optim.Muon(matrices, lr, decay, adjust_lr_fn="match_rms_adamw"))
    if others:
        optimizers.append(torch.optim.AdamW(others, lr, config.betas, weight_decay=decay))
    return optimizers


def muon_matrices(module: nn.Module, config: TrainingSection) -> list[Tensor]:
    """Weights of linear layers that learn, but for an LLM's output head and what is tied to embeddings.

    `nn.MultiheadAttention` (aligners have it) keeps queries, keys and values in one parameter, which is AdamW's.
    """
    if config.optimizer == "adamw":
        return []
    rows_of_words = {id(weight) for weight in _vocabulary_weights(module)}
    linear = (m for m in module.modules() if isinstance(m, nn.Linear | Conv1D))
    found = {id(m.weight): m.weight for m in linear if m.weight.requires_grad}  # once each, where layers share one
    return [weight for key, weight in found.items() if key not in rows_of_words]


def state_bytes(module: nn.Module, config: TrainingSection) -> int:
    """What the optimisers keep here: two moments of what AdamW moves, one of what Muon does, in float32."""
    learning = sum(local(p.detach()).numel() for p in trainable(module).values())
    return 8 * learning - 4 * sum(weight.numel() for weight in muon_matrices(module, config))


def _vocabulary_weights(module: nn.Module) -> Iterator[Tensor]:
    for part in module.modules():
        if isinstance(part, nn.Embedding):
            yield part.weight
        elif isinstance(part, PreTrainedModel) and (head := part.get_output_embeddings()) is not None:
            yield head.weight
