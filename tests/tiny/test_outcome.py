import shlex
from pathlib import Path
from types import SimpleNamespace

from ssr_connector.tiny.outcome import better_baselines, metrics, next_commands, renamed


def test_better_baseline_is_chosen_task_by_task():
    figures = [
        {"name": "storycloze_s2t_stack_plain", "value": 50},
        {"name": "storycloze_s2t_stack_layers", "value": 60},
        {"name": "spoken_mmlu_stack_plain", "value": 40},
        {"name": "spoken_mmlu_stack_layers", "value": 30},
    ]
    better = better_baselines(figures, ["stack_plain", "stack_layers"])
    assert {f["name"]: f["value"] for f in better} == {"storycloze_s2t_stack": 60, "spoken_mmlu_stack": 40}
    assert renamed([{"name": "a", "value": 1}, {"name": "b", "value": 2}], {"a": "c"}) == [{"name": "c", "value": 1}]


def test_next_commands_survive_the_shell():
    story = SimpleNamespace(id="s1", context='She said "no!" for $5.', choices=("It's Zoë's.", "He won."))
    world = SimpleNamespace(tests={"storycloze": [story], "mmlu": [SimpleNamespace(id="m1")]})
    commands = next_commands(SimpleNamespace(world=world, out=Path("runs/my demo")))
    words = [shlex.split(c) for c in commands]
    assert words[2][-2:] == ["It's Zoë's.", "He won."]
    assert words[3][-1] == story.context
    assert words[1][3:5] == ["runs/my demo/model", "runs/my demo/speech/tests/audio/m1-context.flac"]


def test_metrics_are_read_line_by_line(tmp_path):
    (tmp_path / "m.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n')
    assert metrics(tmp_path / "m.jsonl") == [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]
