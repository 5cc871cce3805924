"""`ssr plan` against real runs: peak memory and time of short stages on a larger LLM than the demo's, untrained.

    python benchmarks/plan.py --demo runs/demo

Speech, alignments, encoder and tokenizer are the demo's. Memory is the training process's own peak without what its
imports take; time is that of its steps without the first. Run it on an otherwise idle machine.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

IMPORTS = "import ssr_connector.training.stages, torch.utils.tensorboard, lhotse.dataset, jiwer"
PEAK = "print(next(line for line in open('/proc/self/status') if 'VmHWM' in line).split()[1])"  # KiB
CASES = {
    "stage 1, SSR": ("distill", ["--training.batch_s", "60"]),
    "stage 1, block-wise": ("distill", ["--training.batch_s", "60", "--connector.attention", "blockwise"]),
    "stage 1, frame stacking": ("stack_layers", ["--training.batch_s", "96"]),
    "stage 2, whole LLM": ("vanilla", ["--training.batch_s", "96"]),
    "stage 2, LoRA": (
        "vanilla",
        ["--training.batch_s", "96", "--training.adapter", "lora", "--training.adapter_rank", "8"],
    ),
    "stage 2, gradients checkpointed": (
        "vanilla",
        ["--training.batch_s", "96", "--training.gradient_checkpointing", "true"],
    ),
}
STEPS = 8


def main() -> None:
    """Run every case, and print planned beside measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, default=Path("runs/demo"), help="folder of a finished `ssr demo`")
    parser.add_argument("--config", type=Path, default=Path("recipes/tiny.yaml"), help="the demo's recipe")
    args = parser.parse_args()
    print("| stage | memory, planned | measured | ratio | s a step, planned | measured | ratio |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        make_llm(args.demo / "base" / "llm", work / "llm")
        for name, (variant, words) in CASES.items():
            print(row(name, args, work, variant, words), flush=True)


def make_llm(like: Path, out: Path) -> None:
    """A Llama of 30 M parameters with the demo's tokenizer."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(like)
    shape = {"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 8, "num_attention_heads": 8}
    ids = {k: getattr(tokenizer, k) for k in ("bos_token_id", "eos_token_id", "pad_token_id")}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **shape, **ids)).save_pretrained(out)
    tokenizer.save_pretrained(out)


def row(name: str, args: argparse.Namespace, work: Path, variant: str, words: list[str]) -> str:
    """One line of the table."""
    from ssr_connector.config import load_recipe
    from ssr_connector.training.plan import CONTEXT_BYTES, make_plan, measure_rate, speech_of

    demo = args.demo
    stage = "finetune" if variant == "vanilla" else "distill"
    overrides = [
        *("--out", str(work / name.replace(" ", "-")), "--llm.name", str(work / "llm")),
        *("--encoder.name", str(demo / "base" / "encoder"), "--data.frames", str(demo / "frames")),
        *("--data.alignments", str(demo / "align"), "--data.train", str(demo / "data" / "train" / "cuts.jsonl.gz")),
        *("--training.steps", str(STEPS), "--training.log_every", "1", "--training.warmup_steps", "1"),
        *(["--training.start_from", str(work / "stage-1,-SSR" / "model")] if stage == "finetune" else []),
        *([] if stage == "finetune" else ["--training.aligner", str(demo / "aligner" / "aligner")]),
        *words,
    ]
    recipe = load_recipe(args.config, variant, overrides)
    speech = speech_of(recipe, 12.0, 4.0)
    plan = make_plan(recipe, speech, 1)
    planned_s = plan.flops / measure_rate(recipe, speech, steps=5)
    command = ["train", stage, "--config", str(args.config), "--variant", variant, *overrides]
    run = f"import sys; from ssr_connector.cli import main; main(sys.argv[1:]); {PEAK}"
    peak = last_number([sys.executable, "-c", run, *command]) - last_number(
        [sys.executable, "-c", f"{IMPORTS}; {PEAK}"]
    )
    summary = json.loads((Path(recipe.out) / "training.json").read_text())
    measured_s = summary["seconds_this_run"] / summary["steps_this_run"]
    planned = (plan.total_bytes - CONTEXT_BYTES) / 2**20
    return (
        f"| {name} | {planned:.0f} MiB | {peak / 1024:.0f} MiB | {planned / (peak / 1024):.2f} "
        f"| {planned_s:.2f} | {measured_s:.2f} | {planned_s / measured_s:.2f} |"
    )


def last_number(command: list[str]) -> int:
    """What a process says last."""
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()[-1])


if __name__ == "__main__":
    main()
