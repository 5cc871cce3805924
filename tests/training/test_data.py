"""What recipes ask to train on: several corpora, changed recordings, long texts."""

import gzip
import json
import shutil

import pytest
import torch
from lhotse import CutSet

from ssr_connector.cli import main
from ssr_connector.config import EncoderSection
from ssr_connector.data.cuts import read_cuts
from ssr_connector.data.shar_output import write_shar
from ssr_connector.encoders.corpus import encode_cuts
from ssr_connector.encoders.store import FrameStore
from ssr_connector.errors import UserError
from ssr_connector.training import stages

AUGMENT = (
    *("--data.frames=null", "--augment.speed=[0.9,1.1]", "--augment.noise=generated", "--augment.reverb=generated"),
    *("--connector.dropout=0", "--training.steps=3", "--training.batch_s=8"),
)


def quiet(*_):
    pass


def losses(out):
    return [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]


def stop_at(step):
    def progress(done, total, figures):
        if done == step:
            raise KeyboardInterrupt

    return progress


@pytest.fixture
def halves(base, tiny_corpus, tiny_encoder, tmp_path):
    """The corpus as two: cuts, frames and alignments of each."""
    cuts = list(read_cuts(tiny_corpus / "train.jsonl.gz"))
    head, *rows = (base / "align" / "alignments.jsonl").read_text().splitlines(keepends=True)
    dev = {c.id for c in read_cuts(tiny_corpus / "dev.jsonl.gz")}
    for name, part in (("a", cuts[:6]), ("b", cuts[6:])):
        folder = tmp_path / name
        folder.mkdir()
        CutSet(part).to_file(folder / "cuts.jsonl.gz")
        ids = {c.id for c in part} | (dev if name == "a" else set())
        manifests = [folder / "cuts.jsonl.gz", *([tiny_corpus / "dev.jsonl.gz"] if name == "a" else [])]
        encode_cuts(manifests, EncoderSection(tiny_encoder), folder / "frames", 20.0, quiet)
        (folder / "align").mkdir()
        lines = [head, *(row for row in rows if json.loads(row)["id"] in ids)]
        (folder / "align" / "alignments.jsonl").write_text("".join(lines))
    return tmp_path / "a", tmp_path / "b"


@pytest.mark.parametrize("how", ["{},{}", "[{}, {}]"])
def test_two_halves_of_a_corpus_are_trained_on_as_the_whole(halves, how, recipe_of, distilled, tmp_path):
    a, b = halves
    words = [
        f"--data.{key}=" + how.format(a / name, b / name)
        for key, name in (("train", "cuts.jsonl.gz"), ("frames", "frames"), ("alignments", "align"))
    ]
    stages.train_connector(recipe_of("distill", *words, "--training.steps=2"), quiet)
    assert losses(tmp_path / "distill") == pytest.approx(losses(distilled)[:2], rel=1e-3)


def test_ids_that_clash_are_an_error_that_names_both(halves, recipe_of):
    a, b = halves
    shutil.copytree(a / "align", b / "again")
    words = [f"--data.train={a / 'cuts.jsonl.gz'}", f"--data.alignments={a / 'align'},{b / 'again'}"]
    with pytest.raises(UserError, match=r"is aligned in .*/a/align and in .*/b/again; leave one out"):
        stages.train_connector(recipe_of("distill", *words), quiet)
    words = [f"--data.train={a / 'cuts.jsonl.gz'},{a / 'cuts.jsonl.gz'}"]
    with pytest.raises(UserError, match=r"every utterance needs an id of its own"):
        stages.train_connector(recipe_of("distill", *words), quiet)


