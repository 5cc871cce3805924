import copy
import math

import pytest
import torch
import transformers
from transformers.cache_utils import DynamicCache, DynamicLayer, LinearAttentionAndFullAttentionLayer

from ssr_connector.errors import UserError
from ssr_connector.model import SSRForConditionalGeneration
from ssr_connector.model.adapter import add_adapter
from ssr_connector.model.scoring import Score, _repeatable

PAIRS = [
    (["Tom wanted"], [" tea."]),
    (["Anna found the old lamp in the garden."], [" Nobody knows."]),
    ([""], ["The cats sing."]),
]


def direct(model, context, continuation):
    """The sum by transformers alone."""
    bos = [model.tokenizer.bos_token_id]
    whole = model.tokenizer(context + continuation, add_special_tokens=False)["input_ids"]
    split = len(model.tokenizer(context, add_special_tokens=False)["input_ids"])
    log_probs = model.llm(torch.tensor([bos + whole])).logits[0].log_softmax(-1)
    return sum(log_probs[i, whole[i]].item() for i in range(split, len(whole))), len(whole) - split


def test_written_pairs_are_scored_as_transformers_does(model):
    for score, (context, continuation) in zip(model.loglikelihood(PAIRS), PAIRS, strict=True):
        total, n = direct(model, context[0], continuation[0])
        assert score.total == pytest.approx(total, abs=1e-4)
        assert score.n_tokens == n
        assert score.mean == pytest.approx(total / n, abs=1e-4)


def test_scores_do_not_depend_on_the_batch(model, recordings):
    heard = model.listen(recordings)
    pairs = [
        *PAIRS,
        ([recordings[0]], [" tea."]),
        ([recordings[1], " The answer is:"], [" A"]),
        ([heard[2]], [recordings[1]]),
        (["Tom"], [heard[0], " tea"]),
    ]
    whole = model.loglikelihood(pairs, batch_tokens=100_000)
    for batch_tokens in (1, 60):
        for a, b in zip(whole, model.loglikelihood(pairs, batch_tokens), strict=True):
            assert a.total == pytest.approx(b.total, abs=1e-4)
            assert a.n_tokens == b.n_tokens
    for pair, a in zip(pairs, whole, strict=True):
        assert model.loglikelihood([pair])[0].total == pytest.approx(a.total, abs=1e-4)


def test_a_spoken_continuation_is_scored_on_what_is_heard(model, recordings):
    (context,), (ending,) = model.listen(recordings[:1]), model.listen(recordings[1:2])
    ids = list(ending.alignment.token_ids)
    assert ids
    bos = model.embed_tokens(torch.tensor([model.tokenizer.bos_token_id]))
    embeds = torch.cat([bos, context.vectors, ending.vectors])[None]
    log_probs = model.llm(inputs_embeds=embeds).logits[0].log_softmax(-1)
    start = 1 + len(context.vectors)
    expected = sum(log_probs[start + i - 1, t].item() for i, t in enumerate(ids))
    (score,) = model.loglikelihood([([recordings[0]], [recordings[1]])])
    assert score.total == pytest.approx(expected, rel=1e-6)  # float32 has seven digits
    assert score.n_tokens == len(ids)


def test_a_recording_is_heard_once_however_often_it_is_asked_about(model, recordings, monkeypatch):
    calls, honest = [], SSRForConditionalGeneration.listen

    def listen(self, given, *args):
        calls.append(given)
        return honest(self, given, *args)

    monkeypatch.setattr(SSRForConditionalGeneration, "listen", listen)
    model.loglikelihood([([recordings[0]], [" a"]), ([recordings[0]], [" b"]), ([recordings[1]], [" b"])])
    assert len(calls) == 2


LONG = (
    "The king sleeps, and the dog barks at the moon. Who took the silver key? Tom wanted tea. He sat down by the river."
)


def counted(model, monkeypatch):
    """The positions of every pass through the LLM."""
    passes, honest = [], type(model.llm).forward

    def forward(self, *args, **kwargs):
        passes.append(kwargs["inputs_embeds"].shape[0] * kwargs["inputs_embeds"].shape[1])
        return honest(self, *args, **kwargs)

    monkeypatch.setattr(type(model.llm), "forward", forward)
    return passes


