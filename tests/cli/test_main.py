import json
import subprocess
import sys

import pytest

from ssr_connector import cli
from ssr_connector.cli import VERBS, main

CHECK = """
import sys, time
start = time.process_time()
from ssr_connector.cli import main
try:
    main(["--help"])
except SystemExit as stop:
    assert stop.code == 0
heavy = ("torch", "transformers", "lhotse", "matplotlib", "numpy")
print(time.process_time() - start, "|", *[m for m in heavy if m in sys.modules])
"""


def test_help_is_quick_and_imports_nothing_heavy():
    runs = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=True)
        seconds, heavy = done.stdout.splitlines()[-1].split("|")
        assert heavy.strip() == ""
        runs.append(float(seconds))
    assert min(runs) < 0.5
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ") and line[4] != " "]
    assert set(VERBS) <= set(listed)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "example" in out
    assert f"usage: ssr {verb}" in out


def refused(capsys, *words):
    """What is said of a wrong command, on stderr, in one line, with status 2."""
    try:
        code = main(words)
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr().err.splitlines()
    said = [line for line in said if line and "Loading weights" not in line]  # off in a process of its own
    assert code == 2
    assert len(said) == 1
    return said[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prepare", "t.tsv", "--out", "x", "--corpos", "auto"], "unknown option --corpos; did you mean --corpus?"),
        (["align", "a.wav", "--aligner", "x", "--tekst=hello"], "unknown option --tekst; did you mean --text?"),
        (["train", "distill", "--training.lrr", "3"], "unknown option --training.lrr; did you mean --training.lr?"),
        (["train", "--trainin.lr=3", "distill"], "unknown option --trainin.lr; did you mean --training.lr?"),
        (["train", "distill", "--training.learning_rate", "3"], "did you mean --training.lr?"),
        (["train", "distill", "--training.steps", "--seed", "3"], "--training.steps needs a value"),
        (["train", "distill", "--varient", "x"], "unknown option --varient; did you mean --variant?"),
        (["encode", "a.jsonl", "--encoder", "x", "--out", "y", "--training.lr", "3"], "unknown option --training.lr"),
        (["train", "destill"], "did you mean distill?"),
        (["trian"], "did you mean train?"),
        ([], "required"),
        (["demo", "stray"], "stray"),
        (["generate", "ask", "m", "a.wav", "one", "two"], "one text"),
        (["generate", "score", "m", "a.wav", "one"], "at least two endings"),
        (["generate", "ask", "nowhere", "a.wav"], "nowhere is not a checkpoint"),
        (["align", "nowhere.wav", "--aligner", "x"], "no recording, table or manifest nowhere.wav"),
        (["train", "distill", "--config", "nowhere.yaml"], "no recipe nowhere.yaml"),
        (["train", "distill", "--training.lr", "fast"], "training.lr"),
        (["train", "distill", "--training.lr"], "training.lr"),
        (["train", "distill", "--variant", "x"], "no variant 'x'"),
        (["plan", "distill", "--config", "tiny", "--variant", "x"], "no variant 'x': tiny has aligner, distill"),
        (["evaluate", "m", "--out", "x"], "nothing to measure on"),
        (["evaluate", "m", "--out", "x", "--cuts", "c", "--harness-dir", "d"], "without --harness"),
        (["evaluate", "m", "--out", "x", "--cuts", "c", "--fail-if-text-drops", "1"], "needs text tasks"),
        (["evaluate", "m", "--out", "x", "--data", "d", "--fail-if-text-drops", "-1"], "0 or more"),
        (["encode", "nowhere.jsonl.gz", "--encoder", "nowhere", "--out", "x"], "nowhere"),
    ],
)
def test_a_wrong_command_is_refused_in_one_line(words, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, *words)
    assert list(tmp_path.iterdir()) == []


