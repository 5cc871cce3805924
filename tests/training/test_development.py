import json
import re
import statistics
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import torch
from lhotse import CutSet
from lhotse.supervision import AlignmentItem
from lhotse.utils import fastcopy

from ssr_connector.aligners import Unalignable
from ssr_connector.config import EncoderSection
from ssr_connector.data.cuts import known_words
from ssr_connector.encoders.source import frame_source
from ssr_connector.training import data
from ssr_connector.training.development import measure_aligner
from ssr_connector.training.unreadable import Unreadable
from ssr_connector.types import Alignment
from ssr_connector.units import FrameClock
from ssr_connector.word_errors import normalised


@dataclass
class Planted:
    """Words end where they do and `late` frames later; without transcripts the last word is not heard."""

    words: dict[str, list]  # by transcript
    clock: FrameClock
    late: int = 2
    needs_transcript: bool = False
    config: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(delay_frames=0))
    given: list[str] = field(default_factory=list)

    def align(self, frames, transcripts, tokenize):
        if transcripts[0] is None:
            heard = self.given[-len(transcripts) :]
            return [self.aligned(text.rpartition(" ")[0], self.words[text][:-1]) for text in heard]
        self.given += transcripts
        return [self.aligned(text, self.words[text]) for text in transcripts]

    def aligned(self, text, words):
        spans = [m.span() for m in re.finditer(r"\S+", text)]
        ends = [self.clock.boundary_at(w.end_s) + self.late for w in words]
        starts = [0, *ends[:-1]]
        return Alignment(text, tuple(range(len(spans))), tuple(starts), tuple(ends), tuple(spans), ends[-1])

    def set_delay(self, delay_s, clock):
        self.config.delay_frames = round(delay_s / clock.frame_s)


@pytest.fixture
def timed_dev(base, tiny_corpus, tmp_path):
    """The development cuts, with words of equal length."""
    cuts = []
    for cut in data.load_cuts(str(tiny_corpus / "dev.jsonl.gz"), "cased")[0].values():
        words = cut.supervisions[0].text.split()
        width = cut.duration / len(words)
        items = [AlignmentItem(word, k * width, width) for k, word in enumerate(words)]
        cuts.append(fastcopy(cut, supervisions=[cut.supervisions[0].with_alignment("word", items)]))
    CutSet.from_cuts(cuts).to_file(tmp_path / "timed.jsonl.gz")
    return tmp_path / "timed.jsonl.gz"


@pytest.fixture
def measured(recipe_of, tiny_encoder, base, timed_dev, tmp_path):
    recipe = recipe_of("aligner", "--training.batch_s=4", f"--data.dev={timed_dev}")
    source, _, clock = frame_source([base / "frames"], EncoderSection(tiny_encoder))
    cuts, texts = data.load_cuts(recipe.data.dev, "cased")
    planted = Planted({texts[key]: known_words(cut) for key, cut in cuts.items()}, clock)
    return recipe, source, clock, planted, Unreadable(tmp_path)


def test_planted_delay_and_word_errors_are_found(measured, tmp_path):
    recipe, source, clock, planted, unreadable = measured
    found = measure_aligner(recipe, planted, source, None, clock, unreadable)
    n_words = [len(words) for words in planted.words.values()]
    late_s = [clock.edge_s(clock.boundary_at(w.end_s) + 2) - w.end_s for ws in planted.words.values() for w in ws]
    assert found["delay_frames"] == planted.config.delay_frames == round(statistics.median(late_s) / clock.frame_s)
    left = [abs(late - found["delay_frames"] * clock.frame_s) for late in late_s]
    assert found["dev_boundary_ms"] == pytest.approx(1000 * statistics.mean(left))
    n_compared = sum(len(normalised(text)) for text in planted.words)
    assert found["dev_wer"] == pytest.approx(100 * len(n_words) / n_compared)  # one word of each is not heard
    kept = json.loads((tmp_path / "aligner" / "development.json").read_text())
    assert kept == {**found, "utterances": len(n_words), "words_timed": sum(n_words)}


def test_an_aligner_that_needs_transcripts_has_no_word_errors(measured):
    recipe, source, clock, planted, unreadable = measured
    planted.needs_transcript = True
    assert measure_aligner(recipe, planted, source, None, clock, unreadable).keys() == {
        "delay_frames",
        "dev_boundary_ms",
    }


def test_what_cannot_be_aligned_is_all_misheard(measured, monkeypatch):
    recipe, source, clock, planted, unreadable = measured
    monkeypatch.setattr(planted, "align", lambda frames, texts, _: [Unalignable("too short")] * len(texts))
    assert measure_aligner(recipe, planted, source, None, clock, unreadable) == {"dev_wer": 100}


def test_one_of_several_processes_measures_on_all_development_data(measured, monkeypatch):
    recipe, source, clock, planted, unreadable = measured
    monkeypatch.setattr(data, "processes", lambda: SimpleNamespace(process_index=0, num_processes=2))
    measure_aligner(recipe, planted, source, None, clock, unreadable)
    assert sorted(planted.given) == sorted(planted.words)


def test_a_trained_aligner_is_measured_when_it_is_saved(recipe_of, timed_dev, tmp_path):
    from ssr_connector.training import stages

    figures = stages.train_aligner(
        recipe_of("aligner", "--training.steps=1", f"--data.dev={timed_dev}"), lambda *_: None
    )
    kept = json.loads((tmp_path / "aligner" / "development.json").read_text())
    assert {"delay_frames", "dev_boundary_ms", "dev_wer"} <= kept.keys() & figures.keys()
    assert torch.isfinite(torch.tensor(figures["dev_boundary_ms"]))
