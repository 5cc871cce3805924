"""Where the compiled kernels cannot be loaded."""

import logging

import pytest

from ssr_connector.errors import UserError
from ssr_connector.kernels import native


def test_a_missing_library_is_said_once(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(native, "LIBRARY", tmp_path / "_core.so")
    monkeypatch.delenv("SSR_CONNECTOR_REFERENCE_KERNELS", raising=False)
    native.library.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert native.library() is None
            assert native.library() is None
    finally:
        native.library.cache_clear()
    assert [r.message.split(":")[0] for r in caplog.records] == [
        "the compiled alignment kernels are missing (no C++ compiler when ssr-connector was installed?)"
    ]


def test_a_library_of_another_version_says_what_to_do(monkeypatch):
    monkeypatch.setattr(native, "library", object)
    with pytest.raises(UserError, match="another version of ssr-connector: reinstall the package"):
        native.call("ssr_ctc_forced_align")
