"""SALMon (arXiv 2409.07437): eight folders of recordings `sample_N_0.wav`, the right one, and `sample_N_1.wav`.

As the published code writes and reads them; the recordings themselves were not at hand. Should a sample have further
recordings (`_2` …), they are wrong ones as well, while the published code looks at the first two only.
"""

import re
from pathlib import Path

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.layout import Benchmark, Layout, Options, in_sequence
from ssr_connector.evaluation.choice import Choice, Spoken

FILE = "salmon.jsonl"
PARTS = (
    "bg_alignment",
    "bg_all_consistency",
    "bg_domain_consistency",
    "gender_consistency",
    "rir_consistency",
    "sentiment_alignment",
    "sentiment_consistency",
    "speaker_consistency",
)
SAMPLE = re.compile(r"sample_(\d+)_(\d+)\.wav")


def read(source: Path, options: Options) -> Layout:  # noqa: ARG001 - one signature for all benchmarks
    """All samples of the parts that there are. Raises UserError where there is none of them."""
    root = root_of(source)
    if root is None:
        raise UserError(f"{source} is not SALMon: it holds none of the folders {', '.join(PARTS)}")
    layout = Layout()
    for part in PARTS:
        if (root / part).is_dir():
            read_part(root / part, layout)
        else:
            layout.reject(part, "missing folder")
    return layout


def root_of(source: Path) -> Path | None:
    """The folder that holds any of the parts: this one, or the archive's own in it."""
    roots = (source, source / "salmon_benchmark")
    return next((r for r in roots if any((r / part).is_dir() for part in PARTS)), None)


def is_in(folder: Path) -> bool:
    """Whether any part is there."""
    return root_of(folder) is not None


def read_part(folder: Path, layout: Layout) -> None:
    """The samples of one folder."""
    samples: dict[str, dict[int, Path]] = {}
    for path in sorted(folder.glob("*.wav")):
        match = SAMPLE.fullmatch(path.name)
        if match is None:
            layout.reject(f"{folder.name}/{path.name}", "a recording that is not called sample_N_0 or sample_N_1")
        else:
            samples.setdefault(match[1], {})[int(match[2])] = path
    if not samples:
        layout.reject(folder.name, "a folder without samples")
    there = {int(number) for number in samples}
    for gap in sorted(set(range(max(there, default=0))) - there):
        layout.remark(f"{folder.name}/{gap}", "a number that no sample has, below those of others")
    for number in sorted(samples, key=in_sequence):
        found = [samples[number][k] for k in sorted(samples[number])]
        name = f"{folder.name}/{number}"
        if len(found) < 2 or 0 not in samples[number]:
            layout.reject(name, "unpaired", f"there is only {', '.join(p.name for p in found)}")
        else:
            layout.add(FILE, Choice(name, folder.name, Spoken(""), tuple(Spoken("", str(p)) for p in found), 0))


BENCHMARK = Benchmark(
    "SALMon's eight folders: bg_alignment/sample_0_0.wav, sample_0_1.wav …", ("salmon",), read, is_in=is_in
)
