"""A tiny speech encoder, trained on the tiny world's own voices and saved like a checkpoint of the hub.

It learns which phone sounds in every frame, from the synthesiser's true times: a stand-in for the frame targets of
HuBERT and its family. The classifier is thrown away; what is saved is a ``ParakeetEncoder`` with its extractor.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ssr_connector.encoders.front_end import FastConformer
from ssr_connector.errors import UserError
from ssr_connector.tiny.arithmetic import autocast, cheapest_attention, cheapest_dtype
from ssr_connector.tiny.muon import Muon
from ssr_connector.tiny.phone_targets import IGNORED, PhoneCorpus
from ssr_connector.tiny.resumable import Resumable, state_folder
from ssr_connector.training.loop import set_learning_rate, step_seed

MELS = 80
Progress = Callable[[int, int, dict[str, float]], None]


@dataclass(frozen=True)
class EncoderTrainingConfig:
    """Size and schedule. One step takes ``batch_s`` seconds of speech; the learning rate warms up, then falls to 0."""

    seed: int = 0
    hidden_size: int = 160
    layers: int = 4
    heads: int = 2
    intermediate_size: int = 320
    kernel_frames: int = 15
    subsampling_channels: int = 32
    dropout: float = 0.0
    steps: int = 650
    batch_s: float = 24.0
    lr: float = 3e-3
    matrix_lr: float = 0.02  # Muon: the matrices of the layers
    weight_decay: float = 0.01
    warmup_share: float = 0.1
    ctc_weight: float = 1.0  # of the loss on characters, beside that on phones
    clip_norm: float = 1.0
    vocal_tract_warp: float = 0.0  # mel axis stretched by up to this share, as if heads were of other sizes
    time_masks_per_s: float = 0.0
    time_mask_frames: int = 10  # mel frames of 10 ms, at most
    mel_mask_bins: int = 0


def train_encoder(
    corpora: Sequence[Path], out: Path, config: EncoderTrainingConfig, progress: Progress, dev: Sequence[Path] = ()
) -> dict[str, Any]:
    """Train on corpora written by ``tiny.speak.render`` and save to ``out``; returns the facts of the training.

    ``AutoModel.from_pretrained(out)`` and ``AutoFeatureExtractor.from_pretrained(out)`` load the result. ``progress``
    is told (step, steps, {"loss", "ctc", "accuracy"}). The facts hold ``steps``, ``audio_s`` (heard, repeats counted),
    ``parameters``, ``frame_accuracy`` (last tenth of training) and, given ``dev``, for each corpus one more of the same
    language, ``dev_frame_accuracy``. An ``out`` made from the same configuration and corpora is reused, and a run that
    was killed goes on. Raises UserError where a corpus is missing.
    """
    fingerprint = _fingerprint(config, [*corpora, *dev])
    facts_path = out / "training.json"
    if facts_path.is_file():
        saved: dict[str, Any] = json.loads(facts_path.read_text())
        if saved["fingerprint"] == fingerprint:
            return saved
    extractor = build_extractor()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = build_model(config)
        front_end = FastConformer.build(model.config, extractor)
        spoken = [PhoneCorpus.load(folder, front_end) for folder in corpora]
        corpus = PhoneCorpus.joined(spoken)
        head = nn.Linear(config.hidden_size, len(corpus.labels))
        speller = Speller(config.hidden_size, corpus.texts)
        facts = _train(model, head, speller, corpus, config, progress, state_folder(out), fingerprint)
    if dev:
        kept = [
            PhoneCorpus.load(folder, front_end, corpus.labels, training.pronunciations)
            for folder, training in zip(dev, spoken, strict=True)
        ]
        facts["dev_frame_accuracy"] = frame_accuracy(model, head, PhoneCorpus.joined(kept), config.batch_s)
    facts |= {"fingerprint": fingerprint, "config": asdict(config), "phones": len(corpus.labels)}
    facts["arithmetic"] = str(cheapest_dtype()).removeprefix("torch.")
    temporary = out.with_name(f"{out.name}.tmp-{os.getpid()}")
    model.save_pretrained(temporary)
    extractor.save_pretrained(temporary)
    (temporary / facts_path.name).write_text(json.dumps(facts, indent=1) + "\n")
    if out.exists():
        shutil.rmtree(out)
    temporary.replace(out)
    return facts


def save_untrained(out: Path, config: EncoderTrainingConfig) -> None:
    """The encoder as training begins with it, in the form that ``train_encoder`` saves."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        build_model(config).save_pretrained(out)
    build_extractor().save_pretrained(out)


