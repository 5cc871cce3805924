from types import SimpleNamespace
from typing import Any

import pytest

from ssr_connector.data.split import choose_dev
from ssr_connector.errors import UserError


def cuts_of(*speakers: str | None, recordings: int | None = None) -> list[Any]:
    return [
        SimpleNamespace(
            id=f"{i:03}",
            supervisions=[SimpleNamespace(speaker=speaker)],
            recording=SimpleNamespace(id=str(i % recordings if recordings else i)),
        )
        for i, speaker in enumerate(speakers)
    ]


def test_speakers_are_not_shared() -> None:
    cuts = cuts_of(*(f"s{i // 5}" for i in range(100)))
    chosen = choose_dev(cuts, 0.2, seed=3)
    speakers = [{c.supervisions[0].speaker for c in cuts if (c.id in chosen) is side} for side in (True, False)]
    assert len(chosen) == 20
    assert not speakers[0] & speakers[1]
    assert chosen == choose_dev(cuts, 20, seed=3)
    assert chosen != choose_dev(cuts, 20, seed=4)


def test_speakers_of_one_recording_stay_together() -> None:
    # Recordings 0 to 9 have two sides each; a third speaker joins 8 and 9.
    cuts = [*cuts_of(*(f"{i:02}{side}" for side in "AB" for i in range(10)), recordings=10), *cuts_of(*"cc")]
    cuts[-2].recording.id, cuts[-1].recording.id = "8", "9"
    cuts[-2].id, cuts[-1].id = "x", "y"
    for seed in range(10):
        chosen = choose_dev(cuts, 8, seed)
        recordings = [{c.recording.id for c in cuts if (c.id in chosen) is side} for side in (True, False)]
        assert not recordings[0] & recordings[1]
        assert len({"x", "y"} & chosen) in (0, 2)
        assert len(chosen) == 8
    with pytest.raises(UserError, match="2 cuts of 1 speakers, or groups"):
        choose_dev(cuts_of("a", "b", recordings=1), 1, seed=0)


@pytest.mark.parametrize("speaker", ["one", None])
def test_with_one_speaker_recordings_are_not_shared(speaker: str | None) -> None:
    cuts = cuts_of(*[speaker] * 60, recordings=20)
    chosen = choose_dev(cuts, 9, seed=0)
    recordings = [{c.recording.id for c in cuts if (c.id in chosen) is side} for side in (True, False)]
    assert len(chosen) == 9
    assert not recordings[0] & recordings[1]


def test_one_without_a_name_does_not_let_speakers_be_shared() -> None:
    cuts = cuts_of(*(f"s{i // 5}" for i in range(100)), None)
    for seed in range(10):
        chosen = choose_dev(cuts, 0.2, seed)
        speakers = [{c.supervisions[0].speaker for c in cuts if (c.id in chosen) is side} for side in (True, False)]
        assert not speakers[0] & speakers[1]


def test_at_least_the_smallest_speaker_is_taken() -> None:
    cuts = cuts_of(*"aaaaa", *"bbb", *"cccc")
    assert choose_dev(cuts, 1, seed=0) == {"005", "006", "007"}


@pytest.mark.parametrize("dev", [0, -1, 2.5, float("nan")])
def test_what_is_neither_number_nor_share_is_refused(dev: float) -> None:
    with pytest.raises(UserError, match="neither a number of cuts nor a share"):
        choose_dev(cuts_of(*"abc"), dev, seed=0)


@pytest.mark.parametrize(("speakers", "dev"), [("abc", 3), ("a", 0.5)])
def test_something_must_be_left_to_train_on(speakers: str, dev: float) -> None:
    with pytest.raises(UserError, match="leaves nothing to train on"):
        choose_dev(cuts_of(*speakers), dev, seed=0)
