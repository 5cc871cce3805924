"""`ssr` in a process of its own."""

import pytest

from ssr_connector.errors import UserError
from ssr_connector.studies.aligning import run_alone


def test_time_and_memory_are_those_of_the_process_alone(tmp_path):
    held = bytearray(600 * 2**20)  # of this process, and none of the other's
    (tmp_path / "table.tsv").write_text("audio\ttext\nmissing.wav\tHello.\n")
    with pytest.raises(UserError, match=r"ssr prepare failed: .*all 1 utterances are rejected"):
        run_alone(["prepare", str(tmp_path / "table.tsv"), "--out", str(tmp_path / "out")])
    used = run_alone(["train", "aligner", "--print-recipe"])
    assert 0 < used["cpu_s"] < 60
    assert 5 < used["memory_mib"] < 500
    assert len(held) == 600 * 2**20
