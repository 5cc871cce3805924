"""`ssr` in a process of its own."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ssr_connector.aligners.record import FILE, read_alignments
from ssr_connector.data.cuts import cut_audio, read_cuts
from ssr_connector.errors import UserError
from ssr_connector.studies.aligning import align_heard, run_alone, write_heard
from ssr_connector.studies.ears import Material
from ssr_connector.studies.surroundings import Surroundings


def test_what_is_heard_is_written_as_it_has_changed_with_the_words_where_they_were(tiny_corpus, tmp_path):
    cuts = tiny_corpus / "dev.jsonl.gz"
    change = Surroundings(noise="generated", snr_db=0.0).change(None, None)
    written = {cut.id: cut for cut in read_cuts(write_heard(Material(Path(), (), cuts, change), tmp_path / "heard"))}
    for cut in read_cuts(cuts):
        heard = written[cut.id]
        assert (heard.supervisions, heard.duration) == (cut.supervisions, cut.duration)
        said, noisy = (cut_audio(c, 16_000) for c in (cut, heard))
        np.testing.assert_allclose(noisy.samples, change(cut.id, said).samples, atol=1e-6)
        assert not np.allclose(noisy.samples, said.samples, atol=1e-2)


def test_time_and_memory_are_those_of_the_process_alone(tmp_path):
    held = bytearray(600 * 2**20)  # of this process, and none of the other's
    (tmp_path / "table.tsv").write_text("audio\ttext\nmissing.wav\tHello.\n")
    with pytest.raises(UserError, match=r"ssr prepare failed: .*all 1 utterances are rejected"):
        run_alone(["prepare", str(tmp_path / "table.tsv"), "--out", str(tmp_path / "out")])
    used = run_alone(["train", "aligner", "--print-recipe"])
    assert 0 < used["cpu_s"] < 60
    assert 5 < used["memory_mib"] < 500
    assert len(held) == 600 * 2**20


@pytest.mark.slow
def test_an_aligner_of_words_places_those_of_noisy_tests(tiny_corpus, tiny_encoder, tiny_llm, tmp_path):
    cuts = tiny_corpus / "dev.jsonl.gz"
    change = Surroundings(noise="generated", snr_db=0.0).change(None, None)
    base = SimpleNamespace(encoder=tiny_encoder, llm=tiny_llm)
    facts = align_heard(base, "uniform", Material(Path(), (), cuts, change), tmp_path)
    assert facts["lost"] == 0
    assert set(read_alignments(tmp_path / FILE)[1]) == {cut.id for cut in read_cuts(cuts)}
    assert not (tmp_path / "heard").exists()
