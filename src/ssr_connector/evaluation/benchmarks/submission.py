"""A submission to ZeroSpeech 2021: `meta.yaml`, `lexical/dev.txt` and the like, a line `FILENAME SCORE` a recording.

The challenge's own validator wants every recording of a split, those that no pair of gold.csv holds and those of the
published test splits, which have no gold.csv, among them; and exactly these entries of meta.yaml, none of them empty
(https://zerospeech.com/challenge_archive/2021/04_instructions). Its phonetic and semantic parts are of frames, and
none of what is measured here: `zerospeech2021-validate --no-phonetic --no-semantic`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from ssr_connector.data.output import write_together
from ssr_connector.evaluation.benchmarks.zerospeech import SPLITS
from ssr_connector.evaluation.choice import value
from ssr_connector.evaluation.suite import Suite
from ssr_connector.evaluation.tasks import SPEECH, TASKS
from ssr_connector.model import SSRForConditionalGeneration

CHALLENGE = ("swuggy", "sblimp")
META = "meta.yaml"
FILL_IN = "(fill in)"
Scores = dict[Path, dict[str, float]]  # by folder and by the recording's name


def write_submission(
    suite: Suite, model: SSRForConditionalGeneration, system: str, folder: Path, progress: Callable[[int, int], None]
) -> None:
    """Write what a system scores each recording of sWUGGY and sBLIMP, and note how many recordings have no score.

    A recording's own folders say which file it belongs to: `…/lexical/dev/NAME.wav`. What no pair holds is heard and
    scored, too, unless the items are a sample. A meta.yaml that is there stays.
    """
    for task in CHALLENGE:
        values = suite.scores.get((task, SPEECH, system, "clean"))
        if values is None:
            continue
        scores: Scores = {}
        for item, found in zip(suite.items(TASKS[task]), values, strict=True):
            for choice, score in zip(item.choices, found, strict=True):
                path = Path(choice.audio)
                scores.setdefault(path.parent, {})[path.stem] = score
        if not suite.config.items:
            score_others(suite, model, task, scores, progress)
        for recordings, by_name in scores.items():
            lines = [f"{name} {by_name[name]!r}" for name in sorted(by_name)]
            write_together(folder / recordings.parent.name, {f"{recordings.name}.txt": lines})
            unscored = {path.stem for path in recordings.glob("*.wav")} - by_name.keys()
            if unscored:
                suite.note(f"{recordings}: {len(unscored)} recordings have no score; the challenge wants all of them")
    if not (folder / META).exists():
        write_together(folder, {META: [yaml.safe_dump(meta(model), sort_keys=False).rstrip()]})
        suite.note(f"{folder / META}: fill in author, affiliation, train_set and gpu_budget (hours)")


def score_others(
    suite: Suite,
    model: SSRForConditionalGeneration,
    task: str,
    scores: Scores,
    progress: Callable[[int, int], None],
) -> None:
    """Add the recordings beside those that have scores, and those of the splits beside theirs."""
    splits = {recordings.parent / split for recordings in scores for split in SPLITS}
    for recordings in sorted({*scores, *splits}):
        known = scores.get(recordings, {})
        others = [path for path in sorted(recordings.glob("*.wav")) if path.stem not in known]
        hearing = suite.hearings["clean"]
        hearing.add(hearing.files(map(str, others)), progress)
        heard = [path for path in others if str(path) in hearing.heard]
        speech = hearing.speech(model, map(str, heard))
        found = model.loglikelihood([([], [speech[str(path)]]) for path in heard], suite.config.batch_tokens)
        for path, score in zip(heard, found, strict=True):
            scores.setdefault(recordings, {})[path.stem] = value(score, TASKS[task].normalise)


def meta(model: SSRForConditionalGeneration) -> dict[str, Any]:
    """The entries that the challenge wants; what only the author knows is to be filled in."""
    config = model.config
    kinds = [config.encoder_name, config.aligner.get("type"), config.connector.get("type"), config.llm_name]
    return {
        "author": FILL_IN,
        "affiliation": FILL_IN,
        "description": f"SSR-Connector: {', '.join(str(kind) for kind in kinds if kind)}",
        "open_source": True,
        "train_set": FILL_IN,
        "gpu_budget": 0.0,
        "parameters": {
            "phonetic": {"metric": "cosine", "frame_shift": 1 / model.encoder.clock.rate_hz},
            "semantic": {"metric": "cosine", "pooling": "mean"},
        },
    }
