"""Plans against numbers known by hand, and against real steps."""

import pytest
import torch
from torch import nn
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    ParakeetCTCConfig,
    ParakeetEncoder,
    ParakeetFeatureExtractor,
    WhisperConfig,
    WhisperFeatureExtractor,
)

from ssr_connector.aligners import Material, aligner_class
from ssr_connector.base_models import load_tokenizer, offset_tokenize
from ssr_connector.cli import main
from ssr_connector.config import load_recipe
from ssr_connector.errors import UserError
from ssr_connector.training.data import load_cuts
from ssr_connector.training.footprint import GIB, footprint, pretend
from ssr_connector.training.plan import ACTIVATIONS, Machine, make_plan, measure, speech_of
from ssr_connector.training.stand_in import ASSEMBLE, Speech, of_step
from ssr_connector.types import Frames
from ssr_connector.units import FrameClock

SPEECH = Speech(None, 2.0, 4.0)


def test_a_footprint_by_hand():
    with pretend():
        layer = nn.Linear(100, 200, bias=False)
        x = torch.zeros(50, 100)
        found = footprint(lambda: layer(x).square().sum())
    assert found.flops == 2 * 2 * 50 * 100 * 200  # forward, and the gradient of the weights
    outputs, gradients = 50 * 200 * 4, 100 * 200 * 4
    assert outputs <= found.forward_bytes <= outputs + 100
    assert outputs + gradients <= found.peak_bytes <= 3 * outputs + gradients + 200


def test_attention_is_counted_on_processors_too():
    with pretend():
        q, k, v = (torch.zeros(2, 4, 50, 16, requires_grad=True) for _ in range(3))
        found = footprint(lambda: nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).sum())
    assert found.flops == 4 * 2 * 4 * 50 * 50 * 16 * 7 // 2


def test_what_lives_no_more_is_not_counted():
    def chain(x, n):
        with torch.no_grad():
            for _ in range(n):
                x = x + 1
        return (x * weight).sum()

    with pretend():
        weight = nn.Parameter(torch.zeros(1000))
        few, many = (footprint(lambda n=n: chain(torch.zeros(1000), n)).peak_bytes for n in (2, 50))
    assert few == many


@pytest.fixture(scope="module")
def large_llm(tmp_path_factory):
    """Two layers in the shape of an 8B: a configuration and nothing else."""
    folder = tmp_path_factory.mktemp("llama3")
    LlamaConfig(
        hidden_size=4096, intermediate_size=14336, num_hidden_layers=2, num_attention_heads=32,
        num_key_value_heads=8, vocab_size=128256,
    ).save_pretrained(folder)  # fmt: skip
    return str(folder)


def plan(base, variant, *words, speech=SPEECH, gpus=1):
    stage = "finetune" if variant == "finetune" else "distill"
    return make_plan(stage, load_recipe(base / "recipe.yaml", variant, list(words)), speech, gpus)


def test_parameters_are_counted_and_none_is_made(base, large_llm):
    lora = ["--training.adapter=lora", "--training.adapter_rank=16"]
    found = plan(base, "finetune", f"--llm.name={large_llm}", "--llm.dtype=bfloat16", *lora)
    total, learning = found.parameters["LLM"]
    per_layer = 16 * (2 * (4096 + 4096) + 2 * (4096 + 1024) + 3 * (4096 + 14336))  # q, o; k, v; gate, up, down
    assert learning == 2 * per_layer
    assert total == 1_486_901_248 + learning
    assert found.memory["weights: LLM"] == pytest.approx(2 * 1_486_901_248, rel=0.02)
    assert found.memory["optimizer"] == 8 * learning
    whole = plan(base, "finetune", f"--llm.name={large_llm}")
    assert whole.total_bytes > 16 * 1_486_901_248
    halved = plan(base, "finetune", f"--llm.name={large_llm}", "--training.sharding=fsdp", gpus=8)
    assert halved.memory["weights: LLM"] == whole.memory["weights: LLM"] // 8
    assert halved.memory["optimizer"] == whole.memory["optimizer"] // 8
    assert halved.total_bytes < whole.total_bytes / 2
    layer, table = 4096 * (2 * 4096 + 2 * 1024 + 3 * 14336 + 2), 128256 * 4096
    in_none = 4 * (table + 4096)  # input embeddings and the last norm; the head is gathered as a layer is
    small = sum(halved.parameters[part][0] for part in ("encoder", "connector")) * 4
    gathered = halved.memory["gathered where they are used"]
    assert 4 * (table + layer) + in_none <= gathered <= 4 * (table + layer) + in_none + small


