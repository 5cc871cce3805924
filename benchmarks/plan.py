"""`ssr plan` against real runs: peak memory and CPU time of short stages, on random models and noise.

    OMP_NUM_THREADS=1 python benchmarks/plan.py ["stage 1, SSR" ...]

Every case is planned as `ssr plan --measure` does it, and then trains some steps in a process of its own. Memory is the
whole process's peak as the kernel counts it (VmHWM), and both without what the process takes before it has any model.
Time is the CPU time of a step on one thread, which other programs on the machine change less than the clock's.
"""

import argparse
import itertools
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

FRAMES, WIDTH = 50, 256  # of the encoder, a second and wide
STAGE_1 = ["--training.train=[connector]", "--training.objectives={distil: 1}", "--llm.name={work}/small"]
STAGE_2 = ["--training.train=[llm]", "--training.objectives={speech_lm: 1, transcribe: 1}"]
STAGE_2 += ["--training.start_from={work}/stage-1-small/model"]
STAGE_2_LARGE = [*STAGE_2, "--training.start_from={work}/stage-1-large/model"]
CHECKPOINTED, LORA = "--training.gradient_checkpointing=true", "--training.adapter=lora"
HEARD_THROUGH_THE_LLM = "--training.objectives={transcribe: 1, continuation: 1}"
WITH_TEXT = "--training.objectives={speech_lm: 1, text: 1, text_kl: 1}"
ALIGNER = ["--training.train=[aligner]", "--llm.name={work}/small", "--training.aligner=null"]
CASES = {
    "aligner, CHAR-CTC": [*ALIGNER, "--training.objectives={ctc: 1}"],
    "aligner, SUB-CTC": [*ALIGNER, "--training.objectives={ctc: 1}", "--aligner.type=sub_ctc"],
    "aligner, CIF": [*ALIGNER, "--training.objectives={cif: 1}", "--aligner.type=cif"],
    "aligner, UnitY2": [*ALIGNER, "--training.objectives={unity2: 1}", "--aligner.type=unity2"],
    "stage 1, SSR": STAGE_1,
    "stage 1, SSR, 120 s, gradients checkpointed": [*STAGE_1, "--training.batch_s=120", CHECKPOINTED],
    "stage 1, block-wise, 120 s": [*STAGE_1, "--training.batch_s=120", "--connector.attention=blockwise"],
    "stage 1, from audio": [*STAGE_1, "--data.frames=null"],
    "stage 1, frame stacking": [*STAGE_1, "--connector.type=stack", HEARD_THROUGH_THE_LLM],
    "stage 2, whole LLM": STAGE_2,
    "stage 2, LoRA": [*STAGE_2, LORA],
    "stage 2, whole LLM, gradients checkpointed": [*STAGE_2, CHECKPOINTED],
    "stage 2, with text and KL to the text model": [*STAGE_2, WITH_TEXT],
    "stage 2, whole LLM of 108 M": STAGE_2_LARGE,
    "stage 2, LoRA, LLM of 108 M": [*STAGE_2_LARGE, LORA],
}


STAGES = {"aligner": "aligner", "stage 1": "distill", "stage 2": "finetune"}


def main() -> None:
    """Run every case, and print planned beside measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"some of: {'; '.join(CASES)} (default: all)")
    parser.add_argument(
        "--steps", type=int, default=4, help="of each run; the first and last are not timed (default: 4)"
    )
    parser.add_argument("--work", type=Path, help="where to make models and recordings, or to find them again")
    args = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}  # of the processes that are started
    with tempfile.TemporaryDirectory() as folder:
        work = args.work or Path(folder)
        if not (work / "align").is_dir():
            apart(make_world, work)
        print("| case | MiB, planned | measured | ratio | models alone, planned | measured | ratio ", end="")
        print("| CPU-s a step, planned | measured | ratio |")
        print(f"|{'---|' * 10}")
        for name in args.cases or CASES:
            print(row(name, work, args.steps), flush=True)


def row(name: str, work: Path, steps: int) -> str:
    """One line of the table."""
    stage = STAGES[name.split(",")[0]]
    overrides = settings(name, work, steps)
    plan, here = planned(stage, overrides)
    peak, seconds = apart(train, stage, overrides)
    cells = [name]
    for rest in (0, here.process_bytes):
        expected, found = (plan.total_bytes - rest) / 2**20, (peak - rest) / 2**20
        cells += [f"{expected:,.0f}", f"{found:,.0f}", f"{expected / found:.2f}"]
    expected, found = plan.flops / here.flops_per_cpu_s, statistics.mean(seconds)
    cells += [f"{expected:.2f}", f"{found:.2f}", f"{expected / found:.2f}"]
    return f"| {' | '.join(cells)} |"


def planned(stage: str, overrides: list[str]) -> tuple[Any, Any]:
    """What `ssr plan --measure` says, and what it has found out about this machine."""
    from ssr_connector.config import load_recipe
    from ssr_connector.training.plan import make_plan, measure, speech_of

    recipe = load_recipe(None, None, overrides)
    speech = speech_of(recipe, 12.0, 4.0)
    here = measure(stage, recipe, speech)
    return make_plan(stage, recipe, speech, 1, here), here


def settings(name: str, work: Path, steps: int) -> list[str]:
    """What a case changes in the recipe, as `ssr train` takes it."""
    common = [
        *("--encoder.name={work}/encoder", "--data.frames={work}/frames", "--data.alignments={work}/align"),
        *("--data.train={work}/cuts/cuts.jsonl.gz", "--data.text={work}/text.txt", "--training.aligner={work}/aligner"),
        *(
            "--training.log_every=1",
            "--training.warmup_steps=1",
            "--training.batch_s=60",
            "--training.batch_tokens=1024",
        ),
        f"--training.steps={steps}",
    ]
    out = f"--out={{work}}/runs/{name.replace(' ', '-')}"
    return [word.replace("{work}", str(work)) for word in [*common, *CASES[name], out]]


def apart(task: Any, *args: Any) -> Any:
    """Do it in a process of its own, which begins with nothing."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(task, *args).result()


