"""The tiny LLM: a Llama of a few million parameters, trained here on the world's text."""

import json
import math
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from ssr_connector.tiny.arithmetic import autocast, cheapest_attention
from ssr_connector.tiny.muon import Muon
from ssr_connector.tiny.questions import LETTERS
from ssr_connector.tiny.resumable import Resumable, state_folder
from ssr_connector.tiny.tokenizer import BLANK, split_share
from ssr_connector.tiny.world import words_of
from ssr_connector.training.loop import set_learning_rate, step_seed

IGNORED = -100
FINGERPRINT = "world.json"


class Reading(Protocol):
    """What an LLM reads: drills first, where it has any, then the text."""

    @property
    def drills(self) -> list[str]:
        """Short exercises."""

    @property
    def text_train(self) -> list[str]:
        """Documents."""

    @property
    def text_dev(self) -> list[str]:
        """Documents that are kept to measure the loss on."""


@dataclass(frozen=True)
class LLMTrainingConfig:
    """Shape and training of the tiny LLM."""

    seed: int = 0
    width: int = 160
    layers: int = 4
    heads: int = 4
    kv_heads: int = 4
    feed_forward_width: int = 432
    max_positions_tokens: int = 512
    steps: int = 600
    rows_per_step: int = 4  # steps, not tokens, are what the look-up of letters takes
    drill_share: float = 0.4  # of all steps; from nearly all at the start to none
    dropout: float = 0.0  # of the input embeddings, while learning
    lr: float = 2e-3
    matrix_lr: float = 0.02  # Muon: the matrices of the layers
    warmup_steps: int = 50
    final_lr_ratio: float = 0.05
    letter_weight: float = 3.0  # of the loss on an answer's letter, one token in thirty
    clip_norm: float = 1.0


@dataclass(frozen=True)
class PackedRows:
    """Whole documents laid end to end in rows of one length; each document counts its positions from its own BOS."""

    tokens: Tensor  # [R, L] int64
    positions: Tensor  # [R, L] int64
    labels: Tensor  # [R, L] int64, the next token within the document


def pack(documents: list[list[int]], pad_token: int, rng: random.Random) -> PackedRows:
    """Fill rows as long as the longest document with documents in random order, first fit among the last few rows."""
    length = max(map(len, documents))
    rows: list[list[list[int]]] = []
    room: list[int] = []
    for document in rng.sample(documents, len(documents)):
        recent = range(max(0, len(rows) - 16), len(rows))
        fitting = next((row for row in recent if room[row] >= len(document)), None)
        if fitting is None:
            rows.append([])
            room.append(length)
            fitting = len(rows) - 1
        rows[fitting].append(document)
        room[fitting] -= len(document)
    tokens = torch.full((len(rows), length), pad_token)
    positions = torch.zeros((len(rows), length), dtype=torch.long)
    labels = torch.full((len(rows), length), IGNORED)
    for i, row in enumerate(rows):
        flat = [token for document in row for token in document]
        targets = [target for document in row for target in (*document[1:], IGNORED)]
        places = [place for document in row for place in range(len(document))]
        # The padding counts on as one more document, so that no document sees it and it sees none.
        places += range(length - len(flat))
        tokens[i, : len(flat)] = torch.tensor(flat)
        labels[i, : len(flat)] = torch.tensor(targets)
        positions[i] = torch.tensor(places)
    return PackedRows(tokens, positions, labels)


def encode(texts: list[str], tokenizer: PreTrainedTokenizerFast) -> list[list[int]]:
    """Every text between BOS and EOS."""
    return [[*ids, tokenizer.eos_token_id] for ids in tokenizer(texts)["input_ids"]] if texts else []


def next_token_loss(
    model: LlamaForCausalLM, rows: PackedRows, letters: Tensor, letter_weight: float, dropout: float = 0.0
) -> Tensor:
    """Mean negative log-likelihood in nats per token; the tokens ``letters`` count ``letter_weight`` times.

    ``dropout`` zeroes that share of what is read, as GPT-2's `embd_pdrop`: a tiny LLM without it knows a fact by the
    exact vector of a name.
    """
    with autocast():
        embeds = torch.nn.functional.dropout(model.get_input_embeddings()(rows.tokens), dropout)
        logits = model(inputs_embeds=embeds, position_ids=rows.positions, use_cache=False).logits
    weights = torch.ones(logits.shape[-1])
    weights[letters] = letter_weight
    return torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), rows.labels.flatten(), weights, ignore_index=IGNORED
    )


def train_llm(
    world: Reading,
    tokenizer: PreTrainedTokenizerFast,
    out: Path,
    config: LLMTrainingConfig,
    progress: Callable[[int, int, dict[str, float]], None],
) -> dict[str, float]:
    """Train the tiny LLM on ``world.text_train`` and save it with its tokenizer in ``out``; returns its figures.

    A finished ``out`` of the same text, tokens and configuration is reused; a run that was killed goes on from its last
    checkpoint, in the folder ``state``. ``progress`` gets steps done, steps in all and
    losses in nats per token.
    """
    texts = [*world.drills, *world.text_train]
    tokens = tokenizer.backend_tokenizer.to_str()
    fingerprint = {"config": asdict(config), "text": _digest(texts), "tokens": _digest([tokens])}
    found = _read_fingerprint(out)
    if found is not None and {key: found.get(key) for key in fingerprint} == fingerprint:
        return dict(found["figures"])
    started_s = time.monotonic()
    torch.manual_seed(config.seed)
    model = _new_model(config, tokenizer)
    train_loss = _fit(model, world, tokenizer, config, progress, state_folder(out), fingerprint)
    words = words_of(world.text_train)
    figures = {
        "parameters": float(sum(parameter.numel() for parameter in model.parameters())),
        "train_loss_nats": train_loss,
        "dev_loss_nats": _mean_loss(model, encode(world.text_dev, tokenizer), tokenizer.pad_token_id, config),
        "words": float(len(words)),
        "split_words_share": split_share(tokenizer, words),
        "seconds": time.monotonic() - started_s,
    }
    _save(out, model, tokenizer, {**fingerprint, "figures": figures})
    return figures