def test_in_distillation_the_connector_alone_learns(base, large_llm):
    found = plan(base, "distill", f"--llm.name={large_llm}")
    assert found.parameters["LLM"] == (128256 * 4096, 0)  # its input embeddings
    assert found.memory["weights: LLM"] == 4 * 128256 * 4096
    assert any("1.96 GiB instead of 5.54" in note for note in found.notes)
    assert found.parameters["connector"][0] == found.parameters["connector"][1] > 200e6
    assert found.memory["optimizer"] == 8 * found.parameters["connector"][1]
    muon = plan(base, "distill", f"--llm.name={large_llm}", "--training.optimizer=muon")
    assert found.memory["optimizer"] / 2 < muon.memory["optimizer"] < 0.51 * found.memory["optimizer"]


@pytest.mark.slow
def test_memory_follows_the_batch_and_checkpointing_saves(base):
    words = ["--connector.layers=4", "--training.batch_s=200"]
    small = plan(base, "distill", words[0], "--training.batch_s=100")
    large = plan(base, "distill", *words)
    saving = plan(base, "distill", *words, "--training.gradient_checkpointing=true")
    assert large.memory[ACTIVATIONS] == pytest.approx(2 * small.memory[ACTIVATIONS], rel=0.1)
    assert saving.memory[ACTIVATIONS] < 0.75 * large.memory[ACTIVATIONS]
    assert saving.flops > large.flops


def test_block_wise_attention_is_planned_as_what_it_is(base):
    long = Speech(None, 30.0, 4.0)
    words = ["--training.batch_s=60", "--connector.layers=2"]
    causal, blockwise = (
        plan(base, "distill", *words, f"--connector.attention={kind}", speech=long) for kind in ("causal", "blockwise")
    )
    assert blockwise.flops < causal.flops
    heads, width, frames, keys = 4, 8, 1500, 13  # 120 segments of 12 frames, which see one more
    attention = 7 / 2 * 4 * 2 * heads * width * 2  # forward and backward, of two utterances in two layers
    assert causal.flops - blockwise.flops == pytest.approx(attention * (frames * frames - 120 * 12 * keys), rel=0.05)


@pytest.mark.slow
def test_what_a_stage_keeps_beside_its_weights_is_planned(base):
    llm = plan(base, "finetune").memory["weights: LLM"]
    words = ["--training.objectives={speech_lm: 1, text_kl: 1, continuation: 1, ewc: 1}", "--training.adapter=none"]
    found = plan(base, "finetune", *words)
    assert found.memory["weights: teachers"] == llm  # two objectives share it
    assert found.memory["what ewc holds"] == 2 * llm
    assert "weights: teachers" not in plan(base, "stack").memory  # an LLM that does not learn is its own
    deeper = plan(base, "distill", "--training.distil_layer=1")
    assert deeper.flops > plan(base, "distill").flops
    assert deeper.memory["weights: LLM"] == llm
    shared = plan(base, "finetune", gpus=2).memory
    assert shared["gradients on their way (DDP)"] == shared["gradients"]


def test_on_a_gpu_attention_keeps_no_scores_and_on_this_cpu_the_process_counts(base):
    words = ["--training.batch_s=60", "--connector.dropout=0.1"]
    here = Machine(1e9, 1e9, process_bytes=300 << 20, held_share=0.5)
    recipe = load_recipe(base / "recipe.yaml", "distill", words)
    long = Speech(None, 30.0, 4.0)
    gpu, cpu = (make_plan("distill", recipe, long, 1, machine) for machine in (None, here))
    scores = 2 * 4 * 1500 * 1500 * 4
    assert cpu.memory[ACTIVATIONS] > gpu.memory[ACTIVATIONS] + scores
    assert cpu.memory["the process itself"] == 300 << 20
    assert cpu.memory["held by the allocator"] == cpu.memory[ACTIVATIONS] // 2
    assert "CUDA" not in cpu.memory
    kept, fused = (plan(base, "finetune", f"--llm.attention={kind}").memory for kind in ("eager", "auto"))
    assert kept[ACTIVATIONS] > fused[ACTIVATIONS]


def test_stage_2_is_planned_with_the_models_of_the_run_that_it_starts_from(base, distilled):
    words = [f"--training.start_from={distilled / 'model'}", "--encoder.name=", "--connector.layers=3"]
    assert plan(base, "finetune", *words).parameters == plan(base, "finetune").parameters


def test_steps_hours_and_epochs(base):
    speech = Speech(hours=2.0, utterance_s=2.0, tokens_per_s=4.0)
    found = plan(
        base,
        "distill",
        "--training.steps=90",
        "--training.batch_s=40",
        "--training.accumulate=2",
        speech=speech,
        gpus=2,
    )
    assert found.speech_hours == 90 * 40 * 2 * 2 / 3600
    assert found.epochs == found.speech_hours / 2
    fewer = plan(base, "distill", "--training.steps=90", "--training.batch_transcript_tokens=20", speech=speech)
    assert fewer.speech_hours == 90 * 5 / 3600  # four tokens a second
    assert found.hours(found.flops * 90 / 3600) == pytest.approx(1.0)


