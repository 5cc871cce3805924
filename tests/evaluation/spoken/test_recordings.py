import dataclasses
import json

import numpy as np
import pytest
import soundfile

from ssr_connector.errors import UserError
from ssr_connector.evaluation.spoken.recordings import JOURNAL, Line, ctm_lines, record
from ssr_connector.evaluation.spoken.speaker import UnspokenError
from ssr_connector.types import Waveform


@dataclasses.dataclass(frozen=True)
class Counting:
    """Speaks a second of noise; stops like a killed process after so many texts."""

    said: list = dataclasses.field(default_factory=list, repr=False)
    stop_after: int = dataclasses.field(default=99, repr=False)

    def speak(self, text, voice):
        if len(self.said) >= self.stop_after:
            raise KeyboardInterrupt
        if text == "unspeakable":
            raise UnspokenError("it cannot be said")
        self.said.append(text)
        samples = np.random.default_rng(len(text)).normal(0, 0.1, 16000).astype(np.float32)
        return Waveform(samples, 16000), ((text, 0.1, 0.9),)


LINES = [Line(f"q{k}", f"text{k}", "v") for k in range(5)]


def test_a_killed_run_goes_on_with_what_is_left(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        record(LINES, Counting(stop_after=3), tmp_path, 1)
    journal = tmp_path / JOURNAL
    journal.write_text(journal.read_text() + '{"id": "q3", "ke')  # killed while it wrote
    speaker, shown = Counting(), []
    found = record(LINES, speaker, tmp_path, 1, lambda *args: shown.append(args))
    assert speaker.said == ["text3", "text4"]
    assert shown == [(3, 5), (4, 5), (5, 5)]
    assert sorted(found) == [line.id for line in LINES]
    assert all(soundfile.info(tmp_path / line.audio).frames == 16000 for line in LINES)
    assert next(ctm_lines(found)) == "q0 1 0.1000 0.8000 text0"
    again = Counting()
    assert record(LINES, again, tmp_path, 1).keys() == found.keys()
    assert again.said == []


def test_what_was_changed_or_deleted_is_spoken_again(tmp_path):
    record(LINES, Counting(), tmp_path, 1)
    (tmp_path / LINES[1].audio).unlink()
    changed = [dataclasses.replace(LINES[0], text="new"), *LINES[1:4], dataclasses.replace(LINES[4], voice="w")]
    speaker = Counting()
    record(changed, speaker, tmp_path, 1)
    assert speaker.said == ["new", "text1", "text4"]


def test_what_failed_is_told_and_tried_again(tmp_path):
    lines = [Line("a", "unspeakable", ""), Line("b", "fine", "")]
    found = record(lines, Counting(), tmp_path, 1)
    assert found["a"].fault == "it cannot be said"
    assert found["b"].fault == ""
    assert [json.loads(row)["id"] for row in (tmp_path / JOURNAL).read_text().split("\n") if row] == ["b"]
    assert not (tmp_path / lines[0].audio).exists()


def test_a_file_that_is_no_journal(tmp_path):
    (tmp_path / JOURNAL).write_text("my notes\n")
    with pytest.raises(UserError, match="no journal"):
        record(LINES, Counting(), tmp_path, 1)
