"""What the tests of engines share."""

import os
import sys
from pathlib import Path

import pytest


@pytest.fixture
def counting(monkeypatch):
    """The module beside this one, for this process and those that it starts."""
    here = str(Path(__file__).parent)
    monkeypatch.syspath_prepend(here)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))
    import counting

    yield counting
    sys.modules.pop("counting")


@pytest.fixture(scope="session")
def encoded(tiny_corpus, tiny_encoder, tmp_path_factory):
    """Frames of the training cuts as an unbroken run in one process makes them."""
    from ssr_connector.config import EncoderSection
    from ssr_connector.encoders.corpus import encode_cuts

    out = tmp_path_factory.mktemp("encoded") / "frames"
    cuts = [tiny_corpus / "train.jsonl.gz"]
    n, _ = encode_cuts(cuts, EncoderSection(tiny_encoder), out, 5.0, lambda *_: None, shard_s=4.0)
    assert n == 12
    return out
