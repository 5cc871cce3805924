"""How far Whisper's frames move when it hears recordings as long as they are, not filled up with silence."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ssr_connector.devices import best_device
from ssr_connector.encoders.layer_mix import Layers
from ssr_connector.encoders.pretrained import PretrainedEncoder
from ssr_connector.types import Waveform


@dataclass(frozen=True)
class Drift:
    """Of unpadded frames from padded ones."""

    recordings: int
    seconds: float
    cosine: float  # mean over frames
    relative_rms: float  # of the difference, in parts of the padded frames' own

    def __str__(self) -> str:
        return (
            f"unpadded, the frames of {self.recordings} recordings ({self.seconds:.0f} s) differ from those of padded "
            f"windows by {100 * self.relative_rms:.1f} % (root mean square); mean cosine {self.cosine:.4f}"
        )


def padding_drift(recordings: Sequence[Waveform], name: str, layer: Layers) -> Drift:
    """Hear recordings both ways, one encoder in memory after the other."""
    padded, unpadded = (hear_all(recordings, name, layer, p) for p in (True, False))
    cosine = torch.nn.functional.cosine_similarity(padded, unpadded, dim=-1).mean()
    relative = (padded - unpadded).square().mean().sqrt() / padded.square().mean().sqrt()
    return Drift(len(recordings), sum(r.duration_s for r in recordings), float(cosine), float(relative))


def hear_all(recordings: Sequence[Waveform], name: str, layer: Layers, padded: bool) -> torch.Tensor:
    """All frames [T, F], end to end."""
    encoder = PretrainedEncoder.from_pretrained(name, layer, padded).to(best_device())
    return torch.cat([encoder([recording]).values[0].cpu() for recording in recordings])
