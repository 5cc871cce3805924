import numpy as np
import pytest
import soundfile
from transformers import AutoTokenizer

from ssr_connector.errors import UserError
from ssr_connector.model.processing import SPEECH, SPEECH_ID, SSRProcessor, prefix_ids
from ssr_connector.types import Waveform


def test_a_prompt_begins_with_bos_and_has_a_place_for_speech(processor, recordings):
    out = processor(text="Tom" + SPEECH + " tea", audio=recordings[0])
    tokens = processor.tokenizer
    expected = [tokens.bos_token_id, *tokens("Tom", add_special_tokens=False)["input_ids"], SPEECH_ID]
    expected += tokens(" tea", add_special_tokens=False)["input_ids"]
    assert out["input_ids"].tolist() == [expected]
    assert out["attention_mask"].tolist() == [[1] * len(expected)]


def test_a_batch_is_padded_on_the_left(processor):
    out = processor(text=["Tom", "Tom wanted tea."])
    n = int(out["attention_mask"][0].sum())
    assert out["attention_mask"][0].tolist() == [0] * (out["input_ids"].shape[1] - n) + [1] * n
    assert out["input_ids"][0, -n:].tolist() == processor(text="Tom")["input_ids"][0].tolist()


def test_recordings_come_from_files_at_any_rate(processor, tmp_path):
    soundfile.write(tmp_path / "a.flac", np.zeros((44100, 2)), 44100)
    out = processor(text=[SPEECH, SPEECH], audio=[tmp_path / "a.flac", Waveform(np.zeros(5, np.float32), 16000)])
    assert [len(r.samples) for r in out["recordings"]] == [16000, 5]
    assert processor(text=SPEECH, audio=str(tmp_path / "a.flac"))["recordings"][0].sampling_rate_hz == 16000


def test_places_and_recordings_are_counted(processor, recordings):
    with pytest.raises(ValueError, match=r"have 2 .* but 1 recordings"):
        processor(text=[SPEECH, SPEECH], audio=recordings[:1])


def test_decoding_leaves_special_tokens_out(processor):
    ids = processor(text="Tom wanted tea.")["input_ids"]
    assert processor.batch_decode(ids) == ["Tom wanted tea."]


def with_template(folder, single):
    from tokenizers.processors import TemplateProcessing

    tokenizer = AutoTokenizer.from_pretrained(folder)
    special = [(t, tokenizer.convert_tokens_to_ids(t)) for t in (tokenizer.bos_token, tokenizer.eos_token)]
    single = single.format(bos=tokenizer.bos_token, eos=tokenizer.eos_token)
    tokenizer._tokenizer.post_processor = TemplateProcessing(single=single, special_tokens=special)
    return tokenizer


@pytest.mark.parametrize(
    ("template", "has_bos"), [("{bos} $A", True), ("$A", False), ("{bos} $A {eos}", True), ("$A {eos}", False)]
)
def test_what_stands_before_a_text(tiny_llm, template, has_bos):
    tokenizer = with_template(tiny_llm, template)
    assert prefix_ids(tokenizer) == ([tokenizer.bos_token_id] if has_bos else [])
    ids = SSRProcessor(tokenizer, 16000)(text="Tom")["input_ids"][0].tolist()
    assert ids == [tokenizer.bos_token_id] * has_bos + tokenizer("Tom", add_special_tokens=False)["input_ids"]


TURNS = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content | trim }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


def test_a_chat_is_written_as_the_llm_was_taught(tiny_llm, recordings):
    tokenizer = with_template(tiny_llm, "{bos} $A")  # which would put a second one before the template's own
    tokenizer.chat_template = TURNS
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"{SPEECH} Who came? "}]
    out = SSRProcessor(tokenizer, 16000).apply_chat_template(messages, audio=recordings[0])

    def ids(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    bos, eos = [tokenizer.bos_token_id], [tokenizer.eos_token_id]
    before = [*bos, *ids("[system] Be brief."), *eos, *ids("[user] ")]
    assert out["input_ids"].tolist() == [[*before, SPEECH_ID, *ids(" Who came?"), *eos, *ids("[assistant]")]]
    assert len(out["recordings"]) == 1


def test_an_llm_that_was_taught_no_chat_says_so(processor, recordings):
    with pytest.raises(UserError, match="no chat template"):
        processor.apply_chat_template([{"role": "user", "content": SPEECH}], audio=recordings[0])
