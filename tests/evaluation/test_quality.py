import pytest
import torch

from ssr_connector.errors import UserError
from ssr_connector.evaluation.quality import closeness, nearest_text, paired_closeness, transcribe
from ssr_connector.model.sequence import Speech
from ssr_connector.types import Alignment


def planted(model, text, noise=0.0):
    """Speech vectors that are the text's own embeddings, and some noise."""
    ids, spans = model.tokenize(text)
    n = len(ids)
    alignment = Alignment(text, tuple(ids), tuple(range(n)), tuple(range(1, n + 1)), tuple(spans), n)
    vectors = model.embed_tokens(torch.tensor(ids)).detach()
    return Speech(alignment, vectors + noise * torch.randn(vectors.shape, generator=torch.Generator().manual_seed(0)))


def test_embeddings_themselves_are_read_back_without_error(model):
    speech = planted(model, "Anna found the lamp.")
    cosine, squared = closeness(model, speech)
    assert torch.allclose(cosine, torch.ones(len(cosine)), atol=1e-5)
    assert squared.abs().max() < 1e-10
    assert nearest_text(model, [speech, planted(model, "Tom")]) == ["Anna found the lamp.", "Tom"]


def test_noise_is_seen_in_both_measures(model):
    noisy = planted(model, "The dog barks at noon.", noise=0.1)
    cosine, squared = closeness(model, noisy)
    assert cosine.mean() < 0.9
    expected = 0.01 * noisy.vectors.shape[1]
    assert 0.5 * expected < squared.mean() < 2 * expected


@pytest.mark.parametrize("beams", [1, 3])
def test_transcribing_in_batches_equals_one_by_one(model, beams):
    heard = [planted(model, t) for t in ("Tom wanted some tea.", "The king", "Anna found the lamp.", "The king")]
    together = transcribe(model, heard, batch=4, beams=beams)
    assert len(together.texts) == 4
    assert together == transcribe(model, heard, batch=1, beams=beams)


def test_best_path_vectors_are_paired_with_the_tokens_they_stand_for(model):
    reference = model.tokenize("Anna found the lamp.")[0]
    exact = planted(model, "Anna found the lamp.")
    assert torch.allclose(paired_closeness(model, exact, reference), torch.ones(len(reference)), atol=1e-5)
    shorter = planted(model, "Anna the lamp.")  # a deletion must not shift the pairs after it
    cosines = paired_closeness(model, shorter, reference)
    assert len(cosines) <= len(shorter.alignment)
    assert cosines.max() > 0.999
    assert (cosines > 0.999).float().mean() > 0.7
    assert len(paired_closeness(model, exact, [])) == 0


def test_a_transcript_ends_with_its_line_and_examples_come_before(model, monkeypatch):
    seen = {}

    def generate(inputs_embeds, attention_mask, **options):
        seen["n"], seen["beams"] = int(attention_mask.sum()), options["num_beams"]
        return torch.tensor([model.tokenize("Tom wanted\n\nAnna found")[0]])

    monkeypatch.setattr(model.llm, "generate", generate)
    heard, example = planted(model, "Tom wanted some tea."), planted(model, "The king")
    assert transcribe(model, [heard]) == (["Tom wanted"], 0)
    alone = seen["n"]
    assert transcribe(model, [heard], beams=2, examples=[(example, "The king")]).texts == ["Tom wanted"]
    shown = len(example.alignment) + len(model.tokenize(model.config.transcribe_prompt)[0])
    assert seen == {"n": alone + shown + len(model.tokenize(" The king\n\n")[0]), "beams": 2}


def test_what_goes_beyond_the_positions_of_the_llm_is_counted_and_examples_must_leave_room(model, monkeypatch):
    short, long = planted(model, "The king"), planted(model, "Anna found the lamp. " * 4)
    asked = len(model.prefix_ids) + len(model.tokenize(model.config.transcribe_prompt)[0])
    room = asked + len(long.alignment) + 2 * len(long.alignment) + 8 - 1  # the last token takes no position
    for limit, n_beyond in ((room, 0), (room - 1, 1)):
        monkeypatch.setattr(model.llm.config, "max_position_embeddings", limit)
        assert transcribe(model, [short, long]).n_beyond == n_beyond
    monkeypatch.setattr(model.llm.config, "max_position_embeddings", asked + len(long.alignment) + 8)
    with pytest.raises(UserError, match=r"asr_shots 1: the examples alone fill the \d+ positions of the LLM; ask for"):
        transcribe(model, [short], examples=[(long, "Anna found the lamp.")])
