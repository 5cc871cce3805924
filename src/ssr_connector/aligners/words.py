"""Words of an alignment, and how far their ends lie from known ones."""

import math
from collections.abc import Sequence
from difflib import SequenceMatcher

from ssr_connector.aligners.placement import core_of, text_words, touched
from ssr_connector.data.words import word_key
from ssr_connector.types import Alignment, TimedWord
from ssr_connector.units import FrameClock


def timed_words(alignment: Alignment, clock: FrameClock) -> list[TimedWord]:
    """Words with a letter or digit: from the start of the first token in their core to the end of the last."""
    spelled = [(word, core) for word in text_words(alignment.text) if (core := core_of(alignment.text, *word))]
    cores = [core for _, core in spelled]
    tokens_of: list[list[int]] = [[] for _ in cores]
    for i, span in enumerate(alignment.char_spans):
        for k in touched(span, cores):
            tokens_of[k].append(i)
    words = []
    for ((start, end), _), tokens in zip(spelled, tokens_of, strict=True):
        if tokens:
            begin_s = clock.edge_s(alignment.starts[tokens[0]])
            scores = [] if alignment.scores is None else [alignment.scores[i] for i in tokens]
            known = [score for score in scores if not math.isnan(score)]
            score = sum(known) / len(known) if known else None
            words.append(TimedWord(alignment.text[start:end], begin_s, clock.edge_s(alignment.ends[tokens[-1]]), score))
    return words


def end_differences_s(found: Sequence[TimedWord], known: Sequence[TimedWord]) -> list[float]:
    """Found minus known end, for each word that both have at its place in the longest common sequence."""
    a, b = [word_key(w.text) for w in found], [word_key(w.text) for w in known]
    blocks = SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    return [found[m.a + k].end_s - known[m.b + k].end_s for m in blocks for k in range(m.size)]
