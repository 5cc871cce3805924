import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.layout import Options
from ssr_connector.evaluation.benchmarks.salmon import FILE, PARTS, read


def write(root, record, part, *names):
    for name in names:
        record(root / part / f"{name}.wav")
    return root


def test_the_first_recording_of_a_sample_is_the_right_one(tmp_path, record):
    for root in (tmp_path / "bare", tmp_path / "zip" / "salmon_benchmark"):
        for part in PARTS:
            write(root, record, part, "sample_10_0", "sample_2_1", "sample_2_0", "sample_10_1")
    for source in (tmp_path / "bare", tmp_path / "zip"):
        layout = read(source, Options())
        assert layout.rejected == []
        items = layout.questions[FILE]
        assert [i.id for i in items[:3]] == ["bg_alignment/2", "bg_alignment/10", "bg_all_consistency/2"]
        assert {i.group for i in items} == set(PARTS)
        assert all(i.answer == 0 and [c.audio[-6:] for c in i.choices] == ["_0.wav", "_1.wav"] for i in items)


def test_what_is_missing_is_named(tmp_path, record):
    write(tmp_path, record, "rir_consistency", "sample_0_0", "sample_1_1", "sample_2_0", "sample_2_1", "take")
    (tmp_path / "bg_alignment").mkdir()
    layout = read(tmp_path, Options())
    assert [i.id for i in layout.questions[FILE]] == ["rir_consistency/2"]
    reasons = {r.id: r.reason for r in layout.rejected}
    assert reasons["rir_consistency/0"] == reasons["rir_consistency/1"] == "unpaired"
    assert reasons["rir_consistency/take.wav"] == "a recording that is not called sample_N_0 or sample_N_1"
    assert reasons["bg_alignment"] == "a folder without samples"
    assert sum(reason == "missing folder" for reason in reasons.values()) == 6
    with pytest.raises(UserError, match="is not SALMon"):
        read(tmp_path / "bg_alignment", Options())


def test_ties_count_half(tmp_path, record, score):
    items = read(write(tmp_path, record, PARTS[0], "sample_0_0", "sample_0_1"), Options()).questions[FILE]
    assert score("salmon", items, {"sample_0_0": -1.0, "sample_0_1": -1.0}).value == 50
    assert score("salmon", items, {"sample_0_0": -1.0, "sample_0_1": -0.5}).value == 0