def train(stage: str, overrides: list[str]) -> tuple[int, list[float]]:
    """Peak bytes of this process, and the CPU time of each step but the first and the last, which is saved, too."""
    from ssr_connector.config import load_recipe
    from ssr_connector.training import stages

    marks: list[float] = []
    recipe = load_recipe(None, None, overrides)
    work = {"aligner": stages.train_aligner, "distill": stages.train_connector, "finetune": stages.finetune}
    work[stage](recipe, lambda *_: marks.append(time.process_time()))
    return peak_bytes(), [b - a for a, b in itertools.pairwise(marks[:-1])]


def peak_bytes() -> int:
    """The most that this process has had in memory."""
    status = Path("/proc/self/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


# --- what is trained, and on what ---


def make_world(work: Path) -> None:
    """Noise with made-up words, lengths as LJSpeech's; a random encoder, aligner and two LLMs; two runs of stage 1."""
    import numpy as np
    import soundfile

    from ssr_connector.aligners import CharCTC, CharCTCConfig
    from ssr_connector.aligners.bundle import save_aligner
    from ssr_connector.aligners.record import FILE, write_alignments
    from ssr_connector.base_models import offset_tokenize
    from ssr_connector.config import EncoderSection
    from ssr_connector.data.cuts import read_manifests
    from ssr_connector.data.preparation import prepare
    from ssr_connector.encoders.corpus import encode_cuts
    from ssr_connector.encoders.pretrained import read_front_end
    from ssr_connector.tiny.tokenizer import train_tokenizer
    from ssr_connector.types import Alignment

    work.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghijklmnoprstuvw"), rng.integers(2, 8))) for _ in range(800)]
    lines = ["audio\ttext\tid"]
    for k in range(300):
        seconds = float(np.clip(rng.normal(6.6, 2.2), 1.1, 10.1))
        text = " ".join(rng.choice(words, max(1, round(2.5 * seconds))))
        soundfile.write(work / f"u{k:03}.wav", 0.1 * rng.standard_normal(round(16000 * seconds)), 16000)
        lines.append(f"u{k:03}.wav\t{text}\tu{k:03}")
    (work / "table.tsv").write_text("\n".join(lines))
    (work / "text.txt").write_text("\n".join(" ".join(rng.choice(words, 60)) for _ in range(400)))
    prepare(work / "table.tsv", work / "cuts")
    tokenizer = train_tokenizer(words, 1500)
    make_models(work, tokenizer)
    aligner = CharCTC(CharCTCConfig(width=64, layers=2, heads=2, alphabet=" abcdefghijklmnoprstuvw"), WIDTH)
    save_aligner(work / "aligner", aligner, EncoderSection(str(work / "encoder")), str(work / "small"), "cased")
    manifest = work / "cuts" / "cuts.jsonl.gz"
    encode_cuts([manifest], EncoderSection(str(work / "encoder")), work / "frames", 60.0, lambda *_: None)
    _, front_end = read_front_end(str(work / "encoder"))
    tokenize = offset_tokenize(tokenizer)

    def aligned(cut: Any) -> tuple[str, Alignment]:
        text = cut.supervisions[0].text
        ids, spans = tokenize(text)
        n_frames = front_end.n_frames(round(16000 * cut.duration))
        ends = [*sorted(rng.choice(np.arange(1, n_frames), len(ids) - 1, replace=False).tolist()), n_frames]
        return cut.id, Alignment(text, tuple(ids), (0, *ends[:-1]), tuple(ends), tuple(spans), n_frames)

    write_alignments(work / "align" / FILE, front_end.clock, (aligned(cut) for cut in read_manifests([manifest])))
    for size in ("small", "large"):
        words = [f"--llm.name={work / size}", f"--out={work / f'stage-1-{size}'}"]
        apart(train, "distill", [*settings("stage 1, SSR", work, 1), *words])


def make_models(work: Path, tokenizer: Any) -> None:
    """A wav2vec2-BERT of 4 layers, and two Llamas with a tokenizer: 38 M and 108 M parameters."""
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        SeamlessM4TFeatureExtractor,
        Wav2Vec2BertConfig,
        Wav2Vec2BertModel,
    )

    encoder = Wav2Vec2BertConfig(
        hidden_size=WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=4 * WIDTH,
        feature_projection_input_dim=160,
        layerdrop=0.0,
        mask_time_prob=0.0,
        apply_spec_augment=False,
    )
    Wav2Vec2BertModel(encoder).eval().save_pretrained(work / "encoder")
    SeamlessM4TFeatureExtractor().save_pretrained(work / "encoder")
    ids = {k: getattr(tokenizer, k) for k in ("bos_token_id", "eos_token_id", "pad_token_id")}
    for name, width, layers, vocabulary in (("small", 512, 8, 12000), ("large", 1024, 6, 16000)):
        shape = {"hidden_size": width, "intermediate_size": 11 * width // 4, "num_attention_heads": width // 64}
        config = LlamaConfig(vocab_size=vocabulary, num_hidden_layers=layers, **shape, **ids)
        LlamaForCausalLM(config).save_pretrained(work / name)
        tokenizer.save_pretrained(work / name)


if __name__ == "__main__":
    main()
