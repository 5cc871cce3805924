"""SSR-Connector: give a pretrained text LLM ears without taking its text abilities away."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["SSRConfig", "SSRForConditionalGeneration", "SSRProcessor"]


def __getattr__(name: str) -> Any:
    # Lazy: `import ssr_connector` and `ssr --help` must not load torch and transformers.
    if name in __all__:
        from ssr_connector import model

        return getattr(model, name)
    raise AttributeError(name)
