import copy
import functools
import os
import re
from pathlib import Path

import torch

import ssr_connector
from ssr_connector.evaluation.hearing import HEARS
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


def test_what_is_heard_follows_from_the_code_that_hears(tmp_path):
    """Else a change of what scores would have hours of speech heard again."""
    for name in ("units.py", "aligners/ctc.py", "evaluation/hearing.py", "evaluation/report.py", "training/loop.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    whole, heard = (functools.partial(code.__wrapped__, tmp_path, parts) for parts in (None, HEARS))
    before = whole(), heard()
    changed = []
    for file in sorted(tmp_path.rglob("*.py")):
        file.write_text("2")
        after = whole(), heard()
        changed += [file.relative_to(tmp_path).as_posix()] if after[1] != before[1] else []
        assert after[0] != before[0]
        before = after
    assert changed == ["aligners/ctc.py", "evaluation/hearing.py", "units.py"]


def test_the_code_that_hears_needs_no_other():
    package = Path(ssr_connector.__file__).parent
    hears = [f for part in HEARS for f in ([package / part] if part.endswith(".py") else (package / part).glob("*.py"))]
    assert len(hears) > 50
    reached = {found for file in hears for found in re.findall(r"from ssr_connector\.(\w+)", file.read_text())}
    reached -= {part.split("/")[0] for part in HEARS} | {file.stem for file in package.glob("*.py")}
    # The order of a corpus' shards, vectors for the LLM, and eSpeak for pocketsphinx, which hears no words by itself.
    assert reached == {"engine", "model", "tiny"}
