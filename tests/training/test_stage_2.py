"""Stage 2 without forgetting: what learns, what is held, and what a checkpoint keeps of it."""

import copy
import json

import pytest
import torch
from safetensors.torch import load_file

from ssr_connector.config import load_recipe
from ssr_connector.data.documents import Documents
from ssr_connector.data.packing import PackedText
from ssr_connector.errors import UserError
from ssr_connector.model import SSRForConditionalGeneration
from ssr_connector.model.adapter import ADAPTERS
from ssr_connector.training.batches import Batch, TextBatches
from ssr_connector.training.objectives import ElasticWeights, PredictLikeText, Teacher, TextLM
from ssr_connector.training.stages import finetune


def repeated(model, n, folder):
    """Two sentences again and again, in blocks of 16 tokens."""
    (folder / "text.txt").write_text("Tom wanted tea. Nobody knows.\n" * n)
    return PackedText(Documents(folder / "text.txt"), lambda line: model.tokenize(line)[0], 16)


def quiet(*_):
    pass


STILL = "--training.lr=0"


def stage_2(base, distilled, out, *words):
    start = f"--training.start_from={distilled / 'model'}"
    recipe = load_recipe(base / "recipe.yaml", "finetune", [start, f"--out={out}", "--training.lr=0.01", *words])
    finetune(recipe, quiet)
    return SSRForConditionalGeneration.from_pretrained(str(out / "model"))


def likelihoods(model):
    return [s.total for s in model.loglikelihood([([""], [" the dog barks"]), (["The king"], [" sleeps."])])]


@pytest.mark.parametrize("kind", ["lora", pytest.param("dora", marks=pytest.mark.slow), "ia3"])
def test_additions_are_kept_beside_the_llm_or_merged_into_it(kind, base, distilled, tmp_path):
    words = [f"--training.adapter={kind}", "--training.adapter_rank=2", "--training.adapter_alpha=4"]
    kept = stage_2(base, distilled, tmp_path / "kept", *words)
    merged = stage_2(base, distilled, tmp_path / "merged", *words, "--training.adapter_merge=true")
    tensors = [load_file(tmp_path / name / "model" / "model.safetensors") for name in ("kept", "merged")]
    llm = [{k for k in t if k.startswith("llm.")} for t in tensors]
    assert llm[0]
    assert all(ADAPTERS[kind].key in k for k in llm[0])
    assert not any(ADAPTERS[kind].key in k for k in llm[1])
    assert likelihoods(kept) == pytest.approx(likelihoods(merged), abs=1e-3)
    before = likelihoods(SSRForConditionalGeneration.from_pretrained(str(distilled / "model")))
    assert likelihoods(kept) != pytest.approx(before, abs=1e-2)
    kept.save_pretrained(str(tmp_path / "copy"))
    assert likelihoods(SSRForConditionalGeneration.from_pretrained(str(tmp_path / "copy"))) == likelihoods(kept)

    again = load_recipe(
        base / "recipe.yaml",
        "finetune",
        [f"--training.start_from={tmp_path / 'kept' / 'model'}", f"--out={tmp_path / 'again'}", *words],
    )
    with pytest.raises(UserError, match=r"has additions .* already; --training\.adapter_merge true"):
        finetune(again, quiet)


def test_additions_to_an_llm_of_its_own_would_lose_it(base, distilled, tmp_path):
    before = likelihoods(stage_2(base, distilled, tmp_path / "whole"))
    lora = ["--training.adapter=lora", "--training.adapter_rank=2"]
    with pytest.raises(UserError, match=r"has an LLM of its own, which .* would lose"):
        stage_2(base, tmp_path / "whole", tmp_path / "added", *lora)
    merged = stage_2(base, tmp_path / "whole", tmp_path / "merged", *lora, "--training.adapter_merge=true", STILL)
    assert likelihoods(merged) == pytest.approx(before, abs=1e-3)


