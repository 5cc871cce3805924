"""Accents that eSpeak NG does not have: one of its phoneme tables, and sound changes of English drawn at random.

Five accents are too few for an encoder to hear a sixth. The changes are those by which accents of English differ
(Wells 1982, *Accents of English*); none is chosen for an accent of the tests, and no table of theirs is used.
"""

import random

CHANGE_SHARE = 0.3  # of the sets of sounds below, that an accent says otherwise
_TABLES = {
    "en-us": "3 6",
    "en-rp": "",
    "en-n": "",
    "en-wm": "6",
    "en-wi": "8",
}  # and the spelling rules that go with it
_STRESS_LENGTHS = (150, 135, 185, 180, 0, 0, 250, 290)  # ms, from unstressed to the sentence's main stress
_CHANGES = (  # eSpeak's names of sounds: "from to", those of one string together, one string of a line
    ("T f, D v", "T t, D d", "T s, D z"),
    ("h NULL",),
    ("r R", "r *"),
    ("eI e:", "eI E", "eI aI"),
    ("oU o:", "oU O:", "oU aU"),
    ("u: U",),
    ("V U", "V a", "V @"),
    ("U u:",),
    ("a E", "a A:"),
    ("aI A:", "aI OI"),
    ("aU u:",),
    ("0 O:", "0 a", "0 A:"),
    ("O: A:", "O: oU"),
    ("3: E", "3: @"),
    ("i: I",),
    ("I i:", "I @"),
    ("E I", "E a"),
    ("w v",),
    ("l w", "l l^"),
    ("@ a", "@ V"),
    ("S s",),
)


MADE = tuple(f"en-made-{k:02}" for k in range(30))


def voice_file(accent: str) -> str:
    """What eSpeak reads of an accent; the same for the same name."""
    rng = random.Random(accent)
    table = rng.choice(list(_TABLES))
    lengths = [str(round(ms * rng.uniform(0.8, 1.2))) for ms in _STRESS_LENGTHS]
    lines = [f"name {accent}", "language en", f"phonemes {table}", f"stressLength {' '.join(lengths)}"]
    lines += [f"dictrules {_TABLES[table]}"] if _TABLES[table] else []
    for ways in _CHANGES:
        if rng.random() < CHANGE_SHARE:
            lines += [f"replace 00 {change.strip()}" for change in rng.choice(ways).split(",")]
    return "\n".join(lines) + "\n"