def test_a_run_on_changed_recordings_goes_on_with_the_same_changes_whoever_reads_them(recipe_of, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        stages.train_connector(recipe_of("distill", *AUGMENT), stop_at(2))
    stages.train_connector(recipe_of("distill", *AUGMENT), quiet)
    stages.train_connector(recipe_of("distill", *AUGMENT, "--training.workers=0", out=tmp_path / "whole"), quiet)
    assert losses(tmp_path / "distill") == losses(tmp_path / "whole")
    clean = [word for word in AUGMENT if not word.startswith("--augment")]
    stages.train_connector(recipe_of("distill", *clean, "--training.steps=1", out=tmp_path / "clean"), quiet)
    assert losses(tmp_path / "clean")[0] != pytest.approx(losses(tmp_path / "whole")[0], rel=1e-3)


def test_an_aligner_is_trained_on_changed_recordings(recipe_of, tmp_path):
    figures = stages.train_aligner(recipe_of("aligner", *AUGMENT, "--augment.speed=[0.9,1.0,1.1]"), quiet)
    assert figures["loss"] > 0
    assert figures["left_out"] == 0


def test_what_leaves_no_room_at_the_highest_speed_is_listed(recipe_of, tmp_path):
    figures = stages.train_aligner(recipe_of("aligner", *AUGMENT, "--augment.speed=[1,2]", "--training.steps=1"), quiet)
    assert figures["infeasible"] >= 1
    listed = (tmp_path / "aligner" / "infeasible.tsv").read_text().splitlines()
    assert len(listed) == 1 + figures["infeasible"]
    assert listed[1].endswith(" at speed 2")


def test_frames_that_are_stored_cannot_be_changed(recipe_of):
    with pytest.raises(
        UserError, match=r"augment changes recordings, .*: leave one out \(--data\.frames null"
    ) as caught:
        stages.train_connector(recipe_of("distill", "--augment.speed=[0.9,1.1]"), quiet)
    assert "\n" not in str(caught.value)


def test_malformed_lines_of_text_are_counted_and_named(recipe_of, distilled, sentences, tmp_path):
    path = tmp_path / "text.jsonl.gz"
    lines = [json.dumps({"text": text}) for text in sentences * 4]
    path.write_bytes(gzip.compress("\n".join([*lines[:3], "oops", *lines[3:]]).encode()))
    words = [f"--training.start_from={distilled / 'model'}", f"--data.text={path}", "--training.steps=2"]
    figures = stages.finetune(recipe_of("finetune", *words), quiet)
    assert figures["malformed_text"] == 1
    assert f"{path}, line 4\tnot a JSON object" in (tmp_path / "finetune" / "malformed_text.tsv").read_text()


def test_shar_is_trained_encoded_and_aligned_as_the_files_it_was_made_of(
    tiny_corpus, tiny_aligner, tiny_encoder, recipe_of, tmp_path
):
    for part in ("train", "dev"):
        write_shar(read_cuts(tiny_corpus / f"{part}.jsonl.gz"), tmp_path / f"{part}-shar", 5)
    words = ["--data.frames=null", "--training.steps=2"]
    stages.train_connector(recipe_of("distill", *words), quiet)
    shar = [f"--data.{part}={tmp_path / part}-shar" for part in ("train", "dev")]
    stages.train_connector(recipe_of("distill", *words, *shar, out=tmp_path / "of_shar"), quiet)
    assert losses(tmp_path / "of_shar") == losses(tmp_path / "distill")
    manifests = [tmp_path / "dev-shar"]
    encode_cuts(manifests, EncoderSection(tiny_encoder), tmp_path / "frames", 20.0, quiet)
    encode_cuts([tiny_corpus / "dev.jsonl.gz"], EncoderSection(tiny_encoder), tmp_path / "of_files", 20.0, quiet)
    ids = [cut.id for cut in read_cuts(tmp_path / "dev-shar")]
    pairs = FrameStore(tmp_path / "frames").read(ids), FrameStore(tmp_path / "of_files").read(ids)
    assert torch.equal(pairs[0].values, pairs[1].values)
    command = ["align", str(tmp_path / "dev-shar"), "--aligner", str(tiny_aligner), "--out", str(tmp_path / "align")]
    assert main(command) == 0
    assert len((tmp_path / "align" / "alignments.jsonl").read_text().splitlines()) == 1 + len(ids)
