"""The SpeechLM as a transformers model: configuration, processor, model, and their Auto-class registration."""

from transformers import AutoConfig, AutoModel, AutoProcessor

from ssr_connector.model.configuration import SSRConfig
from ssr_connector.model.modeling import SSRForConditionalGeneration, load_model
from ssr_connector.model.processing import SSRProcessor
from ssr_connector.model.sequence import Speech

AutoConfig.register(SSRConfig.model_type, SSRConfig, exist_ok=True)
AutoModel.register(SSRConfig, SSRForConditionalGeneration, exist_ok=True)
AutoProcessor.register(SSRConfig, SSRProcessor, exist_ok=True)

__all__ = ["SSRConfig", "SSRForConditionalGeneration", "SSRProcessor", "Speech", "load_model"]