def test_the_data_says_what_a_batch_is_like(base):
    found = speech_of(load_recipe(base / "recipe.yaml", "distill", []), 12.0, 4.0)
    assert found.hours is not None
    assert 0 < found.utterance_s < 10
    assert found.tokens_per_s != 4.0
    assert speech_of(load_recipe(base / "recipe.yaml", "distill", ["--data.train=nowhere"]), 12.0, 4.0).hours is None


def test_tokens_are_those_of_the_llm_that_stage_2_starts_with(base, distilled):
    words = [f"--training.start_from={distilled / 'model'}", "--llm.name="]
    found = speech_of(load_recipe(base / "recipe.yaml", "finetune", words), 12.0, 4.0)
    assert found == speech_of(load_recipe(base / "recipe.yaml", "distill", []), 12.0, 4.0)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["aligner", "finetune"])
def test_this_machine_is_measured_on_real_tensors(base, stage):
    found = measure(stage, load_recipe(base / "recipe.yaml", stage, []), SPEECH)
    assert 1e6 < found.flops_per_s < 1e13
    if not torch.cuda.is_available():
        assert 100 << 20 < found.process_bytes < 2 << 30
        assert 0 <= found.held_share < 1000  # of next to nothing here


def test_the_part_of_a_recogniser_that_encodes_is_planned(base, tmp_path):
    part = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
    config = ParakeetCTCConfig(encoder_config=part, vocab_size=50000)
    config.save_pretrained(tmp_path)
    ParakeetFeatureExtractor().save_pretrained(tmp_path)
    words = [f"--encoder.name={tmp_path}", "--encoder.layer=1"]
    cached, run = (plan(base, "distill", *words, f"--data.frames={frames}") for frames in (base / "frames", "null"))
    encoder = ParakeetEncoder(config.encoder_config)
    above = sum(p.numel() for p in encoder.layers[2].parameters())
    assert run.parameters["encoder"] == (sum(p.numel() for p in encoder.parameters()) - above, 0)
    assert run.flops > cached.flops


def test_unpadded_whisper_and_mixed_layers_are_planned(base, tmp_path):
    WhisperConfig(
        d_model=64, encoder_layers=2, decoder_layers=1, encoder_attention_heads=4, decoder_attention_heads=4
    ).save_pretrained(tmp_path)
    WhisperFeatureExtractor().save_pretrained(tmp_path)
    words = [f"--encoder.name={tmp_path}", "--data.frames=null"]
    padded, unpadded = (plan(base, "distill", *words, f"--encoder.padded={p}") for p in ("true", "false"))
    assert unpadded.flops < padded.flops / 5  # 2 s of 30
    mixed = plan(base, "distill", *words, "--encoder.layer=[1, 2]", "--encoder.padded=false")
    learn = {name: found.parameters["connector"][1] for name, found in (("one", unpadded), ("two", mixed))}
    assert learn["two"] == learn["one"] + 3


def test_models_that_are_not_there(base, tmp_path):
    with pytest.raises(UserError, match=r"check llm\.name"):
        plan(base, "distill", f"--llm.name={tmp_path}")
    with pytest.raises(UserError, match=r"check encoder\.name"):
        plan(base, "distill", f"--encoder.name={tmp_path}")
    with pytest.raises(UserError, match=r"needs encoder\.name and llm\.name"):
        plan(base, "distill", "--llm.name=")
    with pytest.raises(UserError, match=r"training\.objectives"):
        plan(base, "aligner")


