"""`ssr align` as a user types it."""

import gzip
import json
import math
import shutil

import numpy as np
import pytest
import soundfile
from lhotse import CutSet

from ssr_connector.aligners.imported import read_timed_words
from ssr_connector.aligners.record import read_alignments
from ssr_connector.cli import main
from ssr_connector.data.cuts import read_cuts


def test_a_table_becomes_files_in_every_format(tiny_corpus, tmp_path, capsys):
    table = tiny_corpus.parent / "table.tsv"
    formats = "textgrid,ctm,jsonl,cuts"
    plot = tmp_path / "first.png"
    command = ["align", str(table), "--aligner", "uniform", "--out", str(tmp_path / "a"), "--format", formats]
    assert main([*command, "--plot", str(plot)]) == 0
    assert "16 utterances aligned" in capsys.readouterr().out
    assert plot.read_bytes().startswith(b"\x89PNG")
    made = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert made == ["cuts.jsonl.gz", "prepared", "rejected.tsv", "textgrid", "words.ctm", "words.jsonl"]
    assert len(list((tmp_path / "a" / "textgrid").iterdir())) == 16
    with gzip.open(tmp_path / "a" / "cuts.jsonl.gz", "rt") as lines:
        assert len(list(lines)) == 16


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson"])
def test_a_table_may_be_json_lines_and_so_may_cuts(suffix, tiny_corpus, tmp_path, capsys):
    folder = tiny_corpus.parent
    rows = [
        dict(zip(("audio", "text", "id"), r.split("\t"), strict=True))
        for r in (folder / "table.tsv").read_text().splitlines()[1:4]
    ]
    table, cuts = tmp_path / f"table{suffix}", tmp_path / "cuts.jsonl"
    table.write_text("".join(json.dumps(r | {"audio": str(folder / r["audio"])}) + "\n" for r in rows))
    cuts.write_bytes(gzip.decompress((tiny_corpus / "dev.jsonl.gz").read_bytes()))
    command = ["align", "--aligner", "uniform", "--out", str(tmp_path / "a")]
    assert main([*command, str(table)]) == 0
    assert "3 utterances aligned" in capsys.readouterr().out
    assert main([*command, str(cuts)]) == 0
    assert "4 utterances aligned" in capsys.readouterr().out


def test_word_times_become_frames_and_tokens(tiny_corpus, tiny_encoder, tiny_llm, tmp_path):
    cuts = tiny_corpus / "train.jsonl.gz"
    options = ["--aligner", "uniform", "--encoder", tiny_encoder, "--llm", tiny_llm, "--out", str(tmp_path / "a")]
    assert main(["align", str(cuts), *options]) == 0
    _, alignments = read_alignments(tmp_path / "a" / "alignments.jsonl")
    assert len(alignments) == 12
    for alignment in alignments.values():
        assert "".join(alignment.text[a:b] for a, b in alignment.char_spans).replace(" ", "") == alignment.text.replace(
            " ", ""
        )


def test_a_trained_aligner_writes_the_same_formats(tiny_corpus, tiny_aligner, tmp_path, capsys):
    cuts = tiny_corpus / "dev.jsonl.gz"
    assert main(["align", str(cuts), "--aligner", str(tiny_aligner), "--out", str(tmp_path / "a")]) == 0
    made = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert made == ["alignments.jsonl", "rejected.tsv", "words.ctm", "words.jsonl"]
    told = f"--training.aligner {tiny_aligner} --data.alignments {tmp_path / 'a'} --data.train {cuts} --data.dev ''"
    assert told in capsys.readouterr().out.rpartition("Next:")[2]
    whole = contents(tmp_path / "a")
    alone = ["align", str(tiny_corpus.parent / "u03.wav"), "--aligner", "uniform", "--text", "One.", "--out"]
    assert main([*alone, str(tmp_path / "a")]) == 2
    assert "holds alignments of others" in capsys.readouterr().err
    assert contents(tmp_path / "a") == whole


def test_what_a_table_lacks_is_counted_with_what_cannot_be_aligned(tiny_corpus, tmp_path, capsys):
    audio = tiny_corpus.parent / "u03.wav"
    rows = [f"{audio}\tOne two three.\tgood", "missing.wav\tOne.\tmissing", f"{audio}\t—\tmute"]
    rows += [f"gone{k}.wav\tOne.\tgone{k}" for k in range(3)]
    (tmp_path / "t.tsv").write_text("audio\ttext\tid\n" + "\n".join(rows) + "\n")
    assert main(["align", str(tmp_path / "t.tsv"), "--aligner", "uniform", "--out", str(tmp_path / "a")]) == 0
    assert "1 utterances aligned" in (out := " ".join(capsys.readouterr().out.split()))
    assert "5 rejected;" in out
    listed = (tmp_path / "a" / "rejected.tsv").read_text().splitlines()[1:]
    assert sorted(line.split("\t")[0] for line in listed) == ["gone0", "gone1", "gone2", "missing", "mute"]


