import dataclasses
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ssr_connector.config import EncoderSection
from ssr_connector.connectors import CONNECTORS
from ssr_connector.errors import UserError
from ssr_connector.model import SSRForConditionalGeneration
from ssr_connector.training import data, loop, stages
from ssr_connector.training.batches import Batch
from ssr_connector.training.fitted import Fitted
from ssr_connector.training.objectives import ContinueLikeText, Distil, TextLM, needs_llm
from ssr_connector.training.run import inherit, saved_recipe


def quiet(*_):
    pass


def losses(out):
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in rows] == list(range(1, len(rows) + 1))
    return [(r["loss"], r["gradient_norm"]) for r in rows]


class StoppedError(Exception):
    """Ends a run from its progress function."""


def stop_at(step):
    def progress(done, total, figures):
        if done == step:
            raise StoppedError

    return progress


def test_a_run_killed_between_steps_goes_on_bit_for_bit(base, distilled, tmp_path):
    out = tmp_path / "run"
    script = (
        "import os, signal, sys\n"
        "from ssr_connector.config import load_recipe\n"
        "from ssr_connector.training.stages import train_connector\n"
        "def progress(done, total, figures):\n"
        "    if done == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
        "train_connector(load_recipe(sys.argv[1], 'distill', ['--out=' + sys.argv[2]]), progress)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(base / "recipe.yaml"), str(out)], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert [p.name for p in (out / "checkpoints").iterdir()] == ["step-00000004"]
    assert not (out / "model").exists()
    (out / "checkpoints" / "step-00000006.tmp-999").mkdir()  # as a process killed while it writes leaves behind

    from ssr_connector.config import load_recipe

    stages.train_connector(load_recipe(base / "recipe.yaml", "distill", [f"--out={out}"]), quiet)
    assert losses(out) == losses(distilled)
    first, second = (load_file(folder / "model" / "model.safetensors") for folder in (out, distilled))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert [p.name for p in (out / "checkpoints").iterdir()] == ["step-00000007"]


def test_a_run_goes_on_with_what_the_llm_wrote_before(recipe_of, monkeypatch, tmp_path):
    words = ["--training.steps=6", "--training.checkpoint_every=4", "--training.batch_s=12"]  # more than an epoch
    whole, broken = (recipe_of("stack", *words, out=tmp_path / name) for name in ("whole", "broken"))
    stages.train_connector(whole, quiet)
    with pytest.raises(StoppedError):
        stages.train_connector(broken, stop_at(5))
    lines = (tmp_path / "broken" / "continuations-000.jsonl").read_text().splitlines()
    before = {key for line in lines for key in json.loads(line)}
    asked, honest = [], ContinueLikeText._write
    monkeypatch.setattr(
        ContinueLikeText, "_write", lambda self, llm, keys, c: asked.extend(keys) or honest(self, llm, keys, c)
    )
    stages.train_connector(broken, quiet)
    assert len(before) >= 12
    assert not before & set(asked)
    assert losses(tmp_path / "broken") == losses(tmp_path / "whole")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_from_outside_saves_and_the_next_command_goes_on_bit_for_bit(how, base, recipe_of, tmp_path):
    out, words = tmp_path / "run", ["--training.steps=1000", "--training.checkpoint_every=1000"]
    command = [sys.executable, "-m", "ssr_connector", "train", "distill", "--config", str(base / "recipe.yaml")]
    running = subprocess.Popen([*command, f"--out={out}", *words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    metrics = out / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not (metrics.exists() and len(metrics.read_text().splitlines()) >= 3) and time.monotonic() < deadline:
        assert running.poll() is None, running.stderr.read().decode()
        time.sleep(0.02)
    running.send_signal(how)
    stderr = running.communicate(timeout=60)[1].decode()
    assert running.returncode == 130
    assert stderr.count("\n") == 1
    assert "interrupted" in stderr
    (saved,) = (out / "checkpoints").iterdir()
    n = json.loads((saved / "position.json").read_text())["step"]
    assert n == len(metrics.read_text().splitlines())

    with pytest.raises(StoppedError):
        stages.train_connector(recipe_of("distill", *words, out=out), stop_at(n + 2))
    with pytest.raises(StoppedError):
        stages.train_connector(recipe_of("distill", *words, out=tmp_path / "whole"), stop_at(n + 2))
    assert losses(out) == losses(tmp_path / "whole")


def test_ctrl_c_in_the_middle_of_a_step_finishes_the_step(recipe_of, distilled, monkeypatch, tmp_path):
    calls, honest = [], Distil.__call__

    def pressed(self, batch):
        result = honest(self, batch)
        calls.append(batch)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return result

    monkeypatch.setattr(Distil, "__call__", pressed)
    with pytest.raises(KeyboardInterrupt):
        stages.train_connector(recipe_of("distill"), quiet)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert (tmp_path / "distill" / "checkpoints" / "step-00000003").is_dir()
    monkeypatch.undo()
    stages.train_connector(recipe_of("distill"), quiet)
    assert losses(tmp_path / "distill") == losses(distilled)


def test_a_bad_batch_may_be_skipped_by_the_run_that_it_stopped(recipe_of, monkeypatch, tmp_path):
    honest = loop.one_step

    def spoilt(accelerator, model, optimizer, batches, config, step):
        if step == 4:
            raise loop.NotFiniteError(float("nan"), 1.0, batches[0].speech.ids)
        return honest(accelerator, model, optimizer, batches, config, step)

    monkeypatch.setattr(loop, "one_step", spoilt)
    with pytest.raises(UserError, match=r"with --training\.bad_batches skip goes on from the last checkpoint"):
        stages.train_connector(recipe_of("distill"), quiet)
    words = ["--training.bad_batches=skip", "--training.gradient_checkpointing=true"]
    stages.train_connector(recipe_of("distill", *words), quiet)
    rows = [json.loads(line)["step"] for line in (tmp_path / "distill" / "metrics.jsonl").read_text().splitlines()]
    assert rows == [1, 2, 3, 4, 6, 7]


def test_the_share_of_padding_is_logged_and_summed_up(distilled):
    rows = [json.loads(line)["padding"] for line in (distilled / "metrics.jsonl").read_text().splitlines()]
    assert 0 <= min(rows) < max(rows) < 1
    done = json.loads((distilled / "training.json").read_text())
    assert done["padding_this_run"] == pytest.approx(sum(rows) / len(rows))


def test_only_what_was_asked_for_learns(distilled, tiny_llm, tiny_aligner):
    from transformers import AutoModelForCausalLM

    model = SSRForConditionalGeneration.from_pretrained(str(distilled / "model"))
    llm = AutoModelForCausalLM.from_pretrained(tiny_llm)
    assert all(torch.equal(a, b) for a, b in zip(model.llm.parameters(), llm.parameters(), strict=True))
    aligner = load_file(tiny_aligner / "aligner.safetensors")
    assert all(torch.equal(v, model.aligner.state_dict()[k]) for k, v in aligner.items())
    saved = load_file(distilled / "model" / "model.safetensors")
    assert not any(k.startswith(("llm.", "encoder.")) for k in saved)


def test_distillation_learns(recipe_of, tmp_path):
    words = ["--training.steps=30", "--training.lr=1e-2", "--training.evaluate_every=1"]
    stages.train_connector(recipe_of("distill", *words), quiet)
    rows = [json.loads(line) for line in (tmp_path / "distill" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["dev_loss"] < rows[0]["dev_loss"] - 0.2
    assert rows[-1]["dev_cosine"] > rows[0]["dev_cosine"] + 0.04


def test_stage_2_trains_the_llm_alone_and_saves_it(recipe_of, distilled, tmp_path):
    recipe = recipe_of("finetune", f"--training.start_from={distilled / 'model'}", "--training.steps=2")
    figures = stages.finetune(recipe, quiet)
    assert {"speech_lm", "transcribe", "text", "dev_loss"} <= figures.keys()
    assert "dev_text" not in figures  # no such text was given
    before = SSRForConditionalGeneration.from_pretrained(str(distilled / "model"))
    after = SSRForConditionalGeneration.from_pretrained(str(tmp_path / "finetune" / "model"))
    a, b = before.state_dict(), after.state_dict()
    changed = {k.split(".")[0] for k in a if not torch.equal(a[k], b[k])}
    assert changed == {"llm"}


def test_development_figures_do_not_depend_on_how_recordings_fall_into_batches(recipe_of, tmp_path):
    words = ["--training.steps=1", "--training.lr=0", "--connector.dropout=0"]
    found = [
        stages.train_connector(recipe_of("distill", *words, f"--training.batch_s={s}", out=tmp_path / str(s)), quiet)
        for s in (3, 7, 60)
    ]
    assert [f["dev_loss"] for f in found] == pytest.approx([found[0]["dev_loss"]] * 3, rel=1e-5)
    assert [f["dev_cosine"] for f in found] == pytest.approx([found[0]["dev_cosine"]] * 3, rel=1e-4)


@pytest.mark.parametrize("dev", [True, False])
def test_development_text_is_measured_whole_with_or_without_speech(dev, recipe_of, distilled, base, tmp_path):
    words = [f"--training.start_from={distilled / 'model'}", "--training.steps=1", "--training.lr=0"]
    words += [f"--data.dev_text={base / 'text.txt'}", *([] if dev else ["--data.dev="])]
    recipe = recipe_of("finetune", *words)
    figures = stages.finetune(recipe, quiet)
    model = SSRForConditionalGeneration.from_pretrained(str(distilled / "model"))  # nothing was learnt
    text = data.text_batches(recipe, model, recipe.data.dev_text)
    n = text.text.n_blocks
    assert n > 3 * text.per_batch
    assert n % text.per_batch
    with torch.no_grad():
        blocks = [TextLM(model)(Batch(None, text.text.blocks(0)[k : k + 1]))[0].item() for k in range(n)]
    assert figures["dev_text"] == pytest.approx(sum(blocks) / n, rel=1e-2)  # blocks have more or fewer first tokens
    assert ("dev_speech_lm" in figures) == dev
    spoken = figures["dev_speech_lm"] + figures["dev_transcribe"] if dev else 0
    assert figures["dev_loss"] == pytest.approx(figures["dev_text"] + spoken)


def test_a_fixed_rate_connector_trains_and_cannot_be_distilled(recipe_of):
    figures = stages.train_connector(recipe_of("stack", "--training.steps=2"), quiet)
    assert figures["continuation_kl"] > 0
    with pytest.raises(UserError, match="no vector per token"):
        stages.train_connector(recipe_of("distill", "--connector.type=stack"), quiet)


@pytest.mark.parametrize("kind", [kind for kind, cls in CONNECTORS.items() if cls.needs_segments])
def test_connectors_with_a_vector_per_token_are_distilled(kind, recipe_of, tmp_path):
    words = [f"--connector.type={kind}", "--training.steps=40", "--training.lr=5e-3"]
    figures = stages.train_connector(recipe_of("distill", *words), quiet)
    rows = [loss for loss, _ in losses(tmp_path / "distill")]
    assert sum(rows[-8:]) < 0.95 * sum(rows[:8])
    model = SSRForConditionalGeneration.from_pretrained(str(tmp_path / "distill" / "model"))
    assert type(model.connector) is CONNECTORS[kind]
    assert figures["connector_parameters"] == model.connector.n_parameters


@pytest.mark.parametrize("kind", CONNECTORS)
def test_every_connector_is_taught_by_transcribing_and_continuing(kind, recipe_of, tmp_path):
    needed = CONNECTORS[kind].needed_objective
    words = [f"--connector.type={kind}", "--connector.layers=1", "--training.steps=2"]
    words += [f"--training.objectives.{needed}=0.1"] if needed else []
    figures = stages.train_connector(recipe_of("stack", *words), quiet)
    assert {"transcribe", "continuation_kl", "dev_loss"} | ({needed} if needed else set()) <= figures.keys()
    assert all(loss > 0 and gradient > 0 for loss, gradient in losses(tmp_path / "stack"))
    model = SSRForConditionalGeneration.from_pretrained(str(tmp_path / "stack" / "model"))
    assert type(model.connector) is CONNECTORS[kind]


def test_cif_is_not_trained_without_its_count_nor_others_with_it(recipe_of):
    with pytest.raises(UserError, match=r"from the objective quantity; add --training\.objectives\.quantity 0\.1"):
        stages.train_connector(recipe_of("stack", "--connector.type=cif"), quiet)
    with pytest.raises(UserError, match=r"`quantity` is for connector\.type cif"):
        stages.train_connector(recipe_of("stack", "--training.objectives.quantity=1"), quiet)


def test_the_aligner_stage_learns_and_saves(recipe_of, tmp_path):
    from ssr_connector.aligners.bundle import read_aligner

    figures = stages.train_aligner(recipe_of("aligner", "--training.lr=5e-3"), quiet)
    rows = losses(tmp_path / "aligner")
    assert rows[-1][0] < rows[0][0]
    assert figures["left_out"] == 0
    assert read_aligner(tmp_path / "aligner" / "aligner")[0].config.width == 16


@pytest.mark.parametrize(
    ("words", "buffer"),
    [
        (["--aligner.label_prior=0.3"], "log_prior"),
        (["--aligner.type=unity2", "--aligner.units=8"], "centroids"),
    ],
)
def test_an_aligner_that_was_killed_goes_on_bit_for_bit(words, buffer, recipe_of, monkeypatch, tmp_path):
    whole, broken = (recipe_of("aligner", *words, out=tmp_path / name) for name in ("whole", "broken"))
    stages.train_aligner(whole, quiet)
    with pytest.raises(StoppedError):
        stages.train_aligner(broken, stop_at(5))
    # What was fitted once is not fitted again, whatever a library would now find.
    monkeypatch.setattr("ssr_connector.aligners.unity2.fit_centroids", lambda *_: torch.zeros(8, 32))
    stages.train_aligner(broken, quiet)
    assert losses(tmp_path / "broken") == losses(tmp_path / "whole")
    first, second = (load_file(tmp_path / n / "aligner" / "aligner.safetensors") for n in ("whole", "broken"))
    assert first[buffer].any()
    assert all(torch.equal(first[k], second[k]) for k in first)


def test_what_is_fitted_before_training_follows_a_mended_recipe(tmp_path):
    def fitted(value):
        return lambda: torch.full((2,), value)

    assert Fitted(tmp_path)("x", fitted(1.0)).tolist() == [1, 1]
    assert Fitted(tmp_path)("x", fitted(2.0)).tolist() == [2, 2]  # nothing was trained yet
    (tmp_path / "training.json").write_text("{}")
    assert Fitted(tmp_path)("x", fitted(3.0)).tolist() == [2, 2]


def test_a_finished_run_is_not_repeated_and_another_recipe_is_refused(distilled, recipe_of):
    before = (distilled / "metrics.jsonl").read_bytes()
    assert stages.train_connector(recipe_of("distill", out=distilled), stop_at(1)) == {}
    assert (distilled / "metrics.jsonl").read_bytes() == before
    with pytest.raises(UserError, match=r"training\.lr: 0\.001 → 0\.002") as caught:
        stages.train_connector(recipe_of("distill", "--training.lr=0.002", out=distilled), quiet)
    assert str(distilled) in str(caught.value)


def test_a_command_that_failed_before_it_trained_may_be_mended(recipe_of, tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.jsonl\.gz"):
        stages.train_connector(recipe_of("distill", "--data.train=nowhere.jsonl.gz"), quiet)
    stages.train_connector(recipe_of("distill", "--training.steps=1"), quiet)
    assert (tmp_path / "distill" / "model").is_dir()


def test_a_run_whose_last_step_is_done_is_finished_without_another(recipe_of, distilled, tmp_path):
    out = tmp_path / "distill"
    shutil.copytree(distilled, out)
    shutil.rmtree(out / "model")
    (out / "training.json").unlink()  # killed after the last checkpoint
    figures = stages.train_connector(recipe_of("distill"), stop_at(8))
    assert json.loads((out / "training.json").read_text())["steps"] == 7
    assert (figures["loss"], figures["gradient_norm"]) == losses(distilled)[-1]
    assert stages.train_connector(recipe_of("distill"), quiet) == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--training.aligner=null"], "needs a trained aligner"),
        (["--training.train=[conector]"], "conector"),
        (["--aligner.text_form=lower"], "trained with aligner.text_form cased, not lower"),
        (["--data.alignments=nowhere"], "ssr align"),
        (["--data.frames=nowhere"], "ssr encode"),
        (["--encoder.layer=1"], "encoder.layer"),
        (["--training.batch_s=0.5"], "longer than training.batch_s"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(recipe_of, words, message):
    with pytest.raises(UserError, match=message) as caught:
        stages.train_connector(recipe_of("distill", *words), quiet)
    assert "\n" not in str(caught.value)


def test_an_aligner_for_another_encoder_of_that_width_is_refused(recipe_of, tiny_encoder, tiny_aligner, tmp_path):
    from transformers import Wav2Vec2BertModel

    other, copy = tmp_path / "other", tmp_path / "copy"
    for folder in (other, copy):
        shutil.copytree(tiny_encoder, folder)
    stages.train_connector(recipe_of("distill", f"--encoder.name={copy}", "--training.steps=1"), quiet)
    encoder = Wav2Vec2BertModel.from_pretrained(other)
    with torch.no_grad():
        encoder.feature_projection.projection.weight.mul_(-1)
    encoder.save_pretrained(other)
    older = tmp_path / "older" / "aligner"
    shutil.copytree(tiny_aligner, older)
    values = json.loads((older / "aligner.json").read_text())
    values = {k: v for k, v in values.items() if k not in ("encoder_key", "vocabulary")}
    (older / "aligner.json").write_text(json.dumps(values | {"encoder_name": tiny_encoder}))
    for aligner in (tiny_aligner, older):
        words = [f"--encoder.name={other}", "--data.frames=null", f"--training.aligner={aligner}"]
        with pytest.raises(UserError, match=rf"aligner was trained on frames of the encoder .*, which {other} is not"):
            stages.train_connector(recipe_of("distill", *words, out=tmp_path / "bad"), quiet)


def test_an_aligner_that_spells_in_tokens_of_another_llm_is_refused(recipe_of, tiny_encoder, tiny_llm, tmp_path):
    from ssr_connector.aligners import SubCTC, SubCTCConfig
    from ssr_connector.aligners.bundle import save_aligner
    from ssr_connector.base_models import load_tokenizer
    from ssr_connector.tiny.tokenizer import train_tokenizer

    folder, other = tmp_path / "aligner", tmp_path / "llm"
    aligner = SubCTC(
        SubCTCConfig(width=16, layers=1, heads=2, kernel=5, token_ids=(70, 71), token_texts=("a", "b")), 32
    )
    save_aligner(folder, aligner, EncoderSection(tiny_encoder), tiny_llm, "cased")
    stages.train_connector(recipe_of("distill", f"--training.aligner={folder}", "--training.steps=1"), quiet)
    shutil.copytree(tiny_llm, other)
    train_tokenizer(["QUITE ANOTHER TEXT"], len(load_tokenizer(tiny_llm))).save_pretrained(other)
    words = [f"--training.aligner={folder}", f"--llm.name={other}"]
    with pytest.raises(UserError, match=rf"aligner spells in tokens of the LLM .*, and {other} has others"):
        stages.train_connector(recipe_of("distill", *words, out=tmp_path / "bad"), quiet)


def test_alignments_of_other_words_or_another_tokenizer_are_refused(recipe_of, base, tmp_path):
    lines = (base / "align" / "alignments.jsonl").read_text().splitlines()
    folder = tmp_path / "align"
    folder.mkdir()

    def write(change):
        rows = [json.loads(line) for line in lines]
        for row in rows[1:]:
            change(row)
        (folder / "alignments.jsonl").write_text("\n".join(json.dumps(r) for r in rows))

    write(lambda row: row.update(text=row["text"].lower()))
    with pytest.raises(UserError, match="other words"):
        stages.train_connector(recipe_of("distill", f"--data.alignments={folder}"), quiet)
    first = json.loads(lines[1])["id"]  # which two tokenizers may well agree on
    write(lambda row: row["id"] == first or row.update(token_ids=[t + 1 for t in row["token_ids"]]))
    with pytest.raises(UserError, match="another tokenizer"):
        stages.train_connector(recipe_of("distill", f"--data.alignments={folder}"), quiet)


def test_utterances_without_alignment_are_counted(recipe_of, base, tmp_path):
    lines = (base / "align" / "alignments.jsonl").read_text().splitlines()
    (tmp_path / "alignments.jsonl").write_text("\n".join(lines[:1] + lines[4:]))
    recipe = recipe_of("distill", f"--data.alignments={tmp_path}", "--training.steps=1", "--data.dev=")
    assert stages.train_connector(recipe, quiet)["left_out"] > 0


def test_development_data_without_alignment_is_counted_or_asked_for(recipe_of, base, tiny_corpus, tmp_path):
    lines = (base / "align" / "alignments.jsonl").read_text().splitlines()
    keys = list(data.load_cuts(str(tiny_corpus / "dev.jsonl.gz"), "cased")[0])

    def without(left_out):
        kept = [line for line in lines if not any(f'"{key}"' in line for key in left_out)]
        (tmp_path / "alignments.jsonl").write_text("\n".join(kept))
        out = tmp_path / str(len(left_out))
        return recipe_of("distill", f"--data.alignments={tmp_path}", "--training.steps=1", out=out)

    assert stages.train_connector(without(keys[:1]), quiet)["dev_left_out"] == 1
    with pytest.raises(UserError, match=r"data\.dev: none of its utterances is aligned in .*give `ssr align` its cuts"):
        stages.train_connector(without(keys), quiet)


def test_stage_2_keeps_the_connector_of_stage_1(recipe_of, distilled):
    words = [f"--training.start_from={distilled / 'model'}", "--connector.layers=2", "--aligner.text_form=lower"]
    recipe = recipe_of("finetune", *words)
    kept = inherit(recipe)
    before = saved_recipe(distilled)
    for section in ("encoder", "llm", "aligner", "connector"):
        assert dataclasses.asdict(getattr(kept, section)) == before[section]
    assert kept.training == recipe.training
    stages.finetune(recipe, quiet)
    assert saved_recipe(Path(recipe.out))["connector"] == before["connector"]


def test_a_model_without_its_run_says_what_stage_2_keeps(recipe_of, distilled):
    alone = distilled.parent / "published"
    shutil.copytree(distilled / "model", alone / "model")
    before = saved_recipe(distilled)
    kept = inherit(
        recipe_of("finetune", f"--training.start_from={alone / 'model'}", "--encoder.name=x", "--llm.name=y")
    )
    for section in ("encoder", "llm"):
        assert Path(getattr(kept, section).name).resolve() == Path(before[section]["name"]).resolve()
    assert dataclasses.asdict(kept.connector) == before["connector"]
    same = ("type", "text_form", "width", "layers", "heads")
    assert [getattr(kept.aligner, k) for k in same] == [before["aligner"][k] for k in same]
    planned = recipe_of("finetune", f"--training.start_from={alone / 'later'}", "--encoder.name=x")
    assert inherit(planned) == planned


def test_frames_encoded_on_the_fly_are_those_of_the_store(recipe_of, distilled):
    recipe = recipe_of("distill", "--data.frames=null", "--training.steps=1", "--training.warmup_steps=2")
    stored = losses(distilled)[0][0]
    assert stages.train_connector(recipe, quiet)["loss"] == pytest.approx(stored, rel=1e-2)  # float16 on disk


def test_a_run_from_audio_leaves_out_a_recording_that_cannot_be_read_and_goes_on_bit_for_bit(
    recipe_of, tiny_corpus, tmp_path
):
    with gzip.open(tiny_corpus / "train.jsonl.gz", "rt") as manifest:
        rows = [json.loads(line) for line in manifest]
    (tmp_path / "bad.wav").write_bytes(b"not audio")
    rows[3]["recording"]["sources"][0]["source"] = str(tmp_path / "bad.wav")
    with gzip.open(tmp_path / "train.jsonl.gz", "wt") as manifest:
        manifest.writelines(json.dumps(row) + "\n" for row in rows)
    words = ["--data.frames=null", f"--data.train={tmp_path / 'train.jsonl.gz'}"]
    figures = stages.train_connector(recipe_of("distill", *words, out=tmp_path / "whole"), quiet)
    assert figures["unreadable"] == json.loads((tmp_path / "whole" / "training.json").read_text())["unreadable"] == 1
    ((key, reason),) = [line.split("\t") for line in (tmp_path / "whole" / "rejected.tsv").read_text().splitlines()[1:]]
    assert (key, "not audio" in reason) == (rows[3]["id"], True)
    with pytest.raises(StoppedError):
        stages.train_connector(recipe_of("distill", *words, out=tmp_path / "broken"), stop_at(5))
    words.append("--training.workers=0")  # from here on
    figures = stages.train_connector(recipe_of("distill", *words, out=tmp_path / "broken"), quiet)
    assert figures["unreadable"] == 1
    assert losses(tmp_path / "broken") == losses(tmp_path / "whole")
    assert (tmp_path / "broken" / "rejected.tsv").read_text() == (tmp_path / "whole" / "rejected.tsv").read_text()


def test_several_layers_are_mixed_by_aligner_and_connector_from_cache_to_loaded_model(
    recipe_of, tiny_corpus, tiny_encoder, tmp_path
):
    from ssr_connector.aligners.corpus import align_cuts
    from ssr_connector.data.cuts import cut_audio, read_cuts
    from ssr_connector.encoders.corpus import encode_cuts

    layers, manifests, said = [0, 2], [tiny_corpus / "train.jsonl.gz", tiny_corpus / "dev.jsonl.gz"], []
    encode_cuts(manifests, EncoderSection(tiny_encoder, layers), tmp_path / "frames", 20.0, quiet, note=said.append)
    (store,) = (tmp_path / "frames").rglob("frames.f16")
    size, frames = store.stat().st_size, store.stat().st_size // (2 * 2 * 32)
    assert f"{frames:,} frames of 2 layers x 32 values; in float16 they will take {size / 1e6:,.0f} MB" in said[0]
    words = ["--encoder.layer=[0, 2]", f"--data.frames={tmp_path / 'frames'}"]
    figures = stages.train_aligner(recipe_of("aligner", *words), quiet)
    assert figures["share_of_layer_0"] + figures["share_of_layer_2"] == pytest.approx(1)
    aligner = tmp_path / "aligner" / "aligner"
    align_cuts(manifests, aligner, tmp_path / "align", 20.0, quiet, tmp_path / "frames")
    words += [f"--training.aligner={aligner}", f"--data.alignments={tmp_path / 'align'}"]
    stages.train_connector(recipe_of("distill", *words), quiet)
    first, second = (SSRForConditionalGeneration.from_pretrained(str(tmp_path / "distill" / "model")) for _ in "ab")
    assert first.connector.mix.weights.tolist() != [0, 0]  # it learnt
    assert first.aligner.head.mix.weights.tolist() != first.connector.mix.weights.tolist()
    assert first.encoder.layer == layers
    second.save_pretrained(str(tmp_path / "copy"))
    again = SSRForConditionalGeneration.from_pretrained(str(tmp_path / "copy"))
    cut = next(iter(read_cuts(manifests[1])))
    heard = [m.listen([cut_audio(cut)], [cut.supervisions[0].text])[0].vectors for m in (first, again)]
    assert torch.equal(*heard)
    stored = again.aligner.state_dict(), load_file(aligner / "aligner.safetensors")
    assert all(torch.equal(stored[0][k], stored[1][k]) for k in stored[1])
    start = f"--training.start_from={tmp_path / 'distill' / 'model'}"
    stages.finetune(recipe_of("finetune", *words[1:2], words[3], start, "--training.steps=1"), quiet)
    with pytest.raises(UserError, match=r"encoder\.layer"):
        stages.train_connector(recipe_of("distill", words[1], *words[2:], out=tmp_path / "other"), quiet)


def test_distillation_without_the_llms_layers_is_the_same_bit_for_bit(recipe_of, distilled, tmp_path, monkeypatch):
    seen = []
    real = stages.train_model
    monkeypatch.setattr(stages, "train_model", lambda recipe, model, p: seen.append(model) or real(recipe, model, p))
    monkeypatch.setattr(stages, "needs_llm", lambda config: True)
    stages.train_connector(recipe_of("distill"), quiet)
    assert sum(p.numel() for p in seen[0].llm.parameters()) > seen[0].llm.get_input_embeddings().weight.numel()
    assert losses(tmp_path / "distill") == losses(distilled)
    first, second = (load_file(out / "model" / "model.safetensors") for out in (tmp_path / "distill", distilled))
    assert all(torch.equal(first[k], second[k]) for k in first)


def test_the_llm_is_loaded_where_something_runs_it():
    from ssr_connector.config import TrainingSection

    for objectives, train, needed in (
        ({"distil": 1.0}, ("connector",), False),
        ({"distil": 1.0, "quantity": 0.1}, ("connector", "aligner"), False),
        ({"distil": 1.0, "continuation": 1.0}, ("connector",), True),
        ({"distil": 1.0}, ("connector", "llm"), True),
    ):
        assert needs_llm(TrainingSection(objectives=objectives, train=train)) == needed
    assert needs_llm(TrainingSection(objectives={"distil": 1.0}, train=("connector",), distil_layer=1))
