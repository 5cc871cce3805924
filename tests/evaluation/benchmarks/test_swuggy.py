import random

import pytest

from ssr_connector.evaluation.benchmarks.layout import Options
from ssr_connector.evaluation.benchmarks.swuggy import band, read

COLUMNS = "id,filename,voice,frequency,word,phones,length,correct"


def write(root, rows):
    folder = root / "lexical" / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gold.csv").write_text("\n".join([COLUMNS, *rows]) + "\n")
    return root


@pytest.mark.parametrize(
    ("frequency", "name"),
    [("0", "oov"), ("1", "1-5"), ("4", "1-5"), ("5", "6-20"), ("20", "21-100"), ("99.0", "21-100"), ("100", ">100")],
)
def test_bands_are_the_challenges_own(frequency, name):
    assert band(frequency) == f"frequency {name}"


def test_a_frequency_that_is_not_known_has_no_band():
    assert band("") == band("NaN-ish") == ""


def test_scores_are_averaged_over_voices_then_over_pairs(tmp_path, score):
    # pair 1 in four voices: right, tie, wrong, right: 0.625; pair 2 in one voice only: right
    rows, scores = [], {}
    for k, (good, bad) in enumerate([(-1.0, -2.0), (-1.0, -1.0), (-2.0, -1.0), (-1.0, -2.0)]):
        rows += [f"1,w{k},V{k},50,bird,b er d,3,1", f"1,n{k},V{k},,berp,b er p,3,0"]
        scores |= {f"w{k}": good, f"n{k}": bad}
    rows += ["2,w,V0,0,glade,g l ey d,4,1", "2,n,V0,,glode,g l ow d,4,0"]
    scores |= {"w": -1.0, "n": -9.0}
    items = read(write(tmp_path, rows), Options()).questions["swuggy.jsonl"]
    row = score("swuggy", items, scores)
    assert row.value == pytest.approx(100 * (0.625 + 1) / 2)
    assert row.n == 2
    assert row.groups == {
        "frequency 21-100": pytest.approx(62.5),
        "frequency oov": 100,
        "3 phones": pytest.approx(62.5),
        "4 phones": 100,
    }
    assert row.voices == {"V0": 100, "V1": 50, "V2": 0, "V3": 100}


def test_the_score_is_the_challenges_own_on_random_pairs(tmp_path, score):
    rng = random.Random(3)
    rows, scores, by_pair = [], {}, {}
    for pair in range(40):
        for voice in rng.sample("ABCD", rng.randint(1, 4)):
            names = f"w{pair}{voice}", f"n{pair}{voice}"
            good, bad = rng.randint(-3, 0), rng.randint(-3, 0)
            scores |= {names[0]: good, names[1]: bad}
            by_pair.setdefault(pair, []).append((good > bad) + 0.5 * (good == bad))
            rows += [f"{pair},{names[0]},{voice},7,x,x,1,1", f"{pair},{names[1]},{voice},,y,y,1,0"]
    rng.shuffle(rows)
    expected = sum(sum(found) / len(found) for found in by_pair.values()) / len(by_pair)
    row = score("swuggy", read(write(tmp_path, rows), Options()).questions["swuggy.jsonl"], scores)
    assert row.value == pytest.approx(100 * expected)
    assert row.n == 40
