"""Rehearsal: text that the LLM writes itself before stage 2, to be trained on beside speech (Sun et al. 2020, "LAMOL").

For those who do not have the text that their LLM learnt from.
"""

import json
from pathlib import Path

import torch

from ssr_connector.errors import UserError
from ssr_connector.files import replace_file
from ssr_connector.model.modeling import SSRForConditionalGeneration

SELF = "self"  # what `data.text` says for it
REHEARSAL = "rehearsal.jsonl"
TOGETHER = 64  # documents written at once


@torch.no_grad()
def write_rehearsal(model: SSRForConditionalGeneration, path: Path, n_tokens: int, longest: int, seed: int) -> Path:
    """Sample documents of at most `longest` tokens until there are `n_tokens`; JSON lines.

    A file that is there stays: that of a run that goes on.

    Raises UserError where the LLM has no token to begin with, or writes nothing.
    """
    if path.is_file():
        return path
    start = model.prefix_ids or model.end_ids
    if not start:
        raise UserError("rehearsal needs an LLM with a BOS or EOS token; give text with --data.text FILE")
    torch.manual_seed(seed)
    prompt = torch.tensor([start] * TOGETHER, device=model.llm.device)
    end = model.tokenizer.eos_token_id
    written, idle = 0, 0
    with replace_file(path) as new, new.open("w", encoding="utf-8") as out:
        while written < n_tokens:
            rows = model.llm.generate(
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                do_sample=True,
                top_k=0,
                max_new_tokens=longest,
                pad_token_id=model.tokenizer.pad_token_id if model.tokenizer.pad_token_id is not None else end,
            )
            texts = model.tokenizer.batch_decode(rows[:, len(start) :], skip_special_tokens=True)
            found = [text for text in texts if text.strip()]
            out.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in found)
            written += sum(len(model.tokenize(text)[0]) for text in found)
            idle = 0 if found else idle + 1
            if idle == 10:
                raise UserError(
                    "the LLM writes nothing by itself: rehearsal needs a base LLM, or give --data.text FILE"
                )
    return path
