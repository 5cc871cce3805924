"""Who reads out: eSpeak NG, with true word times, or any command that takes a text and writes a recording."""

import hashlib
import random
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ssr_connector.data.audio import AudioError, load_audio
from ssr_connector.errors import UserError
from ssr_connector.types import Waveform

SAMPLING_RATE_HZ = 16_000
LIMIT_S = 300.0  # for one text; a command that waits for something would wait for ever
RATE_WPM = 165
SILENCE_S = 0.15  # before the first and after the last word
FLOOR_DB = -70.0  # a microphone's own noise, re full scale: pauses are never digital zero

Words = tuple[tuple[str, float, float], ...]  # a word, its start and its end in seconds


class UnspokenError(Exception):
    """One text could not be spoken; the message says why."""


class Speaker(Protocol):
    """Reads a text out."""

    def speak(self, text: str, voice: str) -> tuple[Waveform, Words]:
        """16 kHz, and word times where they are known. Raises UnspokenError for this text, UserError for every text."""


@dataclass(frozen=True)
class Espeak:
    """eSpeak NG in the voices `ACCENT+VARIANT`; the same text and voice give the same samples."""

    rate_wpm: int = RATE_WPM

    def speak(self, text: str, voice: str) -> tuple[Waveform, Words]:
        """See `Speaker`."""
        from ssr_connector.tiny.voices import Voice, speak

        accent, _, variant = voice.partition("+")
        try:
            speech = speak(text, Voice(accent, variant), self.rate_wpm)
        except ImportError as error:
            raise UserError("eSpeak is not installed: pip install -e '.[tiny]', or give --command") from error
        except ValueError as error:
            if "eSpeak has no" in str(error):
                raise UserError(f"{error}: name voices as ACCENT+VARIANT, for example en-us+f2") from error
            raise UnspokenError(str(error)) from error
        pad = round(SILENCE_S * SAMPLING_RATE_HZ)
        samples = np.pad(speech.waveform.samples, pad)
        rng = np.random.default_rng(list(hashlib.sha256(f"{voice}/{text}".encode()).digest()))
        samples = samples + rng.standard_normal(len(samples), np.float32) * np.float32(10 ** (FLOOR_DB / 20))
        words = tuple((w.text, w.start_s + SILENCE_S, w.end_s + SILENCE_S) for w in speech.words)
        return Waveform(np.clip(samples, -1, 1).astype(np.float32), SAMPLING_RATE_HZ), words


@dataclass(frozen=True)
class Command:
    """A program that reads the text from its standard input and writes a recording to `{out}`; no shell is asked."""

    words: tuple[str, ...]

    def speak(self, text: str, voice: str) -> tuple[Waveform, Words]:
        """See `Speaker`; nothing is known of word times."""
        with tempfile.TemporaryDirectory(prefix="ssr-speak-") as folder:
            out = Path(folder) / "out.wav"
            line = [word.replace("{out}", str(out)).replace("{voice}", voice) for word in self.words]
            try:
                run = subprocess.run(line, input=f"{text}\n".encode(), capture_output=True, timeout=LIMIT_S)
            except subprocess.TimeoutExpired as error:
                raise UnspokenError(f"{line[0]} took longer than {LIMIT_S:g} s") from error
            except OSError as error:
                raise UserError(f"--command: {line[0]} does not start ({error.strerror})") from error
            if run.returncode:
                said = run.stderr.decode(errors="replace").strip().splitlines()
                raise UnspokenError(
                    f"{line[0]} ended with status {run.returncode}: {said[-1] if said else 'no message'}"
                )
            try:
                waveform = load_audio(out, SAMPLING_RATE_HZ)
            except AudioError as error:
                raise UnspokenError(f"{line[0]} wrote no good recording: {error.reason}") from error
        if not waveform.samples.any():
            raise UnspokenError(f"{line[0]} wrote silence")
        return Waveform(np.clip(waveform.samples, -1, 1), SAMPLING_RATE_HZ), ()


def choose_speaker(command: str | None, voices: str | None) -> tuple[Speaker, tuple[str, ...]]:
    """The speaker and its voices. Raises UserError where the command and the voices do not go together."""
    names = tuple(name.strip() for name in voices.split(",") if name.strip()) if voices is not None else ()
    if voices is not None and not names:
        raise UserError("--voices names no voice")
    if command is None:
        from ssr_connector.tiny.voices import TEST_VOICES

        return Espeak(), names or tuple(voice.name for voice in TEST_VOICES)
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise UserError(f"--command cannot be read ({error}): {command}") from error
    if not any("{out}" in word for word in words):
        raise UserError("--command must say where the recording goes: write {out} for the file")
    if any("{voice}" in word for word in words) != bool(names):
        raise UserError("--command and --voices belong together: {voice} stands for each of --voices A,B,… in turn")
    return Command(words), names or ("",)


def voices_in_turn(voices: tuple[str, ...], seed: int) -> tuple[str, ...]:
    """The order in which voices take turns."""
    return tuple(random.Random(seed).sample(voices, len(voices)))
