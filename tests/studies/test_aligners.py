"""The study of aligners: what it is made of. The whole: `ssr study aligners --config recipes/smoke.yaml`."""

import pytest

from ssr_connector.aligners import ALIGNERS
from ssr_connector.config import AlignerSection
from ssr_connector.errors import UserError
from ssr_connector.studies.aligners import ENTRIES, PATHS, draw_cost, run_alone


def test_every_aligner_has_a_row_and_only_options_that_a_recipe_knows():
    ours = [entry for entry in ENTRIES if entry.options is not None]
    assert {entry.options["type"] for entry in ours} == set(ALIGNERS)
    names = [entry.name for entry in ENTRIES]
    assert len(set(names)) == len(names)
    for entry in ours:
        AlignerSection(**entry.options)
        for option in PATHS:
            if option in entry.options:  # what it learns from was made before
                assert entry.options[option].split("/")[0] in names[: names.index(entry.name)]


def test_time_and_memory_are_those_of_the_process_alone(tmp_path):
    held = bytearray(600 * 2**20)  # of this process, and none of the other's
    (tmp_path / "table.tsv").write_text("audio\ttext\nmissing.wav\tHello.\n")
    with pytest.raises(UserError, match=r"ssr prepare failed: .*all 1 utterances are rejected"):
        run_alone(["prepare", str(tmp_path / "table.tsv"), "--out", str(tmp_path / "out")])
    used = run_alone(["train", "aligner", "--print-recipe"])
    assert 0 < used["cpu_s"] < 60
    assert 5 < used["memory_mib"] < 500
    assert len(held) == 600 * 2**20


def test_the_picture_is_drawn(tmp_path):
    def figure(value, ci95=None):
        return {"value": value, "ci95": ci95}

    rows = [
        {
            "title": "a",
            "figures": {"audio_s_per_s": figure(10), "cosine": figure(0.5, (0.4, 0.6)), "train_s": figure(9)},
        },
        {"title": "b", "figures": {"audio_s_per_s": figure(100), "cosine": figure(0.7)}},
    ]
    draw_cost(rows, tmp_path / "cost.png")
    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")
