"""Files and folders are there whole or not at all, and what was there before survives a failure."""

import contextlib
import json
import os
import resource
from pathlib import Path

import pytest
import torch

from ssr_connector.errors import UserError
from ssr_connector.files import (
    clear_unfinished,
    is_there,
    new_folder,
    replace_file,
    replace_folder,
    whole_lines,
    write_json,
    write_tensors,
)


class Killed(BaseException):
    """As KeyboardInterrupt is: no `except Exception` sees it."""


def write_half(place, name):
    with place as new:
        (new / name).write_text("ne")
        raise Killed


def test_half_a_line_is_not_read_and_can_be_cut_off(tmp_path):
    path = tmp_path / "a.jsonl"
    assert whole_lines(path, mend=True) == []
    assert not path.exists()
    path.write_bytes('{"a": "\u2028"}\n{"b": "é'.encode()[:-1])
    assert whole_lines(path) == ['{"a": "\u2028"}']
    assert path.read_bytes().endswith("é".encode()[:-1])
    whole_lines(path, mend=True)
    with path.open("a") as stream:
        stream.write('{"c": 2}\n')
    assert whole_lines(path)[1:] == ['{"c": 2}']


def test_a_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "new folder" / "a.json"
    write_json(path, {"é": 1})
    write_json(path, {"é": 2})
    assert json.loads(path.read_text()) == {"é": 2}
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_a_file_that_is_cut_off_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(Killed):
        write_half(replace_file(path), ".")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_values_that_are_no_json_leave_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"x": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == 1


def test_a_folder_takes_the_place_of_the_old_one_as_a_whole(tmp_path):
    path = tmp_path / "deep" / "model"
    for name in ("first", "second"):
        with replace_folder(path) as new:
            (new / name).write_text(name)
    assert [p.name for p in path.iterdir()] == ["second"]
    assert list(path.parent.iterdir()) == [path]


def test_what_takes_a_place_is_on_the_disk_first_and_its_folder_after(tmp_path, monkeypatch):
    done, real = [], os.fsync

    def watched(place):
        real(place)
        done.append(os.fstat(place).st_ino)

    monkeypatch.setattr(os, "fsync", watched)
    write_json(tmp_path / "a.json", 1)
    assert done == [(tmp_path / "a.json").stat().st_ino, tmp_path.stat().st_ino]
    for make in (replace_folder, new_folder):
        done.clear()
        path = tmp_path / make.__name__
        with make(path) as new:
            (new / "deep").mkdir()
            for name in ("one", "deep/two"):
                (new / name).write_text(name)
        assert done[-2:] == [path.stat().st_ino, tmp_path.stat().st_ino]
        assert set(done) == {p.stat().st_ino for p in (tmp_path, path, *path.rglob("*"))}


def test_a_folder_that_is_cut_off_leaves_the_old_one(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "weights").write_text("old")
    with pytest.raises(Killed):
        write_half(replace_folder(path), "weights")
    assert (path / "weights").read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_folder_comes_back_where_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.mkdir()
    (path / "weights").write_text("old")
    rename = Path.rename

    def fail_for_the_new_one(self, target):
        if ".tmp-" in self.name:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new_one)
    with pytest.raises(OSError, match="No space"), replace_folder(path) as new:
        (new / "weights").write_text("new")
    assert (path / "weights").read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_cleared(tmp_path):
    for name in ("a", "a.tmp-host-1", "a.old-host-1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_text("some")
    (tmp_path / "b.tmp-host-1").touch()
    clear_unfinished(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_is_cleared_while_it_is_filled_does_not_come_half(tmp_path, monkeypatch):
    rmdir = os.rmdir

    def fill_then_rmdir(*args, **options):  # a writer that is quicker than who clears
        with contextlib.suppress(FileNotFoundError):
            (new / "second").write_text("2")
        rmdir(*args, **options)

    filling = new_folder(tmp_path / "shard")
    new = filling.__enter__()
    (new / "first").write_text("1")
    with monkeypatch.context() as patched:
        patched.setattr(os, "rmdir", fill_then_rmdir)
        clear_unfinished(tmp_path)
    with pytest.raises(FileNotFoundError):
        filling.__exit__(None, None, None)
    assert not (tmp_path / "shard").exists()


def test_a_full_disk_is_said_in_one_sentence(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))  # no larger file can be written
    try:
        with pytest.raises(UserError, match=r"cannot write .*a\.safetensors .*make room") as caught:
            write_tensors(tmp_path / "a.safetensors", {"a": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)


def test_names_that_no_file_can_have_are_not_there(tmp_path):
    (tmp_path / "a").touch()
    names = {"a": True, "b": False, "9" * 300: False, "\0": False, "a/b": False}
    assert {name: is_there(tmp_path / name) for name in names} == names
