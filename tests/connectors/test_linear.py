"""One linear layer, frame by frame."""

import torch


def test_a_vector_is_its_frame_through_one_layer(make, noise):
    connector = make("linear", layers=0)
    frames = noise(6, 4)
    out = connector(frames, None)
    assert out.lengths.tolist() == [6, 4]
    expected = connector.norm_out(frames.values[1, 3] @ connector.project.weight.T)
    torch.testing.assert_close(out.values[1, 3], expected)
    assert connector.n_parameters == 12 * 32 + 32


def test_behind_the_decoder_a_vector_is_its_state(make, noise):
    connector = make("linear")
    frames = noise(6)
    expected = connector.norm_out(connector.decoder(frames.values))
    torch.testing.assert_close(connector(frames, None).values, expected)
