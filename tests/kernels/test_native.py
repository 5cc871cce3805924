"""Where the compiled kernels cannot be loaded."""

import logging

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
