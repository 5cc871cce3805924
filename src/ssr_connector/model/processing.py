"""SSRProcessor: prompts with `<|speech|>` in them, and recordings, to model inputs; and token ids to text."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import BatchFeature

from ssr_connector.base_models import load_tokenizer, resolve
from ssr_connector.errors import UserError
from ssr_connector.model.checkpoint import PROCESSOR_FILE
from ssr_connector.types import Waveform

SPEECH = "<|speech|>"
Audio = str | Path | Waveform  # a file, or what it holds
SPEECH_ID = -1  # in input_ids: here stands a recording


class SSRProcessor:
    """`processor(text="<|speech|>The answer is:", audio="question.wav")` → inputs of `model.generate`."""

    def __init__(self, tokenizer: Any, sampling_rate_hz: int) -> None:
        self.tokenizer = tokenizer
        self.sampling_rate_hz = sampling_rate_hz

    @classmethod
    def from_pretrained(cls, path: str, **_: Any) -> "SSRProcessor":
        """From a checkpoint folder."""
        file = Path(path) / PROCESSOR_FILE
        try:
            stored = json.loads(file.read_text())
            name, sampling_rate_hz = stored["llm_name"], int(stored["sampling_rate_hz"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{file} is missing or damaged; give a whole model folder") from error
        return cls(load_tokenizer(resolve(name, path)), sampling_rate_hz)

    def __call__(self, text: str | Sequence[str], audio: Audio | Sequence[Audio] = ()) -> BatchFeature:
        """`input_ids` and `attention_mask` [B, N], left-padded, -1 where a recording stands; and the `recordings`.

        Recordings (files or waveforms) are taken in the order of their places. Raises ValueError when counts differ.
        """
        prompts = [text] if isinstance(text, str) else list(text)
        return self._inputs(prompts, audio, prefix_ids(self.tokenizer))

    def apply_chat_template(
        self, messages: Sequence[Mapping[str, str]], audio: Audio | Sequence[Audio] = ()
    ) -> BatchFeature:
        """The same for a conversation, up to where the LLM answers, in the form that an instructed LLM was taught.

        `messages`: `[{"role": "user", "content": "<|speech|> What is asked here?"}]`. Raises UserError for an LLM
        without such a form.
        """
        if not self.tokenizer.chat_template:
            raise UserError("this LLM's tokenizer has no chat template; ask it without one")
        prompt = self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        return self._inputs([prompt], audio, [])  # what stands at the start of a text is in the template

    def _inputs(self, prompts: Sequence[str], audio: Audio | Sequence[Audio], prefix: Sequence[int]) -> BatchFeature:
        from ssr_connector.data.audio import load_audio

        given = [audio] if isinstance(audio, str | Path | Waveform) else list(audio)
        recordings = [a if isinstance(a, Waveform) else load_audio(Path(a), self.sampling_rate_hz) for a in given]
        places = sum(p.count(SPEECH) for p in prompts)
        if places != len(recordings):
            raise ValueError(f"the prompts have {places} {SPEECH}, but {len(recordings)} recordings are given")
        rows = [[*prefix, *self._ids(prompt)] for prompt in prompts]
        width = max(len(r) for r in rows)
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else 0
        ids = [[pad] * (width - len(r)) + r for r in rows]
        mask = [[0] * (width - len(r)) + [1] * len(r) for r in rows]
        return BatchFeature(
            {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask), "recordings": recordings}
        )

    def _ids(self, prompt: str) -> list[int]:
        ids: list[int] = []
        for k, piece in enumerate(prompt.split(SPEECH)):
            ids += [SPEECH_ID] * (k > 0) + prompt_ids(self.tokenizer, piece)
        return ids

    def batch_decode(self, token_ids: Any, **kwargs: Any) -> list[str]:
        """Texts of generated tokens, special ones left out."""
        decoded: list[str] = self.tokenizer.batch_decode(token_ids, **{"skip_special_tokens": True, **kwargs})
        return decoded


def prompt_ids(tokenizer: Any, prompt: str) -> list[int]:
    """Tokens of what is asked, without BOS or EOS; unlike data it may name special tokens, as instructed LLMs want."""
    return list(tokenizer(prompt, add_special_tokens=False)["input_ids"])


def prefix_ids(tokenizer: Any) -> list[int]:
    """What the LLM wants at the start of a text: its BOS, or nothing."""
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    return [i for i in tokenizer("")["input_ids"] if i == bos or i != eos]
