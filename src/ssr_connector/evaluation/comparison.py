"""`ssr evaluate`: systems on tasks and on transcribed speech, as one results file."""

import platform
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from ssr_connector.aligners.bundle import AlignerBundle
from ssr_connector.aligners.words import end_differences_s, timed_words
from ssr_connector.config import EvaluationSection
from ssr_connector.data.cuts import known_words
from ssr_connector.errors import UserError
from ssr_connector.evaluation import quality
from ssr_connector.evaluation.example import draw_example
from ssr_connector.evaluation.hearing import Hearing
from ssr_connector.evaluation.stats import Estimate, mean, paired_difference
from ssr_connector.evaluation.suite import CASCADE, NO_CONTEXT, ORACLE, OTHER_AUDIO, TEXT_MODEL, Suite
from ssr_connector.evaluation.tasks import SPEECH, SPEECH_TO_TEXT, TASKS, TEXT, TEXT_TO_SPEECH
from ssr_connector.model import SSRForConditionalGeneration

SLUGS = {
    TEXT: "text",
    SPEECH_TO_TEXT: "s2t",
    TEXT_TO_SPEECH: "t2s",
    SPEECH: "s",
    CASCADE: "cascade",
    ORACLE: "oracle",
    OTHER_AUDIO: "wrong_audio",
    NO_CONTEXT: "no_context",
}


@dataclass(frozen=True)
class Spec:
    """What is compared: systems by name (the first is the main one), tasks in a folder, and transcribed cuts."""

    systems: Mapping[str, Path]
    tasks: Sequence[str]
    folder: Path | None
    cuts: Path | None
    config: EvaluationSection


Show = Callable[[str, int, int], None]


@torch.no_grad()
def compare(spec: Spec, note: Callable[[str], None], progress: Show) -> dict[str, Any]:
    """Score all systems. The result is ready for results.json and the report."""
    started = time.monotonic()
    main = next(iter(spec.systems))
    model = SSRForConditionalGeneration.from_pretrained(str(spec.systems[main]))
    bundle = AlignerBundle(model.aligner, model.encoder, model.tokenize, model.config.text_form)
    hearings = {"clean": Hearing(bundle, spec.config.batch_s)}
    hearings |= {f"{snr:g} dB": Hearing(bundle, spec.config.batch_s, snr) for snr in spec.config.snr_db}
    suite = Suite(spec.folder or Path(), spec.config, spec.tasks if spec.folder else (), hearings, note)
    measures = Measures(spec, hearings["clean"], note)
    suite.listen(progress)
    rejected = suite.drop_unheard()
    plain = plain_model(model) if model.config.llm_trained else model
    suite.score_text(plain, TEXT_MODEL)
    suite.score_cascade(plain)
    suite.score_controls(model)
    measures.hear(progress)
    for name, path in spec.systems.items():
        system = model if name == main else SSRForConditionalGeneration.from_pretrained(str(path))
        check_same_ears(main, model, name, system)
        suite.score_speech(system, name)
        if system.config.llm_trained:
            suite.score_text(system, name)
        measures.add(name, system, detailed=name == main)
    figures = accuracy_figures(suite) + change_figures(suite, spec.systems, main) + measures.figures
    figures += word_error_changes(measures, spec.systems, main, spec.config.bootstrap)
    return {
        "title": "SSR-Connector",
        "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(),
        "seconds": time.monotonic() - started,
        "figures": figures,
        "rows": suite.table(),
        "quality": measures.rows,
        "density": measures.density,
        "example": measures.example,
        "notes": [f"not heard, and left out for all systems: {reason}" for reason in rejected.values()]
        + measures.notes,
        "outcomes": {" | ".join(k): v for k, v in suite.outcomes.items()},
    }


def plain_model(model: SSRForConditionalGeneration) -> SSRForConditionalGeneration:
    """The same with the base LLM as it was before stage 2."""
    from ssr_connector.model.checkpoint import load_llm

    config = type(model.config).from_dict(model.config.to_dict())
    base = SSRForConditionalGeneration(config, model.encoder, load_llm(model.config.llm_name), model.tokenizer)
    base.eval()
    return base


def check_same_ears(
    main: str, model: SSRForConditionalGeneration, name: str, other: SSRForConditionalGeneration
) -> None:
    """Raise UserError where a system hears through another encoder or aligner than the one it is compared with."""
    a, b = model.config, other.config
    state, other_state = model.aligner.state_dict(), other.aligner.state_dict()
    same = (a.encoder_name, a.encoder_layer, a.aligner) == (b.encoder_name, b.encoder_layer, b.aligner)
    if not same or any(not torch.equal(state[k], other_state[k]) for k in state):
        raise UserError(f"{name} hears through another encoder or aligner than {main}; evaluate it on its own")


