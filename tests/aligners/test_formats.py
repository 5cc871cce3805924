"""What `ssr align` writes, and that it can be read again."""

import itertools
import json
import math

import numpy as np
import pytest

from ssr_connector.aligners.formats import FORMATS, TimedUtterance, read_jsonl
from ssr_connector.aligners.imported import ImportedAligner, read_timed_words
from ssr_connector.data.cuts import known_words
from ssr_connector.data.text import SpeechText
from ssr_connector.errors import UserError
from ssr_connector.types import Alignment, TimedWord, Waveform
from ssr_connector.units import FrameClock

WORDS = (TimedWord("Say", 0.1, 0.4, -0.5), TimedWord("“hi”,", 0.5, 0.75, -1.0))
UTTERANCE = TimedUtterance("a/b 1", "Say “hi”,", 1.0, WORDS)


def close(found, expected):
    assert [w.text for w in found] == [w.text for w in expected]
    for a, b in zip(found, expected, strict=True):
        assert (a.start_s, a.end_s) == pytest.approx((b.start_s, b.end_s), abs=1e-3)


@pytest.mark.parametrize(("name", "file"), [("textgrid", "textgrid"), ("ctm", "words.ctm"), ("jsonl", "words.jsonl")])
def test_every_format_can_be_imported_again(name, file, tmp_path):
    for id_ in ("a1", "my talk", "my_talk", "50% ;"):
        FORMATS[name](tmp_path, [TimedUtterance(id_, UTTERANCE.text, 1.0, WORDS)], [])
        close(read_timed_words(tmp_path / file)[id_], WORDS)


TEXTS = [
    'say ""hi"',
    '"',
    "你好",
    "naïve",
    "re\u0301sume\u0301",
    "🙂👩‍👩‍👧",
    "\\ae%$^_",
    "<exists>",
    "[3]:",
    "שלום",
    "٣",
]


@pytest.mark.parametrize(("words", "duration_s"), [(TEXTS, 9.0), (TEXTS[:1], 0.65), ([], 0.05)])
def test_praat_reads_what_was_written(words, duration_s, tmp_path):
    """Praat itself, in the package parselmouth: every tier, interval and letter."""
    parselmouth = pytest.importorskip("parselmouth")
    spoken = tuple(TimedWord(w, 0.1 + 0.7 * k, 0.6 + 0.7 * k + 0.2 * (k % 2)) for k, w in enumerate(words))
    tokens = tuple(TimedWord(f" {w}", 0.1, 0.3) for w in words)  # of one frame
    FORMATS["textgrid"](tmp_path, [TimedUtterance("a/ü", " ".join(words), duration_s, spoken, tokens)], [])
    (path,) = (tmp_path / "textgrid").iterdir()
    grid = parselmouth.read(str(path))

    def ask(what, *where):
        return parselmouth.praat.call(grid, f"Get {what}", *where)

    found = {}
    for tier in range(1, ask("number of tiers") + 1):
        assert parselmouth.praat.call(grid, "Is interval tier", tier)
        found[ask("tier name", tier)] = [
            (
                ask("label of interval", tier, i),
                ask("start time of interval", tier, i),
                ask("end time of interval", tier, i),
            )
            for i in range(1, ask("number of intervals", tier) + 1)
        ]
    expected = {"words": spoken} | ({"tokens": tokens} if tokens else {})
    assert list(found) == list(expected)
    for name, pieces in expected.items():
        assert [label for label, *_ in found[name] if label] == [p.text for p in pieces]
        assert found[name][0][1] == 0
        assert all(a[2] == b[1] for a, b in itertools.pairwise(found[name]))
        assert found[name][-1][2] == ask("end time") >= duration_s
    for (_, start_s, end_s), word in zip([x for x in found["words"] if x[0]], spoken, strict=True):
        assert (start_s, end_s) == pytest.approx((word.start_s, word.end_s))


