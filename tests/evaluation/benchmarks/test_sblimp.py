import pytest

from ssr_connector.evaluation.benchmarks.layout import Options
from ssr_connector.evaluation.benchmarks.sblimp import read

ROWS = """\
id,filename,voice,type,subtype,correct,transcription
0,a,V1,agreement,noun,1,the dogs run
0,b,V1,agreement,noun,0,the dogs runs
0,c,V1,agreement,verb,1,she has gone
0,d,V1,agreement,verb,0,she have gone
0,e,V1,islands,wh,1,who left
0,f,V1,islands,wh,0,left who
0,g,V2,islands,wh,1,who left
0,h,V2,islands,wh,0,left who
"""


def test_ids_begin_anew_in_every_subtype_and_scores_go_by_type(tmp_path, score):
    (tmp_path / "syntactic" / "test").mkdir(parents=True)
    (tmp_path / "syntactic" / "test" / "gold.csv").write_text(ROWS)
    layout = read(tmp_path, Options())
    items = layout.questions["sblimp.jsonl"]
    assert layout.rejected == []
    assert [i.cluster for i in items] == ["agreement/noun/0", "agreement/verb/0", "islands/wh/0", "islands/wh/0"]
    assert [c.text for c in items[0].choices] == ["the dogs run", "the dogs runs"]
    scores = {"a": 0, "b": -1, "c": -2, "d": -1, "e": 0, "f": -1, "g": -1, "h": -1}
    row = score("sblimp", items, scores)
    assert row.value == pytest.approx(100 * (1 + 0 + 0.75) / 3)
    assert row.groups == {"agreement": 50, "islands": 75}
