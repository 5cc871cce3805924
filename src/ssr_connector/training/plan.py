"""`ssr plan`: will it fit, and how long will it take? From configurations alone: no weights are loaded or made."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from ssr_connector.config import Recipe, TrainingSection, paths_of
from ssr_connector.training.footprint import GIB, Footprint, pretend
from ssr_connector.training.optimizers import state_bytes
from ssr_connector.training.run import inherit
from ssr_connector.training.sharding import units
from ssr_connector.training.stand_in import ASSEMBLE, Parts, Speech, fuse_attention, of_step, seconds_of, weight_bytes
from ssr_connector.training.trial import LENGTHS, try_out

CONTEXT_BYTES = int(0.7 * GIB)  # of CUDA, its libraries and the allocator's rounding
ACTIVATIONS = "activations at the peak"
WHOLE_FLOPS = 5e11  # a step that is tried out with the whole LLM: some ten seconds on a core
SAMPLED = 20_000  # utterances that are tokenised, of a corpus that has more
FEW_LAYERS = 2  # of an LLM that takes more: enough to see how fast its shapes go


@dataclass(frozen=True)
class Plan:
    """Everything of one process, but for `steps` and `speech_hours`, which are of all."""

    parameters: Mapping[str, tuple[int, int]]  # part: in all, that learn
    memory: Mapping[str, int]  # part: bytes
    steps: int
    speech_hours: float  # heard in all steps, repeats counted
    epochs: float | None
    flops: int  # of a step
    notes: tuple[str, ...]

    @property
    def total_bytes(self) -> int:
        """At the peak."""
        return sum(self.memory.values())

    def hours(self, flops_per_s: float) -> float:
        """Of all steps at a measured rate."""
        return self.steps * self.flops / flops_per_s / 3600


@dataclass(frozen=True)
class Machine:
    """What a few steps here have shown."""

    flops_per_s: float
    flops_per_cpu_s: float
    process_bytes: int | None  # Python and libraries; None where a GPU holds the models
    held_share: float  # what the CPU's allocator holds beside the activations, as a share of them


def make_plan(stage: str, recipe: Recipe, speech: Speech, gpus: int, here: Machine | None = None) -> Plan:
    """Plan a stage (aligner, distill, finetune) on GPUs, or on this machine's CPU where `here` has found no GPU.

    Raises UserError where the recipe names no models.
    """
    recipe = inherit(recipe)
    config = recipe.training
    on_cpu = here is not None and here.process_bytes is not None
    assumed = f"{'Muon and AdamW' if config.optimizer == 'muon' else 'AdamW'} in float32"
    if not on_cpu:
        assumed = f"{CONTEXT_BYTES / GIB:.1f} GiB of CUDA and its libraries, fused attention, {assumed}"
    notes = [f"assumed: {assumed}"]
    with pretend():
        parts = ASSEMBLE[stage](recipe, speech, None)
        if not on_cpu:
            for module in parts.named().values():
                fuse_attention(module)
        step = of_step(parts, recipe, speech)
        notes += parts.notes(recipe, speech)
    if config.precision == "bf16":
        notes.append("bf16: the weights that learn are float32, with a copy in bf16 while they are used")
    memory = memory_of(parts, step, config, gpus, on_cpu)
    if here is not None and here.process_bytes is not None:
        memory["held by the allocator"] = int(here.held_share * memory[ACTIVATIONS])
        memory["the process itself"] = here.process_bytes
    else:
        memory["CUDA"] = CONTEXT_BYTES
    heard = config.steps * config.accumulate * seconds_of(config, speech) * gpus / 3600
    return Plan(
        {name: count(module) for name, module in parts.named().items()},
        memory,
        config.steps,
        heard,
        None if not speech.hours else heard / speech.hours,
        step.flops * config.accumulate,
        tuple(notes),
    )


def memory_of(parts: Parts, step: Footprint, config: TrainingSection, gpus: int, on_cpu: bool) -> dict[str, int]:
    """Bytes of tensors of one process at the peak, by part."""
    sharded = config.sharding == "fsdp" and gpus > 1
    shards = gpus if sharded else 1
    divided = parts.divided()
    memory = {
        f"weights: {name}": weight_bytes(module) // (shards if name in divided else 1)
        for name, module in parts.named().items()
    }
    learning = [p.numel() for m in parts.named().values() for p in m.parameters() if p.requires_grad]
    gradients = 4 * sum(learning)
    moments = sum(state_bytes(module, config) for module in parts.named().values())
    memory |= {name: size // shards for name, size in parts.kept(config).items()}
    memory |= {"gradients": gradients // shards, "optimizer": moments // shards}
    memory["gradients on their way (DDP)"] = gradients if gpus > 1 and not sharded else 0
    taken = step.peak_bytes - gradients
    if config.accumulate > 1 or gpus > 1:  # gradients are there already, of the batch before, or in DDP's buckets
        taken = max(taken, step.forward_bytes)
    # The optimiser's own step needs room, too: AdamW's moves all weights at once on GPUs, and one by one on CPUs
    moving = 8 * max(learning) if on_cpu else gradients // shards
    memory[ACTIVATIONS] = max(taken, moving)
    if sharded:
        memory["gathered where they are used"] = gathered_bytes(parts)
    return {name: size for name, size in memory.items() if size}


def count(module: nn.Module) -> tuple[int, int]:
    """Parameters, and those that learn."""
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    return sum(n for n, _ in sizes), sum(n for n, learns in sizes if learns)


def gathered_bytes(parts: Parts) -> int:
    """What FSDP holds whole at the peak: two layers, and all that is in none; or, before these, the encoder."""
    divided = parts.divided()
    used = nn.ModuleList(module for name, module in divided.items() if name != "encoder")
    layers = [weight_bytes(unit) for unit in units(used)]
    encoder = weight_bytes(divided["encoder"]) if "encoder" in divided else 0
    return max(sum(sorted(layers)[-2:]) + weight_bytes(used) - sum(layers), encoder)


# --- this machine ---


def measure(stage: str, recipe: Recipe, speech: Speech) -> Machine:
    """Take some steps of this stage's shapes here, in a process of its own; a large LLM is cut to a few layers."""
    recipe = inherit(recipe)
    with pretend():
        whole = of_step(ASSEMBLE[stage](recipe, speech, None), recipe, speech)
    layers = FEW_LAYERS if whole.flops > WHOLE_FLOPS else None
    shapes = [replace(speech, utterance_s=share * speech.utterance_s) for share in LENGTHS]
    footprints, needed = [], 0
    for shape in shapes:
        with pretend():
            parts = ASSEMBLE[stage](recipe, speech, layers)
            footprints.append(of_step(parts, recipe, shape))
        memory = memory_of(parts, footprints[-1], recipe.training, 1, on_cpu=True)
        if sum(memory.values()) > needed:
            needed, activations = sum(memory.values()), memory[ACTIVATIONS]
    found = try_out(stage, recipe, shapes, layers)
    flops = sum(footprint.flops for footprint in footprints)
    return Machine(
        flops / found.seconds,
        flops / found.cpu_seconds,
        found.process_bytes,
        max(0.0, (found.peak_bytes - found.process_bytes - needed) / activations) if found.process_bytes else 0.0,
    )


