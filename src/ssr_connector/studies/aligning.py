"""Alignments for a study: by `ssr align` in a process of its own, so that its processor time and memory are its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import soundfile
from lhotse import CutSet, Recording
from lhotse.utils import fastcopy

from ssr_connector.aligners.record import FILE, read_alignments, write_alignments
from ssr_connector.data.cuts import cut_audio, read_cuts, read_manifests
from ssr_connector.errors import UserError
from ssr_connector.files import replace_file
from ssr_connector.studies.cache import Facts
from ssr_connector.studies.damage import Damage
from ssr_connector.studies.ears import Material
from ssr_connector.studies.surroundings import SAMPLING_RATE_HZ
from ssr_connector.tiny.base import TRANSCRIBED, Base

GOLD = "gold"  # the voices' true word times
# The peak is asked of the system by its name for it on Linux: what getrusage says begins with the parent's memory.
ALONE = """
import pathlib, re, resource, sys, time
from ssr_connector.cli import main
status = main(sys.argv[1:])
proc = pathlib.Path("/proc/self/status")
peak = re.search(r"VmHWM:\\s+(\\d+)", proc.read_text())[1] if proc.exists() else 0
print(time.process_time(), (int(peak) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024)
sys.exit(status)
"""


def align_speech(base: Base, parts: Sequence[str], aligner: Path, frames: Path, out: Path) -> Facts:
    """What is trained on, by a trained aligner from the encoder's stored frames."""
    return aligned(map(base.cuts, parts), out, ["--aligner", aligner, "--frames", frames])


def align_words(base: Base, source: str, out: Path) -> Facts:
    """All speech, the tests' cuts too, by an aligner of words, or by the true word times."""
    parts = base.named(*TRANSCRIBED)
    if source == GOLD:
        times = out / "gold.ctm"
        with replace_file(times) as new:
            files = [base.out / "speech" / name / "words.ctm" for name in parts]
            new.write_text("".join(f.read_text(encoding="utf-8") for f in files), encoding="utf-8")
        source = f"imported:{times}"
    return aligned(map(base.cuts, parts), out, by_words(base, source))


def align_heard(base: Base, source: str, heard: Material, out: Path) -> Facts:
    """Test cuts as they are heard, by an aligner of words."""
    manifest = write_heard(heard, out / "heard")
    facts = aligned([manifest], out, by_words(base, source))
    shutil.rmtree(manifest.parent)  # recordings take much room
    return facts


def write_heard(heard: Material, out: Path) -> Path:
    """The cuts of what is heard, each with a recording of its own in which it has changed; their manifest."""
    out.mkdir(parents=True, exist_ok=True)
    cuts = []
    for k, cut in enumerate(read_cuts(heard.cuts)):
        waveform = cut_audio(cut, SAMPLING_RATE_HZ)
        if heard.change is not None:
            waveform = heard.change(Path(cut.id).name, waveform)
        path = out / f"{k}.wav"
        soundfile.write(path, waveform.samples, waveform.sampling_rate_hz, subtype="FLOAT")
        cuts.append(fastcopy(cut, start=0.0, channel=0, recording=Recording.from_file(path, recording_id=cut.id)))
    CutSet.from_cuts(cuts).to_file(out / "cuts.jsonl.gz")
    return out / "cuts.jsonl.gz"


def by_words(base: Base, source: str) -> list[Any]:
    """What `ssr align` is told for an aligner of words."""
    return ["--aligner", source, "--encoder", base.encoder, "--llm", base.llm]


def aligned(manifests: Iterable[Path], out: Path, words: list[Any]) -> Facts:
    """`ssr align`, and what it took."""
    manifests = list(manifests)
    used = run_alone([str(w) for w in ("align", *manifests, "--out", out, "--format", "", *words)])
    audio_s = sum(cut.duration for cut in read_manifests(manifests))
    lost = len((out / "rejected.tsv").read_text(encoding="utf-8").splitlines()) - 1
    return {"audio_s_per_s": audio_s / used["cpu_s"], "memory_mib": used["memory_mib"], "lost": lost}


def run_alone(arguments: list[str]) -> dict[str, float]:
    """`ssr` in a process of its own on one thread: processor seconds and peak memory, loading included."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", ALONE, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if run.returncode:
        said = run.stderr.strip().splitlines() or ["no reason given"]
        raise UserError(f"ssr {arguments[0]} failed: {said[-1]}")
    cpu_s, memory_mib = map(float, run.stdout.split()[-2:])
    return {"cpu_s": cpu_s, "memory_mib": memory_mib}


def damage_alignments(source: Path, damage: Damage, out: Path) -> Facts:
    """Those of a folder, made worse."""
    clock, found = read_alignments(source / FILE)
    n = write_alignments(out / FILE, clock, ((key, damage(key, a)) for key, a in found.items()))
    return {"aligned": n}
