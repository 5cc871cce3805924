import json
from types import SimpleNamespace

import pytest

from ssr_connector.data.entry import Rejected
from ssr_connector.data.summary import summarise


def cut(text: str, speaker: str | None, duration: float, recording: str) -> SimpleNamespace:
    return SimpleNamespace(
        duration=duration,
        supervisions=[SimpleNamespace(text=text, speaker=speaker)],
        recording=SimpleNamespace(id=recording, sampling_rate=8_000 if recording == "r" else 16_000),
    )


def test_figures_are_counted() -> None:
    cuts = [cut("ab  cd", "S", 1.0, "r"), cut("ALL 12", None, 2.0, "r"), cut("x", "T", 3.0, "q")]
    rejected = [
        Rejected("a", "", "empty file", ""),
        Rejected("b", "", "not audio", ""),
        Rejected("c", "", "not audio", ""),
    ]
    summary = summarise("src", "table", cuts, rejected, silent=1, clipped=2, words=None, dev_cuts=None)
    assert (summary.cuts, summary.recordings, summary.speakers) == (3, 2, 2)
    assert summary.hours == pytest.approx(6 / 3600, abs=1e-4)
    assert (summary.shortest_s, summary.longest_s, summary.characters_per_s) == (1.0, 3.0, 2.0)
    assert summary.sampling_rates_hz == {"16000": 1, "8000": 1}
    assert list(summary.rejected.items()) == [("not audio", 2), ("empty file", 1)]
    assert [what.split(":")[0] for what in summary.warnings] == [
        "digits or symbols in the transcript",
        "transcript in capitals only",
        "silent audio",
        "audio beyond full scale",
    ]
    assert json.loads(json.dumps(summary.to_dict())) == summary.to_dict()
