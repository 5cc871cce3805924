"""Text files that appear together and complete, or not at all."""

import gzip
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from ssr_connector.errors import UserError
from ssr_connector.files import to_disk


def write_together(folder: Path, files: Mapping[str, Iterable[str]]) -> None:
    """Write lines into files of ``folder`` (made if need be), gzipped where the name ends in ``.gz``.

    All are written beside their final names first, and only then put in place, so an interruption or a full disk
    leaves what was there. The same lines give the same bytes. Raises UserError where a file cannot be written.
    """
    temporary = {name: folder / f".{name}.tmp-{os.getpid()}" for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, lines in files.items():
            _write_lines(temporary[name], lines)
        for name, path in temporary.items():
            path.replace(folder / name)
        to_disk(folder)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror}): free space or choose another folder; no file was changed"
        ) from error
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("wb"))
        # No name and time in the gzip header: equal content gives equal files.
        is_gzip = ".gz.tmp-" in path.name
        stream = stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0)) if is_gzip else raw
        for line in lines:
            stream.write(f"{line}\n".encode())
        if stream is not raw:
            stream.close()
        raw.flush()
        os.fsync(raw.fileno())