class Measures:
    """Figures from transcribed speech: closeness to text embeddings, word errors, boundaries, density."""

    def __init__(self, spec: Spec, hearing: Hearing, note: Callable[[str], None]) -> None:
        from ssr_connector.data.cuts import read_cuts

        self.spec, self.hearing, self.note = spec, hearing, note
        self.cuts = {c.id: c for c in read_cuts(spec.cuts)} if spec.cuts else {}
        self.texts = {k: c.supervisions[0].text for k, c in self.cuts.items()}
        self.rows: list[dict[str, Any]] = []
        self.figures: list[dict[str, Any]] = []
        self.density: list[dict[str, Any]] = []
        self.example: dict[str, Any] | None = None
        self.notes: list[str] = []
        self.errors: dict[str, list[quality.WordErrors]] = {}

    def hear(self, progress: Show) -> None:
        """Hear the cuts, and align them along their transcripts."""
        self.hearing.add(self.hearing.cuts(self.cuts.values()), lambda done, total: progress("test cuts", done, total))
        keys = list(self.cuts)
        keys = [k for k in keys if k in self.hearing.heard]
        self.cuts = {k: self.cuts[k] for k in keys}
        self.forced = self.hearing.align(keys, [self.texts[k] for k in keys])
        self.notes += [f"not heard, and left out: {reason}" for reason in self.hearing.rejected.values()]
        if len(self.forced) < len(keys):
            self.notes.append(
                f"{len(keys) - len(self.forced)} test cuts are too short for their transcript to be forced"
            )

    def keep(self, figure: str, measure: str, system: str, estimate: Estimate, unit: str) -> None:
        """One line of the table, and one figure."""
        values = {"value": estimate.value, "n": estimate.n, "ci95": estimate.ci95, "unit": unit}
        self.rows.append({"measure": measure, "system": system, **values})
        self.figures.append({"name": figure, **values})
        self.note(f"{measure}, {system}: {estimate.value:.3f} {unit}")

    def add(self, name: str, model: SSRForConditionalGeneration, detailed: bool) -> None:
        """Measure one system; `detailed` adds what is the aligner's and the connector's own."""
        if not self.cuts:
            return
        speech = self.hearing.speech(model, self.cuts)
        keys = sorted(speech)
        seconds = sum(self.hearing.heard[k].duration_s for k in keys)
        rate = self.hearing.bundle.encoder.clock.rate_hz
        if detailed:
            self.density.append({"system": "encoder frames", "positions_per_s": rate})
            self._closeness(name, model, keys)
            self._boundaries()
            self._words(
                "ctc_wer", "word error rate, aligner", "CHAR-CTC", keys, [speech[k].alignment.text for k in keys]
            )
        positions = sum(len(speech[k].vectors) for k in keys)
        self.density.append({"system": name, "positions_per_s": positions / seconds})
        if model.config.llm_trained or detailed or not model.connector.needs_segments:
            written = quality.transcribe(model, [speech[k] for k in keys])
            self._words(f"asr_wer_{name}", "word error rate, prompted LLM", name, keys, written)

    def _closeness(self, name: str, model: SSRForConditionalGeneration, keys: list[str]) -> None:
        forced = self.hearing.speech(model, keys, self.forced)
        resamples = self.spec.config.bootstrap
        sums = {k: quality.closeness(model, s) for k, s in forced.items() if len(s.alignment)}
        n_tokens = [len(c) for c, _ in sums.values()]
        for figure, measure, values in (
            ("cosine", "cosine to text embeddings, forced", [float(c.sum()) for c, _ in sums.values()]),
            ("squared_error", "squared error, forced", [float(e.sum()) for _, e in sums.values()]),
        ):
            self.keep(figure, measure, name, mean(values, resamples, n_tokens), "")
        best = self.hearing.speech(model, keys)
        for figure, measure, heard in (
            ("embedding_wer_forced", "embedding word error rate, forced", forced),
            ("embedding_wer", "embedding word error rate, best path", best),
        ):
            self._words(figure, measure, name, list(heard), quality.nearest_text(model, list(heard.values())))
        self.example = draw_example(model, self.cuts, self.hearing, self.forced)

    def _boundaries(self) -> None:
        clock = self.hearing.bundle.encoder.clock
        per_cut = []
        for key, alignment in self.forced.items():
            known = known_words(self.cuts[key])
            if known:
                per_cut.append([abs(d) for d in end_differences_s(timed_words(alignment, clock), known)])
        per_cut = [d for d in per_cut if d]
        if not per_cut:
            return
        totals, counts = [1000 * sum(d) for d in per_cut], [len(d) for d in per_cut]
        estimate = mean(totals, self.spec.config.bootstrap, counts)
        self.keep("word_boundary_error_ms", "word boundary error, forced: mean", "CHAR-CTC", estimate, "ms")
        every = sorted(1000 * x for d in per_cut for x in d)
        median = Estimate(every[len(every) // 2], len(every), None)
        self.keep("word_boundary_error_median_ms", "word boundary error, forced: median", "CHAR-CTC", median, "ms")
        for limit in (20, 50, 100):
            within = mean([sum(x <= limit / 1000 for x in d) for d in per_cut], self.spec.config.bootstrap, counts)
            figure, measure = f"word_boundary_within_{limit}ms", f"word boundaries within {limit} ms, forced"
            self.keep(figure, measure, "CHAR-CTC", within.scaled(100), "%")

    def _words(self, figure: str, measure: str, system: str, keys: list[str], hypotheses: list[str]) -> None:
        errors = [quality.word_errors(self.texts[k], h) for k, h in zip(keys, hypotheses, strict=True)]
        counts = [e.words for e in errors]
        self.errors[figure] = errors
        if sum(counts):
            estimate = mean([e.errors for e in errors], self.spec.config.bootstrap, counts)
            self.keep(figure, measure, system, estimate.scaled(100), "%")


def word_error_changes(
    measures: Measures, systems: Mapping[str, Path], main: str, resamples: int
) -> list[dict[str, Any]]:
    """Paired change of the prompted LLM's word error rate against the main system, over the same utterances."""
    figures = []
    before = measures.errors.get(f"asr_wer_{main}")
    for name in systems:
        after = measures.errors.get(f"asr_wer_{name}")
        if name != main and before and after:
            change = [a.errors - b.errors for a, b in zip(after, before, strict=True)]
            estimate = mean(change, resamples, [b.words for b in before]).scaled(100)
            values = {"value": estimate.value, "n": estimate.n, "ci95": estimate.ci95, "unit": "points"}
            figures.append({"name": f"asr_wer_change_{name}", **values})
    return figures


def accuracy_figures(suite: Suite) -> list[dict[str, Any]]:
    """Every row under a name such as `storycloze_s2t_ssr` or `spoken_mmlu_cascade_5db`."""
    figures = []
    for row in suite.rows:
        spoken_modes = [m for m in TASKS[row.task].modes if m != TEXT]
        parts = [row.task]
        if row.mode == TEXT or len(spoken_modes) > 1:
            parts.append(SLUGS[row.mode])
        if row.system != TEXT_MODEL:
            parts.append(SLUGS.get(row.system, row.system))
        if row.condition != "clean":
            parts.append(row.condition.replace(" ", "").lower())
        figures.append({"name": "_".join(parts), "value": row.value, "n": row.n, "ci95": row.ci95, "unit": "%"})
    return figures


def change_figures(suite: Suite, systems: Mapping[str, Path], main: str) -> list[dict[str, Any]]:
    """Paired differences: text lost by each fine-tuned system, and what it changes in speech."""
    figures: list[dict[str, Any]] = []
    resamples = suite.config.bootstrap

    def keep(name: str, estimate: Estimate) -> None:
        values = {"value": estimate.value, "n": estimate.n, "ci95": estimate.ci95}
        figures.append({"name": name, **values, "unit": "points"})

    for name in systems:
        worst = suite.worst_text_drop(name)
        if worst:
            keep(f"text_drop_{name}", worst[1])
            figures[-1]["task"] = worst[0]
        for task, mode, system, condition in list(suite.outcomes):
            if system == name and name != main and mode != TEXT and (task, mode, main, condition) in suite.outcomes:
                slug = "" if task != "storycloze" else f"_{SLUGS[mode]}"
                where = "" if condition == "clean" else f"_{condition.replace(' ', '').lower()}"
                keep(f"{task}{slug}_change_{name}{where}", suite.difference(task, mode, name, main, condition))
    for task, mode, system, condition in list(suite.outcomes):
        if system != main or mode == TEXT:
            continue
        slug = "" if task != "storycloze" else f"_{SLUGS[mode]}"
        where = "" if condition == "clean" else f"_{condition.replace(' ', '').lower()}"
        if (task, mode, CASCADE, condition) in suite.outcomes:
            keep(f"{task}{slug}_{main}_minus_cascade{where}", suite.difference(task, mode, main, CASCADE, condition))
        if (task, TEXT, TEXT_MODEL, "clean") in suite.outcomes:
            gap = paired_difference(
                suite.outcomes[task, mode, main, condition], suite.outcomes[task, TEXT, TEXT_MODEL, "clean"], resamples
            )
            keep(f"{task}{slug}_{main}_minus_text{where}", gap.scaled(100))
        rivals = [s for s in systems if s.startswith("stack") and (task, mode, s, condition) in suite.outcomes]
        if rivals:
            best = max(rivals, key=lambda s: sum(suite.outcomes[task, mode, s, condition]))
            keep(f"{task}{slug}_{main}_minus_stack{where}", suite.difference(task, mode, main, best, condition))
    return figures


def machine() -> str:
    """What this ran on."""
    kind = platform.processor() or platform.machine()
    return f"{kind}, {torch.get_num_threads()} threads, Python {platform.python_version()}, torch {torch.__version__}"


def commit() -> str:
    """The commit of the code that runs, where it is a git checkout; with a mark if it was changed since."""
    here = Path(__file__).parent
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return run.stdout.strip()