def build_extractor() -> Any:
    """Log-mel frames, one every 10 ms."""
    from transformers import ParakeetFeatureExtractor

    return ParakeetFeatureExtractor(feature_size=MELS)


def build_model(config: EncoderTrainingConfig) -> Any:
    """An untrained ``ParakeetEncoder`` of 50 frames a second: two-dimensional convolutions, then conformer layers.

    Beside a ``Wav2Vec2BertModel`` of the same size, whose convolutions see nothing of what follows, it took a third
    to a half of the steps to the same accuracy and loss, each 1.4 times as long (one seed, the first 300 steps).
    """
    from transformers import ParakeetEncoder, ParakeetEncoderConfig

    model = ParakeetEncoder(
        ParakeetEncoderConfig(
            hidden_size=config.hidden_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,  # each costs a table of distances: 4 take half as long again as 2
            intermediate_size=config.intermediate_size,
            conv_kernel_size=config.kernel_frames,
            subsampling_factor=2,
            subsampling_conv_channels=config.subsampling_channels,
            num_mel_bins=MELS,
            initializer_range=0.06,  # about 1 / sqrt(width): the default of 0.02 is meant for wide models
            scale_input=False,
            attention_bias=False,
            convolution_bias=False,
            dropout=config.dropout,
            activation_dropout=config.dropout,
            attention_dropout=config.dropout,
            layerdrop=0.0,
        )
    )
    model.set_attn_implementation(cheapest_attention())
    return model


@torch.inference_mode()
def frame_accuracy(model: nn.Module, head: nn.Module, corpus: PhoneCorpus, batch_s: float) -> float:
    """Share of frames whose phone is named rightly; phones that training never heard count as wrong."""
    model.eval()
    right = total = 0
    for batch in corpus.batches(batch_s, np.random.default_rng(0)):
        heard = corpus.collate(batch)
        logits = head(model(input_features=heard.features, attention_mask=heard.mask).last_hidden_state)
        right += int((logits.argmax(dim=-1) == heard.targets).sum())
        total += int(heard.lengths.sum())
    return right / total


class Speller(nn.Module):
    """A linear CTC head on characters, for training alone."""

    def __init__(self, width: int, texts: list[str]) -> None:
        super().__init__()
        alphabet = sorted(set("".join(texts)))
        self.labels = [torch.tensor([1 + alphabet.index(c) for c in text]) for text in texts]
        self.output = nn.Linear(width, len(alphabet) + 1)

    def loss(self, hidden: Tensor, n_frames: Tensor, batch: npt.NDArray[np.int64]) -> Tensor:
        """CTC loss per character of some utterances: hidden [B, T, D], n_frames [B]."""
        targets = [self.labels[i] for i in batch]
        lengths = torch.tensor([len(t) for t in targets])
        log_probs = self.output(hidden).log_softmax(-1).transpose(0, 1)
        total = nn.functional.ctc_loss(
            log_probs, torch.cat(targets), n_frames, lengths, reduction="sum", zero_infinity=True
        )
        return total / lengths.sum()


