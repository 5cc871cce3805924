import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoProcessor, LlamaConfig, LlamaForCausalLM

from ssr_connector.errors import UserError
from ssr_connector.model import SSRConfig, SSRForConditionalGeneration, SSRProcessor
from ssr_connector.model import checkpoint as module
from ssr_connector.model.processing import SPEECH_ID
from ssr_connector.tiny.tokenizer import train_tokenizer

load = SSRForConditionalGeneration.from_pretrained


@pytest.fixture
def world(tmp_path, tiny_model, tiny_llm, tiny_encoder):
    """A checkpoint beside copies of its base models, all of which a test may spoil."""
    for name, source in (("llm", tiny_llm), ("encoder", tiny_encoder)):
        shutil.copytree(source, tmp_path / "here" / "base" / name)
    model = load(tiny_model)
    model.config.llm_name = str(tmp_path / "here" / "base" / "llm")
    model.config.encoder_name = str(tmp_path / "here" / "base" / "encoder")
    model.save_pretrained(tmp_path / "here" / "run" / "model")
    return tmp_path / "here"


def test_saved_and_loaded_gives_the_same_bits(model, tmp_path, recordings):
    model.save_pretrained(tmp_path / "model")
    torch.manual_seed(7)  # loading must not draw what it keeps
    again = load(tmp_path / "model")
    assert not again.training
    mine, its = model.state_dict(), again.state_dict()
    assert mine.keys() == its.keys()
    assert all(torch.equal(mine[k], its[k]) for k in mine)
    ids = torch.tensor([[1, SPEECH_ID, 33]])
    assert torch.equal(*(m(ids, recordings=recordings[:1]).logits for m in (model, again)))


def test_a_trained_llm_is_in_the_checkpoint(model, tiny_model, tmp_path):
    changed = load(tiny_model)
    with torch.no_grad():
        changed.llm.model.layers[0].mlp.up_proj.weight += 1
    changed.config.llm_trained = True
    changed.save_pretrained(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.config.llm_trained
    assert torch.equal(again.llm.model.layers[0].mlp.up_proj.weight, changed.llm.model.layers[0].mlp.up_proj.weight)
    again.save_pretrained(tmp_path / "second")
    assert (tmp_path / "second" / "model.safetensors").read_bytes() == (
        tmp_path / "model" / "model.safetensors"
    ).read_bytes()


def test_the_auto_classes_know_it(tiny_model):
    assert isinstance(AutoConfig.from_pretrained(tiny_model), SSRConfig)
    assert isinstance(AutoModel.from_pretrained(tiny_model), SSRForConditionalGeneration)
    assert isinstance(AutoProcessor.from_pretrained(tiny_model), SSRProcessor)


def test_no_pickle_and_no_base_model_is_inside(tiny_model):
    assert sorted(p.name for p in tiny_model.iterdir()) == ["config.json", "model.safetensors", "processor_config.json"]
    assert {k.split(".")[0] for k in load_file(tiny_model / "model.safetensors")} == {"aligner", "connector"}


def test_moved_together_with_its_base_models_it_still_loads(world, tmp_path, model, recordings):
    world.rename(tmp_path / "there")
    again = load(tmp_path / "there" / "run" / "model")
    assert torch.equal(again.listen(recordings[:1])[0].vectors, model.listen(recordings[:1])[0].vectors)
    assert SSRProcessor.from_pretrained(tmp_path / "there" / "run" / "model").sampling_rate_hz == 16000


@pytest.mark.parametrize("base", ["llm", "encoder"])
def test_a_missing_base_model_is_named(world, base):
    shutil.rmtree(world / "base" / base)
    with pytest.raises(UserError, match=rf"needs its base model at .*{base}, which is missing"):
        load(world / "run" / "model")


@pytest.mark.parametrize("base", ["llm", "encoder"])
def test_a_damaged_base_model_is_named(world, base):
    (world / "base" / base / "config.json").unlink()
    with pytest.raises(UserError, match=rf"base/{base}.*check {base}\.name") as caught:
        load(world / "run" / "model")
    assert "\n" not in str(caught.value)


def test_an_llm_that_is_cut_off_is_named(world):
    weights = world / "base" / "llm" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"cannot load an LLM from .*base/llm"):
        load(world / "run" / "model")


def test_a_base_model_of_another_width_is_refused(world):
    config = LlamaConfig.from_pretrained(world / "base" / "llm")
    config.hidden_size, config.head_dim = 64, 16
    LlamaForCausalLM(config).save_pretrained(world / "base" / "llm")
    with pytest.raises(UserError, match=r"LLM .*llm is 64 wide, but this checkpoint was trained with 32"):
        load(world / "run" / "model")


