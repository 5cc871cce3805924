import errno
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from ssr_connector.data.output import write_together
from ssr_connector.errors import UserError


def test_files_are_written_and_gzip_is_reproducible(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write_together(tmp_path / folder, {"a.tsv": ["é", "b"], "b.jsonl.gz": iter(["{}", "[]"])})
    assert (tmp_path / "one/a.tsv").read_text(encoding="utf-8") == "é\nb\n"
    assert gzip.decompress((tmp_path / "one/b.jsonl.gz").read_bytes()) == b"{}\n[]\n"
    assert (tmp_path / "one/b.jsonl.gz").read_bytes() == (tmp_path / "two/b.jsonl.gz").read_bytes()
    assert sorted(p.name for p in (tmp_path / "one").iterdir()) == ["a.tsv", "b.jsonl.gz"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [(OSError(errno.ENOSPC, "No space left on device"), UserError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
def test_an_interruption_leaves_what_was_there(
    tmp_path: Path, error: BaseException, raised: type[BaseException]
) -> None:
    def lines() -> Iterator[str]:
        yield "half"
        raise error

    (tmp_path / "a.tsv").write_text("old")
    with pytest.raises(raised) as caught:
        write_together(tmp_path, {"a.tsv": ["new"], "b.jsonl.gz": lines()})
    assert [p.name for p in tmp_path.iterdir()] == ["a.tsv"]
    assert (tmp_path / "a.tsv").read_text() == "old"
    if isinstance(caught.value, UserError):
        assert "No space left on device" in str(caught.value)
        assert str(tmp_path) in str(caught.value)
