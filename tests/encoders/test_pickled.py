"""Pickles of others: what is read of them, and that nothing in them runs."""

import argparse
import collections
import os
import sys
import types
import typing

import numpy as np
import pytest
import torch

from ssr_connector.encoders.pickled import Inert, plain, read_pickled
from ssr_connector.errors import UserError


class Call:
    """Pickled as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.fixture
def classes(monkeypatch):
    """Makes classes in modules that are not installed, which pickles then name; gone when `forget` is called."""
    made = []

    def make(module, name):
        package = module.split(".")[0]
        for part in (package, module):
            if part not in sys.modules:
                monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
                made.append(part)
        found = getattr(sys.modules[module], name, None) or type(name, (), {"__module__": module})
        setattr(sys.modules[module], name, found)
        return found

    def forget():
        for module in made:
            del sys.modules[module]

    return types.SimpleNamespace(make=make, forget=forget)


def with_state(cls, **state):
    found = cls()
    found.__dict__.update(state)
    return found


def omegaconf(value, classes):
    """A value as omegaconf holds it in a pickle: containers and nodes that know their parents and their types."""
    metadata = classes.make("omegaconf.base", "ContainerMetadata")

    def wrap(value, parent):
        about = with_state(
            metadata, ref_type=typing.Any, object_type=dict, resolver_cache=collections.defaultdict(dict)
        )
        kind = {dict: ("dictconfig", "DictConfig"), list: ("listconfig", "ListConfig")}.get(type(value))
        found = with_state(classes.make(*(f"omegaconf.{kind[0]}", kind[1]) if kind else ("omegaconf.nodes", "AnyNode")))
        if isinstance(value, dict):
            content = {"_content": {k: wrap(v, found) for k, v in value.items()}}
        else:
            content = {"_content": [wrap(v, found) for v in value]} if kind else {"_val": value}
        found.__dict__.update(_metadata=about, _parent=parent, **content)
        return found

    return wrap(value, None)


def test_settings_of_all_kinds_become_plain_values(classes, tmp_path):
    settings = {"name": "dinosr", "lr": [0.5, 1], "on": True, "none": None, "link": "${task.x}", "deep": {"n": 3}}
    content = {
        "cfg": omegaconf(settings, classes),
        "args": argparse.Namespace(**settings),
        "dictionary": with_state(classes.make("fairseq.data.dictionary", "Dictionary"), symbols=["a"]),
        "best": np.float64(0.25),
        "model": {"w": torch.arange(6.0).view(2, 3)},
    }
    torch.save(content, tmp_path / "file.pt")
    classes.forget()
    found = read_pickled(tmp_path / "file.pt")
    assert plain(found["cfg"]) == plain(found["args"]) == settings
    assert torch.equal(found["model"]["w"], content["model"]["w"])
    assert isinstance(found["dictionary"], Inert)
    assert not {"omegaconf.dictconfig", "fairseq.data.dictionary"} & set(sys.modules)


@pytest.mark.parametrize(
    "call",
    [
        (os.system, "touch {}"),
        (eval, "open('{}', 'w')"),
        (getattr, "", "{}"),
        (__import__, "os"),
    ],
)
def test_what_would_run_is_refused_and_does_not(call, tmp_path):
    function, *arguments = call
    trace = tmp_path / "it ran"
    torch.save({"model": {}, "cfg": Call(function, *(a.format(trace) for a in arguments))}, tmp_path / "file.pt")
    with pytest.raises(UserError, match=rf"asks for .*{function.__name__}, which .*nothing of it was loaded"):
        read_pickled(tmp_path / "file.pt")
    assert not trace.exists()


def test_a_call_under_a_harmless_name_does_nothing(classes, tmp_path):
    called = []
    trick = classes.make("fairseq.tricks", "Trick")
    trick.__init__ = lambda self, argument: called.append(argument)
    torch.save({"model": Call(trick, "argument")}, tmp_path / "file.pt")
    assert isinstance(read_pickled(tmp_path / "file.pt")["model"], Inert)  # though the class is there
    assert not called


def test_what_is_no_checkpoint_is_said_to_be_none(tmp_path):
    path = tmp_path / "file.pt"
    with pytest.raises(UserError, match=r"cannot read .*file\.pt"):
        read_pickled(path)
    for content in (b"", b"not a checkpoint"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"file\.pt is no checkpoint"):
            read_pickled(path)
    torch.save({"model": {"w": torch.zeros(1000)}}, path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UserError, match=r"file\.pt is no checkpoint"):
        read_pickled(path)
