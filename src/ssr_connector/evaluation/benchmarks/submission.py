"""A submission to ZeroSpeech 2021: `lexical/dev.txt` and the like, a line `FILENAME SCORE` for every recording."""

from pathlib import Path

from ssr_connector.data.output import write_together
from ssr_connector.evaluation.suite import Suite
from ssr_connector.evaluation.tasks import SPEECH, TASKS

CHALLENGE = ("swuggy", "sblimp")


def write_submission(suite: Suite, system: str, folder: Path) -> None:
    """Write what a system scores each recording of sWUGGY and sBLIMP, and note how many recordings have no score.

    A recording's own folders say which file it belongs to: `…/lexical/dev/NAME.wav`.
    """
    for task in CHALLENGE:
        values = suite.scores.get((task, SPEECH, system, "clean"))
        if values is None:
            continue
        scores: dict[Path, dict[str, float]] = {}
        for item, found in zip(suite.items(TASKS[task]), values, strict=True):
            for choice, score in zip(item.choices, found, strict=True):
                path = Path(choice.audio)
                scores.setdefault(path.parent, {})[path.stem] = score
        for recordings, by_name in scores.items():
            lines = [f"{name} {by_name[name]!r}" for name in sorted(by_name)]
            write_together(folder / recordings.parent.name, {f"{recordings.name}.txt": lines})
            unscored = {path.stem for path in recordings.glob("*.wav")} - by_name.keys()
            if unscored:
                suite.note(f"{recordings}: {len(unscored)} recordings have no score; the challenge wants all of them")
