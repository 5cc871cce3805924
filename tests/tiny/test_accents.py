from pathlib import Path

from ssr_connector.tiny import accents
from ssr_connector.tiny.voices import DEV_VOICES, TEST_VOICES, Voice, speak

TEXT = "The other day Thomas wore his red hat and rode home through thin rain"


def phones(accent: str) -> tuple[str, ...]:
    return tuple(phone.ipa for phone in speak(TEXT, Voice(accent, "m1")).phones)


def test_accents_differ_from_each_other_and_from_those_kept_for_tests():
    kept = {voice.accent for voice in (*DEV_VOICES, *TEST_VOICES)}
    spoken = [phones(accent) for accent in (*accents.MADE, *kept)]
    assert len(set(spoken)) == len(accents.MADE) + len(kept)


def test_a_sound_that_an_accent_says_otherwise_is_heard():
    rolled, dropped = (
        next(a for a in accents.MADE if change in accents.voice_file(a))
        for change in ("replace 00 r R", "replace 00 h NULL")
    )
    assert "r" in phones(rolled)
    assert "ɹ" not in phones(rolled)
    assert "h" not in phones(dropped)


def test_none_is_built_on_the_sounds_of_an_accent_kept_for_tests():
    tables = {line for accent in accents.MADE for line in accents.voice_file(accent).splitlines() if "phonemes" in line}
    assert tables <= {f"phonemes {table}" for table in ("en-us", "en-rp", "en-n", "en-wm", "en-wi")}
    assert len(tables) > 1


def test_espeaks_own_data_is_left_as_it_is(tmp_path: Path):
    own = tmp_path / "own"
    (own / "lang" / "gmw").mkdir(parents=True)
    (own / "en_dict").write_text("words")
    folder = accents.data_folder(own)
    assert (folder / "en_dict").read_text() == "words"
    assert sorted(path.name for path in (folder / "lang").iterdir()) == sorted(accents.MADE)
    assert [path.name for path in (own / "lang").iterdir()] == ["gmw"]
