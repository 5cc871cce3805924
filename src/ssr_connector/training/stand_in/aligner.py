"""The stand-in of an aligner's training: the encoder and the aligner, on one length of speech and of text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ssr_connector.aligners import CIF, Material, TrainableAligner, UnitY2, aligner_class
from ssr_connector.aligners.ctc import BLANK, CTCAligner
from ssr_connector.aligners.labels import TokenLabels
from ssr_connector.aligners.units import MAX_FRAMES
from ssr_connector.aligners.unity2 import PAUSE, attention_prior, with_blank
from ssr_connector.base_models import Tokenize
from ssr_connector.config import Recipe, TrainingSection
from ssr_connector.encoders.layer_mix import n_mixed
from ssr_connector.errors import UserError
from ssr_connector.training.footprint import GIB, hollow, is_pretended
from ssr_connector.training.stand_in.base import (
    Parts,
    Speech,
    check_named,
    encoder_of,
    frames_of,
    llm_config_of,
    utterances_of,
    width_of,
)
from ssr_connector.types import Frames

ASSUMED_CHARS = 60  # different ones in transcripts that are not there


@dataclass
class AlignerParts(Parts):
    """The aligner, which alone learns, and the encoder, which is not loaded where its frames are cached."""

    aligner: Any
    encodes: bool

    def named(self) -> dict[str, Any]:
        """Both, or the aligner alone."""
        return ({"encoder": self.encoder} if self.encodes else {}) | {"aligner": self.aligner}

    def divided(self) -> dict[str, Any]:
        """The encoder stands outside what is trained."""
        return {"aligner": self.aligner}

    def loss(self, recipe: Recipe, speech: Speech) -> Tensor:
        """The aligner's own."""
        L = max(1, round(speech.utterance_s * labels_per_s(self.aligner, speech)))
        frames = frames_of(self, recipe, speech, utterances_of(recipe, speech), L + 2)
        return LOSSES[self.aligner.kind](self.aligner, frames, L)

    def kept(self, config: TrainingSection) -> dict[str, int]:  # noqa: ARG002
        """Nothing."""
        return {}

    def notes(self, recipe: Recipe, speech: Speech) -> list[str]:
        """Which labels there are, and what k-means needs beforehand."""
        kind = "tokens" if in_tokens(self.aligner) else "characters"
        there = speech.tokens if in_tokens(self.aligner) else speech.chars
        assumed = " (assumed)" if there is None else ""
        rate = f"{labels_per_s(self.aligner, speech):.1f} a second"
        notes = [f"labels: {rate} of {n_labels(self.aligner):,} different {kind}{assumed}"]
        if isinstance(self.aligner, UnitY2) and not recipe.aligner.centroids:
            size = 2 * MAX_FRAMES * width_of(self, recipe) * 4  # the batches, and all of them as one
            notes.append(f"before the first step up to {size / GIB:.1f} GiB of host memory for k-means of frames")
        return notes


def assemble_aligner(recipe: Recipe, speech: Speech, llm_layers: int | None) -> AlignerParts:  # noqa: ARG001
    """Build what the stage needs with new weights. There is no LLM, only its tokens may be labels."""
    check_named(recipe)
    encoder, front_end = encoder_of(recipe.encoder)
    mixed = n_mixed(recipe.encoder.layer)
    width = mixed * encoder.config.hidden_size
    chars = "".join(chr(ord(PAUSE) + k) for k in range(speech.chars or ASSUMED_CHARS))
    units = (recipe.aligner.units, width)
    material = Material(
        [chars],
        tokens_in_a_row(speech.tokens or llm_config_of(recipe.llm.name).get_text_config().vocab_size),
        width,
        front_end.clock,
        frames=lambda: iter(()),
        mixed_layers=mixed,
        once=lambda *_: torch.zeros(units),  # as many centroids, which nothing is fitted to
    )
    try:
        aligner = hollow(lambda: aligner_class(recipe.aligner.type).untrained(recipe.aligner, material))
    except ValueError as error:
        raise UserError(f"aligner.type: {error}") from error
    return AlignerParts(encoder, front_end, aligner, encodes=recipe.data.frames is None)


def tokens_in_a_row(n: int) -> Tokenize:
    """Makes `n` different tokens of any text, each of its first character."""
    return lambda _: (list(range(n)), [(0, 1)] * n)


