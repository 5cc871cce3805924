"""SSR against the hard cascade from the same hypothesis, in many conditions and scores at once, corrected for that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from ssr_connector.evaluation.labels import interval, number
from ssr_connector.studies.results import LEVEL
from ssr_connector.studies.study import OF_CASCADE, OF_MODEL, Column, Line

if TYPE_CHECKING:
    from ssr_connector.studies.results import Difference, Results

TASK = "storycloze_s2t"
SCORES: Mapping[str, str] = {
    TASK: "StoryCloze S→T",
    "storycloze_t2s": "StoryCloze T→S",
    "storycloze_s": "StoryCloze S",
    "spoken_mmlu_cloze": "spoken MMLU, cloze",
}
MEASURES = (  # beside the scores
    Column(f"{TASK}{OF_MODEL}", "text model, StoryCloze, %", "{:.1f}"),
    Column("ctc_wer", "WER of the hypothesis, %", "{:.1f}", paired=True),
    Column("word_boundary_error_ms", "word ends, mean ms", "{:.1f}", paired=True),
    Column("word_boundary_error_median_ms", "median", "{:.1f}"),
    Column("cosine", "cosine, forced", "{:.3f}", paired=True),
    Column("embedding_wer", "embedding WER, %", "{:.1f}", paired=True),
)
LINES = (
    Line(TASK, "SSR", "ours"),
    Line(f"{TASK}{OF_CASCADE}", "hard cascade", "cascade"),
    Line(f"{TASK}{OF_MODEL}", "text model", "text"),
)
MOST_LISTED = 8


@dataclass(frozen=True)
class Margin:
    """Of SSR over the cascade in one condition and one score."""

    what: str
    change: "Difference"
    p: float  # corrected for the number of margins
    at_chance: bool  # the better one of the two is not told apart from guessing

    @property
    def sign(self) -> int:
        """1 or -1 where it is told apart, after the correction and by every seed."""
        return self.change.sign if self.p <= LEVEL else 0


def margins(results: "Results", rows: Sequence[str], scores: Mapping[str, str]) -> list[Margin]:
    """All that there are, of scores with their titles."""
    found = []
    for row in rows:
        for figure, title in scores.items():
            change = results.within(row, figure, figure + OF_CASCADE)
            p = results.p_within(row, figure, figure + OF_CASCADE)
            if change is not None and p is not None:
                better = results.figure(row, figure if change.value > 0 else figure + OF_CASCADE)
                at_chance = better is not None and better.chance is not None and not better.above_chance
                found.append((f"{title}, {results.row(row).title}", change, p, at_chance))
    from ssr_connector.evaluation.stats import holm  # here: `ssr --help` does without numpy

    corrected = holm([p for _, _, p, _ in found])
    return [Margin(w, c, p, at_chance) for (w, c, _, at_chance), p in zip(found, corrected, strict=True)]


def contest(results: "Results", rows: Sequence[str], scores: Mapping[str, str]) -> list[str]:
    """Where SSR wins and where it loses, and how many comparisons were made."""
    found = margins(results, rows, scores)
    n = len(found)
    if not n:
        return ["SSR and the hard cascade were not compared."]
    wins, losses = ([m for m in found if m.sign == side and not m.at_chance] for side in (1, -1))
    intervals = [m.change.ci95 for m in found if m.change.ci95]  # whatever the seeds say: chance is known of them alone
    raw = [sum(low > 0 for low, _ in intervals), sum(high < 0 for _, high in intervals)]
    first = f"SSR beats the hard cascade from its own CTC hypothesis in {len(wins)} of {n} comparisons"
    second = f"The cascade beats SSR in {len(losses)}"
    return [
        f"On synthetic speech, {first}: {named(wins)}." if wins else f"On synthetic speech, {first}: nowhere.",
        f"{second}: {named(losses)}." if losses else f"{second}.",
        f"The {n} comparisons (conditions times scores) are paired over items and corrected by Holm's method at "
        f"{100 * LEVEL:g} %, and all seeds must agree; a score that is not above chance beats nothing. "
        f"Uncorrected 95 % intervals leave out 0 in favour of SSR in {raw[0]} and of the cascade in {raw[1]}, where "
        f"chance alone would give about {number(0.025 * n, 'points')} each; the median interval reaches "
        f"{number(reach(found), 'points')} points to either side, and smaller margins are hardly seen.",
    ]


def reach(found: Sequence[Margin]) -> float:
    """Half the width of the median interval."""
    return median((m.change.ci95[1] - m.change.ci95[0]) / 2 if m.change.ci95 else 0.0 for m in found)


def named(found: Sequence[Margin]) -> str:
    """The largest margins."""
    ranked = sorted(found, key=lambda m: -abs(m.change.value))
    parts = [said(m) for m in ranked[:MOST_LISTED]]
    if len(ranked) > MOST_LISTED:
        parts.append(f"and {len(ranked) - MOST_LISTED} more")
    return "; ".join(parts)


def said(margin: Margin) -> str:
    """`StoryCloze S→T, babble at 5 dB (3.2 points, 95 % interval 1.0–5.4)`."""
    around = f", 95 % interval {interval(margin.change.ci95, 'points')}" if margin.change.ci95 else ""
    return f"{margin.what} ({number(margin.change.value, 'points')} points{around})"


def score_columns(scores: Mapping[str, str]) -> tuple[Column, ...]:
    """SSR, the cascade, and the difference, for every score; the change from the reference for the first."""
    first = next(iter(scores))
    return tuple(
        column
        for figure, title in scores.items()
        for column in (
            Column(figure, f"{title}, SSR, %", "{:.1f}", paired=figure == first),
            Column(f"{figure}{OF_CASCADE}", "cascade", "{:.1f}"),
            Column(figure, "SSR − cascade", "{:.1f}", minus=f"{figure}{OF_CASCADE}"),
        )
    )


def losses(results: "Results", name: str, reference: str, figure: str, what: str) -> str:
    """How SSR and the cascade change from one row to another, and whether one of them fares better."""
    ours = results.difference(name, reference, figure)
    theirs = results.difference(name, reference, figure + OF_CASCADE)
    apart = results.growth(name, reference, figure, figure + OF_CASCADE)
    if ours is None or theirs is None or apart is None:
        return ""
    both_lose = max(ours.value, theirs.value) < 0
    better, worse = ("loses less", "loses more") if both_lose else ("fares better", "fares worse")
    words = {1: f"SSR {better}", -1: f"SSR {worse}", 0: "the two are not told apart"}[apart.sign]
    around = f", 95 % interval {interval(apart.ci95, 'points')}" if apart.ci95 else ""
    return (
        f"From {results.row(reference).title} to {results.row(name).title} SSR changes by "
        f"{number(ours.value, 'points')} points of {what} and the cascade by "
        f"{number(theirs.value, 'points')}: {words} (difference {number(apart.value, 'points')}{around}, uncorrected)."
    )
