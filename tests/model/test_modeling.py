import dataclasses

import pytest
import torch

from ssr_connector.base_models import load_llm
from ssr_connector.config import ConnectorConfig
from ssr_connector.connectors import CONNECTORS
from ssr_connector.errors import UserError
from ssr_connector.model import SSRConfig, SSRForConditionalGeneration
from ssr_connector.model.checkpoint import build
from ssr_connector.model.processing import SPEECH, SPEECH_ID


def random_like(tiny_model, tiny_llm, llm=None, **connector):
    """A model as `tiny_model`, with another LLM or connector."""
    stored = SSRConfig.from_pretrained(tiny_model)
    config = SSRConfig(
        encoder_name=str((tiny_model / stored.encoder_name).resolve()),
        llm_name=str(llm or tiny_llm),
        aligner=stored.aligner,
        connector=dataclasses.asdict(ConnectorConfig(**{"layers": 1} | connector)),
    )
    torch.manual_seed(5)
    return build(SSRForConditionalGeneration, config).eval()


FAMILIES = {
    "qwen3": ("Qwen3Config", {"head_dim": 16, "tie_word_embeddings": True}),
    "mistral": ("MistralConfig", {"sliding_window": 4}),
    "gemma2": ("Gemma2Config", {"head_dim": 8, "sliding_window": 4, "query_pre_attn_scalar": 8}),
    "gemma3_text": ("Gemma3TextConfig", {"head_dim": 8, "sliding_window": 4, "query_pre_attn_scalar": 8}),
}


@pytest.fixture(scope="module")
def family(request, tmp_path_factory, tiny_llm):
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    name, extra = FAMILIES[request.param]
    tokenizer = AutoTokenizer.from_pretrained(tiny_llm)
    ids = {k: getattr(tokenizer, k) for k in ("bos_token_id", "eos_token_id", "pad_token_id")}
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = getattr(transformers, name)(vocab_size=len(tokenizer), num_key_value_heads=2, **shape, **ids, **extra)
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", FAMILIES, indirect=True)
@pytest.mark.parametrize("llm_trained", [False, True])
def test_other_llms_build_save_and_load(family, llm_trained, tiny_model, tiny_llm, tmp_path, recordings):
    model = random_like(tiny_model, tiny_llm, family)
    model.config.llm_trained = llm_trained
    if llm_trained:
        with torch.no_grad():
            model.llm.get_input_embeddings().weight[7] += 1
    model.save_pretrained(tmp_path / "model")
    again = SSRForConditionalGeneration.from_pretrained(tmp_path / "model")
    ids = torch.tensor([[1, SPEECH_ID, 7, 9]])
    a, b = (m(ids, recordings=recordings[:1]).logits for m in (model, again))
    assert torch.equal(a, b)
    assert a.isfinite().all()
    assert torch.equal(model.llm.get_output_embeddings().weight, again.llm.get_output_embeddings().weight)


@pytest.mark.parametrize("family", ["gemma2"], indirect=True)
def test_text_is_embedded_with_the_llms_own_scaling(family, tiny_model, tiny_llm):
    model = random_like(tiny_model, tiny_llm, family)
    ids = torch.tensor([[1, 5, 9, 20]])
    assert torch.allclose(model(ids).logits, model.llm(ids).logits, atol=1e-5)


