"""Figures from transcribed speech: closeness to text embeddings, word errors, boundaries, density."""

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ssr_connector.aligners.words import end_differences_s, timed_words
from ssr_connector.config import EvaluationSection
from ssr_connector.data.cuts import known_words, speech_texts, with_ids
from ssr_connector.data.text import is_speakable
from ssr_connector.errors import UserError
from ssr_connector.evaluation import quality
from ssr_connector.evaluation.example import draw_example
from ssr_connector.evaluation.hearing import Hearing
from ssr_connector.evaluation.identity import digest
from ssr_connector.evaluation.journal import Journal
from ssr_connector.evaluation.stats import MANY_SPEAKERS, Estimate, by_speaker, clustered_median, clustered_ratio
from ssr_connector.model import SSRForConditionalGeneration
from ssr_connector.model.scoring import max_positions
from ssr_connector.model.sequence import Speech
from ssr_connector.word_errors import (
    WordErrors,
    character_errors,
    hallucinates,
    language_code,
    rules,
    word_errors,
)

Show = Callable[[str, int, int], None]


class Measures:
    """The figures, the rows of the table and the example of a comparison, as they come in."""

    def __init__(
        self,
        cuts: Path | None,
        config: EvaluationSection,
        hearing: Hearing,
        note: Callable[[str], None],
        journal: Journal | None = None,
    ) -> None:
        self.config, self.hearing, self.note = config, hearing, note
        self.journal, self.identities = journal, hearing.identities
        self.aligner = hearing.bundle.aligner.title
        self.cuts = dict(with_ids([cuts])) if cuts else {}
        self.texts = speech_texts(self.cuts.values(), hearing.bundle.text_form)
        said = {key: next(iter(cut.supervisions), None) for key, cut in self.cuts.items()}
        self.speakers = {key: (s and s.speaker) or "" for key, s in said.items()}
        self.languages = {key: language_code(s and s.language) for key, s in said.items()}
        self.rows: list[dict[str, Any]] = []
        self.figures: list[dict[str, Any]] = []
        self.density: list[dict[str, Any]] = []
        self.example: dict[str, Any] | None = None
        self.notes: list[str] = []
        self.errors: dict[str, list[WordErrors]] = {}
        self.items: dict[str, dict[str, Any]] = {}  # of a figure: `ids`, `sums` and `weights` of its utterances

    def hear(self, progress: Show) -> None:
        """Hear the cuts, and align them along their transcripts."""
        self.hearing.add(self.hearing.cuts(self.cuts.values()), lambda done, total: progress("test cuts", done, total))
        rejected = [r for key, r in self.hearing.rejected.items() if key in self.cuts]  # others are those of tasks
        heard = [k for k in self.cuts if k in self.hearing.heard]
        keys = [k for k in heard if is_speakable(self.texts[k])]
        if self.cuts and not keys:
            raise UserError("none of the test cuts was heard and has a transcript: give transcribed speech")
        if mute := len(heard) - len(keys):
            self.notes.append(f"{mute} test cuts have no letter or digit in their transcripts, and are left out")
        self.cuts = {k: self.cuts[k] for k in keys}
        self.forced = self.hearing.align(keys, [self.texts[k] for k in keys])
        self.notes += [f"not heard, and left out: {reason}" for reason in rejected]
        if unforced := len(keys) - len(self.forced):
            self.notes.append(
                f"{unforced} test cuts are too short for their transcript to be forced, or cannot be spelt"
            )
        for language, n in sorted(Counter(self.languages[k] for k in keys).items()):
            self.notes.append(f"word errors: {n} test cuts taken as {language}, {rules(language)}")

    def keep(
        self,
        figure: str,
        measure: str,
        system: str,
        estimate: Estimate,
        unit: str,
        voices: Mapping[str, float] | None = None,
    ) -> None:
        """One line of the table, and one figure."""
        values = {"value": estimate.value, "n": estimate.n, "ci95": estimate.ci95, "unit": unit}
        self.rows.append({"measure": measure, "system": system, **values, "voices": voices or {}})
        self.figures.append({"name": figure, **values})

    def clusters(self, keys: Iterable[str]) -> list[str]:
        """What is drawn together for the intervals of these utterances."""
        names = list(keys)
        return by_speaker([self.speakers[key] for key in names], names)

    def ratio(self, sums: Mapping[str, float], weights: Sequence[float] | None = None) -> Estimate:
        """Σ sums / Σ weights over utterances."""
        return clustered_ratio(list(sums.values()), self.clusters(sums), self.config.bootstrap, weights)

    def voices(self, sums: Mapping[str, float], weights: Sequence[float]) -> dict[str, float]:
        """The same ratio of each speaker, where there are several and too few to be drawn."""
        totals: dict[str, list[float]] = {}
        for (key, value), weight in zip(sums.items(), weights, strict=True):
            total = totals.setdefault(self.speakers[key], [0.0, 0.0])
            total[0] += value
            total[1] += weight
        names = sorted(totals.keys() - {""})
        return {v: totals[v][0] / totals[v][1] for v in names if totals[v][1]} if 1 < len(names) < MANY_SPEAKERS else {}

    def keep_ratio(
        self,
        figure: str,
        measure: str,
        system: str,
        sums: Mapping[str, float],
        weights: Sequence[float],
        unit: str = "",
    ) -> None:
        """A figure that is Σ sums / Σ weights over utterances, kept one by one too: so it can be paired."""
        items = {"ids": list(sums), "sums": list(sums.values()), "weights": list(weights)}
        self.items[figure] = items | {"clusters": self.clusters(sums)}
        self.keep(figure, measure, system, self.ratio(sums, weights), unit, self.voices(sums, weights))

    def add(self, name: str, model: SSRForConditionalGeneration, detailed: bool) -> None:
        """Measure one system, or look it up; `detailed` adds what is the aligner's and the connector's own."""
        if not self.cuts:
            return

        def work() -> dict[str, Any]:
            alone = copy.copy(self)  # the same ears and cuts, no figures yet
            alone.rows, alone.figures, alone.density, alone.errors, alone.example = [], [], [], {}, None
            alone.items, alone.notes = {}, []
            alone._measure(name, model, detailed)
            errors = {figure: [asdict(e) for e in found] for figure, found in alone.errors.items()}
            kept = {kind: getattr(alone, kind) for kind in ("rows", "figures", "density", "example", "items", "notes")}
            return kept | {"errors": errors}

        known = work() if self.journal is None else self.journal.recall(self.key(name, model, detailed), work)
        self.rows += known["rows"]
        self.figures += known["figures"]
        self.density += known["density"]
        self.notes += known["notes"]
        self.items |= known["items"]
        self.example = known["example"] or self.example
        self.errors |= {figure: [WordErrors(**e) for e in found] for figure, found in known["errors"].items()}
        for row in known["rows"]:
            self.note(f"{row['measure']}, {row['system']}: {row['value']:.3f} {row['unit']}")

    def key(self, name: str, model: SSRForConditionalGeneration, detailed: bool) -> dict[str, Any]:
        """What the figures of a system follow from, beside the recogniser."""
        versions = {key: source.version for key, source in self.hearing.cuts(self.cuts.values()).items()}
        return {
            "measured": name,
            "detailed": detailed,
            "llm": self.identities.llm(model),
            "connector": self.identities.connector(model),
            "prompt": model.config.transcribe_prompt,
            "cuts": digest([versions, self.texts]),
            **{option: getattr(self.config, option) for option in ("beams", "asr_shots", "hallucination", "bootstrap")},
        }

    def _measure(self, name: str, model: SSRForConditionalGeneration, detailed: bool) -> None:
        speech = self.hearing.speech(model, self.cuts)
        keys = sorted(speech)
        seconds = [self.hearing.heard[key].duration_s for key in keys]
        rate = self.hearing.bundle.encoder.clock.rate_hz
        if detailed:
            self.density.append({"system": "encoder frames", "positions_per_s": rate})
            if model.connector.needs_segments:  # else no vector stands for a token to be close to
                self._closeness(name, model, speech)
            self._boundaries()
            self._words(
                "ctc_wer",
                "word error rate, aligner",
                self.aligner,
                keys,
                [speech[k].alignment.text for k in keys],
            )
        rate_of = self.ratio({key: len(speech[key].vectors) for key in keys}, seconds)
        values = {"n": rate_of.n, "ci95": rate_of.ci95}
        self.density.append({"system": name, "positions_per_s": rate_of.value, **values})
        self.figures.append({"name": f"positions_per_s_{name}", "value": rate_of.value, **values, "unit": "/s"})
        if model.config.llm_trained or detailed or not model.connector.needs_segments:
            self._recognition(name, model, speech, [])
            if self.config.asr_shots:
                self._recognition(name, model, speech, self.examples())

    def examples(self) -> list[str]:
        """The cuts whose transcripts are shown, the first of those heard. Raises UserError where none would be left."""
        n = self.config.asr_shots
        if n >= len(self.cuts):
            raise UserError(f"evaluation.asr_shots {n}: there are {len(self.cuts)} test cuts, and some must be left")
        return list(self.cuts)[:n]

    def _recognition(
        self, name: str, model: SSRForConditionalGeneration, speech: Mapping[str, Speech], examples: list[str]
    ) -> None:
        """Errors in words and characters of transcribing by prompt, and how often much more is written than said."""
        keys = sorted(speech.keys() - set(examples))
        shown = [(speech[k], self.texts[k]) for k in examples]
        written, n_beyond = quality.transcribe(
            model, [speech[k] for k in keys], beams=self.config.beams, examples=shown
        )
        system, how = (f"{name}_{len(shown)}_shot", f", {len(shown)} examples") if shown else (name, "")
        if n_beyond:
            limit = f"the {max_positions(model.llm)} positions of the LLM, which it was made for"
            self.notes.append(
                f"transcription by prompt, {name}{how}: {n_beyond} of {len(keys)} test cuts may take more than {limit}"
            )
        self._words(f"asr_wer_{system}", f"word error rate, prompted LLM{how}", name, keys, written)
        counted = {
            key: character_errors(self.texts[key], text, self.languages[key])
            for key, text in zip(keys, written, strict=True)
        }
        share, lengths = self.config.hallucination, [n for _, n in counted.values()]
        if sum(lengths):
            percent = {key: 100.0 * errors for key, (errors, _) in counted.items()}
            measure = f"character error rate, prompted LLM{how}"
            self.keep_ratio(f"asr_cer_{system}", measure, name, percent, lengths, "%")
        errors_of = zip(keys, self.errors[f"asr_wer_{system}"], strict=True)
        invented = {key: 100.0 * hallucinates(errors, share) for key, errors in errors_of}
        measure = f"hallucinations (inserted words above {100 * share:g} % of those said), prompted LLM{how}"
        self.keep_ratio(f"asr_hallucination_{system}", measure, name, invented, [1] * len(keys), "%")

    def _closeness(self, name: str, model: SSRForConditionalGeneration, best: Mapping[str, Speech]) -> None:
        forced = self.hearing.speech(model, best, self.forced)
        sums = {k: quality.closeness(model, s) for k, s in forced.items() if len(s.alignment)}
        n_tokens = [len(c) for c, _ in sums.values()]
        if sums:
            cosines_of = {k: float(c.sum()) for k, (c, _) in sums.items()}
            self.keep_ratio("cosine", "cosine to text embeddings, forced", name, cosines_of, n_tokens)
            errors_of = {k: float(e.sum()) for k, (_, e) in sums.items()}
            self.keep_ratio("squared_error", "squared error, forced", name, errors_of, n_tokens)
        references = {k: model.tokenize(self.texts[k])[0] for k in best}
        cosines = {k: quality.paired_closeness(model, best[k], references[k]) for k in best}
        measure = "cosine to text embeddings, best path, paired by edit distance"
        n_pairs = [len(c) for c in cosines.values()]
        if any(n_pairs):  # else nothing was heard of anything
            paired = {k: float(c.sum()) for k, c in cosines.items()}
            self.keep_ratio("cosine_best_path", measure, name, paired, n_pairs)
        lengths = [len(r) for r in references.values()]
        wrong = {k: 100.0 * abs(len(best[k].alignment) - n) for k, n in zip(references, lengths, strict=True)}
        self.keep_ratio("length_error", "error in the number of tokens, best path", name, wrong, lengths, "%")
        for figure, measure, heard in (
            ("embedding_wer_forced", "embedding word error rate, forced", forced),
            ("embedding_wer", "embedding word error rate, best path", best),
        ):
            self._words(figure, measure, name, list(heard), quality.nearest_text(model, list(heard.values())))
        self.example = draw_example(model, self.cuts, self.hearing, self.forced)

    def _boundaries(self) -> None:
        clock = self.hearing.bundle.encoder.clock
        of_cuts: dict[str, list[float]] = {}
        for key, alignment in self.forced.items():
            known = known_words(self.cuts[key])
            if known and (found := end_differences_s(timed_words(alignment, clock), known)):
                of_cuts[key] = [abs(d) for d in found]
        if not of_cuts:
            return
        counts = [len(d) for d in of_cuts.values()]
        totals = {key: 1000 * sum(d) for key, d in of_cuts.items()}
        measure = "word boundary error, forced: mean"
        self.keep_ratio("word_boundary_error_ms", measure, self.aligner, totals, counts, "ms")
        drawn: dict[str, list[float]] = {}
        for cluster, differences in zip(self.clusters(of_cuts), of_cuts.values(), strict=True):
            drawn.setdefault(cluster, []).extend(1000 * d for d in differences)
        median = clustered_median(list(drawn.values()), self.config.bootstrap)
        self.keep("word_boundary_error_median_ms", "word boundary error, forced: median", self.aligner, median, "ms")
        for limit in (20, 50, 100):
            within = {key: 100.0 * sum(x <= limit / 1000 for x in d) for key, d in of_cuts.items()}
            figure, measure = f"word_boundary_within_{limit}ms", f"word boundaries within {limit} ms, forced"
            self.keep_ratio(figure, measure, self.aligner, within, counts, "%")

    def _words(self, figure: str, measure: str, system: str, keys: list[str], hypotheses: list[str]) -> None:
        pairs = zip(keys, hypotheses, strict=True)
        errors = [word_errors(self.texts[k], h, self.languages[k]) for k, h in pairs]
        counts = [e.words for e in errors]
        self.errors[figure] = errors
        if sum(counts):
            percent = {k: 100.0 * e.errors for k, e in zip(keys, errors, strict=True)}
            self.keep_ratio(figure, measure, system, percent, counts, "%")


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
            clusters = measures.clusters(measures.items[f"asr_wer_{main}"]["ids"])
            estimate = clustered_ratio(change, clusters, resamples, [b.words for b in before]).scaled(100)
            values = {"value": estimate.value, "n": estimate.n, "ci95": estimate.ci95, "unit": "points"}
            figures.append({"name": f"asr_wer_change_{name}", **values})
    return figures