def test_what_a_smaller_corpus_leaves_behind_is_said(tiny_corpus, tiny_aligner, tmp_path, capsys):
    cuts = list(read_cuts(tiny_corpus / "dev.jsonl.gz"))
    some = tmp_path / "some.jsonl.gz"
    CutSet.from_cuts(cuts[:-1]).to_file(some)
    command = ["--aligner", str(tiny_aligner), "--out", str(tmp_path / "a")]
    assert main(["align", str(tiny_corpus / "dev.jsonl.gz"), *command]) == 0
    assert "will be gone" not in capsys.readouterr().out
    assert main(["align", str(some), *command]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"1 utterances ({cuts[-1].id}, …) are aligned in {tmp_path / 'a'} and not among these cuts" in said


def test_many_reasons_are_summed_up(tiny_corpus, tmp_path, capsys):
    audio = tiny_corpus.parent / "u03.wav"
    rows = [f"{audio}\tOne two three.\tu{k}" for k in range(15)]
    (tmp_path / "t.tsv").write_text("audio\ttext\tid\n" + "\n".join(rows) + "\n")
    (tmp_path / "w.ctm").write_text("u0 1 0.0 0.1 One\nu0 1 0.1 0.1 two\nu0 1 0.2 0.1 three\n")
    command = ["align", str(tmp_path / "t.tsv"), "--aligner", f"imported:{tmp_path / 'w.ctm'}"]
    assert main([*command, "--out", str(tmp_path / "a")]) == 0
    out = capsys.readouterr().out
    assert out.count("rejected: 1 ×") == 10
    assert "and for 4 other reasons" in out


@pytest.mark.parametrize("verb", ["prepare", "encode"])
def test_the_folder_of_another_verb_stays_as_it_is(verb, tiny_corpus, tiny_encoder, tmp_path, capsys):
    cuts, out = tiny_corpus / "dev.jsonl.gz", tmp_path / "both"
    command = ["prepare", str(tiny_corpus.parent / "table.tsv"), "--jobs", "1"]
    if verb == "encode":
        command = ["encode", str(cuts), "--encoder", tiny_encoder]
    assert main([*command, "--out", str(out)]) == 0
    whole = contents(out)
    assert main(["align", str(cuts), "--aligner", "uniform", "--out", str(out)]) == 2
    assert f"holds what `ssr {verb}` made" in capsys.readouterr().err
    assert contents(out) == whole


def test_a_trained_aligner_leaves_the_shards_of_frames_alone(tiny_corpus, tiny_aligner, tmp_path):
    shard = tmp_path / "shards" / "of-ssr-encode"
    shard.mkdir(parents=True)
    assert (
        main(["align", str(tiny_corpus / "dev.jsonl.gz"), "--aligner", str(tiny_aligner), "--out", str(tmp_path)]) == 0
    )
    assert shard.is_dir()
    assert not (tmp_path / "aligning").exists()


def test_what_is_aligned_from_is_not_overwritten(tiny_corpus, tmp_path, capsys):
    cuts, imported = tmp_path / "cuts.jsonl.gz", tmp_path / "words.ctm"
    shutil.copy(tiny_corpus / "cuts.jsonl.gz", cuts)
    imported.write_text("u00 1 0 0.5 Anna\n")
    whole = contents(tmp_path)
    command = ["align", str(cuts), "--out", str(tmp_path), "--aligner"]
    for extra, name in ((["uniform", "--format", "cuts"], cuts), ([f"imported:{imported}"], imported)):
        assert main([*command, *extra]) == 2
        assert f"{name} would be overwritten" in capsys.readouterr().err.replace("\n", "")
        assert contents(tmp_path) == whole
    assert main([*command, "uniform", "--format", "jsonl"]) == 0


def test_nothing_stays_behind_where_nothing_could_be_aligned(tiny_corpus, tmp_path, capsys):
    (tmp_path / "w.ctm").write_text("other 1 0 0.5 Anna\n")
    command = ["align", str(tiny_corpus / "dev.jsonl.gz"), "--aligner", f"imported:{tmp_path / 'w.ctm'}"]
    assert main([*command, "--out", str(tmp_path / "a")]) == 2
    assert "none of the 4 utterances" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["rejected.tsv"]


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_one_recording_is_shown(tiny_corpus, tmp_path, capsys):
    wave = tiny_corpus.parent / "u03.wav"
    assert main(["align", str(wave), "--aligner", "uniform", "--text", "One two three."]) == 0
    shown = capsys.readouterr().out
    assert "three." in shown
    assert "score" not in shown  # it hears nothing


def test_one_recording_is_shown_with_the_tokens_of_an_llm(tiny_corpus, tiny_encoder, tiny_llm, tmp_path, capsys):
    wave = tiny_corpus.parent / "u03.wav"
    command = ["align", str(wave), "--aligner", "uniform", "--text", "One two three.", "--encoder", tiny_encoder]
    assert main([*command, "--llm", tiny_llm]) == 0
    shown = capsys.readouterr().out
    assert "token" in shown
    assert "'.'" in shown
    assert main([*command, "--llm", tiny_llm, "--out", str(tmp_path)]) == 0
    _, alignments = read_alignments(tmp_path / "alignments.jsonl")
    assert list(alignments) == ["u03"]


def test_a_text_that_cannot_be_what_is_said_is_doubted(tiny_corpus, capsys):
    command = ["align", str(tiny_corpus.parent / "u03.wav"), "--aligner", "uniform", "--text"]
    assert main([*command, "One two three."]) == 0
    assert "low confidence" not in capsys.readouterr().out
    assert main([*command, "Incomprehensibilities " * 40]) == 0
    assert "low confidence: listen" in capsys.readouterr().out


def test_scores_are_shown_and_written(tiny_corpus, tiny_aligner, tmp_path, capsys):
    wave = tiny_corpus.parent / "u03.wav"
    command = ["align", str(wave), "--aligner", str(tiny_aligner), "--text", "One two three.", "--out", str(tmp_path)]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert shown.count("score") == 2  # of words and of tokens
    (words,) = read_timed_words(tmp_path / "words.jsonl").values()
    assert f"{words[0].score:.2f}" in shown
    rows = [line.split() for line in (tmp_path / "words.ctm").read_text().splitlines()]
    assert [float(row[5]) for row in rows] == pytest.approx([math.exp(w.score) for w in words], abs=1e-6)
    (read,) = read_timed_words(tmp_path / "words.ctm").values()
    assert [w.score for w in read] == pytest.approx([w.score for w in words], abs=1e-2)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--aligner", "uniform"], "give --text"),
        (["--aligner", "uniform", "--text", "—"], "no word"),
        (["--format", "srt", "--text", "a"], "no format 'srt'"),
        (["--plot", "x.foo", "--aligner", "uniform", "--text", "a"], "x.foo is no picture"),
        (["--frames", "x", "--text", "a"], "--frames goes with a corpus"),
        (["--jobs", "2", "--text", "a"], "--jobs goes with a corpus"),
        (["--engine", "ray", "--text", "a"], "--engine goes with a corpus"),
        (["--batch-s", "9", "--text", "a"], "--batch-s goes with a corpus"),
        (["--format", "ctm", "--aligner", "uniform", "--text", "a"], "give --out"),
        (["--llm", "x", "--text", "a"], "--encoder and --llm"),
        (["--llm", "x", "--encoder", "x", "--text", "a", "--aligner", "nowhere"], "not with a trained aligner"),
        (["--aligner", "pocketspinx", "--text", "a"], "there is no aligner 'pocketspinx': give pocketsphinx, uniform"),
        (["--aligner", "imported:no.ctm", "--text", "a"], "there is no no.ctm"),
        (["--aligner", "uniform", "--text", "a", "--format", "cuts", "--out", "x"], "--format cuts goes with a"),
    ],
)
def test_what_cannot_be_is_said(extra, message, tiny_corpus, capsys):
    assert main(["align", str(tiny_corpus.parent / "u03.wav"), *extra]) != 0
    shown = capsys.readouterr()
    assert message in shown.out + shown.err


def test_a_recording_too_long_for_training_is_aligned(tmp_path):
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "talk.wav", 0.1 * rng.standard_normal(8000 * 70), 8000)
    (tmp_path / "table.tsv").write_text("id\taudio\ttext\ntalk\ttalk.wav\t" + "words and words " * 50 + "\n")
    command = ["align", str(tmp_path / "table.tsv"), "--aligner", "uniform", "--out", str(tmp_path / "a")]
    assert main(command) == 0
    times = (tmp_path / "a" / "words.ctm").read_text().splitlines()
    assert len(times) == 150
    start, duration = map(float, times[-1].split()[2:4])
    assert 69 < start + duration <= 70
