"""What a prepared corpus holds, and what was left out of it."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ssr_connector.data.entry import Rejected
from ssr_connector.data.text import SpeechText, has_unspoken_symbols


@dataclass(frozen=True)
class Summary:
    """Figures of a prepared corpus, as ``summary.json`` holds them."""

    source: str
    corpus: str
    cuts: int
    hours: float
    recordings: int
    speakers: int
    shortest_s: float
    longest_s: float
    characters_per_s: float  # of speech text, form "cased"
    sampling_rates_hz: Mapping[str, int]  # recordings at each rate
    rejected: Mapping[str, int]  # utterances by reason, most frequent first
    warnings: Mapping[str, int]  # utterances that are kept, by what to look at
    words: Mapping[str, int] | None  # what became of the word times that were given
    dev_cuts: int | None  # None without a development set

    def to_dict(self) -> dict[str, Any]:
        """The same as a plain dictionary."""
        return dataclasses.asdict(self)


def summarise(
    source: str,
    corpus: str,
    cuts: Sequence[Any],
    rejected: Iterable[Rejected],
    *,
    silent: int,
    clipped: int,
    words: Mapping[str, int] | None,
    dev_cuts: int | None,
) -> Summary:
    """Count at least one cut."""
    texts = [cut.supervisions[0].text for cut in cuts]
    seconds = sum(cut.duration for cut in cuts)
    speech_text = SpeechText("cased")
    recordings = {cut.recording.id: cut.recording for cut in cuts}
    rates = Counter(recording.sampling_rate for recording in recordings.values())
    warnings = {
        "digits or symbols in the transcript: write them out as they are spoken": sum(map(has_unspoken_symbols, texts)),
        "transcript in capitals only: use the speech text form `lower`": sum(text.isupper() for text in texts),
        "silent audio: every sample is zero": silent,
        "audio beyond full scale: clipped in the 16 bits of Shar": clipped,
    }
    return Summary(
        source=source,
        corpus=corpus,
        cuts=len(cuts),
        hours=round(seconds / 3600, 4),
        recordings=len(recordings),
        speakers=len({cut.supervisions[0].speaker for cut in cuts} - {None}),
        shortest_s=round(min(cut.duration for cut in cuts), 3),
        longest_s=round(max(cut.duration for cut in cuts), 3),
        characters_per_s=round(sum(len(speech_text(text).text) for text in texts) / seconds, 2),
        sampling_rates_hz={str(rate): n for rate, n in sorted(rates.items())},
        rejected=dict(Counter(r.reason for r in rejected).most_common()),
        warnings={what: n for what, n in warnings.items() if n},
        words=words,
        dev_cuts=dev_cuts,
    )
