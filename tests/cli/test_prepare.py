import argparse
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ssr_connector.cli import prepare
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


def test_user_errors_come_through(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        prepare.run(parse(str(tmp_path / "none.tsv"), "--out", str(tmp_path / "out")))


def test_the_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--help")
    printed = capsys.readouterr().out
    for taught in ("start_s and end_s", "metadata.csv", "examples\n", "rejected.tsv", "--check {decode,header}"):
        assert taught in printed
