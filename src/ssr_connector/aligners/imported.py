"""Word times made elsewhere: CTM, Praat TextGrids, JSON lines of `ssr align`, or lhotse cuts with word alignments."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from urllib.parse import unquote

from ssr_connector.aligners.base import Unalignable
from ssr_connector.aligners.placement import core_of, text_words
from ssr_connector.aligners.respelling import respell
from ssr_connector.data.words import are_spoken, read_ctm
from ssr_connector.errors import UserError
from ssr_connector.types import TimedWord, Waveform

WORD_TIERS = ("words", "word", "ORT", "ORT-MAU")  # as we, Montreal Forced Aligner and WebMAUS name them


class ImportedAligner:
    """Hands out times that exist already, by utterance id."""

    def __init__(self, words: Mapping[str, Sequence[TimedWord] | Unalignable], source: Path) -> None:
        self.words, self.source = words, source

    @classmethod
    def read(cls, path: Path) -> "ImportedAligner":
        """A .ctm, .jsonl or cuts file, a TextGrid, or a folder of TextGrids named by utterance id.

        Raises UserError where there is no such file, or it holds something else.
        """
        return cls(read_timed_words(path), path)

    def align_words(self, key: str, recording: Waveform, transcript: str) -> list[TimedWord] | Unalignable:
        """The times under that id, if they are of the transcript's words and within the recording."""
        if key not in self.words:
            return Unalignable(f"{self.source} has no utterance {key}")
        timed = self.words[key]
        if isinstance(timed, Unalignable):
            return timed
        found = list(compress(timed, are_spoken([w.text for w in timed], transcript)))
        written = [transcript[a:b] for a, b in text_words(transcript) if core_of(transcript, a, b)]
        if any(w.end_s > recording.duration_s + 0.05 for w in found):
            return Unalignable(f"{self.source} has words of {key} after its end at {recording.duration_s:.2f} s")
        respelled = respell(written, found)
        if isinstance(respelled, Unalignable):
            return Unalignable(f"{self.source} has, for {key}, {respelled.reason}")
        return respelled


def read_timed_words(path: Path) -> Mapping[str, list[TimedWord] | Unalignable]:
    """Utterance id → words in order of time, or why one of a folder's TextGrids holds none."""
    from ssr_connector.aligners.formats import read_jsonl
    from ssr_connector.data.textgrid import read_textgrid

    if path.is_dir():
        grids = files_of(path)
        if not grids:
            raise UserError(f"{path} holds no .TextGrid file")
        words = {_utterance_id(grid.relative_to(path)): _times_of(grid) for grid in grids}
        names = Counter(id_.rpartition("/")[2] for id_ in words)  # ids may also leave the speakers' folders out
        short = {name: ws for id_, ws in words.items() if names[name := id_.rpartition("/")[2]] == 1}
        return short | words
    name = path.name.lower()
    if name.endswith(".textgrid"):
        return {_utterance_id(Path(path.name)): _words_of(read_textgrid(path), path)}
    if name.endswith(".ctm"):
        times = read_ctm(path)
        return {key: [TimedWord(w.word, w.start_s, w.end_s, w.score) for w in words] for key, words in times.items()}
    if name.endswith(".jsonl"):
        return read_jsonl(path)
    if name.endswith(".jsonl.gz"):
        from ssr_connector.data.cuts import known_words, read_cuts

        return {cut.id: known_words(cut) for cut in read_cuts(path)}
    raise UserError(f"{path} is none of .ctm, .TextGrid, .jsonl, cuts (.jsonl.gz) or a folder of TextGrids")


def files_of(path: Path) -> list[Path]:
    """The file, or the TextGrids of a folder, that times are read from."""
    return sorted(path.rglob("*.[tT][eE][xX][tT][gG][rR][iI][dD]")) if path.is_dir() else [path]


def _times_of(grid: Path) -> list[TimedWord] | Unalignable:
    """Of one of many, where a bad one does not stop the others."""
    from ssr_connector.data.textgrid import read_textgrid

    try:
        return _words_of(read_textgrid(grid), grid)
    except UserError as error:
        return Unalignable(str(error))


def _utterance_id(grid: Path) -> str:
    """As `formats` names its files; a folder within the folder is a part of the id with a slash."""
    return unquote(grid.with_suffix("").as_posix())


def _words_of(tiers: Mapping[str, Sequence[TimedWord]], path: Path) -> list[TimedWord]:
    for name in WORD_TIERS:
        if name in tiers:
            return list(tiers[name])
    if len(tiers) == 1:
        return list(next(iter(tiers.values())))
    raise UserError(f"{path} has the tiers {', '.join(tiers) or '(none)'}: name the one with the words 'words'")
