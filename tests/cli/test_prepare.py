import argparse
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ssr_connector.cli import engine, prepare
from ssr_connector.errors import UserError


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ssr prepare")
    prepare.add_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rows = ["audio\ttext"]
    for i in range(5):
        soundfile.write(tmp_path / f"{i}.wav", np.zeros(16_000, np.float32), 16_000)
        rows.append(f"{i}.wav\tHi you.")
    rows.append("none.wav\tHi.")
    path = tmp_path / "my table.tsv"
    path.write_text("\n".join(rows))
    return path


def test_it_prints_the_summary_and_the_next_command(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = source.parent / "out"
    assert prepare.run(parse(str(source), "--out", str(out))) == 0
    printed = capsys.readouterr().out
    assert "rejected: missing file" in printed
    assert "silent audio" in printed
    assert str(out / "rejected.tsv") in printed
    command = shlex.split(printed.strip().splitlines()[-1])
    assert command[:3] == ["ssr", "train", "aligner"]
    assert command[-2:] == ["--data.train", str(out / "cuts.jsonl.gz")]
    assert Path(command[-1]).is_file()


def test_the_next_command_names_the_development_set(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = source.parent / "out put"
    assert prepare.run(parse(str(source), "--out", str(out), "--dev", "2", "--jobs", "1")) == 0
    command = shlex.split(capsys.readouterr().out.strip().splitlines()[-1])
    assert command[-4:] == ["--data.train", str(out / "train.jsonl.gz"), "--data.dev", str(out / "dev.jsonl.gz")]


def test_shards_are_written_for_each_part_and_go_when_they_are_not_of_these_cuts(source: Path) -> None:
    from ssr_connector.data.cuts import read_cuts

    out = source.parent / "out"
    words = (str(source), "--out", str(out), "--jobs", "1")
    assert prepare.run(parse(*words, "--dev", "2", "--shar", "2")) == 0
    for part, n_shards in (("train", 2), ("dev", 1)):
        assert len(list((out / f"{part}-shar").glob("*.tar"))) == n_shards
        manifest, shards = (read_cuts(out / f"{part}{end}") for end in (".jsonl.gz", "-shar"))
        assert [c.id for c in shards] == [c.id for c in manifest]
    assert not (out / "cuts-shar").exists()
    assert prepare.run(parse(*words, "--shar", "1000")) == 0
    assert [path.name for path in sorted(out.glob("*-shar"))] == ["cuts-shar"]
    with pytest.raises(UserError, match="--shar 0: give the number of cuts"):
        prepare.run(parse(*words, "--shar", "0"))


@pytest.mark.parametrize(
    ("words", "message"), [(("--jobs", "0"), "--jobs is at least 1"), (("--address", "auto"), "goes with --engine ray")]
)
def test_what_does_not_go_together_is_refused(source: Path, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        prepare.run(parse(str(source), "--out", str(source.parent / "out"), *words))


def test_user_errors_come_through(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        prepare.run(parse(str(tmp_path / "none.tsv"), "--out", str(tmp_path / "out")))


def test_shards_are_as_large_as_without_the_command() -> None:
    from ssr_connector.engine import shard

    assert parse("a", "--out", "b").shard_mb == shard.SHARD_MB
    assert engine.SHARD_S == shard.SHARD_S


def test_the_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--help")
    printed = capsys.readouterr().out
    for taught in (
        "start_s and end_s",
        "metadata.csv",
        "examples\n",
        "rejected.tsv",
        "--check {decode,header}",
        "--engine {local,ray}",
    ):
        assert taught in printed
