import copy

import pytest
import torch

from ssr_connector.config import TrainingSection
from ssr_connector.connectors import CIFConnector, Connector, ConnectorConfig, build_connector
from ssr_connector.errors import UserError
from ssr_connector.model import SSRForConditionalGeneration
from ssr_connector.model.adapter import add_adapter
from ssr_connector.model.sequence import Sequences
from ssr_connector.training import objectives
from ssr_connector.training.batches import Batch
from ssr_connector.training.loop import Student, Weighted
from ssr_connector.training.objectives import (
    ContinueLikeText,
    Distil,
    PredictLikeText,
    Quantity,
    SpeechLM,
    Teacher,
    TextLM,
    Transcribe,
    build_objectives,
    document_positions,
)
from ssr_connector.types import Frames, Segments, SpeechEmbeds


class Planted(Connector):
    """A connector that emits the LLM's own embeddings of the aligned tokens, times and plus something."""

    needs_segments = True

    def __init__(self, table, scale=1.0, shift=0.0):
        super().__init__()
        self.table, self.scale, self.shift = table, scale, shift

    def forward(self, frames: Frames, segments: Segments) -> SpeechEmbeds:
        values = self.table(segments.token_ids) * self.scale + self.shift
        values[~segments.mask] = 1e3  # padding must not count
        return SpeechEmbeds(values, segments.lengths)

    def match_scale(self, embeddings):
        pass


def plant(model, **kwargs):
    model.connector = Planted(model.llm.get_input_embeddings(), **kwargs)


def test_the_target_of_distillation_is_the_llms_own_embedding(model, batch):
    plant(model)
    loss, figures = Distil(model, TrainingSection())(batch)
    assert loss.item() == pytest.approx(0, abs=1e-5)
    assert figures["cosine"] == pytest.approx(1)


def test_the_distillation_loss_is_that_of_the_method(model, batch):
    plant(model, scale=-1.0)
    rows = torch.cat([model.embed_tokens(torch.tensor(a.token_ids)) for a in batch.speech.alignments])
    squared = (4 * rows.square().sum(1)).mean()  # ‖-h - h‖², summed over dimensions, mean over tokens
    loss, figures = Distil(model, TrainingSection())(batch)
    assert figures["squared_error"] == pytest.approx(squared.item(), rel=1e-4)
    assert loss.item() == pytest.approx(squared.item() + 5 * 2, rel=1e-4)
    plant(model, shift=0.1)
    _, figures = Distil(model, TrainingSection(cosine_weight=0.0))(batch.to("cpu"))  # not yet heard
    assert figures["squared_error"] == pytest.approx(32 * 0.01, rel=1e-3)


def test_objectives_share_what_the_connector_makes_of_a_batch(model, batch, monkeypatch):
    runs = []
    honest = model.connector.forward
    monkeypatch.setattr(model.connector, "forward", lambda *args: runs.append(1) or honest(*args))
    for objective in (Distil(model, TrainingSection()), SpeechLM(model), Transcribe(model, " So:")):
        objective(batch)
    assert runs == [1]


def seen(monkeypatch):
    """The sequences that objectives lay out."""
    built, honest = [], Sequences.build.__func__

    def build(cls, *args, **kwargs):
        built.append(honest(cls, *args, **kwargs))
        return built[-1]

    monkeypatch.setattr(objectives.Sequences, "build", classmethod(build))
    return built


def by_hand(model, rows):
    """Mean cross-entropy of rows of (input ids, whether each is a target), one row at a time."""
    total, n = 0.0, 0
    for ids, scored in rows:
        logits = model.llm(torch.tensor([ids])).logits[0].log_softmax(-1)
        for i in range(1, len(ids)):
            if scored[i]:
                total, n = total - logits[i - 1, ids[i]].item(), n + 1
    return total / n


