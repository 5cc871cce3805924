"""CTC compression against run lengths counted by hand, with an aligner whose labels are planted."""

import itertools

import pytest
import torch
from torch import nn

from ssr_connector.aligners import CIF, CharCTC, CharCTCConfig, CIFConfig
from ssr_connector.errors import UserError


class Planted(CharCTC):
    """Hears labels that are given; without regard to the frames."""

    def __init__(self, rows):
        super().__init__(CharCTCConfig(width=8, layers=1, heads=2, alphabet="abc"), 12)
        self.rows = rows

    def forward(self, frames):
        rows = [torch.tensor(row) for row in self.rows]
        labels = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=3)  # padding is not to be read
        return nn.functional.one_hot(labels, 4).float().log_softmax(-1)


ROWS = ([0, 1, 1, 0, 1, 2, 2, 2, 0, 0, 3, 0], [2, 2, 2, 1, 0], [0, 0, 0])


def test_a_vector_is_the_mean_over_a_run_of_one_label(make, noise):
    connector = make("ctc_compress", layers=0)
    frames = noise(*map(len, ROWS))
    out = connector(frames, connector.segments(frames, [], Planted(ROWS)))
    expected = []
    for values, row in zip(frames.values, ROWS, strict=True):
        runs = [list(group) for _, group in itertools.groupby(range(len(row)), lambda t, row=row: row[t])]
        expected.append([values[run].mean(0) for run in runs if row[run[0]] != 0])
    assert out.lengths.tolist() == [len(row) for row in expected] == [4, 2, 0]
    for got, row in zip(out.values, expected, strict=True):
        for k, mean in enumerate(row):
            torch.testing.assert_close(got[k], connector.norm_out(connector.project(mean)))


def test_another_aligner_is_refused(make, noise):
    aligner = CIF(CIFConfig(width=8, layers=1, heads=2, token_ids=(1,), token_texts=("a",)), 12)
    with pytest.raises(UserError, match=r"needs a CTC aligner \(aligner.type char_ctc or sub_ctc\), not cif"):
        make("ctc_compress").segments(noise(5), [], aligner)
