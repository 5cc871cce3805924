import copy
import os

import torch

from ssr_connector.evaluation.identity import Identities, code, version
from ssr_connector.model import SSRForConditionalGeneration


def parts(model):
    """Taken anew: a digest is kept as long as its module lives."""
    known = Identities()
    return known.llm(model), known.connector(model), known.ears(model.ears)


def test_equal_parts_have_equal_names_wherever_they_are(model, tmp_path):
    model.save_pretrained(str(tmp_path / "elsewhere"))
    assert parts(SSRForConditionalGeneration.from_pretrained(str(tmp_path / "elsewhere"))) == parts(model)


def test_a_part_that_changed_has_another_name_alone(model):
    before = parts(model)
    for k, name in enumerate(("llm", "connector", "aligner")):
        other = copy.copy(model)
        other._modules = dict(model._modules)
        other._modules[name] = copy.deepcopy(model._modules[name])
        with torch.no_grad():
            next(other._modules[name].parameters()).view(-1)[0] += 1e-3
        assert [a == b for a, b in zip(parts(other), before, strict=True)] == [j != k for j in range(3)]


def test_a_file_is_known_by_size_and_time(tmp_path):
    path = tmp_path / "a.wav"
    assert version(str(path)) == ""
    path.write_bytes(b"12")
    first = version(str(path))
    os.utime(path, ns=(5, 5))
    assert version(str(path)) not in ("", first)


def test_code_is_known_by_what_its_files_hold(tmp_path):
    (tmp_path / "a.py").write_text("a = 1")
    (tmp_path / "__pycache__").mkdir()
    found = code.__wrapped__
    before = found(tmp_path)
    (tmp_path / "__pycache__" / "a.pyc").write_text("whatever")
    assert found(tmp_path) == before
    (tmp_path / "a.py").write_text("a = 2")  # though nothing was committed
    changed = found(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({before, changed, found(tmp_path)}) == 3