def test_speech_lm_is_laid_out_as_the_method_says(model, batch, monkeypatch):
    plant(model)
    built = seen(monkeypatch)
    loss, _ = SpeechLM(model)(batch)
    ids = [list(a.token_ids) for a in batch.speech.alignments]
    (sequences,) = built
    width = 1 + max(map(len, ids))
    expected = torch.full((2, width), -100)
    for i, row in enumerate(ids):
        expected[i, 1 : 1 + len(row)] = torch.tensor(row)
    assert torch.equal(sequences.labels, expected)
    assert sequences.mask.sum(1).tolist() == [1 + len(row) for row in ids]
    bos = model.tokenizer.bos_token_id
    expected_loss = by_hand(model, [([bos, *row], [0] + [1] * len(row)) for row in ids])
    assert loss.item() == pytest.approx(expected_loss, rel=1e-5)


def test_transcribe_is_laid_out_as_the_method_says(model, batch, monkeypatch):
    plant(model)
    built = seen(monkeypatch)
    loss, _ = Transcribe(model, "\nTranscript:")(batch)
    bos, eos = model.tokenizer.bos_token_id, model.tokenizer.eos_token_id
    prompt = model.tokenize("\nTranscript:")[0]
    rows = []
    for text, a in zip(batch.speech.transcripts, batch.speech.alignments, strict=True):
        head = [bos, *a.token_ids, *prompt]
        answer = [*model.tokenize(" " + text)[0], eos]
        rows.append((head + answer, [0] * len(head) + [1] * len(answer)))
    for labels, (ids, scored) in zip(built[0].labels, rows, strict=True):
        assert labels[: len(ids)].tolist() == [t if s else -100 for t, s in zip(ids, scored, strict=True)]
        assert set(labels[len(ids) :].tolist()) <= {-100}
    assert loss.item() == pytest.approx(by_hand(model, rows), rel=1e-5)


def test_transcribe_without_an_eos_ends_with_the_text(model, batch):
    plant(model)
    model.tokenizer.eos_token = None
    assert Transcribe(model, "")(batch)[0].isfinite()


def test_continuation_kl_is_zero_where_speech_is_its_text(model, batch):
    plant(model)
    objective = ContinueLikeText(model, Teacher(model.llm), new_tokens=6)
    loss, _ = objective(batch)
    assert loss.item() == pytest.approx(0, abs=1e-5)
    model.connector.shift = 0.3
    worse, _ = objective(batch.to(batch.speech.frames.values.device))  # heard anew, as in every step
    assert worse.item() > 1e-4


def test_a_continuation_of_nothing_has_something_before_it(model, batch, monkeypatch):
    """An LLM without BOS, and an utterance of which a connector makes no vector."""
    plant(model)
    model.tokenizer.bos_token = None
    objective = ContinueLikeText(model, Teacher(model.llm), new_tokens=3)
    monkeypatch.setattr(type(model.connector), "needs_segments", False)
    embeds = model.embed(batch.speech.frames, batch.speech.alignments)
    batch.speech.connected.append(SpeechEmbeds(embeds.values, embeds.lengths * 0))
    assert objective(batch)[0].isfinite()


def test_continuations_are_written_once_and_end_with_eos(model, batch, monkeypatch):
    plant(model)
    objective = ContinueLikeText(model, Teacher(model.llm), new_tokens=6)
    objective(batch)
    written = {key: objective.written[key] for key in "ab"}
    assert all(len(ids) <= 6 for ids in written.values())
    monkeypatch.setattr(model.llm, "generate", None)  # would fail if it were called
    objective(batch)
    assert {key: objective.written[key] for key in "ab"} == written


@pytest.mark.parametrize("kind", [ContinueLikeText, PredictLikeText])
def test_the_teacher_is_the_llm_as_it_was(model, batch, kind):
    plant(model)
    model.llm.requires_grad_(True)
    objective = kind(model, Teacher(model.llm))
    assert objective.teacher.llm is not model.llm
    before, _ = objective(batch)
    assert before.item() == pytest.approx(0, abs=1e-5)
    with torch.no_grad():
        for parameter in model.llm.model.layers.parameters():
            parameter.mul_(1.5)
    after, _ = objective(batch.to(batch.speech.frames.values.device))
    assert after.item() > 1e-4  # a teacher that learnt along would agree
    model.llm.requires_grad_(False)
    assert Teacher(model.llm).llm is model.llm  # no copy of what does not learn


