"""Which LLM a checkpoint belongs to, said in a few values that no precision of its weights changes."""

from typing import Any

import torch

from ssr_connector.base_models import vocabulary_digest
from ssr_connector.errors import UserError

SAMPLE = 32  # values of the embedding table
TOLERANCE = 0.05  # of the largest of them: rounding, and what an instruction-tuned sibling differs by


def llm_identity(llm: Any, tokenizer: Any) -> dict[str, Any]:
    """Its family, its vocabulary, and some values of its input embeddings, from all over the table."""
    table = llm.get_input_embeddings().weight.detach()
    places = torch.linspace(0, len(table) - 1, SAMPLE, dtype=torch.float64).long()
    columns = torch.arange(SAMPLE) % table.shape[1]
    some = table[places.to(table.device), columns.to(table.device)]
    return {
        "model_type": llm.config.get_text_config().model_type,
        "vocabulary": vocabulary_digest(tokenizer),
        "embeddings": [round(v, 6) for v in some.float().tolist()],
    }


def check_identity(name: str, told: dict[str, Any], found: dict[str, Any]) -> None:
    """Raise UserError where the LLM `name` is not the one a checkpoint tells of; older checkpoints tell nothing."""
    if not told:
        return
    for key, what in (("model_type", "family"), ("vocabulary", "tokenizer")):
        if told.get(key) != found[key]:
            raise UserError(_message(name, f"of another {what}"))
    its, ours = (torch.tensor(values["embeddings"]) for values in (told, found))
    if its.shape != ours.shape or bool(((its - ours).abs() > TOLERANCE * its.abs().max()).any()):
        raise UserError(_message(name, "with other embeddings"))


def _message(name: str, how: str) -> str:
    return f"the LLM {name} is another than this checkpoint was trained with, {how}: put that one there again"
