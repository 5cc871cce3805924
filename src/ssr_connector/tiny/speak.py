"""Lines of text spoken to disk as a corpus: recordings, transcripts, and the true times of words and phones."""

import hashlib
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile

from ssr_connector.data.noise import Samples, mix, pink_noise, speech_shaped_noise
from ssr_connector.errors import UserError
from ssr_connector.processes import process_pool
from ssr_connector.tiny.voices import SAMPLING_RATE_HZ, Speech, Voice, speak

RATE_WPM = (140, 200)
PITCH = (35, 65)
PITCH_RANGE = 50
MANNERS: dict[str, dict[str, Any]] = {  # fields of a delivery, beyond what ordinary speech has
    "slow": {"rate_wpm": 100}, "fast": {"rate_wpm": 260},
    "low": {"pitch": 10}, "high": {"pitch": 90},
    "flat": {"pitch_range": 5}, "lively": {"pitch_range": 100},
}  # fmt: skip
SILENCE_S = (0.05, 0.25)  # before the first and after the last word
FLOOR_DB = -70.0  # a microphone's own noise, re full scale: pauses are never digital zero
PEAK = 0.95

_FORMAT = 1  # raise it when the same arguments give other files
_CHUNK = 48  # utterances per job: a second of work
_BABBLERS = 6
_BABBLE_TEXT = "The people in the room all talk at the same time, and nobody hears what another one of them says."
_MARKER, _PARTS = "corpus.json", ".parts"


class Spoken(Protocol):
    """What can be rendered: ``Utterance`` of the tiny world, or anything with an id and a text."""

    @property
    def id(self) -> str:
        """Unique; becomes the file's name."""

    @property
    def text(self) -> str:
        """Written as spoken: cased, punctuated, no digits or symbols."""


@dataclass(frozen=True)
class NoiseMix:
    """A share of the utterances gets noise (speech-shaped, pink or babble in turn) at a ratio drawn evenly."""

    share: float
    snr_db_min: float
    snr_db_max: float


@dataclass(frozen=True)
class Delivery:
    """How one utterance is spoken; the two members of a pair share it."""

    voice: Voice
    rate_wpm: int
    pitch: int
    pitch_range: int
    lead_s: float
    trail_s: float
    noise: str  # "" | "speech" | "pink" | "babble"
    snr_db: float


@dataclass(frozen=True)
class _Job:
    """Consecutive utterances for one process."""

    index: int
    lines: tuple[tuple[str, str], ...]  # (id, text)
    deliveries: tuple[Delivery, ...]
    babble_voices: tuple[Voice, ...]
    out_dir: Path
    seed: int


def choose_delivery(key: str, voices: Sequence[Voice], seed: int, noise: NoiseMix | None = None) -> Delivery:
    """The delivery that ``key`` and ``seed`` stand for."""
    rng = random.Random(f"{seed}/{key}")
    voice = rng.choice(voices)
    rate_wpm, pitch = rng.randint(*RATE_WPM), rng.randint(*PITCH)
    lead_s, trail_s = rng.uniform(*SILENCE_S), rng.uniform(*SILENCE_S)
    kind, snr_db = "", 0.0
    if noise is not None and rng.random() < noise.share:
        kind = rng.choice(("speech", "pink", "babble"))
        snr_db = rng.uniform(noise.snr_db_min, noise.snr_db_max)
    return Delivery(voice, rate_wpm, pitch, PITCH_RANGE, lead_s, trail_s, kind, snr_db)