def test_building_leaves_the_llm_as_it_was(tiny_model, tiny_llm):
    model = random_like(tiny_model, tiny_llm)
    for (name, a), b in zip(model.llm.named_parameters(), load_llm(tiny_llm).parameters(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize(
    "connector",
    [{"attention": "blockwise"}, {"positions": "rotary"}]
    + [{"type": kind, "layers": n} for kind in CONNECTORS for n in (0, 1) if n or kind != "ssr"],
)
def test_every_connector_saves_and_loads(connector, tiny_model, tiny_llm, tmp_path, recordings):
    model = random_like(tiny_model, tiny_llm, **connector)
    model.save_pretrained(tmp_path / "model")
    again = SSRForConditionalGeneration.from_pretrained(tmp_path / "model")
    a, b = (m.listen(recordings) for m in (model, again))
    assert all(torch.equal(x.vectors, y.vectors) for x, y in zip(a, b, strict=True))
    assert any(len(s.vectors) for s in a)
    assert all(s.per_token == (connector.get("type", "ssr") in ("ssr", "mean_pool")) for s in a)
    assert all(len(s.vectors) == len(s.alignment) for s in a if s.per_token)
    before, after = (m.state_dict() for m in (model, again))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("kind", CONNECTORS)
def test_a_recording_is_heard_the_same_in_company(kind, tiny_model, tiny_llm, recordings):
    model = random_like(tiny_model, tiny_llm, type=kind)
    together = model.listen(recordings)
    for recording, speech in zip(recordings, together, strict=True):
        (alone,) = model.listen([recording])
        torch.testing.assert_close(alone.vectors, speech.vectors, atol=1e-5, rtol=1e-4)


def test_ctc_compression_hears_the_labels_of_the_models_own_aligner(tiny_model, tiny_llm, recordings):
    model = random_like(tiny_model, tiny_llm, type="ctc_compress")
    frames = model.encoder(recordings)
    runs = model.aligner.label_runs(frames).lengths.tolist()
    for transcripts in (None, ["Tom.", "Tom.", "Tom."]):
        heard = model.listen(recordings, transcripts)
        assert [len(s.vectors) for s in heard] == runs
        assert runs != [len(s.alignment) for s in heard]


def test_text_alone_is_the_llms_own_forward(model):
    ids = torch.tensor([[1, 40, 50, 60], [1, 41, 51, 61]])
    labels = ids.clone()
    labels[:, :2] = -100
    ours, theirs = model(ids, labels=labels), model.llm(ids, labels=labels)
    assert torch.allclose(ours.logits, theirs.logits, atol=1e-5)
    assert ours.loss.item() == pytest.approx(theirs.loss.item(), rel=1e-5)


def test_speech_stands_where_its_place_is(model, recordings):
    """Two recordings between texts, against a sequence put together by hand."""
    ids = [1, 30, SPEECH_ID, 31, 32, SPEECH_ID, 33]
    labels = [-100, -100, -100, -100, 32, -100, 33]
    first, second = model.listen(recordings[:2])

    def embed(*token_ids):
        return model.embed_tokens(torch.tensor(token_ids))

    embeds = torch.cat([embed(1, 30), first.vectors, embed(31, 32), second.vectors, embed(33)])[None]
    targets = torch.full(embeds.shape[:2], -100)
    targets[0, 2 + len(first.vectors) + 1], targets[0, -1] = 32, 33
    out = model(torch.tensor([ids]), recordings=recordings[:2], labels=torch.tensor([labels]))
    expected = model.llm(inputs_embeds=embeds, labels=targets)
    assert torch.allclose(out.logits, expected.logits, atol=1e-5)
    assert out.loss.item() == pytest.approx(expected.loss.item(), rel=1e-5)


def test_gradients_reach_the_connector(model, recordings):
    ids = torch.tensor([[1, SPEECH_ID, 33]])
    labels = torch.tensor([[-100, -100, 33]])
    model.zero_grad()
    model(ids, recordings=recordings[:1], labels=labels).loss.backward()
    assert all(p.grad is not None for p in model.connector.parameters())
    assert all(p.grad is None for p in model.encoder.parameters())
    model.zero_grad()


@pytest.mark.parametrize("labels", [[-100, -1, -100], [-100, -100, 34]])
def test_labels_that_would_be_ignored_are_refused(model, recordings, labels):
    with pytest.raises(ValueError, match="labels are the input ids"):
        model(torch.tensor([[1, SPEECH_ID, 33]]), recordings=recordings[:1], labels=torch.tensor([labels]))


def test_places_and_recordings_are_counted(model, recordings):
    with pytest.raises(ValueError, match="1 places for speech, 2 recordings"):
        model(torch.tensor([[1, SPEECH_ID, 33]]), recordings=recordings[:2])


def test_generating_in_a_batch_is_as_one_by_one(model, processor, recordings):
    prompts = [SPEECH + " The answer is:", "Tom" + SPEECH + SPEECH, "Nobody knows."]
    audio = [recordings[:1], recordings[1:], []]
    batch = processor(text=prompts, audio=[r for part in audio for r in part])
    assert int((batch["attention_mask"] == 0).sum()) > 0
    settings = {"max_new_tokens": 8, "min_new_tokens": 8, "do_sample": False}
    together = model.generate(**batch, **settings)
    for k, (prompt, part) in enumerate(zip(prompts, audio, strict=True)):
        alone = model.generate(**processor(text=prompt, audio=part), **settings)
        assert together[k].tolist() == alone[0].tolist()
    assert len({tuple(row) for row in together.tolist()}) == 3


def test_logits_do_not_depend_on_padding(model, processor, recordings):
    batch = processor(text=[SPEECH + " a", SPEECH + " The answer is: a b c"], audio=recordings[:2])
    together = model(**batch)
    alone = model(**processor(text=SPEECH + " a", audio=recordings[0])).logits[0]
    assert torch.allclose(together.logits[0, : len(alone)], alone, atol=1e-4)


def test_what_is_heard_follows_the_transcript_where_there_is_one(model, recordings):
    (forced,) = model.listen(recordings[1:2], ["Tom wanted tea."])
    assert forced.alignment.text == "Tom wanted tea."
    assert list(forced.alignment.token_ids) == model.tokenize("Tom wanted tea.")[0]
    with pytest.raises(UserError, match=r"recording 0 cannot be aligned: .*do not fit"):
        model.listen(recordings[2:], ["The king sleeps, and the dog barks at the moon."])


def test_another_precision_of_the_llm_works(tiny_model, recordings):
    model = SSRForConditionalGeneration.from_pretrained(tiny_model, dtype=torch.bfloat16)
    out = model(torch.tensor([[1, SPEECH_ID, 33]]), recordings=recordings[:1])
    assert out.logits.dtype == torch.bfloat16
    assert out.logits.isfinite().all()


def test_what_was_heard_once_need_not_be_heard_again(model, processor, recordings, monkeypatch):
    inputs = processor(text="<|speech|> The answer is:", audio=recordings[:1])
    expected = model.generate(**inputs, max_new_tokens=3, do_sample=False)
    heard = model.listen(recordings[:1])
    monkeypatch.setattr(model, "listen", None)
    found = model.generate(**{**inputs, "recordings": heard}, max_new_tokens=3, do_sample=False)
    assert torch.equal(found, expected)


def test_an_answer_beyond_the_llms_positions_is_refused(model, processor, recordings, monkeypatch):
    inputs = processor(text="<|speech|> The answer is:", audio=recordings[:1])
    n = model._heard(recordings[:1])[0].vectors.shape[0] + inputs["input_ids"].shape[1] - 1
    monkeypatch.setattr(model.llm.config, "max_position_embeddings", n + 2)
    assert model.generate(**inputs, max_new_tokens=3, do_sample=False).shape[1] <= 3
    with pytest.raises(UserError, match=rf"take up to {n + 3} positions, and the LLM was made for {n + 2}"):
        model.generate(**inputs, max_new_tokens=4, do_sample=False)