@pytest.mark.parametrize("adapter", ["lora", "dora", "ia3", "bottleneck"])
def test_an_llm_with_additions_teaches_itself_as_a_copy_would(model, batch, adapter):
    copied = copy.deepcopy(model.llm).requires_grad_(False)
    model.llm = add_adapter(model.llm, adapter, 4, 8.0)
    learning = [p for p in model.llm.parameters() if p.requires_grad]
    learning[0].requires_grad_(False)  # as `training.freeze` does
    for parameter in learning:
        torch.nn.init.normal_(parameter, std=0.3)
    config = TrainingSection(objectives={"text_kl": 1, "continuation": 1}, train=("llm",), adapter=adapter)
    built = build_objectives(model, config, None)
    student = Student(model, [Weighted(name, 1.0, objective) for name, objective in built.items()])
    assert not list(student.teachers)
    student.eval()
    for name, kind in (("text_kl", PredictLikeText), ("continuation", ContinueLikeText)):
        loss, _ = built[name](batch)
        assert loss.item() == kind(model, Teacher(copied))(batch)[0].item() > 1e-3
    student.train()
    student(batch)[0].backward()
    assert [p.requires_grad for p in learning] == [False, *[True] * (len(learning) - 1)]
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in learning)
    assert model.llm.training
    assert {id(p) for p in student.parameters()} == {id(p) for p in model.parameters()}


def test_two_objectives_share_a_copy(model):
    model.llm.requires_grad_(True)
    config = TrainingSection(objectives={"text_kl": 1, "continuation": 1}, train=("llm",))
    built = build_objectives(model, config, None)
    student = Student(model, [Weighted(name, 1.0, objective) for name, objective in built.items()])
    assert len(student.teachers) == 1
    assert student.teachers[0] is not model.llm


def test_text_is_scored_as_transformers_does(model):
    ids = torch.randint(5, 300, (3, 12))
    loss, _ = TextLM(model)(Batch(None, ids))
    assert loss.item() == pytest.approx(model.llm(ids, labels=ids).loss.item(), rel=1e-5)


def test_packed_documents_do_not_see_each_other(model):
    bos = model.prefix_ids[0]
    first, second = [bos, 40, 41, 42], [bos, 50, 51, 52, 53]
    positions = document_positions(torch.tensor([first + second]), [bos], [])
    assert positions.tolist() == [[0, 1, 2, 3, 0, 1, 2, 3, 4]]
    assert document_positions(torch.tensor([[40, 9, 50, 51]]), [], [9]).tolist() == [[0, 1, 0, 1]]
    packed, _ = TextLM(model)(Batch(None, torch.tensor([first + second])))
    alone = [model.llm(torch.tensor([d]), labels=torch.tensor([d])).loss.item() * (len(d) - 1) for d in (first, second)]
    assert packed.item() == pytest.approx(sum(alone) / 7, rel=1e-4)


def test_flash_attention_gets_packed_documents_as_one_row_with_the_same_loss(model, monkeypatch):
    """It keeps documents apart in a batch of one row alone; it is not here, so this is what reaches the LLM."""
    bos = model.prefix_ids[0]
    ids = torch.tensor([[bos, 40, 41, bos, 42, 43], [44, 45, bos, 46, 47, 48]])
    expected, _ = TextLM(model)(Batch(None, ids))
    asked = []
    forward = model.llm.forward

    def watched(**inputs):
        asked.append((inputs["input_ids"].shape, inputs["position_ids"].tolist()))
        with monkeypatch.context() as patch:
            patch.setattr(model.llm.config, "_attn_implementation", "sdpa")
            return forward(**inputs)

    monkeypatch.setattr(model.llm, "forward", watched)
    monkeypatch.setattr(model.llm.config, "_attn_implementation", "flash_attention_2")
    loss, _ = TextLM(model)(Batch(None, ids))
    assert asked == [((1, 12), [[0, 1, 2, 0, 1, 2, 0, 1, 0, 1, 2, 3]])]
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_each_half_of_the_distillation_loss_can_stand_alone(model, batch):
    plant(model, scale=2.0)
    both, figures = Distil(model, TrainingSection(squared_weight=0.5, cosine_weight=0.0))(batch)
    assert both.item() == pytest.approx(0.5 * figures["squared_error"])
    assert Distil(model, TrainingSection(squared_weight=0.0))(batch)[0].item() == pytest.approx(0, abs=1e-5)