def test_a_shared_context_goes_through_the_llm_once_and_scores_the_same(model, recordings, monkeypatch):
    (heard,) = model.listen(recordings[1:2])
    contexts = [[LONG], [recordings[1], LONG, recordings[0]], ["Tom wanted"], [LONG, heard]]
    endings = [[" tea."], [" the old lamp."], [" A"], [""]]
    pairs = [(context, ending) for ending in endings for context in contexts]
    alone = [model.loglikelihood([pair])[0] for pair in pairs]
    for batch_tokens in (100_000, 100, 1):
        for a, b in zip(alone, model.loglikelihood(pairs, batch_tokens), strict=True):
            assert b.total == pytest.approx(a.total, abs=1e-4)
            assert b.n_tokens == a.n_tokens
    n_context = 1 + len(model.tokenize(LONG)[0])
    n_endings = [len(model.tokenize(ending)[0]) for (ending,) in endings[:3]]
    passes = counted(model, monkeypatch)
    model.loglikelihood([([LONG], ending) for ending in endings[:3]])
    assert passes == [n_context, 3 * (max(n_endings) - 1)]  # nothing is predicted from an ending's last token


def test_several_shared_contexts_go_through_the_llm_together(model, monkeypatch):
    contexts = [[LONG], [LONG[4:]], [f"{LONG} {LONG}"]]
    pairs = [(context, [ending]) for context in contexts for ending in (" tea.", " the old lamp.")]
    alone = [model.loglikelihood([pair])[0].total for pair in pairs]
    passes = counted(model, monkeypatch)
    assert [s.total for s in model.loglikelihood(pairs, 100_000)] == pytest.approx(alone, abs=1e-4)
    assert len(passes) == 2  # the contexts, and all that follows them