def _new_model(config: LLMTrainingConfig, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama whose queries start equal to its keys, so that likes attend to likes from the first step.

    After 1 000 steps it answered 94 % of the questions in cloze form, and 78 % with the usual start (one run each, with
    0.2 and 0.1 of the steps as drills).
    """
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            intermediate_size=config.feed_forward_width,
            max_position_embeddings=config.max_positions_tokens,
            tie_word_embeddings=False,
            initializer_range=config.width**-0.5,  # the default of 0.02 is meant for wide models
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    for layer in model.model.layers:
        keys = layer.self_attn.k_proj.weight.detach().unflatten(0, (config.kv_heads, -1))
        queries = keys.repeat_interleave(config.heads // config.kv_heads, dim=0)  # those of a group share their keys
        layer.self_attn.q_proj.weight.data.copy_(queries.flatten(0, 1))
    model.set_attn_implementation(cheapest_attention())
    return model


def _batches(
    documents: list[list[int]], pad_token: int, rows_per_step: int, rng: random.Random
) -> Iterator[PackedRows]:
    """Batches for ever; every pass over the documents packs them anew."""
    while True:
        rows = pack(documents, pad_token, rng)
        for start in range(0, len(rows.tokens) - rows_per_step + 1, rows_per_step):
            chosen = slice(start, start + rows_per_step)
            yield PackedRows(rows.tokens[chosen], rows.positions[chosen], rows.labels[chosen])


def _lr_factor(step: int, config: LLMTrainingConfig) -> float:
    """Linear warm-up, then a cosine down to ``final_lr_ratio``."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.final_lr_ratio + (1 - config.final_lr_ratio) * 0.5 * (1 + math.cos(math.pi * done))


def _fit(
    model: LlamaForCausalLM,
    world: Reading,
    tokenizer: PreTrainedTokenizerFast,
    config: LLMTrainingConfig,
    progress: Callable[[int, int, dict[str, float]], None],
    state: Path,
    made_from: Mapping[str, object],
) -> float:
    """Train; returns the running mean of the loss at the end."""
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    taken = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in taken]
    rates = (config.matrix_lr, config.lr)
    optimisers: list[torch.optim.Optimizer] = [
        Muon(matrices, lr=config.matrix_lr),
        torch.optim.AdamW(others, lr=config.lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True),
    ]
    rng = random.Random(config.seed)
    drills, text = (
        _batches(encode(texts, tokenizer), tokenizer.pad_token_id, config.rows_per_step, random.Random(config.seed))
        for texts in (world.drills, world.text_train)
    )
    known = tokenizer.get_vocab()
    answers = [f"{BLANK}{letter}" for letter in LETTERS]  # a text without options has no tokens for them
    letters = torch.tensor([known[token] for token in answers if token in known], dtype=torch.long)
    model.train()
    with Resumable(state, made_from, model, optimisers) as run:
        running = run.last.get("loss", math.log(model.config.vocab_size))
        for step in range(1, config.steps + 1):
            # The chance of a drill falls to none in twice the time that would be all drills.
            drilled = rng.random() < 1 - step / max(1.0, 2 * config.drill_share * config.steps)
            batch = next(drills if drilled else text)
            if step <= run.done:
                continue
            for optimiser, rate in zip(optimisers, rates, strict=True):
                set_learning_rate(optimiser, rate * _lr_factor(step - 1, config))
            torch.manual_seed(step_seed(config.seed, step, 0))
            loss = next_token_loss(model, batch, letters, config.letter_weight, config.dropout)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(others, config.clip_norm)  # Muon scales its own
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad()
            running += (loss.item() - running) * 0.05
            run.after(step, config.steps, {"loss": running})
            progress(step, config.steps, {"loss": running})
    return running


@torch.no_grad()
def _mean_loss(model: LlamaForCausalLM, documents: list[list[int]], pad_token: int, config: LLMTrainingConfig) -> float:
    model.eval()
    rows = pack(documents, pad_token, random.Random(config.seed))
    total, n = 0.0, 0
    for start in range(0, len(rows.tokens), config.rows_per_step):
        chosen = slice(start, start + config.rows_per_step)
        batch = PackedRows(rows.tokens[chosen], rows.positions[chosen], rows.labels[chosen])
        predicted = int((batch.labels != IGNORED).sum())
        total += next_token_loss(model, batch, torch.tensor([], dtype=torch.long), 1.0).item() * predicted
        n += predicted
    return total / n


def _digest(texts: list[str]) -> str:
    return sha256("\0".join(texts).encode()).hexdigest()


def _read_fingerprint(out: Path) -> dict[str, dict[str, float]] | None:
    path = out / FINGERPRINT
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _save(
    out: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, fingerprint: dict[str, object]
) -> None:
    """Write everything beside ``out`` and move it there, so that ``out`` is complete or absent."""
    beside = out.with_name(f"{out.name}.tmp-{os.getpid()}")
    model.save_pretrained(beside)
    tokenizer.save_pretrained(beside)
    (beside / FINGERPRINT).write_text(json.dumps(fingerprint, indent=2) + "\n", encoding="utf-8")
    if out.exists():
        shutil.rmtree(out)
    beside.replace(out)
