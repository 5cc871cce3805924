"""Where SSR beats the cascade is found where it was planted, and nowhere else."""

import numpy as np
import pytest

from ssr_connector.studies.margins import contest, losses, margins
from ssr_connector.studies.results import Results, Row
from ssr_connector.studies.study import OF_CASCADE

TASK, TITLE = "task", "Task"
N = 300


def figure(right, chance=50.0):
    ids = [f"i{k}" for k in range(len(right))]
    sums = [100.0 * x for x in right]
    return {
        "value": sum(sums) / len(sums),
        "unit": "%",
        "chance": chance,
        "ids": ids,
        "sums": sums,
        "weights": [1.0] * len(ids),
    }


@pytest.fixture
def planted():
    """Rows in which SSR and the cascade are right on these shares of the same items, mostly the same ones."""

    def make(shares, seeds=2):
        rows = []
        for k, (name, (ours, theirs)) in enumerate(shares.items()):
            runs = []
            for seed in range(seeds):
                draw = np.random.default_rng([k, seed]).permutation((np.arange(N) + 0.5) / N)
                runs.append({TASK: figure(draw < ours), TASK + OF_CASCADE: figure(draw < theirs)})
            rows.append(Row(name, name, "", runs))
        return Results(rows, 300)

    return make


def said(results):
    return contest(results, [row.name for row in results.rows], {TASK: TITLE})


def test_the_first_sentence_answers_where_ssr_wins(planted):
    results = planted({"clean": (0.80, 0.80), "babble": (0.80, 0.65), "room": (0.60, 0.75)})
    first, second, third = said(results)
    assert first.startswith("On synthetic speech, SSR beats the hard cascade from its own CTC hypothesis in 1 of 3")
    assert ": Task, babble (15.0 points, 95 % interval" in first
    assert second.startswith("The cascade beats SSR in 1: Task, room (−15.0 points")
    assert "The 3 comparisons" in third
    assert "in favour of SSR in 1 and of the cascade in 1" in third
    widths = [results.within(name, TASK, TASK + OF_CASCADE).ci95 for name in ("clean", "babble", "room")]
    middle = sorted((high - low) / 2 for low, high in widths)[1]
    assert f"the median interval reaches {middle:.1f} points to either side" in third


def test_nothing_wins_where_nothing_differs(planted):
    first, second, _ = said(planted({"clean": (0.8, 0.8), "babble": (0.7, 0.7)}))
    assert first.endswith("in 0 of 2 comparisons: nowhere.")
    assert second == "The cascade beats SSR in 0."


def test_one_small_margin_among_many_comparisons_is_not_claimed(planted):
    margin = {"odd": (0.80, 0.78)}
    alone = planted(margin, 1)  # six items of one sign: p = 1/32
    among = planted(margin | {f"same{k}": (0.8, 0.8) for k in range(30)}, 1)
    (one,) = margins(alone, ["odd"], {TASK: TITLE})
    assert one.change.sign == one.sign == 1
    found = margins(among, [row.name for row in among.rows], {TASK: TITLE})
    assert [m.change.sign for m in found if m.what == "Task, odd"] == [1]  # its interval still leaves out 0
    assert [m.sign for m in found] == [0] * 31
    assert "in favour of SSR in 1" in said(among)[2]


def test_chance_beats_nothing(planted):
    results = planted({"deaf": (0.50, 0.30)})
    assert margins(results, ["deaf"], {TASK: TITLE})[0].sign == 1
    assert said(results)[0].endswith("nowhere.")


def test_seeds_have_to_agree(planted):
    runs = [*planted({"a": (0.9, 0.6)}, 1).rows[0].runs, *planted({"a": (0.55, 0.6)}, 1).rows[0].runs]
    results = Results([Row("a", "a", "", runs)], 300)
    assert results.within("a", TASK, TASK + OF_CASCADE).ci95[0] > 0
    assert said(results)[0].endswith("nowhere.")
    assert "Uncorrected 95 % intervals leave out 0 in favour of SSR in 1 and of the cascade in 0" in said(results)[2]


def test_who_loses_more_is_said_only_where_it_is_known(planted):
    results = planted({"clean": (0.9, 0.9), "level": (0.7, 0.7), "babble": (0.8, 0.6), "room": (0.6, 0.8)})
    level, babble, room = (losses(results, name, "clean", TASK, "T") for name in ("level", "babble", "room"))
    assert "SSR changes by −20.0 points of T and the cascade by −20.0: the two are not told apart" in level
    assert "and the cascade by −30.0: SSR loses less (difference 20.0" in babble
    assert "and the cascade by −10.0: SSR loses more (difference −20.0" in room
    assert losses(results, "room", "clean", "other", "T") == ""
    gained = losses(results, "clean", "room", TASK, "T")
    assert "SSR changes by 30.0 points of T and the cascade by 10.0: SSR fares better (difference 20.0" in gained


def test_without_scores_there_is_no_contest():
    said = contest(Results([Row("cuts", "cuts", "", [{}])], 10), ["cuts"], {TASK: TITLE})
    assert said == ["SSR and the hard cascade were not compared."]
