import pytest

from ssr_connector.errors import UserError
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


def test_a_folder_whose_name_is_too_long_for_espeak_is_an_error_not_another_voice(tmp_path, monkeypatch):
    (tmp_path / ("long" * 20)).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("long" * 20)))
    with pytest.raises(UserError, match="TMPDIR"):
        phones(accents.MADE[0])
