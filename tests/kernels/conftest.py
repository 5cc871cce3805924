"""Every test of MAS and CTC runs over both faces of the kernels: compiled, and as written on paper."""

import pytest

from ssr_connector.kernels import native


@pytest.fixture(params=["compiled", "reference"])
def face(request, monkeypatch):
    if request.param == "reference":
        monkeypatch.setattr(native, "library", lambda: None)
    elif native.library() is None:
        pytest.skip("the kernels are not compiled here")
    return request.param