def test_a_centred_cosine_forgets_what_all_embeddings_share(model, batch):
    with torch.no_grad():
        model.llm.get_input_embeddings().weight += 100.0  # then any two of them look alike
    shared = model.llm.get_input_embeddings().weight.mean(0).detach()
    model.connector = Planted(model.llm.get_input_embeddings(), scale=0.0, shift=shared + torch.randn(32))
    assert Distil(model, TrainingSection())(batch)[1]["cosine"] > 0.99
    assert abs(Distil(model, TrainingSection(centred_cosine=True))(batch)[1]["cosine"]) < 0.5
    plant(model)
    batch = batch.to("cpu")  # not yet heard
    assert Distil(model, TrainingSection(centred_cosine=True))(batch)[1]["cosine"] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("layer", [1, 2])
def test_distillation_after_a_layer_compares_the_llm_s_states(model, batch, layer):
    plant(model)
    assert Distil(model, TrainingSection(distil_layer=layer))(batch)[0].item() == pytest.approx(0, abs=1e-4)
    model.connector = Planted(model.llm.get_input_embeddings(), shift=0.5)
    batch = batch.to("cpu")  # not yet heard
    speech = batch.speech
    totals = []
    for alignment in speech.alignments:
        h = model.embed_tokens(torch.tensor([model.prefix_ids + list(alignment.token_ids)]))
        z = torch.cat([h[:, : len(model.prefix_ids)], h[:, len(model.prefix_ids) :] + 0.5], 1)
        states = [model.llm(inputs_embeds=e, output_hidden_states=True).hidden_states[layer] for e in (z, h)]
        totals += (states[0] - states[1])[0, len(model.prefix_ids) :].square().sum(-1).tolist()
    found = Distil(model, TrainingSection(distil_layer=layer))(batch)[1]["squared_error"]
    assert found == pytest.approx(sum(totals) / len(totals), rel=1e-3)


def test_a_layer_that_the_llm_lacks_is_named(model):
    with pytest.raises(UserError, match="distil_layer is 3; this LLM has 2 layers"):
        Distil(model, TrainingSection(distil_layer=3))


@pytest.mark.parametrize("make", [lambda m: SpeechLM(m), lambda m: Distil(m, TrainingSection()), lambda m: TextLM(m)])
def test_missing_data_is_said(model, make):
    with pytest.raises(ValueError, match="needs"):
        make(model)(Batch(None, None))


def test_gradients_reach_the_connector_and_stop_at_the_embedding(tiny_model, batch):
    model = SSRForConditionalGeneration.from_pretrained(str(tiny_model))
    for objective in (Distil(model, TrainingSection()), ContinueLikeText(model, Teacher(model.llm), 2)):
        model.zero_grad()
        objective(batch.to("cpu"))[0].backward()  # not yet heard
        assert all(p.grad is not None for p in model.connector.parameters())
    model.zero_grad()
    Distil(model, TrainingSection())(batch.to("cpu"))[0].backward()
    assert model.llm.get_input_embeddings().weight.grad is None


def test_quantity_is_how_far_the_weights_sum_from_the_tokens(model, batch, monkeypatch):
    monkeypatch.setattr(CIFConnector, "weights", lambda self, frames: 0.5 * frames.mask.float())
    model.connector = build_connector(ConnectorConfig(type="cif", layers=0), 32, model.llm.config)
    loss, figures = Quantity(model)(batch)
    n = [len(a) for a in batch.speech.alignments]  # as many frames as tokens: the sum is half of what it is to be
    assert loss.item() == pytest.approx(sum((k / 2) ** 2 / k for k in n) / 2)
    assert figures == {"quantity": loss.item()}
