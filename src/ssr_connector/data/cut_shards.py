"""Shards of cuts, named after all that their results follow from."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from ssr_connector.data.shar import KIND, tar_of
from ssr_connector.engine.shard import Shard, key_of, slices, state_of
from ssr_connector.errors import UserError


def cut_shards(cuts: Sequence[Any], shard_s: float, identity: Sequence[Any], *, with_text: bool) -> list[Shard]:
    """Slices of at most `shard_s` seconds, in the order of the cuts; a longer cut is alone.

    `identity` is what else results depend on, models and options, as JSON values. What is said counts `with_text`.
    """
    durations = [cut.duration for cut in cuts]
    return [
        Shard(
            key_of(identity, (content(cut, with_text=with_text) for cut in cuts[part])),
            tuple(cuts[part]),
            float(sum(durations[part])),
        )
        for part in slices(durations, shard_s)
    ]


def refuse_others(there: Collection[str], cuts: Sequence[Any], out: Path) -> None:
    """Raises UserError where results are there, and all of other cuts: they would be lost."""
    if there and not any(cut.id in there for cut in cuts):
        raise UserError(
            f"{out} holds results of other cuts ({next(iter(there))}): give all manifests at once, or another --out"
        )


def content(cut: Any, *, with_text: bool) -> list[Any]:
    """What the result for a cut follows from: the cut itself, and size and time of change of its audio files."""
    values = cut.to_dict()
    if not with_text:
        values.pop("supervisions", None)
    return [values, [state_of(path) for path in _files(cut)]]


def _files(cut: Any) -> Iterator[Path]:
    """Files of a simple cut; those that others are mixed from are told apart by their names alone."""
    recording = getattr(cut, "recording", None)
    for source in recording.sources if recording else []:
        if source.type == "file":
            yield Path(source.source)
        elif source.type == KIND:
            yield tar_of(source)[0]
