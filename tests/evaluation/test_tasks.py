import dataclasses

import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.choice import Choice, Example, Spoken, value
from ssr_connector.evaluation.tasks import (
    SPEECH,
    SPEECH_TO_HEARD,
    SPEECH_TO_TEXT,
    TASKS,
    TEXT,
    TEXT_TO_SPEECH,
    cascade_parts,
    check_recordings,
    context_free_parts,
    lack,
    recordings,
    spoken_parts,
    text_parts,
)

STORY = Choice("s", "true", Spoken("He ran.", "c.wav"), (Spoken("He won.", "0.wav"), Spoken("It ate.", "1.wav")), 0)
QUIZ = Choice(
    "q",
    "geo",
    Spoken("Where? A, up. B, down.", "q.wav"),
    (Spoken("A"), Spoken("B")),
    1,
    " So:",
    "Where?\nA. up\nAnswer:",
)
PAIR = Choice("p", "", Spoken(""), (Spoken("dog", "0.wav"), Spoken("dag", "1.wav")), 0)


def hear(spoken):
    return f"<{spoken.audio}>"


def test_text_modes_read_what_is_written_for_them():
    assert text_parts(TASKS["storycloze"])(STORY) == (["He ran."], [[" He won."], [" It ate."]])
    assert text_parts(TASKS["mmlu"])(QUIZ) == (["Where?\nA. up\nAnswer:"], [[" A"], [" B"]])
    assert text_parts(TASKS["spoken_mmlu"])(QUIZ) == (["Where? A, up. B, down. So:"], [[" A"], [" B"]])
    assert text_parts(TASKS["blimp"])(PAIR) == ([""], [["dog"], ["dag"]])


def test_spoken_modes_put_speech_where_it_belongs():
    assert spoken_parts(SPEECH_TO_TEXT, hear)(QUIZ) == (["<q.wav>", " So:"], [[" A"], [" B"]])
    assert spoken_parts(TEXT_TO_SPEECH, hear)(STORY) == (["He ran."], [["<0.wav>"], ["<1.wav>"]])
    assert spoken_parts(SPEECH, hear)(STORY) == (["<c.wav>"], [["<0.wav>"], ["<1.wav>"]])
    assert spoken_parts(SPEECH, hear)(PAIR) == ([], [["<0.wav>"], ["<1.wav>"]])
    recognised = {"0.wav": "He one.", "1.wav": ""}  # of which nothing was heard: there is nothing to score
    assert spoken_parts(SPEECH_TO_HEARD, hear, recognised)(STORY) == (["<c.wav>"], [[" He one."], [""]])


def test_cascade_writes_what_was_heard_and_scores_written_choices_as_they_are():
    heard = {"c.wav": "He rang.", "0.wav": "He one.", "1.wav": "It ate.", "q.wav": "Where?"}
    assert cascade_parts(SPEECH_TO_TEXT, heard)(STORY) == (["He rang."], [[" He won."], [" It ate."]])
    assert cascade_parts(SPEECH, heard)(STORY) == (["He rang."], [[" He one."], [" It ate."]])
    assert cascade_parts(TEXT_TO_SPEECH, heard)(STORY)[0] == ["He ran."]
    assert cascade_parts(SPEECH_TO_TEXT, heard)(QUIZ)[0] == ["Where? So:"]
    assert cascade_parts(SPEECH, heard)(PAIR) == ([""], [["He one."], ["It ate."]])


def test_an_ending_of_which_nothing_was_heard_wins_in_no_system(model):
    heard = {"c.wav": "He rang.", "0.wav": "", "1.wav": "It ate."}
    context, (silent, other) = cascade_parts(SPEECH, heard)(STORY)
    scores = model.loglikelihood([(context, silent), (context, other)])
    assert [value(score, "sum") == float("-inf") for score in scores] == [True, False]


def test_the_control_keeps_the_prompt_alone():
    assert context_free_parts(SPEECH_TO_TEXT, hear)(QUIZ) == ([" So:"], [[" A"], [" B"]])
    assert context_free_parts(SPEECH, hear)(STORY) == ([], [["<0.wav>"], ["<1.wav>"]])
    assert context_free_parts(SPEECH_TO_HEARD, hear, {"0.wav": "He one.", "1.wav": "It."})(STORY)[1] == [
        ["He one."],
        ["It."],
    ]


def test_examples_come_before_everything_but_what_is_laid_out_for_reading():
    written = (Example(Spoken(""), "Up? So: A\n\n"), Example(Spoken("Down?"), " So: B\n\n"))
    shown = dataclasses.replace(QUIZ, examples=written)
    start = "Up? So: A\n\nDown? So: B\n\n"
    assert text_parts(TASKS["spoken_mmlu"])(shown)[0] == [f"{start}Where? A, up. B, down. So:"]
    assert text_parts(TASKS["mmlu"])(shown) == text_parts(TASKS["mmlu"])(QUIZ)
    assert spoken_parts(SPEECH_TO_TEXT, hear)(shown) == ([start, "<q.wav>", " So:"], [[" A"], [" B"]])
    assert cascade_parts(SPEECH_TO_TEXT, {"q.wav": "Where?"})(shown)[0] == [f"{start}Where? So:"]
    assert context_free_parts(SPEECH_TO_TEXT, hear)(shown)[0] == [f"{start} So:"]


