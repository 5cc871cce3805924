"""Packed text against all of it in memory."""

import gzip
import json

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssr_connector.data.documents import Documents
from ssr_connector.data.packing import PackedText, WindowRecord
from ssr_connector.errors import UserError


def encode(text):
    return [1, *map(ord, text), 2]


def packed(path, block, window_tokens, record=None):
    return PackedText(Documents(path), encode, block, record, window_tokens)


def block_of(text, number):
    """A block by its number, through every window that is between."""
    _, window, at = text.find(number)
    return text.blocks(window)[at]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.one_of(st.text("abc", max_size=9), st.none()), min_size=1, max_size=25),
    st.integers(1, 7),
    st.integers(1, 40),
    st.integers(0, 120),
    st.data(),
)
def test_blocks_are_those_of_the_whole_text_and_a_resumed_run_goes_on_with_the_same(
    tmp_path, lines, block, window_tokens, seen, data
):
    path, kept = tmp_path / "text.jsonl.gz", tmp_path / "record.jsonl"
    path.write_bytes(gzip.compress("".join(json.dumps({"text": line}) + "\n" for line in lines).encode()))
    kept.unlink(missing_ok=True)
    whole = [i for line in lines if line for i in encode(line)]
    n = len(whole) // block
    if n == 0:
        with pytest.raises(UserError, match="shorter than one block"):
            packed(path, block, window_tokens)
        return
    expected = torch.tensor(whole[: n * block]).view(n, block)
    first = packed(path, block, window_tokens, WindowRecord(kept, ["this"]))
    for number in range(seen):
        assert torch.equal(block_of(first, number), expected[number % n])
    # Killed here, perhaps in the middle of a line.
    content = kept.read_bytes()
    kept.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    again = packed(path, block, window_tokens, WindowRecord(kept, ["this"]))
    for number in (seen, seen + 1, seen + 2 * n, 0):
        assert torch.equal(block_of(again, number), expected[number % n])
    for number in range(n + 1):
        block_of(again, number)
    bad = [(f"{path}, line {k}", 'not a JSON object with a string "text"') for k, t in enumerate(lines, 1) if t is None]
    assert again.malformed == bad
    third = packed(path, block, window_tokens, WindowRecord(kept, ["this"]))
    assert (third.malformed, third.n_blocks) == (bad, n)


class Counting(Documents):
    """Counts the documents that are read, and from how many places."""

    n = starts = 0

    def read(self, *start):
        self.starts += 1
        for item in super().read(*start):
            self.n += 1
            yield item


def test_a_resumed_run_reads_no_more_than_its_window(tmp_path):
    path, kept = tmp_path / "text.txt", tmp_path / "record.jsonl"
    path.write_text("\n".join("abcdefgh" for _ in range(1000)))
    first = packed(path, 10, 100, WindowRecord(kept, ["this"]))
    wanted = block_of(first, 905)
    documents = Counting(path)
    again = PackedText(documents, encode, 10, WindowRecord(kept, ["this"]), 100)
    assert torch.equal(block_of(again, 905), wanted)
    assert documents.n <= 11
    other = Counting(path)
    PackedText(other, encode, 10, WindowRecord(kept, ["that"]), 100)  # of another tokenizer: nothing of it is believed
    assert other.n == 10
    assert kept.read_text().splitlines()[0] == '["that"]'


def test_a_round_reads_the_text_once_however_many_windows(tmp_path):
    path = tmp_path / "text.txt.gz"
    path.write_bytes(gzip.compress(b"abcdefgh\n" * 500))
    documents = Counting(path)
    text = PackedText(documents, encode, 10, None, 100)
    for number in range(500):
        assert torch.equal(block_of(text, number), torch.tensor(encode("abcdefgh")))
    assert (documents.starts, documents.n) == (1, 500)
    for number in range(500, 1250):  # two more
        block_of(text, number)
    assert (documents.starts, documents.n) == (3, 1250)
    block_of(text, 1)  # back: read again from there
    assert documents.starts == 4


def test_only_a_window_is_in_memory(tmp_path):
    import tracemalloc

    path = tmp_path / "text.txt"
    path.write_text("\n".join("abcdefgh" * 5 for _ in range(5_000)))
    text = packed(path, 10, 1000)
    tracemalloc.start()
    block_of(text, 20_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 600_000  # all of it would be 1.7 MB of tensor alone


def test_another_process_reads_the_record_and_leaves_it(tmp_path):
    path, kept = tmp_path / "text.txt", tmp_path / "record.jsonl"
    path.write_text("abcdefgh\n" * 50)
    packed(path, 10, 100, WindowRecord(kept, ["this"]))
    before = kept.read_bytes()
    other = packed(path, 10, 100, WindowRecord(kept, ["this"], writes=False))
    block_of(other, 40)
    assert kept.read_bytes() == before