def speech_of(recipe: Recipe, utterance_s: float, tokens_per_s: float) -> Speech:
    """What the training data is like, where it is there; else what is assumed."""
    recipe = inherit(recipe)
    manifests = paths_of(recipe.data.train)
    if not manifests or not all(path.exists() for path in manifests):
        return Speech(None, utterance_s, tokens_per_s)
    from ssr_connector.aligners.labels import alphabet_of
    from ssr_connector.base_models import load_tokenizer, offset_tokenize
    from ssr_connector.training.data import load_cuts

    cuts, texts = load_cuts(recipe.data.train, recipe.aligner.text_form)
    seconds = [cut.duration for cut in cuts.values()]
    some = list(cuts)[:: max(1, len(cuts) // SAMPLED)]
    some_s = sum(cuts[i].duration for i in some)
    tokens: list[int] = []
    if Path(recipe.llm.name).is_dir() and (Path(recipe.llm.name) / "tokenizer.json").is_file():
        tokenize = offset_tokenize(load_tokenizer(recipe.llm.name))
        tokens = [token for i in some for token in tokenize(texts[i])[0]]
    return Speech(
        sum(seconds) / 3600,
        # A batch holds utterances of like length: its shape is that of the mean second, not of the mean utterance.
        sum(s * s for s in seconds) / sum(seconds),
        len(tokens) / some_s if tokens else tokens_per_s,
        sum(len(texts[i]) for i in some) / some_s,
        len(alphabet_of(texts.values())),
        len(set(tokens)) or None,
    )
