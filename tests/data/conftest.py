"""Corpora in miniature: recordings made here, and `ssr prepare` over them."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

Record = Callable[..., Path]


@dataclass(frozen=True)
class Prepared:
    """What `ssr prepare` wrote and printed."""

    status: int
    summary: dict[str, Any]
    cuts: dict[str, Any]
    rejected: dict[str, str]  # reason by id
    printed: str

    def words(self, id_: str, kind: str = "word") -> list[tuple[str, float, float]]:
        """The times of a cut, in seconds from its start, to the millisecond."""
        items = (self.cuts[id_].supervisions[0].alignment or {}).get(kind, [])
        return [(item.symbol, round(item.start, 3), round(item.end, 3)) for item in items]


@pytest.fixture
def record() -> Record:
    """Writes noise into a file of any format; (path, seconds=2.0, rate_hz=16000, channels=1, **soundfile's)."""

    def write(path: Path, seconds: float = 2.0, rate_hz: int = 16_000, channels: int = 1, **options: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(0).normal(0, 0.1, (round(seconds * rate_hz), channels)).astype(np.float32)
        if path.suffix == ".opus":
            options = {"format": "OGG", "subtype": "OPUS"} | options
        soundfile.write(path, samples, rate_hz, **options)
        return path

    return write


@pytest.fixture
def prepare_by_ssr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Prepared]:
    """`ssr prepare SOURCE --out … OPTIONS`, and what came of it."""
    from ssr_connector.cli import main
    from ssr_connector.data.cuts import read_cuts

    def run(source: Path, *options: str) -> Prepared:
        out = tmp_path / "prepared"
        status = main(["prepare", str(source), "--out", str(out), "--jobs", "1", *options])
        if status:
            return Prepared(status, {}, {}, {}, capsys.readouterr().err)
        with (out / "rejected.tsv").open(encoding="utf-8", newline="") as stream:
            rejected = {row["id"]: row["reason"] for row in csv.DictReader(stream, delimiter="\t")}
        cuts = {cut.id: cut for cut in read_cuts(out / "cuts.jsonl.gz")}
        return Prepared(status, json.loads((out / "summary.json").read_text()), cuts, rejected, capsys.readouterr().out)

    return run
