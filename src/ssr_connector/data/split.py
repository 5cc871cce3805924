"""A development set that shares no speaker, and no recording, with the training set."""

import random
from collections.abc import Sequence
from typing import Any

from ssr_connector.errors import UserError

NAMED, UNNAMED = 0, 1
Speaker = tuple[int, str]  # whether named, and the name, or that of the recording


def check_dev(dev: float) -> None:
    """Raises UserError where ``dev`` is neither a number of cuts nor a share."""
    if not dev > 0 or (dev >= 1 and not float(dev).is_integer()):
        raise UserError(f"--dev {dev} is neither a number of cuts nor a share between 0 and 1: give for example 0.05")


def choose_dev(cuts: Sequence[Any], dev: float, seed: int) -> frozenset[str]:
    """The ids of about ``dev`` cuts (1 or more), or of about that share of all (below 1).

    Whole speakers are taken where several are named (those of one recording, as the two sides of a telephone call,
    together, and whoever is not named in it), else whole recordings: in random order, each that still fits, and at
    least the smallest. Raises UserError where nothing would be left on one side.
    """
    check_dev(dev)
    wanted = int(dev) if dev >= 1 else max(1, round(dev * len(cuts)))
    by_speaker = len({cut.supervisions[0].speaker for cut in cuts} - {None}) > 1
    groups = _by_speaker(cuts) if by_speaker else _by_recording(cuts)
    if len(groups) < 2 or wanted >= len(cuts):
        kind = "speakers, or groups of speakers in one recording" if by_speaker else "recordings"
        raise UserError(f"--dev {dev} leaves nothing to train on: there are {len(cuts)} cuts of {len(groups)} {kind}")
    names = sorted(groups)
    random.Random(seed).shuffle(names)
    chosen: list[str] = []
    for name in names:
        if len(chosen) + len(groups[name]) <= wanted:
            chosen += groups[name]
    if not chosen:
        chosen = min(groups.values(), key=len)
    return frozenset(chosen)


def _by_recording(cuts: Sequence[Any]) -> dict[Speaker, list[str]]:
    groups: dict[Speaker, list[str]] = {}
    for cut in cuts:
        groups.setdefault((UNNAMED, cut.recording.id), []).append(cut.id)
    return groups


def _by_speaker(cuts: Sequence[Any]) -> dict[Speaker, list[str]]:
    """Ids by speaker; of speakers who share a recording, directly or through others, by the first of them."""
    leaders: dict[Speaker, Speaker] = {}

    def leader(speaker: Speaker) -> Speaker:
        while (above := leaders.setdefault(speaker, speaker)) != speaker:
            leaders[speaker] = leaders[above]  # halves the way for whoever asks next
            speaker = above
        return speaker

    first_heard: dict[str, Speaker] = {}
    for cut in cuts:
        speaker = _speaker(cut)
        one, other = sorted((leader(speaker), leader(first_heard.setdefault(cut.recording.id, speaker))))
        leaders[other] = one
    groups: dict[Speaker, list[str]] = {}
    for cut in cuts:
        groups.setdefault(leader(_speaker(cut)), []).append(cut.id)
    return groups


def _speaker(cut: Any) -> Speaker:
    name = cut.supervisions[0].speaker
    return (UNNAMED, cut.recording.id) if name is None else (NAMED, name)
