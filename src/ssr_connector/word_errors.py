"""How many words and characters of a transcript are wrong, after Whisper's normalisation."""

import functools
import re
from dataclasses import dataclass
from typing import Any

UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})  # written without spaces between words
THREE_LETTERS = {"eng": "en", "cmn": "zh", "zho": "zh", "jpn": "ja", "tha": "th"}


@dataclass(frozen=True)
class WordErrors:
    """Errors of one utterance, and the words of its reference; how many of the errors are inserted words."""

    errors: int
    words: int
    insertions: int = 0


def language_code(name: str | None) -> str:
    """`de` of "de", "de-AT" or "German"; English where nothing is said."""
    from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

    first = re.split(r"[-_]", (name or "en").strip().lower())[0]
    return TO_LANGUAGE_CODE.get(first) or THREE_LETTERS.get(first, first)


@functools.cache
def normaliser(language: str) -> Any:
    """Whisper's text normalisers, the field's standard before error rates: its English one, or that of all others.

    Where words are not parted by spaces, characters are, so that each counts as a word.
    """
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

    if language == "en":
        return EnglishTextNormalizer()
    return BasicTextNormalizer(split_letters=language in UNSPACED, preserve_marks=True)


def rules(language: str) -> str:
    """How texts of a language are compared, for the notes of a result."""
    if language == "en":
        return "by Whisper's English normaliser"
    return f"by Whisper's basic normaliser{', every character a word' if language in UNSPACED else ''}"


def normalised(text: str, language: str = "en") -> list[str]:
    """The words of a text as they are compared."""
    return [w for w in normaliser(language)(text).split() if any(c.isalnum() for c in w)]


def word_errors(reference: str, hypothesis: str, language: str = "en") -> WordErrors:
    """Substitutions, deletions and insertions after normalisation."""
    import jiwer

    spoken, written = normalised(reference, language), normalised(hypothesis, language)
    if not spoken:
        return WordErrors(len(written), 0, len(written))
    counts = jiwer.process_words(" ".join(spoken), " ".join(written))
    errors = counts.substitutions + counts.deletions + counts.insertions
    return WordErrors(errors, len(spoken), counts.insertions)


def character_errors(reference: str, hypothesis: str, language: str = "en") -> tuple[int, int]:
    """Errors in characters after the same normalisation, and the characters of the reference; a space is one."""
    from rapidfuzz.distance import Levenshtein

    space = "" if language in UNSPACED else " "
    spoken, written = (space.join(normalised(text, language)) for text in (reference, hypothesis))
    return int(Levenshtein.distance(spoken, written)), len(spoken)


def hallucinates(errors: WordErrors, share: float) -> bool:
    """Whether more words were inserted than this share of the reference's words: more was written than heard."""
    return errors.insertions > share * errors.words
