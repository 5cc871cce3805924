"""What one aligner hears of the tests, and what models that hear through it score: item by item, so that it pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ssr_connector.aligners.record import FILE, read_alignments
from ssr_connector.config import EvaluationSection
from ssr_connector.data.augment import perturbed
from ssr_connector.encoders.source import Change
from ssr_connector.evaluation.comparison import plain_model
from ssr_connector.evaluation.figure_names import score_name
from ssr_connector.evaluation.hearing import Hearing
from ssr_connector.evaluation.identity import Identities
from ssr_connector.evaluation.measures import Measures
from ssr_connector.evaluation.suite import CASCADE, TEXT_MODEL, Suite, clusters_of, weights_of
from ssr_connector.evaluation.tasks import SPEECH_TO_TEXT, TASKS, TEXT
from ssr_connector.model import SSRForConditionalGeneration, load_model
from ssr_connector.progress import Report
from ssr_connector.studies.damage import Damage
from ssr_connector.studies.study import OF_CASCADE, OF_MODEL

SYSTEM = "ssr"  # what a model is called while it is scored
AUDIO_ALONE = ("embedding_wer", "cosine_best_path", "length_error", "ctc_wer")  # what an aligner of words cannot have


@dataclass(frozen=True)
class Material:
    """What is heard: tasks in a folder, transcribed cuts, and what is done to the recordings of both."""

    folder: Path
    tasks: Sequence[str]
    cuts: Path
    change: Change | None = None
    speed: float = 1.0  # at which `change` plays them


class Ears:
    """Recordings heard once, for all models that are then scored."""

    def __init__(self, heard: Material, folder: Path, config: EvaluationSection, report: Report) -> None:
        hear = partial(Hearing, load_model(folder).ears, config.batch_s, change=heard.change, identities=Identities())
        hearings = {"clean": hear()} | {f"{snr:g} dB": hear(snr) for snr in config.snr_db}
        self.suite = Suite(heard.folder, config, heard.tasks, hearings)
        self.measures = Measures(heard.cuts, config, hearings["clean"], lambda _: None)
        self.suite.listen(lambda _, done, total: report(done, total, {}))
        self.suite.drop_unheard()
        self.measures.hear(lambda _, done, total: report(done, total, {}))
        if heard.speed != 1:  # their words are where they are heard
            self.measures.cuts = {key: perturbed(cut, heard.speed) for key, cut in self.measures.cuts.items()}
        self.heard = {name: hearing.heard for name, hearing in hearings.items()}  # as the aligner has it
        self.forced = self.measures.forced
        self.untouched: dict[str, Any] | None = None  # scores in writing of the LLM that nothing was trained on

    def hear_through(self, damage: Damage) -> None:
        """Damage what was heard, and what was forced along the transcripts."""
        for name, hearing in self.suite.hearings.items():
            hearing.heard = {
                key: replace(heard, alignment=damage(Path(key).name, heard.alignment))
                for key, heard in self.heard[name].items()
            }
        self.measures.forced = {key: damage(key, alignment) for key, alignment in self.forced.items()}

    @torch.no_grad()
    def scores(
        self, folder: Path, damage: Damage, along: Path | None = None, paired_systems: bool = False
    ) -> Mapping[str, Any]:
        """Items and figures of a model; `along` the alignments of a folder, which know the transcripts: no tasks.

        `paired_systems`: the cascade and the text model too, on the same items, as figures `…_cascade` and `…_model`.
        """
        model = load_model(folder)
        suite, measures = self.fresh(), self.measures
        self.hear_through(damage)
        if along is None:
            suite.score_speech(model, SYSTEM)
        else:
            known = read_alignments(along / FILE)[1]
            measures.forced = {key: known[key] for key in measures.cuts if key in known}
        spoken = self.accuracies(SYSTEM)
        start = len(measures.figures)
        measures.add(SYSTEM, model, detailed=True)
        found = {f["name"].removesuffix(f"_{SYSTEM}"): dict(f) for f in measures.figures[start:]}
        per_item = {name.removesuffix(f"_{SYSTEM}"): items for name, items in measures.items.items()}
        figures = {name: {**figure, **per_item.get(name, {})} for name, figure in found.items()}
        if along is not None:
            figures = {name: figure for name, figure in figures.items() if name not in AUDIO_ALONE}
        figures |= spoken
        if paired_systems:
            plain = plain_model(model) if model.config.llm_trained else model
            suite.score_text(plain, TEXT_MODEL)
            suite.score_cascade(plain)
            figures |= {f"{name}{OF_MODEL}": f for name, f in self.accuracies(TEXT_MODEL, SPEECH_TO_TEXT).items()}
            figures |= {f"{name}{OF_CASCADE}": f for name, f in self.accuracies(CASCADE).items()}
        figures |= self.written(model)
        figures["parameters"] = {"value": model.connector.n_parameters, "unit": ""}
        return {"figures": figures}

    def written(self, model: SSRForConditionalGeneration) -> dict[str, Any]:
        """Scores in writing; where the LLM is untouched, they are the same for all models."""
        if model.config.llm_trained or self.untouched is None:
            suite = self.fresh()
            suite.score_text(model, SYSTEM)
            found = self.accuracies(SYSTEM)
            if model.config.llm_trained:
                return found
            self.untouched = found
        return self.untouched

    @torch.no_grad()
    def beside(self, folder: Path) -> Mapping[str, Any]:
        """Items of what is no arm: the text model, the cascade, and the controls of a model."""
        model = load_model(folder)
        plain = plain_model(model) if model.config.llm_trained else model
        suite = self.fresh()
        self.hear_through(Damage())
        suite.score_text(plain, TEXT_MODEL)
        suite.score_cascade(plain)
        suite.score_controls(model)
        ceiling = self.accuracies(TEXT_MODEL, as_mode=SPEECH_TO_TEXT)
        others = {row.system for row in suite.rows} - {TEXT_MODEL}
        return {"systems": {TEXT_MODEL: ceiling, **{system: self.accuracies(system) for system in sorted(others)}}}

    def fresh(self) -> Suite:
        """The suite without the scores of another model, which may have had other modes."""
        self.suite.rows.clear()
        self.suite.outcomes.clear()
        return self.suite

    def accuracies(self, system: str, as_mode: str = "") -> dict[str, Any]:
        """Of every task, mode and condition, with its items; a ceiling under the names of the mode that it is of."""
        found = {}
        for row in self.suite.rows:
            if row.system != system:
                continue
            task = TASKS[row.task]
            items = self.suite.items(task)
            weights = weights_of(task, items)
            correct = self.suite.outcomes[row.task, row.mode, system, row.condition]
            found[score_name(row.task, as_mode or row.mode, row.condition)] = {
                "value": row.value,
                "unit": "%",
                "chance": row.chance,
                "ids": [item.id for item in items],
                "sums": [100 * w * x for w, x in zip(weights, correct, strict=True)],
                "weights": weights,
                "clusters": clusters_of(items, spoken=row.mode != TEXT),
            }
        return found
