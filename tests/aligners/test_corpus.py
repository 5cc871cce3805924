import gzip
import json

import pytest

from ssr_connector.aligners.corpus import align_cuts
from ssr_connector.aligners.record import FILE, read_alignments
from ssr_connector.config import EncoderSection
from ssr_connector.encoders.corpus import encode_cuts
from ssr_connector.errors import UserError


def quiet(*_):
    pass


def changed(manifest, out, change):
    """The cuts of a manifest, each as a mapping that `change` may alter."""
    with gzip.open(manifest, "rt") as lines, gzip.open(out, "wt") as new:
        rows = [json.loads(line) for line in lines]
        for row in rows:
            change(row)
            new.write(json.dumps(row) + "\n")
    return out


def test_good_cuts_are_aligned_and_bad_ones_named(tiny_corpus, tiny_aligner, tmp_path):
    def spoil(row):
        if row["id"] == "u01":
            row["recording"]["sources"][0]["source"] = "/nowhere/u01.wav"
        if row["id"] == "u02":
            row["supervisions"][0]["text"] = "?!"
        if row["id"] == "u03":
            row["supervisions"][0]["text"] *= 40

    cuts = changed(tiny_corpus / "cuts.jsonl.gz", tmp_path / "cuts.jsonl.gz", spoil)
    done = align_cuts([cuts], tiny_aligner, tmp_path / "out", 5.0, quiet)
    assert done.aligned == 13
    reasons = dict(done.rejected)
    assert "missing file" in reasons["u01"]
    assert "no letter" in reasons["u02"]
    assert "do not fit" in reasons["u03"]
    _, alignments = read_alignments(tmp_path / "out" / FILE)
    assert set(alignments) == {f"u{k:02}" for k in range(16)} - set(reasons)
    assert done.tokens == sum(len(a) for a in alignments.values())
    assert len((tmp_path / "out" / "rejected.tsv").read_text().splitlines()) == 4


def test_stored_frames_give_the_same_alignments(tiny_corpus, tiny_encoder, tiny_aligner, tmp_path):
    cuts = [tiny_corpus / "dev.jsonl.gz"]
    encode_cuts(cuts, EncoderSection(tiny_encoder), tmp_path / "frames", 5.0, quiet)
    align_cuts(cuts, tiny_aligner, tmp_path / "stored", 5.0, quiet, tmp_path / "frames")
    align_cuts(cuts, tiny_aligner, tmp_path / "live", 5.0, quiet)
    stored, live = (read_alignments(tmp_path / name / FILE)[1] for name in ("stored", "live"))
    assert {k: a.ends for k, a in stored.items()} == {k: a.ends for k, a in live.items()}
    assert all(a.text for a in live.values())


def test_frames_of_another_encoder_are_refused(tiny_corpus, tiny_encoder, tiny_aligner, tmp_path):
    cuts = [tiny_corpus / "dev.jsonl.gz"]
    encode_cuts(cuts, EncoderSection(tiny_encoder, 1), tmp_path / "frames", 5.0, quiet)
    with pytest.raises(UserError, match=r"frames was not made by .+, layer None, as it is now; run `ssr encode` again"):
        align_cuts(cuts, tiny_aligner, tmp_path / "out", 5.0, quiet, tmp_path / "frames")


def test_nothing_alignable_is_an_error(tiny_corpus, tiny_aligner, tmp_path):
    def hush(row):
        row["supervisions"][0]["text"] = "..."

    cuts = changed(tiny_corpus / "dev.jsonl.gz", tmp_path / "cuts.jsonl.gz", hush)
    with pytest.raises(UserError, match="none of the 4 utterances"):
        align_cuts([cuts], tiny_aligner, tmp_path / "out", 5.0, quiet)
    assert not (tmp_path / "out").exists()
