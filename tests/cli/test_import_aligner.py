"""`ssr import-aligner`: what cannot be imported is named (a file that can be: tests/aligners/test_seamless.py)."""

import numpy as np
import pytest

from ssr_connector.aligners import CharCTC, CharCTCConfig
from ssr_connector.aligners.bundle import save_aligner
from ssr_connector.cli import main
from ssr_connector.config import EncoderSection


@pytest.fixture
def command(tmp_path, tiny_encoder, tiny_llm):
    """Options of which every file is there but the checkpoint."""
    (tmp_path / "char.vocab").write_text("\u2581\ne\nt\n", encoding="utf-8")
    np.save(tmp_path / "units.npy", np.zeros((7, 32), np.float32))
    return {
        "--characters": str(tmp_path / "char.vocab"),
        "--centroids": str(tmp_path / "units.npy"),
        "--encoder": tiny_encoder,
        "--llm": tiny_llm,
        "--out": str(tmp_path / "made"),
    }


def said(command, capsys, tmp_path):
    words = [word for option in command.items() for word in option]
    assert main(["import-aligner", str(tmp_path / "unity2.pt"), *words]) == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("ssr: ")]
    assert not (tmp_path / "made").exists()
    return line


def test_a_missing_checkpoint_is_named(command, capsys, tmp_path):
    assert "unity2.pt" in said(command, capsys, tmp_path)


def test_centroids_of_another_encoder_are_refused(command, capsys, tmp_path):
    np.save(tmp_path / "units.npy", np.zeros((7, 31), np.float32))
    line = said(command, capsys, tmp_path)
    assert "units.npy" in line
    assert "32" in line


def test_a_recogniser_of_another_layer_is_refused(command, capsys, tmp_path, tiny_encoder, tiny_llm):
    recogniser = CharCTC(CharCTCConfig(width=8, layers=1, heads=2, alphabet=" et"), 32)
    save_aligner(tmp_path / "ctc", recogniser, EncoderSection(tiny_encoder, 1), tiny_llm, "lower")
    command["--recogniser"] = str(tmp_path / "ctc")
    assert "unity2.pt" in said(command | {"--encoder-layer": "1"}, capsys, tmp_path)  # which is all that is missing
    assert "ctc was trained with encoder.layer 1" in said(command | {"--encoder-layer": "2"}, capsys, tmp_path)


def test_a_layer_that_the_encoder_lacks_is_refused(command, capsys, tmp_path):
    assert "layer" in said(command | {"--encoder-layer": "9"}, capsys, tmp_path)
