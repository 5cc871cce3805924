"""Non-words that can be pronounced, from a character model of the real words."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable

EDGE = "#"


class CharacterModel:
    """Trigrams of characters: every three characters in a row of what it writes stand in some real word."""

    def __init__(self, words: Iterable[str]) -> None:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for word in words:
            padded = f"{EDGE}{EDGE}{word}{EDGE}"
            for i in range(len(word) + 1):
                counts[padded[i : i + 2]][padded[i + 2]] += 1
        self._next = {pair: (sorted(seen), [seen[c] for c in sorted(seen)]) for pair, seen in counts.items()}

    def sample(self, rng: random.Random, longest: int) -> str:
        """One word, real or not; empty where it would be longer than ``longest``."""
        written = EDGE * 2
        while len(written) < longest + 3:
            letters, weights = self._next[written[-2:]]
            letter = rng.choices(letters, weights)[0]
            if letter == EDGE:
                return written[2:]
            written += letter
        return ""


def sound_key(word: str) -> str:
    """What spellings that may sound the same have in common: no doubled letters, no final e, one k, s and i."""
    key = word.replace("ph", "f").replace("ck", "k").replace("ie", "y").replace("ea", "ee").rstrip("e")
    key = key.translate(str.maketrans("cqxyz", "kksis"))
    return "".join(letter for i, letter in enumerate(key) if letter != key[i - 1 : i])


def matched_nonwords(words: list[str], vocabulary: set[str], n: int, rng: random.Random) -> list[tuple[str, str]]:
    """``n`` pairs (word, non-word of the same length); words recur with other non-words, non-words never do.

    No non-word is spelled, or could sound, like a word of the vocabulary or another non-word.
    Raises ValueError where the character model cannot supply so many.
    """
    model = CharacterModel(words)
    by_length: dict[int, list[str]] = defaultdict(list)
    order = [word for _ in range(-(-n // len(words))) for word in rng.sample(words, len(words))][:n]
    wanted = Counter(len(word) for word in order)
    seen = {sound_key(word) for word in vocabulary}
    longest = max(wanted)
    for _ in range(400 * n):
        if all(len(by_length[length]) >= count for length, count in wanted.items()):
            break
        candidate = model.sample(rng, longest)
        key = sound_key(candidate)
        if key not in seen and len(by_length[len(candidate)]) < wanted.get(len(candidate), 0):
            seen.add(key)
            by_length[len(candidate)].append(candidate)
    else:
        raise ValueError(f"the character model of {len(words)} words cannot write {n} different non-words")
    return [(word, by_length[len(word)].pop()) for word in order]