def test_overrides_may_stand_anywhere(capsys):
    assert main(["train", "--training.lr", "3e-3", "distill", "--print-recipe", "--seed=4", "--training.clip=2"]) == 0
    out = capsys.readouterr().out
    assert "lr: 0.003" in out
    assert "clip: 2.0" in out
    assert "seed: 4" in out


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device", "out/model.safetensors"), 2, "No space left on device: out/model"),
        (
            OSError(28, "No space left on device"),
            2,
            "No space left on device: x; make room, and the same command goes on",
        ),
        (OSError("several\n lines"), 2, "ssr: several lines"),
        (MemoryError(), 2, "ssr: out of memory; take less at once: --batch-s"),
        (RuntimeError("CUDA error: out of memory\nand more"), 2, "(CUDA error: out of memory)"),
    ],
)
def test_what_stops_a_verb_is_said_in_one_line(error, code, message, capsys, monkeypatch):
    from ssr_connector.cli import prepare

    def run(args):
        raise error

    monkeypatch.setattr(prepare, "run", run)
    assert cli.main(["prepare", "t.tsv", "--out", "x"]) == code
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_recording_is_aligned_asked_and_scored(tiny_model, tiny_aligner, tiny_corpus, capsys, sentences, tmp_path):
    audio = str(tiny_corpus.parent / "u01.wav")
    assert main(["align", audio, "--aligner", str(tiny_aligner), "--text", sentences[1]]) == 0
    assert sentences[1] in capsys.readouterr().out
    assert main(["generate", "transcribe", str(tiny_model), audio]) == 0
    assert "aligner:" in capsys.readouterr().out
    assert main(["generate", "score", str(tiny_model), audio, "She left.", "Tom [ran]."]) == 0
    out = capsys.readouterr().out
    assert "She left." in out
    assert "Tom [ran]." in out
    (tmp_path / "blip.wav").write_bytes(b"")
    assert "blip.wav" in refused(capsys, "generate", "ask", str(tiny_model), str(tmp_path / "blip.wav"))


def test_two_models_of_one_name_are_not_taken_for_one(tiny_model, capsys, tmp_path):
    words = ["evaluate", f"a={tiny_model}", f"a={tiny_model}", "--cuts", "x.jsonl.gz", "--out", str(tmp_path)]
    assert "two models are called 'a'" in refused(capsys, *words)
    words[1:3] = [f"stack={tiny_model}", f"stack_plain={tiny_model}"]  # one row of the page
    assert "two models are called 'stack_plain'" in refused(capsys, *words)
    words[1:3] = [f"ssr={tiny_model}", f"hard cascade={tiny_model}"]
    assert "'hard cascade' is a row of its own" in refused(capsys, *words)
    words[2] = f"oracle={tiny_model}"
    assert "'oracle' is a row of its own" in refused(capsys, *words)


def test_encoding_skips_what_cannot_be_read_and_says_so(tiny_corpus, tiny_encoder, capsys, tmp_path):
    import gzip

    import numpy as np
    import soundfile

    from ssr_connector.data.preparation import prepare
    from ssr_connector.encoders.store import FrameStore

    for name, n in (("good", 8000), ("gone", 8000), ("blip", 80)):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * np.sin(np.arange(n) / 9), 16000)
    lines = ["audio\ttext\tid", *(f"{n}.wav\ta\t{n}" for n in ("good", "gone", "blip"))]
    (tmp_path / "t.tsv").write_text("\n".join(lines))
    prepare(tmp_path / "t.tsv", tmp_path / "cuts", max_duration_s=60)
    cuts = tmp_path / "cuts" / "cuts.jsonl.gz"
    with gzip.open(cuts, "rt") as stream:
        ids = [json.loads(line)["id"] for line in stream]
    assert {"good", "gone"} <= set(ids)
    (tmp_path / "gone.wav").unlink()
    words = ["encode", str(cuts), "--encoder", tiny_encoder, "--out", str(tmp_path / "frames")]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "1 recordings encoded" in out
    assert "gone" in out
    store = FrameStore(tmp_path / "frames")
    assert "good" in store
    assert "gone" not in store
    rejected = (tmp_path / "frames" / "rejected.tsv").read_text()
    assert "gone\t" in rejected
    assert "missing file" in rejected
    (tmp_path / "good.wav").unlink()
    assert "none of the" in refused(capsys, *words[:-1], str(tmp_path / "more"))
    assert not (tmp_path / "more").exists()


def test_aligning_skips_what_cannot_be_read_and_says_so(tiny_corpus, tiny_aligner, capsys, tmp_path):
    import shutil

    import soundfile

    from ssr_connector.data.preparation import prepare

    for k in (1, 2, 3):
        shutil.copy(tiny_corpus.parent / f"u0{k}.wav", tmp_path)
    rows = [
        line for line in (tiny_corpus.parent / "table.tsv").read_text().splitlines() if line[:3] in "aud u01 u02 u03"
    ]
    (tmp_path / "t.tsv").write_text("\n".join(rows))
    prepare(tmp_path / "t.tsv", tmp_path / "cuts")
    soundfile.write(tmp_path / "u02.wav", [0.0] * 10, 16000)
    words = [str(tmp_path / "cuts" / "cuts.jsonl.gz"), "--aligner", str(tiny_aligner), "--out", str(tmp_path / "out")]
    assert main(["align", *words]) == 0
    assert "2 utterances aligned" in capsys.readouterr().out
    assert "u02\t" in (tmp_path / "out" / "rejected.tsv").read_text()
