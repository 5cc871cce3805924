"""The demo's tests spoken otherwise: by other voices, as people speak, or with words that nobody has heard."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ssr_connector.data.preparation import prepare
from ssr_connector.files import replace_file
from ssr_connector.progress import Report
from ssr_connector.studies.cache import Facts
from ssr_connector.tiny.base import question, test_utterances, write_lines
from ssr_connector.tiny.demo import Demo
from ssr_connector.tiny.spontaneous import SpokenWord, Spontaneity
from ssr_connector.tiny.unseen import renamed, renamed_item
from ssr_connector.tiny.voices import TEST_VOICES, TRAIN_ACCENTS, Voice
from ssr_connector.tiny.world import Utterance

Voices = Literal["training", "other kinds", "other accents"]
TESTS, CUTS = "tests", Path("data") / "cuts.jsonl.gz"  # in a folder of `speak_tests`
READ = "read"  # beside a spoken corpus: its transcripts and their words' times, without what was only said


@dataclass(frozen=True)
class Domain:
    """How the tests are spoken."""

    voices: Voices = "training"  # or of kinds, or of accents, that training never heard; of both are the demo's tests
    fillers: float = 0.0  # shares of the words, as in `Spontaneity`
    repetitions: float = 0.0
    false_starts: float = 0.0
    unseen_words: bool = False  # people and things that no text and no speech of the world names

    @property
    def spontaneity(self) -> Spontaneity:
        """What is said beside the text."""
        return Spontaneity(self.fillers, self.repetitions, self.false_starts)


def voices_of(kind: Voices, accents: int) -> list[Voice]:
    """Kinds of voice (eSpeak's variants) and accents are those of training, or those kept for tests."""
    training = [voice for accent in TRAIN_ACCENTS[:accents] for voice in accent]
    own = {
        "training": (training, training),
        "other kinds": (training, TEST_VOICES),
        "other accents": (TEST_VOICES, training),
    }
    of_accents, of_kinds = own[kind]
    if of_accents is of_kinds:
        return list(of_accents)
    kinds = dict.fromkeys(voice.variant for voice in of_kinds)
    return [Voice(accent, variant) for accent in dict.fromkeys(v.accent for v in of_accents) for variant in kinds]


def speak_tests(demo: Demo, domain: Domain, tasks: Sequence[str], out: Path, report: Report) -> Facts:
    """The items of tasks (names of the world's) and the test utterances, spoken in a domain, as the demo lays them out.

    The items, their ids and their right answers are the demo's, so that they pair. Returns the share of the spoken
    words that is not in the text.
    """
    from ssr_connector.tiny.speak import choose_delivery, render

    seed, voices = demo.recipe.seed, voices_of(domain.voices, demo.tiny.accents)
    rename = renamed_item if domain.unseen_words else lambda item: item
    items = {task: [rename(item) for item in demo.world.tests[task]] for task in tasks}
    aloud, keys = test_utterances(items)
    others = demo.world.speech_dev[len(demo.world.speech_dev) // 2 :]
    if domain.unseen_words:
        others = [Utterance(u.id, renamed(u.text), u.domain) for u in others]
    n_said = n_text = 0
    for name, utterances in ((TESTS, aloud), ("test", others)):
        folder = out / name
        said = {u.id: domain.spontaneity(u.text, random.Random(f"{seed}/{u.id}")) for u in utterances}
        spoken = [Utterance(u.id, " ".join(w.text for w in said[u.id]), u.domain) for u in utterances]
        render(spoken, voices, folder, seed, progress=lambda done, n: report(done, n, {}), voice_keys=keys)
        write_read(folder, utterances, said)
        n_said += sum(len(words) for words in said.values())
        n_text += sum(word.is_text for words in said.values() for word in words)
    for task, questions in items.items():
        rows = (
            question(task, item) | {"speaker": choose_delivery(item.id, voices, seed).voice.name} for item in questions
        )
        write_lines(out / TESTS / f"{task}.jsonl", rows)
    test = out / "test"
    prepare(test / f"{READ}.tsv", (out / CUTS).parent, words=test / f"{READ}.ctm", check="header")
    return {"not_text": 100 * (n_said - n_text) / n_said, "voices": len(voices)}


def write_read(folder: Path, utterances: Sequence[Utterance], said: Mapping[str, Sequence[SpokenWord]]) -> None:
    """The transcripts of a spoken corpus, and the times of their words: `read.tsv` and `read.ctm`."""
    heading, *rows = (folder / "table.tsv").read_text(encoding="utf-8").splitlines()
    texts = {u.id: u.text for u in utterances}
    table = [heading]
    for row in rows:
        key, audio, _, speaker = row.split("\t")
        table.append("\t".join([key, audio, texts[key], speaker]))
    # A line a spoken word, utterance by utterance, in the order in which they are said.
    place: dict[str, int] = {}
    times = []
    for line in (folder / "words.ctm").read_text(encoding="utf-8").splitlines():
        key = line.split(" ", 1)[0]
        word = said[key][place.get(key, 0)]
        place[key] = place.get(key, 0) + 1
        if word.is_text:
            times.append(line)
    for name, lines in ((f"{READ}.tsv", table), (f"{READ}.ctm", times)):
        with replace_file(folder / name) as new:
            new.write_text("\n".join(lines) + "\n", encoding="utf-8")