@pytest.mark.parametrize("words", [[], ["--training.adapter=ia3", "--training.adapter_merge=true"]])
def test_an_llm_with_additions_goes_on_learning_and_all_of_it_is_kept(words, base, distilled, tmp_path):
    lora = ["--training.adapter=lora", "--training.adapter_rank=2"]
    before = likelihoods(stage_2(base, distilled, tmp_path / "lora", *lora))
    still = stage_2(base, tmp_path / "lora", tmp_path / "still", "--training.lr=0", *words)
    assert likelihoods(still) == pytest.approx(before, abs=1e-3)
    stage_2(base, tmp_path / "lora", tmp_path / "run", *words)
    assert json.loads((tmp_path / "run" / "model" / "config.json").read_text())["adapter"] == {}
    stored = load_file(tmp_path / "run" / "model" / "model.safetensors")
    assert len([k for k in stored if k.startswith("llm.")]) > 10
    trained = SSRForConditionalGeneration.from_pretrained(str(tmp_path / "run" / "model"))
    assert likelihoods(trained) != pytest.approx(before, abs=1e-2)


def test_bottlenecks_are_kept_and_cannot_be_merged(base, distilled, tmp_path):
    words = ["--training.adapter=bottleneck", "--training.adapter_rank=3"]
    kept = stage_2(base, distilled, tmp_path / "kept", *words)
    stored = load_file(tmp_path / "kept" / "model" / "model.safetensors")
    added = {k: v for k, v in stored.items() if k.startswith("llm.")}
    assert len(added) == 2 * 4
    assert all(".bottleneck." in k for k in added)
    before = likelihoods(SSRForConditionalGeneration.from_pretrained(str(distilled / "model")))
    assert likelihoods(kept) != pytest.approx(before, abs=1e-2)
    with pytest.raises(UserError, match="bottleneck cannot be merged"):
        stage_2(base, distilled, tmp_path / "merged", *words, "--training.adapter_merge=true")
    with pytest.raises(UserError, match="bottleneck cannot be merged"):
        stage_2(base, tmp_path / "kept", tmp_path / "merged", "--training.adapter_merge=true")
    with pytest.raises(UserError, match="cannot become part of its LLM"):
        stage_2(base, tmp_path / "kept", tmp_path / "whole")


def test_a_killed_lora_run_goes_on_bit_for_bit(base, distilled, tmp_path):
    words = ["--training.adapter=lora", "--training.adapter_rank=2"]
    unbroken = stage_2(base, distilled, tmp_path / "unbroken", *words)

    class KilledError(Exception):
        pass

    def kill(step, *_):
        if step == 5:
            raise KilledError

    start = f"--training.start_from={distilled / 'model'}"
    recipe = load_recipe(
        base / "recipe.yaml", "finetune", [start, f"--out={tmp_path / 'broken'}", "--training.lr=0.01", *words]
    )
    with pytest.raises(KilledError):
        finetune(recipe, kill)
    assert likelihoods(stage_2(base, distilled, tmp_path / "broken", *words)) == likelihoods(unbroken)


def test_frozen_parameters_stay_and_a_pattern_that_stops_none_is_an_error(base, distilled, tmp_path):
    before = SSRForConditionalGeneration.from_pretrained(str(distilled / "model")).llm.state_dict()
    after = stage_2(
        base, distilled, tmp_path / "run", r"--training.freeze=['embed_tokens', 'layers\.0\.']"
    ).llm.state_dict()
    for name, value in after.items():
        if not name.endswith("rotary_emb.inv_freq"):
            frozen = "embed_tokens" in name or "layers.0." in name
            assert torch.equal(value, before[name]) == frozen, name
    for pattern, reason in (("['nothing']", "no parameter"), ("['(']", "no regular expression")):
        with pytest.raises(UserError, match=reason):
            stage_2(base, distilled, tmp_path / "bad", f"--training.freeze={pattern}")


def test_rehearsal_is_on_what_the_llm_writes_itself(base, distilled, tmp_path):
    words = ["--data.text=self", "--training.rehearsal_tokens=3000", "--data.dev_text="]
    first = stage_2(base, distilled, tmp_path / "one", *words)
    documents = [json.loads(line)["text"] for line in (tmp_path / "one" / "rehearsal.jsonl").read_text().splitlines()]
    assert sum(len(first.tokenize(d)[0]) for d in documents) >= 3000
    assert all(d.strip() for d in documents)
    (tmp_path / "two").mkdir()
    second = stage_2(base, distilled, tmp_path / "two", *words)
    assert likelihoods(first) == likelihoods(second)
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "rehearsal.jsonl").write_text(
        json.dumps({"text": "only this " * 200}) + "\n"
    )  # left by a run that never began, perhaps of another LLM
    assert likelihoods(stage_2(base, distilled, tmp_path / "three", *words)) == likelihoods(first)


