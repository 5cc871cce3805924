"""A picture of one aligned utterance: spectrogram, words, tokens, and how sure the aligner is of each word."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ssr_connector.aligners.formats import TimedUtterance
from ssr_connector.errors import UserError
from ssr_connector.files import replace_file
from ssr_connector.types import TimedWord, Waveform

WINDOW_S, HOP_S = 0.025, 0.010
DYNAMIC_RANGE_DB = 70.0
INCHES_PER_S, NARROWEST, WIDEST = 3.0, 6.0, 60.0


def check_drawable(path: Path) -> None:
    """Raise UserError where `draw` cannot write what the file's ending says."""
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    if _format(path) not in known:
        raise UserError(f"{path} is no picture that can be drawn: end it in one of .{', .'.join(sorted(known))}")


def draw(path: Path, utterance: TimedUtterance, recording: Waveform) -> None:
    """Write a picture in the format of the file's ending, as long as the utterance up to a metre and a half."""
    from matplotlib.figure import Figure

    width = min(WIDEST, max(NARROWEST, INCHES_PER_S * recording.duration_s))
    rows = [("words", utterance.words)] + ([("tokens", utterance.tokens)] if utterance.tokens else [])
    figure = Figure(figsize=(width, 2.6 + 0.5 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows) + 1, 1, sharex=True, height_ratios=[5.0] + [1.0] * len(rows), squeeze=False)[:, 0]
    samples, rate = recording.samples.astype(np.float64), recording.sampling_rate_hz
    n, hop = round(WINDOW_S * rate), round(HOP_S * rate)
    if len(samples) >= n:
        windows = np.lib.stride_tricks.sliding_window_view(samples, n)[::hop] * np.hanning(n)
        level = 20 * np.log10(np.abs(np.fft.rfft(windows)).T + 1e-9)
        axes[0].imshow(
            level,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=level.max() - DYNAMIC_RANGE_DB,
            extent=(WINDOW_S / 2, WINDOW_S / 2 + level.shape[1] * HOP_S, 0, rate / 2000),
        )
    axes[0].set(ylabel="kHz")
    axes[0].set_title(f"{utterance.id}: {utterance.text}"[: int(14 * width)], parse_math=False)  # "$" is a dollar
    for axis, (name, pieces) in zip(axes[1:], rows, strict=True):
        _tier(axis, name, pieces)
        for word in utterance.words:
            axes[0].axvline(word.end_s, color="white", linewidth=0.6, alpha=0.7)
    axes[-1].set(xlabel="seconds", xlim=(0, recording.duration_s))
    with replace_file(path) as new:
        figure.savefig(new, format=_format(path), dpi=110)


def _format(path: Path) -> str:
    return path.suffix.lstrip(".").lower() or "png"


def _tier(axis: "object", name: str, pieces: Sequence[TimedWord]) -> None:
    """Labelled boxes, the darker the surer."""
    scores = [p.score for p in pieces if p.score is not None]
    low, high = (min(scores), max(scores)) if scores else (0.0, 0.0)
    for piece in pieces:
        sure = 0.5 if piece.score is None or high == low else (piece.score - low) / (high - low)
        axis.axvspan(  # type: ignore[attr-defined]
            piece.start_s, piece.end_s, facecolor=(0.2, 0.45, 0.8), alpha=0.15 + 0.6 * sure, edgecolor="black"
        )
        centre_s = (piece.start_s + piece.end_s) / 2
        shown = {"ha": "center", "va": "center", "fontsize": 8, "clip_on": True, "parse_math": False}
        axis.text(centre_s, 0.5, piece.text, **shown)  # type: ignore[attr-defined]
    axis.set(yticks=[], ylim=(0, 1))  # type: ignore[attr-defined]
    axis.set_ylabel(name, rotation=0, ha="right", va="center")  # type: ignore[attr-defined]
