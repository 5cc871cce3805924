"""The picture of an aligned utterance, read back from its SVG: words and tokens where and as sure as they are."""

import base64
import io
import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from ssr_connector.aligners.formats import TimedUtterance
from ssr_connector.aligners.picture import check_drawable, draw
from ssr_connector.errors import UserError
from ssr_connector.types import TimedWord, Waveform

SVG, HREF = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
WORDS = (TimedWord("<Say>", 0.25, 0.5, -3.0), TimedWord("“hé”", 0.5, 1.5, -0.5))
TOKENS = (TimedWord("Say", 0.25, 0.5), TimedWord(" hé", 1.0, 1.5))


def drawn(path, utterance, recording):
    with matplotlib.rc_context({"svg.fonttype": "none"}):  # letters as letters
        draw(path, utterance, recording)
    return ElementTree.parse(path).getroot()


def boxes(svg):
    """(left, right, opacity) of each box, in the units of the picture."""
    found = []
    for path in svg.iter(f"{SVG}path"):
        style = path.get("style", "")
        if "fill: #3373cc" in style:
            xs = [float(x) for x in re.findall(r"[ML] (\S+) \S+", path.get("d"))]
            found.append((min(xs), max(xs), float(re.search(r"opacity: ([\d.]+)", style)[1])))
    return found


def test_words_and_tokens_lie_where_they_were_spoken(tmp_path):
    tone = np.sin(2 * np.pi * 2000 * np.arange(32_000) / 16_000).astype(np.float32)
    utterance = TimedUtterance("u 1", "<Say> “hé”", 2.0, WORDS, TOKENS)
    svg = drawn(tmp_path / "a.svg", utterance, Waveform(tone, 16_000))
    texts = ["".join(t.itertext()) for t in svg.iter(f"{SVG}text")]
    assert {"words", "tokens", "kHz", "seconds", "u 1: <Say> “hé”"} <= set(texts)
    assert [t for t in texts if t in ("<Say>", "“hé”", "Say", " hé")] == ["<Say>", "“hé”", "Say", " hé"]

    found = boxes(svg)
    (start, end, unsure), (_, _, sure), *tokens = found
    assert unsure < sure
    assert tokens[0][2] == tokens[1][2]  # without scores
    per_second = (end - start) / 0.25
    for (left, right, _), piece in zip(found, (*WORDS, *TOKENS), strict=True):
        assert left == pytest.approx(start + (piece.start_s - 0.25) * per_second, abs=0.1)
        assert right == pytest.approx(start + (piece.end_s - 0.25) * per_second, abs=0.1)

    (image,) = svg.iter(f"{SVG}image")
    pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(image.get(HREF).split(",")[1])), format="png")
    if "scale(1 -1)" not in image.get("transform"):
        pixels = pixels[::-1]
    brightest = pixels[..., :3].sum(-1).mean(1).argmax() / len(pixels)
    assert brightest == pytest.approx(2 / 8, abs=0.02)  # kHz, from below


def test_dollars_are_no_formula(tmp_path):
    text = "$5 { $6"
    utterance = TimedUtterance("u", text, 1.0, (TimedWord(text, 0.2, 0.8),), (TimedWord(text, 0.2, 0.8),))
    svg = drawn(tmp_path / "a.svg", utterance, Waveform(np.zeros(16_000, np.float32), 16_000))
    texts = ["".join(t.itertext()) for t in svg.iter(f"{SVG}text")]
    assert texts.count(text) == 2
    assert f"u: {text}" in texts


def test_only_endings_of_pictures_can_be_drawn(tmp_path):
    blip = Waveform(np.zeros(1000, np.float32), 16_000)
    for name in ("a.svg", "a.PNG", "a"):
        check_drawable(tmp_path / name)
        draw(tmp_path / name, TimedUtterance("u", "", 0.0625, ()), blip)
    with pytest.raises(UserError, match=r"a\.foo is no picture .* \.png, "):
        check_drawable(tmp_path / "a.foo")


def test_a_recording_shorter_than_a_window_has_no_spectrogram(tmp_path):
    blip = Waveform(np.zeros(100, np.float32), 16_000)
    svg = drawn(tmp_path / "a.svg", TimedUtterance("u", "a", 0.00625, (TimedWord("a", 0.0, 0.00625),)), blip)
    assert len(boxes(svg)) == 1
    assert not list(svg.iter(f"{SVG}image"))
    assert "tokens" not in ["".join(t.itertext()) for t in svg.iter(f"{SVG}text")]