def test_positions_count_from_a_rows_own_beginning_with_additions_around_the_llm(model):
    """GPT-2's positions are absolute: contexts padded on the left must not shift them."""
    shape = {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": len(model.tokenizer), "n_positions": 128}
    torch.manual_seed(0)
    other = copy.deepcopy(model)
    other.llm = add_adapter(transformers.GPT2LMHeadModel(transformers.GPT2Config(**shape)).eval(), "lora", 4, 8.0)
    pairs = [([context], [ending]) for context in (LONG, LONG[40:]) for ending in (" tea.", " the old lamp.")]
    alone = [other.loglikelihood([pair])[0].total for pair in pairs]
    assert [s.total for s in other.loglikelihood(pairs, 100_000)] == pytest.approx(alone, abs=1e-4)


def test_the_llms_head_is_asked_for_no_more_than_is_scored(model, recordings):
    asked = []
    hook = model.llm.get_output_embeddings().register_forward_hook(lambda _, x, __: asked.append(x[0].shape[1]))
    try:
        scores = model.loglikelihood([([recordings[1], LONG], [" the old lamp."])])
        model.loglikelihood([([LONG], [" the old lamp."]), ([LONG], [" tea."])])
    finally:
        hook.remove()
    n = scores[0].n_tokens
    assert asked == [n, 1, n - 1]  # of a shared context the last position


def test_what_differs_in_its_last_token_alone_goes_through_the_llm_once(model, recordings, monkeypatch):
    (heard,) = model.listen(recordings[1:2])
    contexts = [["Tom wanted"], [heard, " So:"], [LONG], [LONG, heard]]
    pairs = [(context, [ending]) for context in contexts for ending in (".", ",", ".", "")]
    pairs += [(contexts[0], [heard])] * 2
    alone = [model.loglikelihood([pair])[0] for pair in pairs]
    passes = counted(model, monkeypatch)
    for a, b in zip(alone, model.loglikelihood(pairs, 1), strict=True):
        assert b.total == pytest.approx(a.total, abs=1e-4)
        assert b.n_tokens == a.n_tokens
    assert len(passes) == 4 + 1  # every context, and what is said after the first


def test_an_llm_whose_memory_cannot_be_repeated_hears_the_context_again(model, monkeypatch):
    from ssr_connector.model import scoring

    pairs = [([LONG], [" tea."]), ([LONG], [" the old lamp."])]
    once = model.loglikelihood(pairs)
    monkeypatch.setattr(scoring, "_repeatable", lambda cache: False)
    for a, b in zip(once, model.loglikelihood(pairs), strict=True):
        assert a.total == pytest.approx(b.total, abs=1e-4)


def test_a_space_at_the_end_of_a_context_counts_to_the_continuation(model):
    (apart,), (together,) = (
        model.loglikelihood([(["Tom wanted"], [" tea."])]),
        model.loglikelihood([(["Tom wanted "], ["tea."])]),
    )
    assert apart == together
    assert apart.n_tokens


def test_nothing_to_score_never_wins_per_token():
    assert Score(0.0, 0).mean == -math.inf
    assert Score(-3.0, 2).mean == -1.5


def test_a_tokenizer_without_bos_scores_the_first_token_after_its_eos(tiny_model):
    model = SSRForConditionalGeneration.from_pretrained(tiny_model)
    from tokenizers.processors import TemplateProcessing

    model.tokenizer._tokenizer.post_processor = TemplateProcessing(single="$A", special_tokens=[])
    assert model.prefix_ids == []
    ids = model.tokenize("The cats sing.")[0]
    log_probs = model.llm(torch.tensor([[model.tokenizer.eos_token_id, *ids]])).logits[0].log_softmax(-1)
    (score,) = model.loglikelihood([([""], ["The cats sing."])])
    assert score.n_tokens == len(ids)
    assert score.total == pytest.approx(sum(log_probs[i, t].item() for i, t in enumerate(ids)), abs=1e-4)
    with_context = model.llm(torch.tensor([ids])).logits[0].log_softmax(-1)
    (score,) = model.loglikelihood([(["The cats"], [" sing."])])
    n = len(model.tokenize("The cats")[0])
    expected = sum(with_context[i - 1, ids[i]].item() for i in range(n, len(ids)))
    assert score.total == pytest.approx(expected, abs=1e-4)


def test_what_is_too_long_loses_the_beginning_of_its_context(model, recordings, monkeypatch):
    (heard,) = model.listen(recordings[:1])
    n = len(heard.vectors)
    limit = n + 4
    monkeypatch.setattr(model.llm.config, "max_position_embeddings", limit)
    ids = model.tokenize("The dog barks at noon. The dog barks at noon.")[0]
    assert len(ids) > 8
    pairs = [([model.tokenizer.decode(ids), heard], [" tea"]), (["Tom"], [" tea"])]
    seen = counted(model, monkeypatch)
    long, short = model.loglikelihood(pairs)
    assert seen == [2 * limit]
    n_tea = long.n_tokens
    assert (long.n_cut, short.n_cut) == (1 + len(ids) + n + n_tea - 1 - limit, 0)
    monkeypatch.undo()
    kept = ids[long.n_cut :]
    bos = model.embed_tokens(torch.tensor([model.tokenizer.bos_token_id, *kept]))
    tea = model.tokenize(" tea")[0]
    embeds = torch.cat([bos, heard.vectors, model.embed_tokens(torch.tensor(tea))])[None]
    log_probs = model.llm(inputs_embeds=embeds).logits[0].log_softmax(-1)
    start = 1 + len(kept) + n
    assert long.total == pytest.approx(sum(log_probs[start + i - 1, t].item() for i, t in enumerate(tea)), abs=1e-4)


def test_an_answer_without_room_is_refused(model, monkeypatch):
    monkeypatch.setattr(model.llm.config, "max_position_embeddings", 4)
    with pytest.raises(UserError, match="too long for the LLM, which takes 4"):
        model.loglikelihood([(["Tom"], [" Nobody knows the lamp in the old garden."])])


def test_a_memory_that_is_recurrent_as_well_is_not_repeated():
    plain, mixed = DynamicCache(), DynamicCache()
    plain.layers.append(DynamicLayer())
    mixed.layers.append(LinearAttentionAndFullAttentionLayer())  # a kind of DynamicLayer, as of Falcon-H1
    assert _repeatable(plain)
    assert not _repeatable(mixed)
