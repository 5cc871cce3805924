"""A corpus's reader gets the options that it takes, and no other."""

from pathlib import Path

import pytest

from ssr_connector.data.entry import Corpus, Entry

SOURCE, FOLDER = Path("source"), Path("folder")


@pytest.mark.parametrize("has_subsets", [False, True])
@pytest.mark.parametrize("writes_audio", [False, True])
@pytest.mark.parametrize("subset", [None, "dev-clean"])
def test_a_reader_gets_the_options_that_it_takes(has_subsets, writes_audio, subset):
    taken = {}

    def read(source, **options):
        taken.update(options)
        yield Entry("a", source / "a.wav", "text")

    corpus = Corpus(lambda _: True, read, has_subsets=has_subsets, writes_audio=writes_audio)
    assert list(corpus.items(SOURCE, subset, FOLDER)) == [Entry("a", SOURCE / "a.wav", "text")]
    expected = {"subset": subset} if has_subsets and subset else {}
    assert taken == expected | ({"folder": FOLDER} if writes_audio else {})
