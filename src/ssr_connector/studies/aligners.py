"""Every aligner with an equal stage 1 behind it: closeness to text, word boundaries, scores from audio alone, cost.

True word times, pocketsphinx and uniform place the words of transcripts and hear none: they are oracle rows.
"""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssr_connector.aligners import CIF, CharCTC, SubCTC, UnitY2
from ssr_connector.aligners.bundle import AlignerBundle
from ssr_connector.aligners.record import FILE, read_alignments
from ssr_connector.config import to_dict
from ssr_connector.data.cuts import read_manifests
from ssr_connector.errors import UserError
from ssr_connector.files import replace_file, write_json
from ssr_connector.progress import Report, summary
from ssr_connector.studies.table import Column, markdown
from ssr_connector.tiny.demo import Demo
from ssr_connector.tiny.stage import Stages

COLUMNS = (
    Column("cosine", "cosine", "{:.3f}"),
    Column("squared_error", "squared error", "{:.3f}"),
    Column("embedding_wer_forced", "embedding WER, forced, %", "{:.1f}"),
    Column("embedding_wer", "the same, audio alone", "{:.1f}"),
    Column("word_boundary_error_ms", "word ends, mean ms", "{:.1f}"),
    Column("word_boundary_error_median_ms", "median", "{:.1f}"),
    *(Column(f"word_boundary_within_{ms}ms", f"within {ms} ms, %", "{:.0f}") for ms in (20, 50, 100)),
    Column("storycloze_s2t_ssr", "StoryCloze S→T, %", "{:.1f}"),
    Column("lost", "lost", "{:.0f}"),
    Column("train_s", "training, s", "{:.0f}"),
    Column("audio_s_per_s", "audio s per CPU s", "{:.0f}"),
    Column("memory_mib", "memory, MiB", "{:.0f}"),
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A row of the table: an aligner of ours with what its recipe says, or else one of words."""

    name: str
    title: str
    options: Mapping[str, Any] | None  # of the recipe's section `aligner`; None: an aligner of words
    source: str = ""  # the aligner of words, as `ssr align` names it


FIRST = "char_ctc"  # whose ears and boundaries others use
ENTRIES = (
    Entry(FIRST, CharCTC.title, {"type": CharCTC.kind}),
    Entry("char_ctc_prior", f"{CharCTC.title}, label priors", {"type": CharCTC.kind, "label_prior": 0.3}),
    Entry("sub_ctc", SubCTC.title, {"type": SubCTC.kind}),
    Entry("unity2", UnitY2.title, {"type": UnitY2.kind, "recogniser": f"{FIRST}/aligner/aligner"}),
    Entry("cif", CIF.title, {"type": CIF.kind}),
    Entry(
        "cif_taught", f"{CIF.title}, boundaries of {CharCTC.title}", {"type": CIF.kind, "boundaries": f"{FIRST}/align"}
    ),
    Entry("gold", "true word times (oracle)", None, "imported:{out}/gold.ctm"),
    Entry("pocketsphinx", "pocketsphinx (oracle)", None, "pocketsphinx"),
    Entry("uniform", "uniform (oracle)", None, "uniform"),
)
PATHS = ("recogniser", "boundaries")  # options that name what another entry made
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
AUDIO_ALONE = ("embedding_wer", "cosine_best_path", "length_error", "ctc_wer")  # what an aligner of words cannot have


def study(demo: Demo, out: Path) -> str:
    """Train, align, distil and measure along every aligner; writes results.json, table.md and cost.png."""
    demo.make_base()
    rows = [row(demo, out, entry) for entry in ENTRIES]
    write_json(out / "results.json", {"rows": rows})
    table = markdown(rows, COLUMNS)
    with replace_file(out / "table.md") as new:
        new.write_text(table, encoding="utf-8")
    draw_cost(rows, out / "cost.png")
    return table


def row(demo: Demo, out: Path, entry: Entry) -> dict[str, Any]:
    """All figures of one aligner."""
    place = Place(demo, out, entry)
    place.make()
    figures = {f["name"]: f for f in place.read("scores.json")["figures"]}
    figures |= {name: {"value": value} for name, value in place.read("align.json").items()}
    if entry.options is not None:
        figures["train_s"] = {"value": place.stages.seconds["aligner"]}
    return {"name": entry.name, "title": entry.title, "figures": figures}


class Place:
    """The stages of one entry, in a folder of its own."""

    def __init__(self, demo: Demo, out: Path, entry: Entry) -> None:
        self.demo, self.root, self.entry, self.out = demo, out, entry, out / entry.name
        self.stages = Stages(self.out, demo.console)

    def read(self, name: str) -> Any:
        """What a stage left as JSON."""
        return json.loads((self.out / name).read_text(encoding="utf-8"))

    def make(self) -> None:
        """Aligner, alignments, stage 1, scores."""
        demo, entry = self.demo, self.entry
        demo.console.print(f"{entry.title}")
        recipe = to_dict(demo.recipe)
        base = [demo.stages.keys["encode"], demo.stages.keys["LLM"]]
        if entry.options is not None:
            inputs = [*base, dict(entry.options), to_dict(demo.stage_recipe("aligner"))["training"], recipe["aligner"]]
            outputs = [self.out / "aligner"]
            self.stages.do("aligner", "training on transcripts", inputs, [], outputs, self.train_aligner)
        before = ["aligner"] if entry.options is not None else []
        outputs = [self.out / "align", self.out / "align.json"]
        self.stages.do("align", "along the transcripts", [*base, entry.source], before, outputs, self.align)
        inputs = [recipe["connector"], to_dict(demo.stage_recipe("distill"))["training"]]
        self.stages.do("distill", "an equal stage 1", inputs, ["align"], [self.out / "distill"], self.distill)
        inputs = [recipe["evaluation"]]
        self.stages.do("evaluate", "scores", inputs, ["distill"], [self.out / "scores.json"], self.evaluate)

    def train_aligner(self, report: Report) -> str:
        """`ssr train aligner`."""
        from ssr_connector.training.stages import train_aligner

        assert self.entry.options is not None
        given = {k: self.root / str(v) if k in PATHS else v for k, v in self.entry.options.items()}
        extra = [f"--out={self.out / 'aligner'}", *(f"--aligner.{k}={v}" for k, v in given.items())]
        return summary(train_aligner(self.demo.stage_recipe("aligner", extra), report)) or "already trained"

    def align(self, report: Report) -> str:  # noqa: ARG002 - one signature for all stages
        """`ssr align` in a process of its own, on one thread: so its time and memory are its own."""
        demo = self.demo
        manifests = [demo.cuts("train"), demo.cuts("dev")]
        command: list[Any] = ["align", "--out", self.out / "align", "--format", ""]
        if self.entry.options is not None:
            command += [*manifests, "--aligner", self.out / "aligner" / "aligner", "--frames", demo.out / "frames"]
        else:
            manifests.append(demo.cuts("test"))
            if self.entry.name == "gold":
                write_gold(demo, self.out / "gold.ctm")
            source = self.entry.source.format(out=self.out)
            command += [*manifests, "--aligner", source, "--encoder", demo.encoder, "--llm", demo.llm]
        used = run_alone(list(map(str, command)))
        audio_s = sum(cut.duration for cut in read_manifests(manifests))
        lost = len((self.out / "align" / "rejected.tsv").read_text(encoding="utf-8").splitlines()) - 1
        used = {"audio_s_per_s": audio_s / used["cpu_s"], "memory_mib": used["memory_mib"], "lost": lost}
        write_json(self.out / "align.json", used)
        return f"{used['audio_s_per_s']:.0f} s of audio a second, {lost} lost"

    def distill(self, report: Report) -> str:
        """`ssr train distill`."""
        from ssr_connector.training.stages import train_connector

        hears = self.out if self.entry.options is not None else self.root / FIRST
        extra = [f"--out={self.out / 'distill'}", f"--data.alignments={self.out / 'align'}"]
        extra.append(f"--training.aligner={hears / 'aligner' / 'aligner'}")
        return summary(train_connector(self.demo.stage_recipe("distill", extra), report)) or "already trained"

    def evaluate(self, report: Report) -> str:
        """What `ssr evaluate` measures, from audio alone; along given word times what can be measured so."""
        from ssr_connector.evaluation.comparison import Spec, compare

        tests, cuts = self.demo.out / "speech" / "tests", self.demo.cuts("test")
        config = dataclasses.replace(self.demo.recipe.evaluation, snr_db=())
        if self.entry.options is not None:
            spec = Spec({"ssr": self.out / "distill" / "model"}, ["storycloze"], tests, cuts, config)
            scores = compare(spec, lambda _: None, lambda _, done, total: report(done, total, {}))
        else:
            scores = {"figures": self.measure_along(cuts, report)}
        write_json(self.out / "scores.json", scores)
        return f"{len(scores['figures'])} figures"

    def measure_along(self, cuts: Path, report: Report) -> list[dict[str, Any]]:
        """Figures along alignments that were made beforehand."""
        from ssr_connector.evaluation.hearing import Hearing
        from ssr_connector.evaluation.measures import Measures
        from ssr_connector.model import SSRForConditionalGeneration

        model = SSRForConditionalGeneration.from_pretrained(str(self.out / "distill" / "model"))
        bundle = AlignerBundle(model.aligner, model.encoder, model.tokenize, model.config.text_form)
        config = self.demo.recipe.evaluation
        measures = Measures(cuts, config, Hearing(bundle, config.batch_s), lambda _: None)
        measures.hear(lambda _, done, total: report(done, total, {}))
        known = read_alignments(self.out / "align" / FILE)[1]
        measures.forced = {key: known[key] for key in measures.cuts if key in known}
        measures.add("ssr", model, detailed=True)
        return [f for f in measures.figures if f["name"] not in AUDIO_ALONE]


def write_gold(demo: Demo, path: Path) -> None:
    """The voices' true word times, of all parts that are aligned, as one CTM."""
    parts = [demo.out / "speech" / name / "words.ctm" for name in ("train", "dev", "test")]
    with replace_file(path) as new:
        new.write_text("".join(p.read_text(encoding="utf-8") for p in parts), encoding="utf-8")


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


def draw_cost(rows: list[dict[str, Any]], path: Path) -> None:
    """Closeness to text against the processor time of training and of aligning an hour of speech."""
    from ssr_connector.evaluation.figures import INK, MUTED, OURS, drawing

    with drawing(7.5, 4.2) as figure:
        axes = figure.add_subplot()
        for r in rows:
            figures = r["figures"]
            cost = 3600 / figures["audio_s_per_s"]["value"]
            cosine = figures["cosine"]
            colour = OURS if "train_s" in figures else MUTED
            low, high = cosine["ci95"] or (cosine["value"], cosine["value"])
            axes.plot([cost, cost], [low, high], color=colour)
            axes.plot(cost, cosine["value"], "o", color=colour)
            axes.annotate(
                r["title"], (cost, cosine["value"]), (5, 3), textcoords="offset points", color=INK, fontsize=8
            )
        axes.set_xscale("log")
        axes.set_xlabel("processor seconds to align an hour of speech (trained ones: after the encoder)")
        axes.set_ylabel("cosine to text embeddings after stage 1")
        axes.margins(x=0.25)
        axes.grid(visible=True)
        figure.tight_layout()
        with replace_file(path) as new:
            figure.savefig(new, format="png", dpi=160, facecolor="white")