def in_tokens(aligner: TrainableAligner) -> bool:
    """Whether its labels are tokens, not characters."""
    return isinstance(aligner.config, TokenLabels)


def labels_per_s(aligner: TrainableAligner, speech: Speech) -> float:
    """How many are said."""
    return speech.tokens_per_s if in_tokens(aligner) else speech.chars_per_s


def n_labels(aligner: Any) -> int:
    """How many it tells apart."""
    return len(aligner.config.token_ids if in_tokens(aligner) else aligner.config.alphabet)


# --- what the aligners compute: frames [B, T, F], L labels in every utterance ---


def ctc(aligner: CTCAligner, frames: Frames, L: int) -> Tensor:
    """As `CTCAligner.loss`."""
    log_probs: Tensor = aligner(frames)  # [B, T · upsample, V]
    weighed = aligner.weighed(log_probs)
    total = path_sums(weighed.log_softmax(-1), L)
    if aligner.config.label_prior:
        log_probs.detach().clone().exp()  # the prior follows them
        total = total - weighed.logsumexp(-1).sum()
    return total


def cif(aligner: CIF, frames: Frames, L: int) -> Tensor:
    """As `CIF.loss`, with one share for each frame and one more for each token that ends within one."""
    weights, states = aligner(frames)
    B, T, W = states.shape
    frame = torch.arange(B * T).repeat(1 + L // T + 1)[: B * (T + L)]
    shares = nn.functional.pad(weights.flatten(), (0, B * L))
    bags = torch.arange(B * L) * (T + L) // L
    fired = nn.functional.embedding_bag(
        frame, states.reshape(B * T, W), bags, mode="sum", per_sample_weights=shares.to(states.dtype)
    )
    total = nn.functional.cross_entropy(aligner.output(fired), torch.zeros(B * L, dtype=torch.long))
    total += weights.sum(1).square().mean()
    return total


def unity2(aligner: UnitY2, frames: Frames, L: int) -> Tensor:
    """As `UnitY2.loss`, with a pause at both ends."""
    N = L + 2
    n_labels = torch.full((len(frames.values),), N)
    log_probs: Tensor = aligner(frames, torch.zeros(len(frames.values), N, dtype=torch.long), n_labels)  # [B, T, N]
    weighed = log_probs
    if aligner.config.prior_strength:
        weighed = log_probs + attention_prior(log_probs.shape, frames.lengths, n_labels, aligner.config.prior_strength)
    total = path_sums(with_blank(weighed), N)
    return total - log_probs[:, :, 0].sum() if aligner.config.binarise_weight else total


LOSSES: dict[str, Callable[[Any, Frames, int], Tensor]] = {
    "char_ctc": ctc,
    "sub_ctc": ctc,
    "cif": cif,
    "unity2": unity2,
}


def path_sums(log_probs: Tensor, L: int) -> Tensor:
    """CTC loss of log_probs [B, T, V] along `L` labels an utterance."""
    B, T, V = log_probs.shape
    by_time = log_probs.transpose(0, 1)
    if is_pretended(log_probs):
        lost: Tensor = PathSums.apply(by_time, L)  # type: ignore[no-untyped-call]  # torch does not type it
        return lost
    labels = 1 + torch.arange(L, device=log_probs.device) % (V - 1)
    lengths = (torch.full((B,), T), torch.full((B,), L))
    return nn.functional.ctc_loss(by_time, labels.expand(B, L), *lengths, BLANK, "sum", zero_infinity=True)


class PathSums(torch.autograd.Function):
    """What torch's CTC loss makes and keeps: it has no kernel for tensors without contents."""

    @staticmethod
    def forward(ctx: Any, log_probs: Tensor, L: int) -> Tensor:
        """log_probs [T, B, V]: sums over all paths, up to each frame and label [B, T, 2L + 1]."""
        T, B, _ = log_probs.shape
        sums = log_probs.new_empty(B, T, 2 * L + 1)
        ctx.save_for_backward(log_probs, sums)
        return log_probs.new_empty(())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        """The same sums from the other end, and the gradient of every score."""
        log_probs, sums = ctx.saved_tensors
        torch.empty_like(sums)
        return torch.empty_like(log_probs), None
