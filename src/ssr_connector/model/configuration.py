"""What a checkpoint says of itself: its base models by name, and the shape of what was trained."""

from typing import Any

from transformers import PretrainedConfig

from ssr_connector.config import EncoderSection


class SSRConfig(PretrainedConfig):  # type: ignore[misc]  # transformers is not typed
    """Configuration of `SSRForConditionalGeneration`.

    Args:
        encoder_name, encoder_layer: the speech encoder (hub name, or folder relative to the checkpoint) and its layer,
            or several, of which aligner and connector mix their own.
        encoder_padded: whether Whisper hears windows filled up with silence; other encoders never do.
        llm_name: the text LLM, likewise.
        encoder_width, llm_width: their widths when this was trained; other ones are refused on loading.
        llm_dtype: number format of the LLM's weights where this was trained, in which they are loaded again.
        llm_identity: what tells the LLM from others of that width (`llm_identity`); empty in older checkpoints.
        aligner: type and values of the aligner's configuration.
        connector: values of `ConnectorConfig`.
        text_form: written form of speech, "cased" or "lower" (docs/method.md §3).
        transcribe_prompt: what is written after speech that is to be transcribed.
        llm_trained: whether the checkpoint holds the LLM's weights too (after stage 2).
        adapter: type, rank and alpha of additions, which it then holds instead of the LLM's weights; empty: none.

    """

    model_type = "ssr_connector"
    has_no_defaults_at_init = True

    def __init__(
        self,
        encoder_name: str = "",
        encoder_layer: int | list[int] | None = None,
        encoder_padded: bool = True,
        llm_name: str = "",
        encoder_width: int = 0,
        llm_width: int = 0,
        llm_dtype: str = "float32",
        llm_identity: dict[str, Any] | None = None,
        aligner: dict[str, Any] | None = None,
        connector: dict[str, Any] | None = None,
        text_form: str = "cased",
        llm_trained: bool = False,
        adapter: dict[str, Any] | None = None,
        transcribe_prompt: str = "\nTranscript:",
        **kwargs: Any,
    ) -> None:
        self.encoder_name = encoder_name
        self.encoder_layer = encoder_layer
        self.encoder_padded = encoder_padded
        self.llm_name = llm_name
        self.encoder_width = encoder_width
        self.llm_width = llm_width
        self.llm_dtype = llm_dtype
        self.llm_identity = llm_identity or {}
        self.aligner = aligner or {}
        self.connector = connector or {}
        self.text_form = text_form
        self.llm_trained = llm_trained
        self.adapter = adapter or {}
        self.transcribe_prompt = transcribe_prompt
        super().__init__(**kwargs)

    @property
    def heard(self) -> EncoderSection:
        """Which hidden states of which encoder."""
        return EncoderSection(self.encoder_name, self.encoder_layer, self.encoder_padded)