def render(
    utterances: Sequence[Spoken],
    voices: Sequence[Voice],
    out_dir: Path,
    seed: int,
    noise: NoiseMix | None = None,
    jobs: int = 2,
    progress: Callable[[int, int], None] | None = None,
    voice_keys: Mapping[str, str] | None = None,
    manners: Mapping[str, str] | None = None,
) -> Path:
    """Speak ``utterances`` into ``out_dir`` and return the path of its ``table.tsv``.

    Writes ``audio/<id>.flac`` (16 kHz, 16 bit), ``table.tsv`` (id, audio, text, speaker), ``words.ctm`` (words as
    written) and ``phones.ctm``. ``voice_keys`` maps an id to the key its delivery is drawn by (default: the id), so
    that a pair gets one voice, rate and pitch; ``manners`` maps some ids to one of ``MANNERS``. ``progress`` is told
    (utterances done, utterances in all). A complete corpus made from the same arguments is reused, a killed run goes on
    where it stopped, another corpus is replaced. Raises UserError for a folder with foreign content, ValueError for ids
    that are repeated or no file names.
    """
    _check_ids(utterances)
    keys = voice_keys or {}
    report = progress or _no_progress
    deliveries = [choose_delivery(keys.get(u.id, u.id), voices, seed, noise) for u in utterances]
    if manners:
        changes = (MANNERS[manners[u.id]] if u.id in manners else {} for u in utterances)
        deliveries = [replace(d, **change) for d, change in zip(deliveries, changes, strict=True)]
    fingerprint = _fingerprint(utterances, deliveries, voices, seed)
    table = out_dir / "table.tsv"
    if not _open_corpus(out_dir, fingerprint):
        report(len(utterances), len(utterances))
        return table
    for folder in ("audio", _PARTS):
        (out_dir / folder).mkdir(exist_ok=True)
    work = []
    for i in range(0, len(utterances), _CHUNK):
        lines = tuple((u.id, u.text) for u in utterances[i : i + _CHUNK])
        work.append(
            _Job(i // _CHUNK, lines, tuple(deliveries[i : i + _CHUNK]), tuple(voices[:_BABBLERS]), out_dir, seed)
        )
    missing = [job for job in work if not _part_path(job).is_file()]
    done = len(utterances) - sum(len(job.lines) for job in missing)
    for n in _run(missing, jobs):
        done += n
        report(done, len(utterances))
    _write_tables(out_dir, work)
    _write(out_dir / _MARKER, json.dumps({"fingerprint": fingerprint, "complete": True}) + "\n")
    shutil.rmtree(out_dir / _PARTS)
    return table


def _no_progress(done: int, total: int) -> None:
    pass


def _check_ids(utterances: Sequence[Spoken]) -> None:
    seen: set[str] = set()
    for u in utterances:
        if not re.fullmatch(r"[\w.-]+", u.id):
            raise ValueError(f"{u.id!r} cannot be a file name: use letters, digits, '_', '-' and '.'")
        if u.id in seen:
            raise ValueError(f"two utterances have the id {u.id!r}")
        seen.add(u.id)


def _fingerprint(
    utterances: Sequence[Spoken], deliveries: Sequence[Delivery], voices: Sequence[Voice], seed: int
) -> str:
    digest = hashlib.sha256(repr((_FORMAT, seed, [v.name for v in voices[:_BABBLERS]])).encode())
    for u, delivery in zip(utterances, deliveries, strict=True):
        digest.update(repr((u.id, u.text, asdict(delivery))).encode())
    return digest.hexdigest()


def _open_corpus(out_dir: Path, fingerprint: str) -> bool:
    """True where there is work to do in ``out_dir``, which then holds nothing but this corpus's own parts."""
    marker = out_dir / _MARKER
    if marker.is_file():
        state = json.loads(marker.read_text())
        if state["fingerprint"] == fingerprint:
            return not state["complete"]
        for old in ("audio", _PARTS):
            shutil.rmtree(out_dir / old, ignore_errors=True)
        for old in ("table.tsv", "words.ctm", "phones.ctm"):
            (out_dir / old).unlink(missing_ok=True)
    elif out_dir.is_dir() and any(out_dir.iterdir()):
        raise UserError(f"{out_dir} holds files that are no spoken corpus; name an empty folder")
    out_dir.mkdir(parents=True, exist_ok=True)
    _write(marker, json.dumps({"fingerprint": fingerprint, "complete": False}) + "\n")
    return True


def _run(work: Sequence[_Job], jobs: int) -> Iterator[int]:
    """Utterances finished, job by job."""
    if jobs <= 1 or len(work) <= 1:
        yield from map(_render_job, work)
        return
    with process_pool(jobs) as pool:
        for future in as_completed([pool.submit(_render_job, job) for job in work]):
            yield future.result()


def _render_job(job: _Job) -> int:
    babble = _Babble(job.babble_voices, job.seed)
    part = []
    for (utterance_id, text), delivery in zip(job.lines, job.deliveries, strict=True):
        rng = np.random.default_rng(list(hashlib.sha256(f"{job.seed}/{utterance_id}".encode()).digest()))
        speech = speak(text, delivery.voice, delivery.rate_wpm, delivery.pitch, delivery.pitch_range)
        samples = _record(speech, delivery, babble, rng)
        audio = f"audio/{utterance_id}.flac"
        soundfile.write(job.out_dir / audio, samples, SAMPLING_RATE_HZ, subtype="PCM_16", compression_level=0.0)
        lead_s = delivery.lead_s
        part.append(
            {
                "row": [utterance_id, audio, text, delivery.voice.name],
                "words": [[w.text, w.start_s + lead_s, w.end_s + lead_s] for w in speech.words],
                "phones": [[p.ipa, p.start_s + lead_s, p.end_s + lead_s] for p in speech.phones],
            }
        )
    _write(_part_path(job), json.dumps(part))  # last: a part stands for recordings that are complete
    return len(part)


class _Babble:
    """Several people talking at once, made when it is first wanted."""

    def __init__(self, voices: Sequence[Voice], seed: int) -> None:
        self._voices, self._seed = voices, seed
        self._talk: Samples | None = None

    def noise(self, n_samples: int, rng: np.random.Generator) -> Samples:
        """A random stretch, repeated as often as needed."""
        if self._talk is None:
            tracks = []
            for i, voice in enumerate(self._voices):
                track = speak(_BABBLE_TEXT, voice, 150 + 10 * i).waveform.samples
                tracks.append(np.roll(track, len(track) * i // len(self._voices)))
            shortest = min(map(len, tracks))
            self._talk = np.sum([t[:shortest] / np.sqrt((t**2).mean()) for t in tracks], axis=0, dtype=np.float32)
        start = int(rng.integers(len(self._talk)))
        return np.resize(np.roll(self._talk, -start), n_samples)


def _record(speech: Speech, delivery: Delivery, babble: _Babble, rng: np.random.Generator) -> Samples:
    """What the microphone gets: silence around the speech, noise, and its own floor; never beyond full scale."""
    lead, trail = (round(s * SAMPLING_RATE_HZ) for s in (delivery.lead_s, delivery.trail_s))
    samples = np.pad(speech.waveform.samples, (lead, trail))
    if delivery.noise:
        n = len(samples)
        noises: dict[str, Callable[[], Samples]] = {
            "speech": lambda: speech_shaped_noise(n, SAMPLING_RATE_HZ, rng),
            "pink": lambda: pink_noise(n, SAMPLING_RATE_HZ, rng),
            "babble": lambda: babble.noise(n, rng),
        }
        samples = mix(samples, noises[delivery.noise](), delivery.snr_db, SAMPLING_RATE_HZ)
    samples = samples + rng.standard_normal(len(samples), np.float32) * np.float32(10 ** (FLOOR_DB / 20))
    peak = float(np.abs(samples).max())
    return samples * np.float32(min(1.0, PEAK / peak))


def _write_tables(out_dir: Path, work: Sequence[_Job]) -> None:
    rows, words, phones = ["id\taudio\ttext\tspeaker\n"], [], []
    for job in work:
        for item in json.loads(_part_path(job).read_text()):
            utterance_id = item["row"][0]
            rows.append("\t".join(item["row"]) + "\n")
            words += [f"{utterance_id} 1 {start:.4f} {end - start:.4f} {w}\n" for w, start, end in item["words"]]
            phones += [f"{utterance_id} 1 {start:.4f} {end - start:.4f} {p}\n" for p, start, end in item["phones"]]
    _write(out_dir / "words.ctm", "".join(words))
    _write(out_dir / "phones.ctm", "".join(phones))
    _write(out_dir / "table.tsv", "".join(rows))


def _part_path(job: _Job) -> Path:
    return job.out_dir / _PARTS / f"{job.index:06}.json"


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
