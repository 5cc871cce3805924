"""Recordings as all systems of a comparison hear them: the same frames and the same best-path alignment."""

import functools
import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ssr_connector.aligners import Unalignable
from ssr_connector.aligners.bundle import AlignerBundle
from ssr_connector.base_models import Tokenize
from ssr_connector.data.audio import AudioError, load_audio
from ssr_connector.data.cut_shards import content
from ssr_connector.data.cuts import cut_audio, in_groups
from ssr_connector.data.noise import active_power, add_noise
from ssr_connector.encoders.front_end import pad_frames
from ssr_connector.encoders.source import Change
from ssr_connector.evaluation.heard import Heard, HeardStore
from ssr_connector.evaluation.identity import Identities, digest, version
from ssr_connector.model.modeling import SSRForConditionalGeneration
from ssr_connector.model.sequence import Speech
from ssr_connector.types import Alignment, Frames, Waveform

Progress = Callable[[int, int], None]

# The code that does:
HEARS = ("aligners", "data", "encoders", "evaluation/heard.py", "evaluation/hearing.py", "kernels")
KEPT_BYTES = 1 << 30  # of one condition's speech vectors, for systems with the same connector


@dataclass(frozen=True)
class Source:
    """How a recording is loaded, and what changes when the recording does."""

    load: Callable[[], Waveform]
    version: str


