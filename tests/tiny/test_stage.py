import io
import json

import pytest
from rich.console import Console

from ssr_connector.tiny.stage import Foreseen, Stages


class Pipeline:
    """Two stages that count how often they ran; the second one depends on the first."""

    def __init__(self, folder):
        self.folder, self.ran = folder, []

    def run(self, first="a", second="b", fail=False, kind=Stages):
        stages = kind(self.folder, Console(quiet=True))

        def work(name):
            def do(report):
                self.ran.append(name)
                out = self.folder / name
                out.mkdir(exist_ok=True)
                (out / "made").write_text(str(len(self.ran)))
                if fail and name == "two":
                    raise KeyboardInterrupt
                return f"{name} is done"

            return do

        stages.do("one", "first", first, [], [self.folder / "one"], work("one"))
        stages.do("two", "second", second, ["one"], [self.folder / "two"], work("two"))
        return stages


def test_a_second_run_reuses_what_is_there(tmp_path):
    pipeline = Pipeline(tmp_path)
    first = pipeline.run()
    again = pipeline.run()
    assert pipeline.ran == ["one", "two"]
    assert again.seconds == first.seconds


def test_a_change_redoes_the_stage_and_what_follows_but_nothing_before(tmp_path):
    pipeline = Pipeline(tmp_path)
    pipeline.run()
    (tmp_path / "two" / "old").write_text("of the old recipe")
    pipeline.run(second="c")
    assert pipeline.ran == ["one", "two", "two"]
    assert not (tmp_path / "two" / "old").exists()
    pipeline.run(first="x", second="c")
    assert pipeline.ran == ["one", "two", "two", "one", "two"]


def test_a_stopped_stage_goes_on_with_its_own_files(tmp_path):
    pipeline = Pipeline(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(fail=True)
    (tmp_path / "two" / "partial").write_text("kept")
    pipeline.run()
    assert pipeline.ran == ["one", "two", "two"]
    assert (tmp_path / "two" / "partial").exists()
    state = json.loads((tmp_path / "stages" / "two.json").read_text())
    assert state["result"] == "two is done"


def test_a_lost_output_is_made_again(tmp_path):
    pipeline = Pipeline(tmp_path)
    pipeline.run()
    (tmp_path / "one" / "made").unlink()
    (tmp_path / "one").rmdir()
    pipeline.run()
    assert pipeline.ran == ["one", "two", "one"]


def test_foreseen_stages_are_not_done_and_have_the_keys_that_they_will_have(tmp_path):
    pipeline = Pipeline(tmp_path)
    foreseen = pipeline.run(kind=Foreseen)
    assert foreseen.left == ["one", "two"]
    assert (pipeline.ran, list(tmp_path.iterdir())) == ([], [])
    assert pipeline.run().keys == foreseen.keys
    assert pipeline.run(kind=Foreseen).left == []
    assert pipeline.run(second="c", kind=Foreseen).left == ["two"]
    assert pipeline.run(first="x", kind=Foreseen).left == ["one", "two"]


def test_stages_are_numbered_in_their_order_though_their_keys_are_known(tmp_path):
    pipeline, shown = Pipeline(tmp_path), io.StringIO()
    stages = Stages(tmp_path, Console(file=shown, width=200))
    stages.keys |= pipeline.run(kind=Foreseen).keys
    for name in ("one", "two"):
        stages.do(name, "what", "a", [], [], lambda _: "done")
    assert [line[:7] for line in shown.getvalue().splitlines() if "what" in line] == [" 1. one", " 2. two"]