def test_what_runs_the_llm_before_the_first_step_has_the_precision_of_training(base, distilled, tmp_path, monkeypatch):
    llm = type(SSRForConditionalGeneration.from_pretrained(str(distilled / "model")).llm)
    forward, lowered = llm.forward, []

    def recorded(self, *args, **kwargs):
        lowered.append(torch.is_autocast_enabled("cpu"))
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(llm, "forward", recorded)
    words = ["--data.text=self", "--training.rehearsal_tokens=300", "--data.dev_text=", "--training.steps=1"]
    words += ["--training.objectives={speech_lm: 1, ewc: 1}", "--training.ewc_batches=2"]
    stage_2(base, distilled, tmp_path / "out", *words, "--training.precision=bf16")
    assert len(lowered) > 4
    assert all(lowered)


def speak_as_text(model):
    """Let speech vectors be the LLM's own embeddings."""
    model.connector.forward = lambda frames, segments: type(
        "Embeds", (), {"values": model.embed_tokens(segments.token_ids), "lengths": segments.lengths}
    )


def test_the_kl_to_text_is_zero_where_speech_is_text_and_grows_as_the_llm_leaves(model, batch):
    speak_as_text(model)
    objective = PredictLikeText(model, Teacher(model.llm))
    loss, figures = objective(batch)
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    assert figures == {"text_kl": pytest.approx(0, abs=1e-6)}
    with torch.no_grad():
        model.llm.lm_head.weight += 0.1 * torch.randn_like(model.llm.lm_head.weight)
    assert float(objective(batch.to("cpu"))[0].detach()) > 1e-3
    assert not any(p.requires_grad for p in objective.teacher.llm.parameters())


def test_elastic_weights_hold_what_text_needs(model, tmp_path):
    torch.manual_seed(0)
    used = model.tokenize("Tom wanted tea. Nobody knows.")[0]
    text = TextBatches(repeated(model, 30, tmp_path), 32, 0)
    model.requires_grad_(False)
    model.llm.requires_grad_(True)
    objective = ElasticWeights(model, text, 4)
    loss, _ = objective(Batch(None, None))
    assert float(loss.detach()) == 0
    table = model.llm.get_input_embeddings().weight
    never = next(k for k in range(len(table)) if k not in used)

    def cost(row):
        start = table.detach()[row].clone()
        with torch.no_grad():
            table[row] += 1.0
        value = float(objective(Batch(None, None))[0].detach())
        with torch.no_grad():
            table[row] = start
        return value

    assert cost(used[1]) > 0
    assert cost(never) == 0
    # Along the gradient of the penalty the weights go back to where they were.
    start = copy.deepcopy(model.llm.state_dict())
    with torch.no_grad():
        for p in model.llm.parameters():
            p += 0.01 * torch.randn_like(p)
    distance = sum(float((p - start[k]).square().sum()) for k, p in model.llm.state_dict().items())
    loss, _ = objective(Batch(None, None))
    gradients = torch.autograd.grad(loss, list(model.llm.parameters()))
    scale = 0.5 / max(float(f.max()) for f in objective.fisher)
    with torch.no_grad():
        for p, g in zip(model.llm.parameters(), gradients, strict=True):
            p -= scale * g
    assert sum(float((p - start[k]).square().sum()) for k, p in model.llm.state_dict().items()) < distance


def test_the_fisher_information_is_the_mean_square_of_gradients(model, tmp_path):
    text = TextBatches(repeated(model, 20, tmp_path), 16, 0)
    model.requires_grad_(False)
    model.llm.lm_head.requires_grad_(True)
    objective = ElasticWeights(model, text, 3)
    total = torch.zeros_like(model.llm.lm_head.weight)
    for step in range(3):
        loss, _ = TextLM(model)(Batch(None, text.batch(step)))
        total += torch.autograd.grad(loss, [model.llm.lm_head.weight])[0].square() * 16 / 3
    assert torch.allclose(objective.fisher[0], total)
    with pytest.raises(ValueError, match="needs text"):
        ElasticWeights(model, None, 3)
