"""`ssr generate`: what it prints is what the model says (wrong commands, and transcripts: test_main.py)."""

import re

import pytest

from ssr_connector.cli import main
from ssr_connector.inference.dialogue import ask, score
from ssr_connector.model import SSRForConditionalGeneration, SSRProcessor


@pytest.fixture
def audio(tiny_corpus):
    return tiny_corpus.parent / "u02.wav"


@pytest.fixture
def speaker(tiny_model):
    return SSRForConditionalGeneration.from_pretrained(tiny_model), SSRProcessor.from_pretrained(tiny_model)


@pytest.mark.parametrize("text", [[], [" The answer is:"]])
def test_an_answer_is_as_long_as_it_may_be(text, tiny_model, speaker, audio, capsys):
    assert main(["generate", "ask", str(tiny_model), str(audio), *text, "--max-new-tokens", "3"]) == 0
    assert capsys.readouterr().out == ask(*speaker, audio, "".join(text), 3) + "\n"


def test_endings_are_printed_with_the_likeliest_first(tiny_model, speaker, audio, capsys):
    endings = ["tea", "The cats [both] sing.", "Nobody knows."]
    assert main(["generate", "score", str(tiny_model), str(audio), *endings]) == 0
    lines = [re.split(r" per token +| in all  ", line) for line in capsys.readouterr().out.splitlines()]
    expected = score(*speaker, audio, endings)
    assert [ending for _, _, ending in lines] == [ending for ending, _ in expected]
    for (mean, total, _), (_, value) in zip(lines, expected, strict=True):
        assert float(mean) == pytest.approx(value.mean, abs=1e-3)
        assert float(total) == pytest.approx(value.total, abs=1e-2)


def test_a_chat_needs_an_llm_that_was_taught_one(tiny_model, audio, capsys):
    assert main(["generate", "ask", str(tiny_model), str(audio), "--chat"]) == 2
    assert "no chat template" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "words", "said"),
    [
        ("transcribe", ["--chat"], "--chat goes with ask"),
        ("transcribe", ["Anna"], "a text goes with ask or score"),
        ("transcribe", ["--max-new-tokens", "3"], "--max-new-tokens goes with ask"),
        ("score", ["a", "b", "--max-new-tokens", "3"], "--max-new-tokens goes with ask"),
        ("ask", ["--max-new-tokens", "0"], "--max-new-tokens 0: give 1 or more"),
        ("ask", ["say <|speech|> again"], "<|speech|> stands for the recording"),
    ],
)
def test_what_a_task_does_not_take_is_refused(task, words, said, tiny_model, audio, capsys):
    assert main(["generate", task, str(tiny_model), str(audio), *words]) == 2
    assert said in capsys.readouterr().err
