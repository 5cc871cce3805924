"""Long sequences in overlapping windows: each part of the whole is taken from where it has most context."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """Half-open frames that go through together, and those of them that are kept."""

    start: int
    stop: int
    kept_start: int
    kept_stop: int

    @property
    def kept(self) -> slice:
        """Within the window."""
        return slice(self.kept_start - self.start, self.kept_stop - self.start)


def windows(n_frames: int, size: int, margin: int) -> list[Window]:
    """Windows of at most `size` frames over a sequence; what is kept has `margin` frames on both sides, or an end.

    Raises ValueError where the margins leave nothing of a window.
    """
    if not 0 <= 2 * margin < size:
        raise ValueError(f"margins of {margin} frames leave nothing of a window of {size}")
    out: list[Window] = []
    kept = 0
    while kept < n_frames or not out:
        start = max(0, kept - margin)
        stop = min(n_frames, start + size)
        kept_stop = stop if stop == n_frames else stop - margin
        out.append(Window(start, stop, kept, kept_stop))
        kept = kept_stop
    return out
