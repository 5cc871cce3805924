"""How much of what is lost is lost to unseen voices."""

import pytest

from ssr_connector.studies.domains import DOMAINS, READ, TASK, extended, of_voices, of_words, paragraph
from ssr_connector.studies.results import Results, Row
from ssr_connector.studies.speaking import Domain
from ssr_connector.studies.study import OF_CASCADE, OF_MODEL, Own

N = 200


def figure(share):
    ids = [f"i{k}" for k in range(N)]
    sums = [100.0 if k < share * N else 0.0 for k in range(N)]
    return {"value": 100 * share, "unit": "%", "chance": 50.0, "ids": ids, "sums": sums, "weights": [1.0] * N}


@pytest.fixture
def results_of():
    """Rows in which SSR, the cascade and the text model are right on these shares of the same items."""

    def make(**shares):
        rows = []
        for name, values in shares.items():
            run = {TASK + end: figure(share) for end, share in zip(("", OF_CASCADE, OF_MODEL), values, strict=True)}
            rows.append(Row(name, name, "", [run]))
        return Results(rows, 200)

    return make


def test_the_loss_is_divided_between_sentences_and_voices(results_of):
    results = results_of(read=(0.8, 0.7, 0.9), unseen=(0.6, 0.7, 0.9))
    said = of_voices(results, "", "SSR")
    assert "stands −10.0 points from the text model, and −30.0 in unseen ones" in said
    assert "change it by −20.0 points (uncorrected 95 % interval" in said
    assert said.endswith("66.7 % of its distance from text.")
    cascade = of_voices(results, OF_CASCADE, "the cascade")
    assert "stands −20.0 points from the text model, and −20.0 in unseen ones" in cascade
    assert cascade.endswith("which is not told apart from nothing.")


def test_unseen_words_are_judged_against_the_text_model_that_reads_them(results_of):
    results = results_of(read=(0.8, 0.8, 0.9), words=(0.5, 0.7, 0.8))
    assert "SSR is farther from the text model that reads the same (−20.0 points" in of_words(results, "", "SSR")
    assert "the cascade is not told apart in its distance" in of_words(results, OF_CASCADE, "the cascade")


def test_without_unseen_voices_nothing_is_said_of_them(results_of):
    said = " ".join(paragraph(results_of(read=(0.8, 0.7, 0.9))))
    assert "stands" not in said
    assert said.startswith("On synthetic speech")


def test_there_are_training_voices_with_new_sentences_beside_unseen_ones():
    assert READ is DOMAINS.reference
    assert Domain(**READ.domain) == Domain(voices="training")
    assert {"read", "kinds", "accents", "unseen"} <= {arm.name for arm in DOMAINS.arms}
    assert DOMAINS.arm("unseen").domain == {}  # the demo's own tests
    for arm in DOMAINS.arms:
        spoken = Domain(**arm.domain)
        assert sum((spoken.voices != "training", spoken.unseen_words, spoken.spontaneity != Domain().spontaneity)) <= 1


def test_a_users_corpus_stands_in_a_table_of_its_own_and_is_told_without_tasks(tiny_corpus, results_of):
    manifest = str(tiny_corpus / "dev.jsonl.gz")
    study = extended(DOMAINS, Own(cuts={"calls": manifest}))
    (arm,) = study.arms[len(DOMAINS.arms) :]
    assert (arm.name, arm.cuts, arm.domain) == ("cuts_calls", manifest, {})
    assert arm.table in study.tables
    assert arm.name in study.quick
    figures = {"ctc_wer": {"value": 93.25, "unit": "%"}, "cosine": {"value": 0.25, "unit": ""}}
    rows = [*results_of(read=(0.8, 0.7, 0.9)).rows, Row(arm.name, arm.title, arm.table, [figures])]
    said = paragraph(Results(rows, 50))
    assert said[-1] == "On calls, recordings from outside of this world: WER of the hypothesis 93.2 %, cosine 0.250."
