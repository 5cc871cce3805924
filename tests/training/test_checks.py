import pytest

from ssr_connector.errors import UserError
from ssr_connector.training import checks, stages
from ssr_connector.training.checks import check_sharding

NOTHING_LOADS = ["--llm.name=nowhere", "--encoder.name=nowhere", "--training.aligner=nowhere"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data.train=a.jsonl.gz"], r"data\.train: there is no a\.jsonl\.gz; `ssr prepare` makes it"),
        (["--data.dev=a.jsonl.gz"], r"data\.dev: there is no a\.jsonl\.gz"),
        (["--data.alignments=a,b"], r"data\.alignments: there is no a; `ssr align`"),
        (["--data.frames=a"], r"data\.frames: there is no a; `ssr encode`"),
        (
            ["--data.text=a.txt", "--training.objectives={text: 1}", "--training.train=[llm]"],
            r"data\.text: there is no a\.txt",
        ),
        (["--data.dev_text=a.txt", "--training.train=[llm]"], r"data\.dev_text: there is no a\.txt"),
        (["--training.train=[conector]"], "conector is given"),
        (["--training.train=[]"], "no part is given"),
        (["--training.objectives={distill: 1}"], "distill is given"),
        (["--training.objectives={text: 1}", "--data.text="], "need text data"),
        (["--connector.type=stack"], "as the objective distil needs"),
        (["--connector.type=cif", "--training.objectives={continuation: 1}"], "add --training.objectives.quantity"),
        (["--connector.type=conv", "--training.objectives={speech_lm: 1}"], "as the objective speech_lm needs"),
        (["--training.objectives={text: 1}", "--data.text=a.txt"], r"an LLM that learns: --training\.train"),
        (["--training.train=[aligner, connector]"], "aligner is given"),
        (["--training.adapter=lora"], r"adapter lora is for an LLM that learns"),
        (["--training.train=[llm]", "--llm.dtype=bfloat16"], "kept in float32"),
        *[([f"--training.{key}=0"], rf"training\.{key} is 0.*above 0") for key in checks.POSITIVE],
        (["--training.max_text_drop=1"], r"max_text_drop needs .*--data\.dev_text"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_loaded(recipe_of, words, message):
    with pytest.raises(UserError, match=message) as caught:
        stages.train_connector(recipe_of("distill", *NOTHING_LOADS, *words), lambda *_: None)
    assert "\n" not in str(caught.value)


def test_what_a_stage_does_not_read_need_not_be_there_yet(recipe_of):
    unread = ["--data.alignments=later", "--data.text=later", "--data.dev_text=later"]
    with pytest.raises(UserError, match=r"encoder"):
        stages.train_aligner(
            recipe_of("aligner", "--encoder.name=nowhere", "--data.frames=null", *unread), lambda *_: None
        )
    with pytest.raises(UserError, match="nowhere holds no aligner"):
        stages.train_connector(recipe_of("distill", *NOTHING_LOADS, *unread[1:]), lambda *_: None)


def test_an_aligner_s_data_is_looked_for_first(recipe_of):
    with pytest.raises(UserError, match=r"data\.dev: there is no a\.jsonl\.gz"):
        stages.train_aligner(recipe_of("aligner", "--encoder.name=nowhere", "--data.dev=a.jsonl.gz"), lambda *_: None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--training.freeze=[norm]"], r"training\.freeze means nothing"),
        (["--training.compile=true"], r"training\.compile means nothing"),
        (["--training.objectives={distil: 1}"], "leave distil out"),
        (["--training.train=[aligner, llm]"], "leave llm out"),
        (["--training.log_every=0"], r"training\.log_every is 0"),
        (["--training.start_from=run/model"], "start_from is for `ssr train finetune`"),
    ],
)
def test_what_an_aligner_s_training_would_not_heed_is_an_error(recipe_of, words, message):
    with pytest.raises(UserError, match=message):
        stages.train_aligner(recipe_of("aligner", "--encoder.name=nowhere", *words), lambda *_: None)


def test_muon_wants_whole_matrices(recipe_of, monkeypatch):
    monkeypatch.setattr(checks, "is_sharded", lambda config: config.sharding == "fsdp")  # as with several processes
    words = ["--training.optimizer=muon", "--training.sharding=fsdp"]
    for train, stage in ((stages.train_connector, "distill"), (stages.train_aligner, "aligner")):
        with pytest.raises(UserError, match=r"training\.optimizer muon"):
            train(recipe_of(stage, *words), lambda *_: None)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--llm.quantize=8bit"], "llm.quantize 8bit"),
        (["--training.objectives={ewc: 1, speech_lm: 1}"], "objective ewc"),
        (["--data.text=self"], r"rehearsal\.jsonl"),
    ],
)
def test_what_cannot_be_divided_is_refused(recipe_of, words, reason):
    with pytest.raises(UserError, match=reason):
        check_sharding(recipe_of("finetune", *words))


def test_stage_1_goes_on_from_no_model(recipe_of):
    with pytest.raises(UserError, match="start_from is for `ssr train finetune`"):
        stages.train_connector(recipe_of("distill", "--training.start_from=run/model"), lambda *_: None)
