import pytest

from ssr_connector.data.cuts import read_cuts
from ssr_connector.evaluation.example import draw_example
from ssr_connector.evaluation.hearing import Hearing


def test_the_example_is_whole_and_of_middling_length(model, tiny_corpus):
    hearing = Hearing(model.ears, 5.0)
    cuts = {c.id: c for c in read_cuts(tiny_corpus / "dev.jsonl.gz")}
    hearing.add(hearing.cuts(cuts.values()))
    forced = hearing.align(list(cuts), [c.supervisions[0].text for c in cuts.values()])
    example = draw_example(model, cuts, hearing, forced)
    durations = sorted(cuts[k].duration for k in forced)
    assert example["duration_s"] == pytest.approx(durations[len(durations) // 2], abs=1e-3)
    assert "".join(t["text"] for t in example["tokens"]) == example["text"]
    assert all(-1 <= t["cosine"] <= 1 and t["start_s"] < t["end_s"] for t in example["tokens"])
    assert len(example["samples"]) == 2 * 600
    assert [w["text"] for w in example["words"]] == [w for w in example["text"].split() if any(map(str.isalnum, w))]
    assert example["gold_words"] == []
    assert draw_example(model, cuts, hearing, {}) is None
