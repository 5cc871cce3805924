"""Files that are there whole or not at all, also after a loss of power."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssr_connector.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


@contextlib.contextmanager
def replace_file(path: Path, wait: bool = True) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the place of `path` when the block ends well.

    `wait`: until it is on the disk. Without, it outlives a process, but perhaps not a loss of power: for the many small
    files of a stage that looks at them again when it is repeated.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path, "tmp")
    try:
        yield temporary
        if wait:
            to_disk(temporary)
        temporary.replace(path)
        if wait:
            to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` to fill; it takes the place of `path` when the block ends well."""
    with _temporary_folder(path) as temporary:
        yield temporary
        _all_to_disk(temporary)
        old = _beside(path, "old")
        if path.exists():
            path.rename(old)
        try:
            temporary.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
        to_disk(path.parent)
        shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` to fill; it becomes `path` when the block ends well, unless there is one.

    Of several processes that make the same folder the first wins: what is there once does not change.
    """
    with _temporary_folder(path) as temporary:
        yield temporary
        _all_to_disk(temporary)
        try:
            temporary.rename(path)
        except OSError:  # as a folder that is not empty is in the way
            if not path.is_dir():
                raise
        to_disk(path.parent)


@contextlib.contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path, "tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def to_disk(path: Path) -> None:
    """Wait until a file, or what a folder itself says of its entries, is on the disk, and not only in its cache."""
    place = os.open(path, os.O_RDONLY)
    try:
        os.fsync(place)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):  # some network disks cannot be asked
            raise
    finally:
        os.close(place)


def _all_to_disk(folder: Path) -> None:
    for inside, _, names in os.walk(folder, topdown=False):
        for name in names:
            to_disk(Path(inside) / name)
        to_disk(Path(inside))


def _beside(path: Path, what: str) -> Path:
    """A name that no other process uses, on this machine or another that shares the disk."""
    path = path.absolute()  # "." has no name
    return path.with_name(f"{path.name}.{what}-{socket.gethostname()}-{os.getpid()}")


def refuse_filled(folder: Path) -> None:
    """Raises UserError where a folder has something in it, which `replace_folder` would remove."""
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder} is there and not empty: give a new folder, or remove that one")


def clear_unfinished(folder: Path) -> None:
    """Remove what killed processes left of the above; one that is still at it fails, and puts nothing half in place."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if ".tmp-" in path.name or ".old-" in path.name:
            if path.is_dir():
                away = _beside(path, "old")
                with contextlib.suppress(OSError):  # it was finished, or removed, just now
                    path.rename(away)  # at once: emptied under its name, the rest could still be put in place
                    shutil.rmtree(away, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def digest_of(files: Iterable[Path]) -> str:
    """One digest of the contents of files, in their order."""
    digest = hashlib.blake2b(digest_size=12)
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "blake2b").digest())
    return digest.hexdigest()


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; False, too, where no file can have this name or nobody may look."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def write_json(path: Path, value: Any) -> None:
    """JSON, atomically."""
    with replace_file(path) as new:
        new.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def whole_lines(path: Path, mend: bool = False) -> list[str]:
    """The lines of a file that is appended to, without one that a killed process left half-written.

    `mend` also cuts that off, by the one process that appends next: what it adds would else be part of that line.
    """
    data = path.read_bytes() if path.is_file() else b""
    whole = data[: data.rfind(b"\n") + 1]  # before decoding: a letter may be cut in half, too
    if mend and whole != data:
        with replace_file(path) as new:
            new.write_bytes(whole)
    return whole.decode().split("\n")[:-1]


def write_tensors(path: Path, tensors: "dict[str, Tensor]", metadata: dict[str, str] | None = None) -> None:
    """Safetensors, inside one of the folders above. Raises UserError where the disk is full."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(tensors, path, metadata=metadata)
    except SafetensorError as error:  # not an OSError, though the system's reason is in it
        raise UserError(f"cannot write {path} ({error}); make room: what was saved before is still whole") from error


def write_rejected(path: Path, rejected: Iterable[tuple[str, str]]) -> None:
    """Ids and reasons of what was left out, as a table."""
    with replace_file(path) as new:
        new.write_text("id\treason\n" + "".join(f"{key}\t{reason}\n" for key, reason in rejected), encoding="utf-8")