def test_ids_that_are_no_file_names_stay_inside_the_folder(tmp_path):
    FORMATS["textgrid"](tmp_path / "out", [UTTERANCE, TimedUtterance("../x", "a", 1.0, ())], [])
    assert sorted(p.name for p in tmp_path.rglob("*.TextGrid")) == ["..%2Fx.TextGrid", "a%2Fb 1.TextGrid"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_ids_are_legible_as_file_names_and_may_be_long(tmp_path, caplog):
    ids = ["录音 1", "é" * 40, "ñ%2F+", "语" * 90, "x" * 300, "x" * 301]
    FORMATS["textgrid"](tmp_path, [TimedUtterance(id_, UTTERANCE.text, 1.0, WORDS) for id_ in ids], [])
    assert (tmp_path / "textgrid" / "录音 1.TextGrid").is_file()
    assert len(list((tmp_path / "textgrid").iterdir())) == 6
    found = read_timed_words(tmp_path / "textgrid")
    for id_ in ids[:3]:
        close(found[id_], WORDS)
    assert [f"the id {id_} is too long" in caplog.text for id_ in ids] == [False] * 3 + [True] * 3


def test_cuts_hold_the_words(tiny_corpus, tmp_path):
    from ssr_connector.data.cuts import read_manifests

    cuts = read_manifests([tiny_corpus / "dev.jsonl.gz"])
    utterance = TimedUtterance(cuts[0].id, "x", cuts[0].duration, (TimedWord("x", 0.1, 0.2, -1.0),))
    FORMATS["cuts"](tmp_path / "out", [utterance], cuts)
    (cut,) = read_manifests([tmp_path / "out" / "cuts.jsonl.gz"])
    close(known_words(cut), utterance.words)


@pytest.mark.parametrize("form", ["cased", "lower"])
def test_every_supervision_of_a_cut_has_its_own_words(form, tiny_corpus, tmp_path):
    from lhotse.utils import fastcopy

    from ssr_connector.data.cuts import read_manifests

    first = read_manifests([tiny_corpus / "dev.jsonl.gz"])[0]
    texts = ["“Re-do it”, …", "...", "he\u0301 & 2 o’clock."]
    (told,) = first.supervisions
    cut = fastcopy(first, supervisions=[fastcopy(told, id=f"s{i}", text=text) for i, text in enumerate(texts)])
    text = SpeechText(form)(" ".join(texts)).text
    spoken = [w for w in text.split() if any(c.isalnum() for c in w)]
    words = tuple(TimedWord(w, 0.1 * k, 0.1 * k + 0.1) for k, w in enumerate(spoken))
    FORMATS["cuts"](tmp_path / "out", [TimedUtterance(cut.id, text, cut.duration, words)], [cut])
    (timed,) = read_manifests([tmp_path / "out" / "cuts.jsonl.gz"])
    n = spoken.index("hé")
    own = [[item.symbol for item in s.alignment["word"]] for s in timed.supervisions]
    assert own == [spoken[:n], [], spoken[n:]]
    aligner = ImportedAligner.read(tmp_path / "out" / "cuts.jsonl.gz")
    recording = Waveform(np.zeros(round(16_000 * cut.duration), np.float32), 16_000)
    close(aligner.align_words(cut.id, recording, text), words)


def test_tokens_of_a_shared_frame_divide_it(tmp_path):
    from ssr_connector.data.textgrid import read_textgrid

    clock = FrameClock(16_000, 320, 200)
    alignment = Alignment("ab!", (1, 2, 3), (2, 2, 2), (3, 3, 3), ((0, 1), (1, 2), (2, 3)), 10, (-1.0, -2.0, math.nan))
    utterance = TimedUtterance.of("u", alignment, clock, 0.2)
    assert utterance.words[0].score == -1.5
    assert utterance.tokens[2].score is None
    FORMATS["textgrid"](tmp_path, [utterance], [])
    tokens = read_textgrid(tmp_path / "textgrid" / "u.TextGrid")["tokens"]
    assert [t.text for t in tokens] == ["a", "b", "!"]
    assert tokens[0].start_s == pytest.approx(utterance.tokens[0].start_s, abs=1e-5)
    assert tokens[2].end_s == pytest.approx(utterance.tokens[0].end_s, abs=1e-5)


def test_doubt():
    assert not UTTERANCE.is_doubtful()
    assert TimedUtterance("a", "x", 1.0, (TimedWord("x", 0.1, 0.2, -3.0),)).is_doubtful()
    assert TimedUtterance("a", "x", 1.0, (TimedWord("unbelievable", 0.1, 0.13),)).is_doubtful()
    assert not TimedUtterance("a", "x", 1.0, (TimedWord("x", 0.1, 0.2, -3.0),)).is_doubtful(-4.0)


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "a"}', '{"id": "a", "text": "", "duration_s": 1, "words": 3}'])
def test_malformed_lines_are_named(line, tmp_path):
    path = tmp_path / "words.jsonl"
    path.write_text(json.dumps(UTTERANCE.to_dict()) + "\n" + line + "\n")
    with pytest.raises(UserError, match="line 2"):
        read_jsonl(path)


def test_imported_words_must_be_the_transcripts(tmp_path):
    aligner = ImportedAligner({"a": [TimedWord("say", 0, 0.4), TimedWord("HI", 0.5, 1.0)]}, tmp_path)
    recording = Waveform(np.zeros(16_000, np.float32), 16_000)
    assert [w.text for w in aligner.align_words("a", recording, "Say “hi”!")] == ["Say", "“hi”!"]
    assert "other words" in aligner.align_words("a", recording, "Say ho").reason
    assert "no utterance b" in aligner.align_words("b", recording, "Say hi").reason
    half = Waveform(recording.samples[:8000], 16_000)
    assert "after its end" in aligner.align_words("a", half, "Say hi").reason
    for name in ("x.txt", "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(UserError, match=name.replace(".", r"\.")):
            ImportedAligner.read(tmp_path / name)
