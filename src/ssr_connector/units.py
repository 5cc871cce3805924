"""The only place where samples, frames and seconds meet."""

from dataclasses import dataclass


def seconds_to_samples(seconds: float, sampling_rate_hz: int) -> int:
    """Nearest sample to a time."""
    return round(seconds * sampling_rate_hz)


@dataclass(frozen=True)
class FrameClock:
    """When an encoder's frames happen.

    The centre of frame 0 lies at sample ``first_centre_samples``, the next one ``hop_samples`` later; the edge
    between two frames is half-way between their centres.
    """

    sampling_rate_hz: int
    hop_samples: int
    first_centre_samples: float

    def __post_init__(self) -> None:
        if self.sampling_rate_hz <= 0 or self.hop_samples <= 0 or self.first_centre_samples < 0:
            raise ValueError(f"a frame clock has a positive rate and hop, and no centre before the start: {self}")

    @property
    def rate_hz(self) -> float:
        """Frames per second."""
        return self.sampling_rate_hz / self.hop_samples

    @property
    def frame_s(self) -> float:
        """Seconds per frame."""
        return self.hop_samples / self.sampling_rate_hz

    def edge_s(self, boundary: float) -> float:
        """Time of the edge before frame ``boundary``; never before the recording starts."""
        position = (boundary - 0.5) * self.hop_samples + self.first_centre_samples
        return max(0.0, position / self.sampling_rate_hz)

    def boundary_at(self, time_s: float) -> int:
        """The edge nearest to a time: the inverse of `edge_s`, 0 for times before the first."""
        position = (time_s * self.sampling_rate_hz - self.first_centre_samples) / self.hop_samples + 0.5
        return max(0, round(position))
