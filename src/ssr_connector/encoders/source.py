"""Where the frames of cuts come from: a store of `ssr encode`, or the encoder on the fly."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ssr_connector.config import EncoderSection
from ssr_connector.data.audio import AudioError
from ssr_connector.data.cuts import cut_audio
from ssr_connector.devices import best_device
from ssr_connector.encoders.pretrained import PretrainedEncoder
from ssr_connector.encoders.store import FrameStore, encoder_key
from ssr_connector.errors import UserError
from ssr_connector.types import Frames, Waveform
from ssr_connector.units import FrameClock, seconds_to_samples

Change = Callable[[str, Waveform], Waveform]  # of the recording of a cut, by the cut's id


class UnreadableError(AudioError):
    """Recordings of a batch cannot be read; `errors` are all of them, by the ids of their cuts."""

    def __init__(self, errors: Mapping[str, AudioError]) -> None:
        first = next(iter(errors.values()))
        UserError.__init__(self, str(first))
        self.reason, self.what_to_do, self.errors = first.reason, first.what_to_do, errors


class FrameSource(Protocol):
    """Where the frames of cuts come from: a store, or the encoder itself."""

    def has(self, cut: Any) -> bool:
        """Whether a cut has frames: one may be too short for the encoder."""

    def read(self, cuts: Sequence[Any], change: Change | None = None) -> Callable[[], Frames]:
        """Read a batch of cuts, in any thread; what it returns makes their frames, where the encoder is.

        Raises UnreadableError where recordings cannot be read.
        """

    def frames(self, cuts: Sequence[Any], change: Change | None = None) -> Frames:
        """Frames of a batch of cuts, of their recordings as `change` leaves them. Raises as `read` does."""
        return self.read(cuts, change)()


class StoredFrames(FrameSource):
    """Frames encoded beforehand."""

    def __init__(self, store: FrameStore) -> None:
        self.store = store

    def has(self, cut: Any) -> bool:
        """Whether it was encoded."""
        return cut.id in self.store

    def read(self, cuts: Sequence[Any], change: Change | None = None) -> Callable[[], Frames]:
        """By cut id."""
        if change is not None:
            raise ValueError("frames that are stored are of recordings as they were")
        frames = self.store.read([cut.id for cut in cuts])
        return lambda: frames


class EncodedFrames(FrameSource):
    """Frames encoded on the fly."""

    def __init__(self, encoder: Any) -> None:
        self.encoder = encoder

    def has(self, cut: Any) -> bool:
        """Whether it is long enough."""
        return bool(self.encoder.hears(seconds_to_samples(cut.duration, self.encoder.clock.sampling_rate_hz)))

    def read(self, cuts: Sequence[Any], change: Change | None = None) -> Callable[[], Frames]:
        """Load the audio of each cut, to be encoded."""
        rate = self.encoder.clock.sampling_rate_hz
        recordings: list[Waveform] = []
        errors: dict[str, AudioError] = {}
        for cut in cuts:
            try:
                recording = cut_audio(cut, rate)
                recordings.append(recording if change is None else change(cut.id, recording))
            except AudioError as error:
                errors[cut.id] = error
        if errors:
            raise UnreadableError(errors)
        return partial(self.encoder, recordings)


def frame_source(
    folders: Sequence[Path],
    encoder: EncoderSection,
    loaded: PretrainedEncoder | None = None,
) -> tuple[FrameSource, int, FrameClock]:
    """Where frames come from (folders of `ssr encode`, or the encoder), how wide they are, and when they happen.

    `loaded`: the encoder itself, where it is at hand already.
    """
    if folders:
        store = FrameStore(*folders)
        if store.encoder != encoder_key(encoder):
            how = f"layer {encoder.layer}{'' if encoder.padded else ', unpadded'}"
            raise UserError(f"{folders[0]} was not made by {encoder.name}, {how}, as it is now; run `ssr encode` again")
        return StoredFrames(store), store.width, store.clock
    if loaded is None:
        loaded = PretrainedEncoder.from_pretrained(encoder.name, encoder.layer, encoder.padded).to(best_device())
    return EncodedFrames(loaded), loaded.width, loaded.clock
