"""Monotonic alignment search (Kim et al. 2020, Glow-TTS): labels in order, each for at least one frame."""

import torch
from torch import Tensor

from ssr_connector.kernels import native, reference
from ssr_connector.kernels.inputs import check_lengths, checked_scores, on_gpu, refuse_not_a_number


def monotonic_alignment_search(log_probs: Tensor, speech_lengths: Tensor, text_lengths: Tensor) -> Tensor:
    """How many frames each label gets on the path of the highest sum.

    Args:
        log_probs: [B, T, N], any scores of frames and labels; what lies beyond the lengths is not read.
        speech_lengths: [B] frames.
        text_lengths: [B] labels.

    Returns:
        Durations [B, N] int64, where the scores are. They sum to the item's frames; an item without a path (fewer
        frames than labels, or only paths of probability 0) has nothing but zeros.

    Raises:
        ValueError: shapes or lengths do not fit, or a score that matters is NaN or +inf.

    """
    log_probs = checked_scores(log_probs)
    B, T, N = log_probs.shape
    frames, labels = check_lengths("speech", speech_lengths, B, T), check_lengths("text", text_lengths, B, N)
    device = log_probs.device
    if on_gpu(log_probs, N):
        from ssr_connector.kernels import gpu

        return gpu.monotonic_alignment_search(log_probs, frames, labels)
    log_probs = log_probs.cpu()
    durations, status = torch.zeros(B, N, dtype=torch.long), torch.zeros(B, dtype=torch.uint8)
    if native.library() is None:
        for i in range(B):
            status[i] = _slowly(log_probs[i, : frames[i], : labels[i]], durations[i])
    else:
        strides = log_probs.stride()
        native.call(
            "ssr_monotonic_alignment_search",
            *(log_probs, B, strides[0], strides[1]),
            *(frames, labels, durations, N, status),
        )
    refuse_not_a_number(status)
    return durations.to(device)


def _slowly(log_probs: Tensor, durations: Tensor) -> native.Status:
    """One item by the reference: log_probs [T, N]; fills durations [≥ N]."""
    if not bool((log_probs < torch.inf).all()):
        return native.Status.NOT_A_NUMBER
    found = reference.monotonic_alignment_search(log_probs.double().numpy())
    if found is None:
        return native.Status.INFEASIBLE
    durations[: len(found)] = torch.tensor(found, dtype=torch.long)
    return native.Status.ALIGNED