def test_examples_are_in_the_mode_of_the_question():
    up, down = Example(Spoken("Up?", "u.wav"), " So: A\n\n"), Example(Spoken("Down?", "d.wav"), "\nA. no\nSo: B\n\n")
    shown = dataclasses.replace(QUIZ, examples=(up, down))
    written = "Up? So: A\n\nDown?\nA. no\nSo: B\n\n"
    assert text_parts(TASKS["spoken_mmlu"])(shown)[0] == [f"{written}Where? A, up. B, down. So:"]
    heard = ["<u.wav>", " So: A\n\n", "<d.wav>", "\nA. no\nSo: B\n\n", "<q.wav>", " So:"]
    assert spoken_parts(SPEECH_TO_TEXT, hear)(shown)[0] == heard
    assert context_free_parts(SPEECH_TO_TEXT, hear)(shown)[0] == [*heard[:3], "\nA. no\nSo: B\n\n So:"]
    recognised = {"u.wav": "Upp?", "d.wav": "Town?", "q.wav": "Were?"}
    as_recognised = "Upp? So: A\n\nTown?\nA. no\nSo: B\n\nWere? So:"
    assert cascade_parts(SPEECH_TO_TEXT, recognised)(shown)[0] == [as_recognised]
    told = dataclasses.replace(STORY, examples=(up,))
    assert "".join(spoken_parts(TEXT_TO_SPEECH, hear)(told)[0]) == f"Up? So: A\n\n{STORY.context.text}"
    assert "".join(context_free_parts(TEXT_TO_SPEECH, hear)(told)[0]) == "Up? So: A\n\n"
    endings = {"0.wav": "He one.", "1.wav": "It."}
    assert cascade_parts(TEXT_TO_SPEECH, endings)(told)[0] == [f"Up? So: A\n\n{STORY.context.text}"]


def test_one_without_a_recording_is_written_among_those_that_are_heard():
    examples = (Example(Spoken("Up?", "u.wav"), " So: A\n"), Example(Spoken("Down?"), " So: B\n"))
    context, _ = spoken_parts(SPEECH_TO_TEXT, hear)(dataclasses.replace(QUIZ, examples=examples))
    assert context == ["<u.wav>", " So: A\nDown? So: B\n", "<q.wav>", " So:"]


def test_examples_are_heard_before_a_recording_that_is_to_be_labelled():
    shown = (Example(Spoken("", "f.wav"), " Style: fast\n"), Example(Spoken("", "s.wav"), " Style: slow\n"))
    item = Choice("s", "rate", Spoken("Go.", "q.wav"), (Spoken("slow"), Spoken("fast")), 0, " Style:", examples=shown)
    labels = [[" slow"], [" fast"]]
    expected = ["<f.wav>", " Style: fast\n", "<s.wav>", " Style: slow\n", "<q.wav>", " Style:"]
    assert spoken_parts(SPEECH_TO_TEXT, hear)(item) == (expected, labels)
    heard = {"f.wav": "Run.", "s.wav": "Walk.", "q.wav": "Go."}
    written = "Run. Style: fast\nWalk. Style: slow\nGo. Style:"
    assert cascade_parts(SPEECH_TO_TEXT, heard)(item) == ([written], labels)
    assert context_free_parts(SPEECH_TO_TEXT, hear)(item)[0] == [*expected[:3], " Style: slow\n Style:"]


def test_only_needed_recordings_are_listed():
    assert recordings(TASKS["storycloze"], [STORY]) == ({"c.wav"}, {"0.wav", "1.wav"})
    assert recordings(TASKS["spoken_mmlu"], [QUIZ]) == ({"q.wav"}, set())
    shown = dataclasses.replace(QUIZ, examples=(Example(Spoken("", "e.wav"), ""), Example(Spoken("Up?"), "")))
    assert recordings(TASKS["spoken_mmlu"], [shown]) == ({"q.wav", "e.wav"}, set())
    assert recordings(TASKS["sblimp"], [PAIR]) == (set(), {"0.wav", "1.wav"})


def test_modes_without_material_are_told_from_items_without_it():
    silent = Choice("q", "", Spoken("Where?"), (Spoken("A"), Spoken("B")), 0)
    written = Choice("m", "", Spoken(""), (Spoken("A"), Spoken("B")), 0, written="Where?\nA. up")
    wordless = Choice("s", "", Spoken(""), (Spoken("", "0.wav"), Spoken("", "1.wav")), 0)
    stories = TASKS["storycloze"]
    assert all(lack(stories, mode, [STORY]) == "" for mode in stories.modes)
    assert lack(stories, TEXT, [silent]) == ""
    assert lack(stories, SPEECH_TO_TEXT, [silent]) == "it holds no recordings of contexts"
    assert lack(stories, TEXT_TO_SPEECH, [silent]) == lack(stories, SPEECH, [silent])
    assert lack(stories, SPEECH, [silent]) == "it holds no recordings of choices"
    assert lack(stories, SPEECH_TO_TEXT, [silent, STORY]) == ""  # some have one: that the others do not is an error
    assert lack(TASKS["mmlu"], TEXT, [written]) == ""
    assert "context.text" in lack(TASKS["spoken_mmlu"], TEXT, [written])
    assert "(written)" in lack(TASKS["mmlu"], TEXT, [written, silent])
    assert lack(TASKS["wuggy"], TEXT, [PAIR, wordless]) == "not every choice is written down"
    assert lack(TASKS["swuggy"], SPEECH, [wordless]) == ""
    endings = dataclasses.replace(STORY, context=Spoken("Tom went out."))
    assert lack(stories, TEXT_TO_SPEECH, [endings]) == ""
    assert lack(stories, SPEECH, [endings]) == "it holds no recordings of contexts"
    whole = dataclasses.replace(stories, modes=(TEXT, SPEECH))
    with pytest.raises(UserError, match=rf"the item {STORY.id} has no recording of its context"):
        check_recordings("stories", whole, [endings])
