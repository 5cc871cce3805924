"""L2-ARCTIC in its original layout: ``SPEAKER/{wav,transcript,textgrid}/ID.{wav,txt,TextGrid}``.

Word and phone times are those of ``textgrid/``, made by a forced aligner; a recording without them is kept. The source
may be the whole corpus, its ``suitcase_corpus`` (spontaneous speech, whose files bear the speakers' names) or a single
speaker. https://psi.engr.tamu.edu/l2-arctic-corpus/
"""

from collections.abc import Iterator
from itertools import compress
from pathlib import Path

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.lines import read_text
from ssr_connector.data.textgrid import read_textgrid
from ssr_connector.data.words import WordTime, are_spoken
from ssr_connector.errors import UserError

SUITCASE = "suitcase_corpus"
FIRST_LANGUAGES = {
    speaker: language
    for language, speakers in {
        "ar": "aba ska ybaa zhaa",
        "zh": "bwc lxc ncc txhc",
        "hi": "asi rrbi svbi tni",
        "ko": "hjk hkk ydck ykwk",
        "es": "ebvs erms mbmps njs",
        "vi": "hqtv pnv thv tlv",
    }.items()
    for speaker in speakers.split()
}


def is_l2_arctic(source: Path) -> bool:
    """Whether ``source``, or a folder one or two levels below it, holds both ``wav/`` and ``transcript/``."""
    return any(_speaker_folders(source))


def read_l2_arctic(source: Path) -> Iterator[Entry | Rejected]:
    """Every transcript of every speaker, and the recordings that have none; raises UserError where there is none."""
    folders = sorted(_speaker_folders(source))
    if not folders:
        raise UserError(f"{source} holds no wav/ and transcript/: give the folder of L2-ARCTIC or of one speaker of it")
    for folder in folders:
        names = {path.stem: None for kind in ("transcript/*.txt", "wav/*.wav") for path in sorted(folder.glob(kind))}
        for name in names:
            yield _utterance(folder, name)


def _speaker_folders(source: Path) -> Iterator[Path]:
    for pattern in ("transcript", "*/transcript", "*/*/transcript"):
        for transcripts in source.glob(pattern):
            if (transcripts.parent / "wav").is_dir():
                yield transcripts.parent


def _utterance(folder: Path, name: str) -> Entry | Rejected:
    speaker = folder.absolute().name.lower()
    id_ = f"{speaker}-{name}"
    if speaker == SUITCASE:
        speaker, id_ = name.lower(), f"suitcase-{name.lower()}"
    audio, transcript = folder / "wav" / f"{name}.wav", folder / "transcript" / f"{name}.txt"
    if not transcript.exists():
        return Rejected(id_, str(audio), "missing transcript", f"there is no {transcript}")
    try:
        text = read_text(transcript)
    except UserError as error:
        return Rejected(id_, str(audio), "unreadable transcript", str(error))
    grid = folder / "textgrid" / f"{name}.TextGrid"
    try:
        tiers = read_textgrid(grid) if grid.exists() else {}
    except UserError as error:
        return Rejected(id_, str(audio), "malformed word times", str(error))
    words, phones = (
        tuple(WordTime(word.text, word.start_s, word.end_s - word.start_s) for word in tiers.get(tier, []))
        for tier in ("words", "phones")
    )
    custom = {"first_language": FIRST_LANGUAGES[speaker]} if speaker in FIRST_LANGUAGES else {}
    spoken = tuple(compress(words, are_spoken([word.word for word in words], text)))
    return Entry(id_, audio, text, speaker, "en", custom=custom, words=spoken, phones=phones)
