"""Every test of MAS and CTC runs over all faces of the kernels: compiled, Triton's, and as written on paper."""

import importlib.util

import pytest

from ssr_connector.kernels import ctc, mas, native


@pytest.fixture(params=["compiled", "triton", "reference"])
def face(request, monkeypatch):
    if request.param == "reference":
        monkeypatch.setattr(native, "library", lambda: None)
    elif request.param == "triton":
        if importlib.util.find_spec("triton") is None:
            pytest.skip("Triton is not installed here")
        for module in (mas, ctc):
            monkeypatch.setattr(module, "on_gpu", lambda *_: True)
    elif native.library() is None:
        pytest.skip("the kernels are not compiled here")
    return request.param
