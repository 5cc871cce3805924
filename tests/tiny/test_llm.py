import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from ssr_connector.tiny.llm import IGNORED, LLMTrainingConfig, pack, train_llm
from ssr_connector.tiny.tokenizer import train_tokenizer
from ssr_connector.tiny.world import World, WorldSizes, build_world

CONFIG = LLMTrainingConfig(
    width=32, layers=2, heads=4, kv_heads=2, feed_forward_width=64, steps=40, rows_per_step=2,
    warmup_steps=2, dropout=0.1,
)  # fmt: skip


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(0, WorldSizes(120, 1, 1, 1, 8, 8, 8, 8, 6, 8))


@pytest.fixture(scope="module")
def tokenizer(world: World) -> PreTrainedTokenizerFast:
    return train_tokenizer(world.text_train, 400)


class KilledError(Exception):
    """Ends a training from its progress function, as a signal would."""


def test_a_killed_training_goes_on_bit_for_bit(
    world: World, tokenizer: PreTrainedTokenizerFast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ssr_connector.tiny.resumable.CHECKPOINT_EVERY", 10)
    unbroken = train_llm(world, tokenizer, tmp_path / "unbroken", CONFIG, quiet)
    out, steps = tmp_path / "broken", []

    def killed(step: int, *_: object) -> None:
        steps.append(step)
        if len(steps) in (7, 40):
            raise KilledError

    for _ in range(2):
        with pytest.raises(KilledError):
            train_llm(world, tokenizer, out, CONFIG, killed)
        assert not out.exists()
    figures = train_llm(world, tokenizer, out, CONFIG, killed)
    assert steps == [*range(1, 8), *range(1, 34), *range(31, 41)]
    same = ("parameters", "train_loss_nats", "dev_loss_nats")
    assert {k: figures[k] for k in same} == {k: unbroken[k] for k in same}
    weights = [(folder / "model.safetensors").read_bytes() for folder in (out, tmp_path / "unbroken")]
    assert weights[0] == weights[1]
    logs = [(tmp_path / f"{name}-training" / "metrics.jsonl").read_text() for name in ("broken", "unbroken")]
    assert logs[0] == logs[1]


def quiet(step: int, steps: int, losses: dict[str, float]) -> None:
    pass


def test_packed_rows_keep_documents_apart() -> None:
    documents = [[0, 5, 6, 1], [0, 7, 1], [0, 8, 9, 10, 11, 1], [0, 3, 1]]
    rows = pack(documents, 2, random.Random(0))
    assert rows.tokens.shape[1] == 6
    assert int((rows.positions == 0).logical_and(rows.tokens == 0).sum()) == 4
    assert int((rows.labels != IGNORED).sum()) == sum(len(document) - 1 for document in documents)
    for row in range(len(rows.tokens)):
        for column in range(5):
            if rows.labels[row, column] != IGNORED:
                assert rows.labels[row, column] == rows.tokens[row, column + 1]


def test_a_trained_llm_loads_like_any_other(world: World, tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    seen: list[tuple[int, int, float]] = []
    out = tmp_path / "llm"
    figures = train_llm(
        world, tokenizer, out, CONFIG, lambda step, steps, losses: seen.append((step, steps, losses["loss"]))
    )
    assert [step for step, _, _ in seen] == list(range(1, 41))
    assert seen[-1][2] < seen[0][2]
    assert figures["dev_loss_nats"] > 0
    model, saved = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    assert type(model).__name__ == "LlamaForCausalLM"
    assert model.config.vocab_size == len(saved) == 400
    assert model.config.bos_token_id == saved.bos_token_id == saved("Anna")["input_ids"][0]
    assert not list(tmp_path.glob("*.tmp-*"))

    packed = pack([saved(text)["input_ids"] for text in world.text_train[:6]], 2, random.Random(0))
    begins = torch.nonzero((packed.positions[0] == 0) & (packed.tokens[0] == 0)).flatten().tolist()
    begin, end = begins[-1], int((packed.tokens[0] != 2).sum())
    for attention in ("sdpa", "eager"):  # it is trained with either
        model.set_attn_implementation(attention)
        with torch.no_grad():
            together = model(input_ids=packed.tokens[:1], position_ids=packed.positions[:1], use_cache=False).logits
            alone = model(input_ids=packed.tokens[:1, begin:end]).logits
        torch.testing.assert_close(together[:, begin:end], alone, rtol=1e-4, atol=1e-4)


def test_training_is_reused_only_for_the_same_configuration(
    world: World, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    out = tmp_path / "llm"
    train_llm(world, tokenizer, out, CONFIG, quiet)
    first = (out / "model.safetensors").read_bytes()
    steps: list[int] = []
    train_llm(world, tokenizer, out, CONFIG, lambda step, *_: steps.append(step))
    assert steps == []
    train_llm(world, tokenizer, out, replace(CONFIG, steps=4), lambda step, *_: steps.append(step))
    assert steps == [1, 2, 3, 4]
    others = train_tokenizer(world.text_train, 390)
    train_llm(world, others, out, replace(CONFIG, steps=4), lambda step, *_: steps.append(step))
    assert steps == 2 * [1, 2, 3, 4]
    assert json.loads((out / "world.json").read_text())["config"]["steps"] == 4
    train_llm(world, tokenizer, tmp_path / "again", CONFIG, quiet)
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == first


def test_a_world_without_drills_and_options_is_read(world: World, tmp_path: Path) -> None:
    tales = replace(world, drills=[], text_train=["Анна ждёт дома."] * 30, text_dev=["Анна дома."])
    tokenizer = train_tokenizer(tales.text_train, 280)
    figures = train_llm(tales, tokenizer, tmp_path / "llm", replace(CONFIG, steps=3, drill_share=0.0), quiet)
    assert figures["train_loss_nats"] < 6