def _train(
    model: Any,
    head: nn.Module,
    speller: Speller,
    corpus: PhoneCorpus,
    config: EncoderTrainingConfig,
    progress: Progress,
    state: Path,
    made_from: str,
) -> dict[str, Any]:
    matrices = [p for name, p in model.layers.named_parameters() if p.ndim == 2 and name.endswith("weight")]
    taken = {id(p) for p in matrices}
    others = [p for p in (*model.parameters(), *head.parameters(), *speller.parameters()) if id(p) not in taken]
    optimisers: list[torch.optim.Optimizer] = [
        Muon(matrices, lr=config.matrix_lr),
        torch.optim.AdamW(others, lr=config.lr, betas=(0.9, 0.98), weight_decay=config.weight_decay),
    ]
    rates = (config.matrix_lr, config.lr)
    batches = _endless(corpus, config.batch_s, np.random.default_rng(config.seed))
    model.train()
    with Resumable(state, made_from, nn.ModuleList([model, head, speller]), optimisers) as run:
        heard_frames = int(run.last.get("heard_frames", 0))
        for step in range(1, config.steps + 1):
            batch = next(batches)
            if step <= run.done:
                continue
            for optimiser, rate in zip(optimisers, rates, strict=True):
                set_learning_rate(optimiser, rate * learning_rate_factor(step - 1, config))
            torch.manual_seed(step_seed(config.seed, step, 0))
            heard = corpus.collate(batch)
            features = augment(heard.features, heard.mask, config, np.random.default_rng([config.seed, step]))
            with autocast():
                hidden = model(input_features=features, attention_mask=heard.mask).last_hidden_state.float()
            logits = head(hidden)  # [B, T, phones]
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), heard.targets.flatten(), ignore_index=IGNORED)
            spelling = speller.loss(hidden, heard.lengths, batch)
            loss = loss + config.ctc_weight * spelling
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(others, config.clip_norm)  # Muon's steps do not depend on its gradients' size
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad()
            valid = heard.targets != IGNORED
            accuracy = float((logits.argmax(dim=-1) == heard.targets)[valid].float().mean())
            heard_frames += int(valid.sum())
            figures = {"loss": loss.item(), "ctc": spelling.item(), "accuracy": accuracy}
            run.after(step, config.steps, {**figures, "heard_frames": heard_frames})
            progress(step, config.steps, figures)
        accuracies = run.logged("accuracy")
    last = accuracies[-max(1, len(accuracies) // 10) :]
    return {
        "steps": config.steps,
        "audio_s": heard_frames / 50,
        "parameters": sum(p.numel() for p in model.parameters()),
        "frame_accuracy": sum(last) / len(last),
    }


def learning_rate_factor(step: int, config: EncoderTrainingConfig) -> float:
    """Linear warm-up, then half a cosine down to 0."""
    warmup = max(1, round(config.steps * config.warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, config.steps - warmup)))


def augment(features: Tensor, mask: Tensor, config: EncoderTrainingConfig, rng: np.random.Generator) -> Tensor:
    """Log-mel frames [B, M, mels] with other vocal tracts, and with stretches of time and pitch erased."""
    B, M, mels = features.shape
    stretch = torch.from_numpy(rng.uniform(1 - config.vocal_tract_warp, 1 + config.vocal_tract_warp, B)).float()
    position = (torch.arange(mels)[None] * stretch[:, None]).clamp(0, mels - 1)  # [B, mels]
    below = position.floor().long().clamp_max(mels - 2)
    weight = (position - below)[:, None]
    index = below[:, None].expand(B, M, mels)
    warped = features.gather(2, index) * (1 - weight) + features.gather(2, index + 1) * weight
    keep = torch.ones(B, M, mels)
    for i, n_frames in enumerate(mask.sum(dim=1).tolist()):
        for _ in range(rng.poisson(config.time_masks_per_s * n_frames / 100)):
            start, width = int(rng.integers(n_frames)), int(rng.integers(1, config.time_mask_frames + 1))
            keep[i, start : start + width] = 0
        start, width = int(rng.integers(mels)), int(rng.integers(config.mel_mask_bins + 1))
        keep[i, :, start : start + width] = 0
    return warped * keep


def _endless(corpus: PhoneCorpus, batch_s: float, rng: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    while True:
        yield from corpus.batches(batch_s, rng)


def _fingerprint(config: EncoderTrainingConfig, corpora: list[Path]) -> str:
    digest = hashlib.sha256(json.dumps(asdict(config)).encode())
    for corpus in corpora:
        for name in ("corpus.json", "phones.ctm", "words.ctm"):
            try:
                digest.update((corpus / name).read_bytes())
            except OSError as error:
                raise UserError(f"{corpus / name} cannot be read; render the corpus first") from error
    return digest.hexdigest()