def test_the_verb_says_what_fits(base, capsys):
    words = ["plan", "distill", "--config", str(base / "recipe.yaml"), "--gpu-gib", "0.5,80", "--tflops", "1"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "too small" in said
    assert "to spare" in said
    assert "7 steps hear" in said
    assert main(["plan", "distill", "--config", str(base / "recipe.yaml"), "--gpus", "0"]) == 2
    assert main(["plan", "distill", "--config", str(base / "recipe.yaml"), "--gpu-gib", "big"]) == 2


def test_a_footprint_is_what_a_real_step_takes():
    shape = {"hidden_size": 128, "intermediate_size": 344, "num_hidden_layers": 3, "num_attention_heads": 4}

    def loss(llm):
        logits = llm(inputs_embeds=torch.zeros(16, 128, 128), use_cache=False).logits
        return nn.functional.cross_entropy(logits.flatten(0, 1), torch.zeros(16 * 128, dtype=torch.long))

    with pretend():
        llm = LlamaForCausalLM(LlamaConfig(vocab_size=4000, **shape))
        planned = footprint(lambda: loss(llm))
    llm = LlamaForCausalLM(LlamaConfig(vocab_size=4000, **shape))
    assert planned.peak_bytes == pytest.approx(real_peak_bytes(lambda: loss(llm)), rel=0.1)
    assert planned.peak_bytes < GIB


def real_peak_bytes(loss):
    """What torch holds at once in a loss and its backward, on real tensors."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        loss().backward()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak


ALIGNERS = ["char_ctc", "sub_ctc", "cif", "unity2"]
SAID = Speech(None, 4.0, 5.0, 15.0, chars=40, tokens=300)  # 200 frames, 60 characters, 20 tokens


@pytest.mark.parametrize("kind", ALIGNERS)
def test_a_planned_step_of_an_aligner_takes_what_a_real_one_does(base, kind):
    words = [f"--aligner.type={kind}", "--aligner.width=64", "--aligner.layers=2", "--aligner.label_prior=0.3"]
    recipe = load_recipe(base / "recipe.yaml", "aligner", [*words, "--aligner.units=50", "--training.batch_s=32"])
    with pretend():
        planned = of_step(ASSEMBLE["aligner"](recipe, SAID, None), recipe, SAID)
    aligner = ASSEMBLE["aligner"](recipe, SAID, None).aligner.train()
    text = "".join(chr(32 + k % 40) for k in range(60))

    def loss():
        frames = Frames(torch.randn(8, 200, 32), torch.full((8,), 200), FrameClock(16000, 320, 0.0))
        tokens = lambda text: (list(range(20)), [(k, k + 1) for k in range(20)])  # noqa: E731
        return aligner.loss(frames, [text] * 8, tokens)[0]

    assert planned.peak_bytes == pytest.approx(real_peak_bytes(loss), rel=0.15)


@pytest.mark.parametrize("kind", ALIGNERS)
def test_what_measures_an_aligner_runs_on_real_tensors(base, kind):
    words = [f"--aligner.type={kind}", "--aligner.binarise_weight=1", "--training.batch_s=8", "--aligner.units=5"]
    recipe = load_recipe(base / "recipe.yaml", "aligner", words)
    parts = ASSEMBLE["aligner"](recipe, SAID, None)
    loss = parts.loss(recipe, SAID)
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in parts.aligner.parameters())


@pytest.mark.parametrize("kind", ALIGNERS)
def test_an_aligner_is_planned_with_the_labels_of_its_data_and_without_an_llm(base, kind):
    words = [f"--aligner.type={kind}", "--aligner.units=9"]
    recipe = load_recipe(base / "recipe.yaml", "aligner", words)
    speech = speech_of(recipe, 12.0, 4.0)
    found = make_plan("aligner", recipe, speech, 1)
    _, texts = load_cuts(recipe.data.train, "cased")
    tokenize = offset_tokenize(load_tokenizer(recipe.llm.name))
    material = Material(
        texts.values(), tokenize, 32, FrameClock(16000, 320, 0.0), None, once=lambda *_: torch.zeros(9, 32)
    )
    real = aligner_class(kind).untrained(recipe.aligner, material)
    n = sum(p.numel() for p in real.parameters())
    assert found.parameters == {"aligner": (n, n)}  # frames are cached: no encoder
    assert found.memory["optimizer"] == 8 * n
    assert found.memory["weights: aligner"] == 4 * n
    assert found.steps == 7


def test_what_is_not_known_of_an_aligner_is_assumed_and_said(base):
    words = ["--data.train=nowhere", "--aligner.type=sub_ctc", "--data.frames=null", "--training.sharding=fsdp"]
    recipe = load_recipe(base / "recipe.yaml", "aligner", words)
    one, two = (make_plan("aligner", recipe, speech_of(recipe, 3.0, 4.0), gpus) for gpus in (1, 2))
    assert any("(assumed)" in note for note in one.notes)  # all of the LLM's tokens
    assert one.parameters["encoder"][1] == 0
    assert two.memory["weights: encoder"] == one.memory["weights: encoder"]  # stands outside what is divided
    assert two.memory["weights: aligner"] == one.memory["weights: aligner"] // 2
    unity = load_recipe(base / "recipe.yaml", "aligner", ["--aligner.type=unity2"])
    assert any("k-means" in note for note in make_plan("aligner", unity, SAID, 1).notes)
    with pytest.raises(UserError, match="there is no aligner 'ctc'"):
        make_plan("aligner", load_recipe(base / "recipe.yaml", "aligner", ["--aligner.type=ctc"]), SAID, 1)
