"""`ssr plan` of every recipe for real models, from their published shapes alone.

    python benchmarks/recipes.py

Utterances of 12 s and 4 tokens a second are assumed (`ssr plan` takes those of the data where it is there).
"""

import tempfile
from pathlib import Path

from shapes import write_shape  # beside this file
from ssr_connector.config import load_recipe
from ssr_connector.training.plan import ACTIVATIONS, GIB, make_plan
from ssr_connector.training.stand_in import Speech

RECIPES = {  # and the GPUs that each is for
    "librispeech100-smollm135m-hubert": 1,
    "librispeech960-qwen3-0.6b-whisper": 1,
    "commonvoice-multilingual-qwen3-1.7b": 1,
    "mls-llama3-8b-dinosr": 32,
}


def main() -> None:
    """Print one line a stage."""
    columns = ("recipe", "stage", "GPUs", "M that learn, of all", "GiB a GPU", "activations", "TFLOP a step", "h heard")
    print(f"| {' | '.join(columns)} |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, gpus in RECIPES.items():
            config = Path("recipes") / f"{name}.yaml"
            plain = load_recipe(config, "distill", [])
            models = {
                key: write_shape(value, Path(folder) / name / key)
                for key, value in (("encoder", plain.encoder.name), ("llm", plain.llm.name))
            }
            for stage in ("aligner", "distill", "finetune"):
                recipe = load_recipe(config, stage, [f"--{key}.name={path}" for key, path in models.items()])
                plan = make_plan(stage, recipe, Speech(None, 12.0, 4.0), gpus)
                total = sum(n for n, _ in plan.parameters.values()) / 1e6
                learning = sum(n for _, n in plan.parameters.values()) / 1e6
                activations = plan.memory[ACTIVATIONS] / GIB
                print(
                    f"| {name} | {stage} | {gpus} | {learning:,.0f} of {total:,.0f} | {plan.total_bytes / GIB:.1f} "
                    f"| {activations:.1f} | {plan.flops / 1e12:.1f} | {plan.speech_hours:,.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
