from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def base(tmp_path_factory, tiny_corpus, tiny_aligner, tiny_encoder, tiny_llm, sentences) -> Path:
    """Folder with frames, alignments, text, and a recipe that names them all."""
    import yaml

    from ssr_connector.aligners.corpus import align_cuts
    from ssr_connector.config import EncoderSection
    from ssr_connector.encoders.corpus import encode_cuts

    folder = tmp_path_factory.mktemp("base")
    manifests = [tiny_corpus / "train.jsonl.gz", tiny_corpus / "dev.jsonl.gz"]
    encode_cuts(manifests, EncoderSection(tiny_encoder), folder / "frames", 20.0, lambda *_: None)
    done = align_cuts(manifests, tiny_aligner, folder / "align", 20.0, lambda *_: None, folder / "frames")
    assert done.aligned == 16
    (folder / "text.txt").write_text("\n".join(sentences * 4))
    recipe = {
        "encoder": {"name": tiny_encoder},
        "llm": {"name": tiny_llm},
        "aligner": {"width": 16, "layers": 1, "heads": 2},
        "connector": {"layers": 1},
        "data": {
            "train": str(manifests[0]),
            "dev": str(manifests[1]),
            "frames": str(folder / "frames"),
            "alignments": str(folder / "align"),
            "text": str(folder / "text.txt"),
        },
        "training": {
            "steps": 7,
            "lr": 1e-3,
            "warmup_steps": 2,
            "batch_s": 7,
            "log_every": 1,
            "checkpoint_every": 2,
            "batch_tokens": 64,
            "text_block": 16,
        },
        "variants": {
            "aligner": {"training": {"objectives": {"ctc": 1}, "train": ["aligner"]}},
            "distill": {
                "training": {"aligner": str(tiny_aligner), "objectives": {"distil": 1}, "train": ["connector"]}
            },
            "stack": {
                "connector": {"type": "stack", "layers": 0},
                "training": {
                    "aligner": str(tiny_aligner),
                    "objectives": {"transcribe": 1, "continuation": 1},
                    "train": ["connector"],
                },
            },
            "finetune": {"training": {"objectives": {"speech_lm": 1, "transcribe": 1, "text": 1}, "train": ["llm"]}},
        },
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return folder


@pytest.fixture
def recipe_of(base, tmp_path):
    """The recipe of a variant, into this test's folder unless another is named."""
    from ssr_connector.config import Recipe, load_recipe

    def recipe(variant: str, *words: str, out: Path | None = None) -> Recipe:
        return load_recipe(base / "recipe.yaml", variant, [f"--out={out or tmp_path / variant}", *words])

    return recipe


@pytest.fixture
def model(tiny_model):
    """A whole SpeechLM of its own for every test."""
    from ssr_connector.model import SSRForConditionalGeneration

    return SSRForConditionalGeneration.from_pretrained(str(tiny_model))


@pytest.fixture
def batch(model):
    """Two utterances of different lengths, a frame of noise for every token."""
    import torch

    from ssr_connector.training.batches import Batch, SpeechBatch
    from ssr_connector.types import Alignment, Frames
    from ssr_connector.units import FrameClock

    texts = ["Tom wanted tea.", "Nobody knows."]
    alignments = []
    for text in texts:
        ids, spans = model.tokenize(text)
        n = len(ids)
        alignments.append(Alignment(text, tuple(ids), tuple(range(n)), tuple(range(1, n + 1)), tuple(spans), n))
    lengths = [len(a) for a in alignments]
    assert lengths[0] != lengths[1]
    frames = Frames(torch.randn(2, max(lengths), 32), torch.tensor(lengths), FrameClock(16000, 320, 0.0))
    return Batch(SpeechBatch(["a", "b"], frames, texts, alignments), None)


@pytest.fixture(scope="session")
def distilled(base, tmp_path_factory) -> Path:
    """A finished run of stage 1."""
    from ssr_connector.config import load_recipe
    from ssr_connector.training.stages import train_connector

    out = tmp_path_factory.mktemp("distilled") / "run"
    train_connector(load_recipe(base / "recipe.yaml", "distill", [f"--out={out}"]), lambda *_: None)
    return out
