"""Operations of a training step, counted on real data."""

import dataclasses

from ssr_connector.aligners.bundle import read_aligner
from ssr_connector.aligners.corpus import align_cuts
from ssr_connector.config import ConnectorConfig, EncoderSection, Recipe
from ssr_connector.encoders.corpus import encode_cuts
from ssr_connector.model import SSRConfig, SSRForConditionalGeneration
from ssr_connector.model.checkpoint import build
from ssr_connector.studies.flops import flops_of_step

WIDTH = 32  # of the frames, and of the LLM


def test_of_one_linear_layer_they_are_known(tmp_path, tiny_corpus, tiny_encoder, tiny_llm, tiny_aligner):
    train = tiny_corpus / "train.jsonl.gz"
    encode_cuts([train], EncoderSection(tiny_encoder), tmp_path / "frames", 20.0, lambda *_: None)
    found = align_cuts([train], tiny_aligner, tmp_path / "align", 20.0, lambda *_: None, tmp_path / "frames")
    aligner, _ = read_aligner(tiny_aligner)
    shape = ConnectorConfig(type="mean_pool", layers=0)
    values = {"aligner": aligner.to_dict(), "connector": dataclasses.asdict(shape)}
    config = SSRConfig(encoder_name=tiny_encoder, llm_name=tiny_llm, **values)
    build(SSRForConditionalGeneration, config).save_pretrained(str(tmp_path / "model"))
    recipe = Recipe(connector=shape)
    data = dataclasses.replace(
        recipe.data, train=str(train), frames=str(tmp_path / "frames"), alignments=str(tmp_path / "align")
    )
    training = dataclasses.replace(recipe.training, objectives={"distil": 1.0}, train=("connector",), batch_s=1000.0)
    counted = flops_of_step(dataclasses.replace(recipe, data=data, training=training), tmp_path / "model")
    per_vector = 2 * WIDTH * WIDTH  # forward; backward takes as much for the weights, and none for the frames
    n_vectors = counted / (2 * per_vector)
    assert n_vectors == int(n_vectors)  # every utterance is padded to the longest, in tokens
    assert n_vectors % found.aligned == 0
    assert n_vectors >= found.tokens