class Hearing:
    """Encodes and aligns each recording once, at one signal-to-noise ratio (None: as it is), or changed otherwise.

    A store holds what was heard at one ratio, through one change.
    """

    def __init__(
        self,
        bundle: AlignerBundle,
        batch_s: float,
        snr_db: float | None = None,
        store: HeardStore | None = None,
        change: Change | None = None,
        identities: Identities | None = None,
    ) -> None:
        self.bundle, self.batch_s, self.snr_db, self.store = bundle, batch_s, snr_db, store or HeardStore()
        self.change, self.identities = change, identities or Identities()
        self.heard: dict[str, Heard] = {}
        self.rejected: dict[str, str] = {}  # key: why
        self.continuing: set[str] = set()  # what was heard after something else
        self.connected: dict[tuple[object, ...], dict[str, Speech]] = {}  # along the best path, as far as there is room
        self.room_bytes = KEPT_BYTES

    def add(
        self, sources: Mapping[str, Source], progress: Progress = lambda *_: None, continuing: Container[str] = ()
    ) -> None:
        """Hear recordings that were not heard yet, by key.

        Those in `continuing` come after something else: their tokens are those of a text that goes on, with a space
        before it. One that cannot be read or is too short is kept in `rejected`, with the reason.
        """
        new = sorted(set(sources) - set(self.heard) - set(self.rejected), key=lambda key: (key in continuing, key))
        self.continuing |= {key for key in new if key in continuing}
        names = {key: json.dumps([key, sources[key].version, key in continuing], ensure_ascii=False) for key in new}
        stored = self.store.find(names.values())
        self._keep({key: stored[name] for key, name in names.items() if name in stored})
        new = [key for key in new if names[key] not in stored]
        progress(len(stored), len(names))
        loaded: list[tuple[str, Waveform]] = []
        seconds = 0.0
        for k, key in enumerate(new):
            waveform = self._load(key, sources[key].load)
            if waveform is not None:
                loaded.append((key, waveform))
                seconds += waveform.duration_s
            goes_on = key in continuing
            last = k == len(new) - 1 or (new[k + 1] in continuing) != goes_on
            if loaded and (seconds >= self.batch_s or last):
                batch = self._hear(loaded, continued(self.bundle.tokenize) if goes_on else self.bundle.tokenize)
                self.store.add({names[key]: heard for key, heard in batch.items()})
                self._keep(batch)
                loaded, seconds = [], 0.0
            progress(len(stored) + k + 1, len(names))

    def _keep(self, batch: Mapping[str, Heard | str]) -> None:
        for key, heard in batch.items():
            if isinstance(heard, str):
                self.rejected[key] = heard
            else:
                self.heard[key] = heard

    def files(self, paths: Iterable[str]) -> dict[str, Source]:
        """Recordings that are whole files, keyed by their paths."""
        rate = self.bundle.encoder.clock.sampling_rate_hz
        return {path: Source(functools.partial(load_audio, Path(path), rate), version(path)) for path in paths}

    def cuts(self, cuts: Iterable[Any]) -> dict[str, Source]:
        """Recordings that are cuts, keyed by their ids."""
        rate = self.bundle.encoder.clock.sampling_rate_hz
        return {cut.id: Source(functools.partial(cut_audio, cut, rate), cut_version(cut)) for cut in cuts}

    def _load(self, key: str, load: Callable[[], Waveform]) -> Waveform | None:
        """A recording, with the same noise for the same one whatever else is heard; None where it is rejected."""
        try:
            waveform = load()
        except AudioError as error:
            self.rejected[key] = str(error)
            return None
        if self.change is not None:
            waveform = self.change(Path(key).name, waveform)
        if not self.bundle.encoder.hears(len(waveform.samples)):
            self.rejected[key] = f"{key} is too short for the encoder"
            return None
        if self.snr_db is None:
            return waveform
        if not active_power(waveform.samples, waveform.sampling_rate_hz):
            self.rejected[key] = f"{key} is silent: there is nothing that noise could be measured against"
            return None
        rng = np.random.default_rng(list(Path(key).name.encode()))
        noisy = add_noise(waveform.samples, self.snr_db, rng, waveform.sampling_rate_hz)
        return Waveform(noisy, waveform.sampling_rate_hz)

    def _hear(self, loaded: Sequence[tuple[str, Waveform]], tokenize: Tokenize) -> dict[str, Heard | str]:
        out: dict[str, Heard | str] = {}
        for group in in_groups(loaded, self.batch_s, lambda entry: entry[1].duration_s):  # little of it is padding
            frames = self.bundle.encoder([w for _, w in group])
            alignments = self.bundle.aligner.align(frames, [None] * len(group), tokenize)
            for i, ((key, waveform), alignment) in enumerate(zip(group, alignments, strict=True)):
                if isinstance(alignment, Unalignable):
                    out[key] = f"{key}: {alignment.reason}"
                    continue
                row = frames.values[i, : int(frames.lengths[i])].to(torch.float16).cpu()
                out[key] = Heard(row, alignment, waveform.duration_s)
        return out

    @property
    def transcripts(self) -> dict[str, str]:
        """What the recogniser made of each recording."""
        return {key: heard.alignment.text for key, heard in self.heard.items()}

    def frames(self, paths: Sequence[str]) -> Frames:
        """A batch of frames."""
        values, lengths = pad_frames([self.heard[p].frames.float() for p in paths])
        return Frames(values, lengths, self.bundle.encoder.clock)

    def align(self, paths: Sequence[str], transcripts: Sequence[str]) -> dict[str, Alignment]:
        """Alignments along the transcripts (the oracle); a recording too short for its text is left out."""
        texts, out = dict(zip(paths, transcripts, strict=True)), dict[str, Alignment]()
        for goes_on, tokenize in ((False, self.bundle.tokenize), (True, continued(self.bundle.tokenize))):
            names = [path for path in paths if (path in self.continuing) == goes_on]
            for group in in_groups(names, self.batch_s, lambda name: self.heard[name].duration_s):
                results = self.bundle.aligner.align(self.frames(group), [texts[name] for name in group], tokenize)
                out |= {n: r for n, r in zip(group, results, strict=True) if not isinstance(r, Unalignable)}
        return out

    def speech(
        self, model: SSRForConditionalGeneration, paths: Iterable[str], alignments: dict[str, Alignment] | None = None
    ) -> dict[str, Speech]:
        """What a model's LLM hears of each recording: along the best path, or along other alignments.

        Systems that differ in their LLM alone share what the best path gave, for the same recordings; all that are
        compared hear through the same aligner.
        """
        names = sorted(set(paths))
        if alignments is not None:
            return self._connect(model, [n for n in names if n in alignments], alignments)
        best = {n: self.heard[n].alignment for n in names}
        key = (self.identities.connector(model), model.llm.get_input_embeddings().weight.dtype, *best.items())
        if key not in self.connected:
            speech = self._connect(model, names, best)
            n_bytes = sum(s.vectors.nbytes for s in speech.values())
            if n_bytes > self.room_bytes:
                return speech
            self.room_bytes -= n_bytes
            # Copies: what was made is a view of its batch, padding and all.
            self.connected[key] = {n: replace(s, vectors=s.vectors.clone()) for n, s in speech.items()}
        return self.connected[key]

    @torch.no_grad()
    def _connect(
        self, model: SSRForConditionalGeneration, names: Sequence[str], alignments: Mapping[str, Alignment]
    ) -> dict[str, Speech]:
        out: dict[str, Speech] = {}
        for batch in in_groups(names, self.batch_s, lambda name: self.heard[name].duration_s):
            out |= dict(zip(batch, model.connect(self.frames(batch), [alignments[n] for n in batch]), strict=True))
        return out


def cut_version(cut: Any) -> str:
    """Changes with the stretch of a cut, and with the files that it is of."""
    return digest(content(cut, with_text=True))


def continued(tokenize: Tokenize) -> Tokenize:
    """Tokens of a text that goes on after another: as written with a space before it, which shares the first place."""

    def with_space(text: str) -> tuple[list[int], list[tuple[int, int]]]:
        ids, spans = tokenize(f" {text}" if text else text)
        return ids, [(max(0, a - 1), max(1, b - 1)) for a, b in spans]

    return with_space