def damage(path, how):
    weights = path / "model.safetensors"
    state = load_file(weights)
    first = sorted(state)[0]
    if how == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "empty":
        weights.write_bytes(b"")
    elif how == "header":
        weights.write_bytes(b"\xff" * 200)
    elif how == "lacking":
        save_file({k: v for k, v in state.items() if k != first}, weights)
    elif how == "unknown":
        save_file({**state, "connector.more": torch.ones(1)}, weights)
    elif how == "shape":
        save_file({**state, first: torch.ones(3, 3, 3)}, weights)
    elif how == "config":
        (path / "config.json").write_text('{"model_type": "ssr_conn')
    elif how == "other":
        (path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    else:
        (path / how).unlink()


def test_what_else_a_run_holds_is_told(world, tmp_path):
    with pytest.raises(UserError, match=r"run is not a checkpoint, but .*run/model is: give that"):
        SSRForConditionalGeneration.from_pretrained(world / "run")
    (tmp_path / "ears" / "aligner").mkdir(parents=True)
    (tmp_path / "ears" / "aligner" / "aligner.json").write_text("{}")
    for path in (tmp_path / "ears", tmp_path / "ears" / "aligner"):
        with pytest.raises(UserError, match="it holds an aligner, and stage 1 makes a model with it"):
            SSRForConditionalGeneration.from_pretrained(path)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("cut", r"model\.safetensors is damaged"),
        ("empty", r"model\.safetensors is damaged"),
        ("header", r"model\.safetensors is damaged"),
        ("lacking", r"model\.safetensors lacks aligner\."),
        ("unknown", r"model\.safetensors has unknown connector\.more"),
        ("shape", r"model\.safetensors has another shape for"),
        ("config", r"config\.json is damaged"),
        ("other", r"not an SSR-Connector"),
        ("config.json", r"is not a checkpoint: it needs config\.json"),
        ("model.safetensors", r"is not a checkpoint: it needs"),
    ],
)
def test_a_spoilt_checkpoint_is_refused_in_one_sentence(world, how, message):
    path = world / "run" / "model"
    damage(path, how)
    with pytest.raises(UserError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_number_format_that_is_not_known_is_refused(world):
    file = world / "run" / "model" / "config.json"
    values = json.loads(file.read_text())
    assert values["llm_dtype"] == "float32"
    file.write_text(json.dumps({key: value for key, value in values.items() if key != "llm_dtype"}))
    assert load(file.parent).llm.dtype == torch.float32  # of an older version
    file.write_text(json.dumps(values | {"llm_dtype": "float8"}))
    with pytest.raises(UserError, match=r"has llm_dtype 'float8', which .* does not know"):
        load(file.parent)


@pytest.mark.parametrize("part", ["connector", "aligner"])
@pytest.mark.parametrize(("newer", "told"), [({"colour": 3}, "colour"), ({"type": "telepathy"}, "type 'telepathy'")])
def test_what_a_newer_version_wrote_is_refused_by_name(world, part, newer, told):
    file = world / "run" / "model" / "config.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps(values | {part: values[part] | newer}))
    message = rf"model/config\.json has {part}\.{told}, which .* does not know: a newer one wrote it"
    with pytest.raises(UserError, match=message):
        load(file.parent)


def test_additions_of_a_newer_version_are_refused_by_name(world):
    file = world / "run" / "model" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"adapter": {"type": "telepathy", "rank": 2}}))
    with pytest.raises(UserError, match=r"has adapter\.type 'telepathy', which .* does not know"):
        load(file.parent)


def test_another_llm_of_the_same_width_is_refused(world, sentences):
    llm = world / "base" / "llm"
    same = LlamaForCausalLM.from_pretrained(llm)
    for dtype in (torch.float16, torch.bfloat16):
        load(world / "run" / "model", dtype=dtype)
    with torch.no_grad():
        same.model.embed_tokens.weight.mul_(-1)
    same.save_pretrained(llm)
    with pytest.raises(UserError, match=r"base/llm is another than .* trained with, with other embeddings"):
        load(world / "run" / "model")
    tokenizer = train_tokenizer([line.upper() for line in sentences], 320)
    assert len(tokenizer) == same.config.vocab_size
    tokenizer.save_pretrained(llm)
    with pytest.raises(UserError, match="of another tokenizer"):
        load(world / "run" / "model")
    file = world / "run" / "model" / "config.json"  # of an older version
    file.write_text(json.dumps({k: v for k, v in json.loads(file.read_text()).items() if k != "llm_identity"}))
    load(world / "run" / "model")


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a checkpoint"):
        load(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"processor_config\.json is missing or damaged"):
        SSRProcessor.from_pretrained(tmp_path / "nowhere")


def test_a_full_disk_keeps_the_older_checkpoint(world, monkeypatch):
    model = load(world / "run" / "model")
    before = (world / "run" / "model" / "model.safetensors").read_bytes()

    def full(path, tensors, metadata=None):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(module, "write_tensors", full)
    with pytest.raises(OSError, match="No space"):
        model.save_pretrained(world / "run" / "model")
    assert (world / "run" / "model" / "model.safetensors").read_bytes() == before
    assert [p.name for p in (world / "run").iterdir()] == ["model"]
