"""Meta's UnitY2 aligner: its file made here in small, and its own arithmetic beside ours."""

import numpy as np
import pytest
import torch
from torch import nn

from ssr_connector.aligners.seamless import read_unity2, read_vocabulary
from ssr_connector.cli import main
from ssr_connector.errors import UserError
from ssr_connector.types import Frames
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)
SYMBOLS = ["\u2581", "e", "t", "a", "ing", "b"]  # in the tokenizer's order: by frequency, not sorted
N_UNITS, WIDTH = 7, 8


@pytest.fixture
def theirs():
    """The three parts of the file as Meta saved them."""
    torch.manual_seed(0)

    def stack(n):
        layers = [nn.Identity()]
        for i in range(n):
            last = i == n - 1
            layers.append(nn.Conv1d(WIDTH, WIDTH, 1 if last else 3, padding=0 if last else 1))
            layers += [nn.Dropout(0.1)] if last else [nn.ReLU(), nn.Dropout(0.1)]
        return nn.Sequential(*layers).eval()

    return nn.ModuleDict(
        {
            "text": nn.Embedding(4 + len(SYMBOLS), WIDTH),
            "unit": nn.Embedding(4 + N_UNITS + 3, WIDTH),  # languages follow the units
            "t_conv": stack(2),
            "f_conv": stack(3),
        }
    )


def published(theirs):
    parts = {f"{n}.{k}": v for n in ("t_conv", "f_conv") for k, v in theirs[n].state_dict().items()}
    return {
        "text_emb_state": theirs["text"].state_dict(),
        "unit_emb_state": theirs["unit"].state_dict(),
        "aligner_state": parts,
    }


def converted(theirs):
    """After Meta's loader: one state dict, the rows of characters in the tokenizer's order."""
    parts = published(theirs)
    rows = parts["text_emb_state"]["weight"].clone()
    by_name = sorted(SYMBOLS)
    rows[4:] = rows[[4 + by_name.index(s) for s in SYMBOLS]]
    model = {f"alignment_encoder.{k}": v for k, v in parts["aligner_state"].items()}
    model |= {
        "alignment_frontend.embed_text.weight": rows,
        "alignment_frontend.embed_unit.weight": parts["unit_emb_state"]["weight"],
    }
    return {"model": model}


@pytest.mark.parametrize("layout", [published, converted])
def test_scores_are_those_of_the_original(layout, theirs, tmp_path):
    torch.save(layout(theirs), tmp_path / "unity2.pt")
    centroids = torch.randn(N_UNITS, 5)
    aligner = read_unity2(tmp_path / "unity2.pt", SYMBOLS, centroids)
    assert aligner.config.alphabet == " etab"  # symbols of several letters spell nothing that we write
    units = torch.tensor([3, 0, 6, 6, 2, 1, 5, 4, 3])
    labels, _ = aligner.spell("bat te")
    frames = Frames(centroids[units][None], torch.tensor([9]), CLOCK)
    found = aligner(frames, torch.tensor([labels]), torch.tensor([len(labels)]))[0]

    by_name = sorted(SYMBOLS)
    text = torch.tensor([4 + by_name.index("\u2581" if c == " " else c) for c in " bat te "])
    heard = theirs["f_conv"](theirs["unit"](4 + units).T[None])[0].T
    written = theirs["t_conv"](theirs["text"](text).T[None])[0].T
    expected = (-(heard[:, None] - written[None]).norm(dim=2)).log_softmax(1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_what_is_not_such_a_file_is_said_to_be_none(theirs, tmp_path):
    centroids, path = torch.randn(N_UNITS, 5), tmp_path / "unity2.pt"
    for content in (b"", b"not a checkpoint"):
        path.write_bytes(content)
        with pytest.raises(UserError, match="is not a UnitY2 aligner"):
            read_unity2(path, SYMBOLS, centroids)
    torch.save({"model": {"embed.weight": torch.zeros(2)}}, path)
    with pytest.raises(UserError, match="is not a UnitY2 aligner"):
        read_unity2(path, SYMBOLS, centroids)
    torch.save(nn.Linear(2, 2), path)  # code to run, which weights_only refuses
    with pytest.raises(UserError, match="is not a UnitY2 aligner"):
        read_unity2(path, SYMBOLS, centroids)
    torch.save(published(theirs), path)
    with pytest.raises(UserError, match="knows 6 characters and 10 units"):
        read_unity2(path, [*SYMBOLS, "x"], centroids)
    more = published(theirs)
    more["aligner_state"]["stray"] = torch.zeros(1)
    torch.save(more, path)
    with pytest.raises(UserError, match="more than a UnitY2 aligner: stray"):
        read_unity2(path, SYMBOLS, centroids)
    other = published(theirs)
    other["aligner_state"]["f_conv.1.weight"] = torch.zeros(WIDTH, WIDTH, 5)
    torch.save(other, path)
    with pytest.raises(UserError, match="of another shape"):
        read_unity2(path, SYMBOLS, centroids)


def test_a_vocabulary_is_read_without_its_control_symbols(tmp_path):
    path = tmp_path / "char.vocab"
    path.write_text("<unk>\t0\n<s>\t0\n</s>\t0\n\u2581\t-1\ne\t-2.5\n", encoding="utf-8")
    assert read_vocabulary(path) == ["\u2581", "e"]
    for text, reason in (("a\nb\n", "no character vocabulary"), ("\u2581\na\na\n", "twice")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=reason):
            read_vocabulary(path)
    with pytest.raises(UserError, match="cannot read"):
        read_vocabulary(tmp_path / "none")


def test_the_command_makes_an_aligner_that_aligns(theirs, tmp_path, tiny_encoder, tiny_llm, tiny_corpus, capsys):
    torch.save(published(theirs), tmp_path / "unity2.pt")
    (tmp_path / "char.vocab").write_text("\n".join(SYMBOLS), encoding="utf-8")
    np.save(tmp_path / "units.npy", np.random.default_rng(0).normal(size=(N_UNITS, 32)).astype(np.float32))
    words = ["--characters", tmp_path / "char.vocab", "--centroids", tmp_path / "units.npy", "--encoder", tiny_encoder]
    words += ["--llm", tiny_llm, "--out", tmp_path / "made"]
    assert main(["import-aligner", str(tmp_path / "unity2.pt"), *map(str, words)]) == 0
    assert "5 characters, 7 units, 8 wide" in capsys.readouterr().out
    out = tmp_path / "aligned"
    assert (
        main(["align", str(tiny_corpus / "dev.jsonl.gz"), "--aligner", str(tmp_path / "made"), "--out", str(out)]) == 0
    )
    assert (out / "words.ctm").read_text()
