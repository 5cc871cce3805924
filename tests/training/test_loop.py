import json
import os
import signal

import pytest
import torch
from torch import nn

from ssr_connector.config import TrainingSection
from ssr_connector.data.documents import Documents
from ssr_connector.data.packing import PackedText
from ssr_connector.errors import UserError
from ssr_connector.processes import sigterm_as_ctrl_c
from ssr_connector.training import checkpoint
from ssr_connector.training.batches import Batch, Batches, TextBatches
from ssr_connector.training.checkpoint import Position
from ssr_connector.training.loop import (
    MetricsLog,
    Student,
    Weighted,
    deferred_interrupt,
    learning_rate,
    step_seed,
    train,
)


class Toy(nn.Module):
    """A learner with dropout, and a frozen part with dropout."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.table = nn.Embedding(50, 4)
        self.learns = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
        self.frozen = nn.Sequential(nn.Linear(4, 1), nn.Dropout(0.5)).requires_grad_(False)


class Objective:
    """Mean square of what comes out; `spoil` may change the loss of a step."""

    def __init__(self, toy, spoil=lambda step, loss: loss):
        self.toy, self.spoil, self.step = toy, spoil, 0

    def __call__(self, batch):
        hidden = self.toy.learns(self.toy.table(batch.text))
        loss = self.spoil(self.step, self.toy.frozen(hidden).square().mean())
        self.step += 1
        return loss, {"toy": loss.item()}


def numbers(folder):
    """A text of fifty numbers, in blocks of five."""
    folder.mkdir(exist_ok=True)
    (folder / "numbers.txt").write_text(" ".join(map(str, range(50))))
    return PackedText(Documents(folder / "numbers.txt"), lambda text: [int(word) for word in text.split()], 5)


def run(out, progress=lambda *_: None, spoil=lambda step, loss: loss, evaluate=None, **settings):
    toy = Toy()
    config = TrainingSection(
        **{"steps": 8, "lr": 1e-2, "warmup_steps": 0, "log_every": 1, "checkpoint_every": 3} | settings
    )
    batches = Batches(None, TextBatches(numbers(out), 10, seed=0))
    figures = train(
        Student(toy, [Weighted("toy", 2.0, Objective(toy, spoil))]), batches, config, out, 0, progress, evaluate
    )
    return toy, figures


def rows(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_learning_rate_rises_falls_and_ends_at_its_share():
    config = TrainingSection(lr=1.0, steps=110, warmup_steps=10, final_lr_share=0.2, schedule="cosine")
    assert [learning_rate(config, s) for s in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1.0, 1.0])
    assert learning_rate(config, 60) == pytest.approx(0.6)
    assert learning_rate(config, 110) == pytest.approx(0.2)
    linear = TrainingSection(lr=1.0, steps=100, warmup_steps=0, final_lr_share=0.0, schedule="linear")
    assert learning_rate(linear, 25) == pytest.approx(0.75)
    constant = TrainingSection(lr=1.0, steps=100, warmup_steps=0, schedule="constant")
    assert learning_rate(constant, 99) == 1.0


def test_step_seeds_differ_by_seed_step_and_rank():
    seeds = [step_seed(s, t, r) for s in range(3) for t in range(50) for r in range(3)]
    assert len(set(seeds)) == len(seeds)


def test_the_loss_is_the_weighted_sum(tmp_path):
    _, figures = run(tmp_path, steps=1)
    assert figures["loss"] == pytest.approx(2 * figures["toy"])


def test_frozen_parts_stay_in_evaluation_mode():
    toy = Toy()
    student = Student(toy, []).train()
    assert toy.learns[1].training
    assert not toy.frozen[1].training
    assert not student.eval().learner.learns[1].training


def test_a_loss_that_is_no_number_stops_before_it_spoils_anything(tmp_path):
    def spoil(step, loss):
        return loss * float("nan") if step == 4 else loss

    with pytest.raises(UserError, match="step 4: the loss is nan"):
        run(tmp_path, spoil=spoil)
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-00000003"]
    toy, _ = run(tmp_path)  # goes on from there
    assert all(bool(p.isfinite().all()) for p in toy.parameters())
    assert [r["step"] for r in rows(tmp_path)] == list(range(1, 9))


def test_a_gradient_that_is_no_number_stops_too(tmp_path):
    def spoil(step, loss):
        return loss + (0 * loss).sqrt() if step == 2 else loss  # finite, but its derivative is not

    with pytest.raises(UserError, match="step 2: the gradient is nan"):
        run(tmp_path, spoil=spoil)


def test_bad_batches_are_listed_and_can_be_skipped(tmp_path):
    def spoil(step, loss):
        return loss * float("nan") if step in (2, 4) else loss

    toy, figures = run(tmp_path, spoil=spoil, bad_batches="skip")
    assert [json.loads(line)["step"] for line in (tmp_path / "bad_batches.jsonl").read_text().splitlines()] == [2, 4]
    assert all(bool(p.isfinite().all()) for p in toy.parameters())
    assert [r["step"] for r in rows(tmp_path)] == [1, 2, 4, 6, 7, 8]  # a skipped step has no figures
    assert figures["loss"] == rows(tmp_path)[-1]["loss"]
    assert json.loads((tmp_path / "training.json").read_text())["skipped_steps"] == figures["skipped_steps"] == 2


def test_skipped_steps_are_counted_over_restarts_and_those_done_again_once(tmp_path):
    def spoil(step, loss):
        return loss * float("nan") if step in (1, 4) else loss

    def stop(done, total, figures):
        if done == 5:
            raise RuntimeError

    with pytest.raises(RuntimeError):  # the checkpoint is of step 3: 4 is done again, and now it is a number
        run(tmp_path, stop, spoil=spoil, bad_batches="skip")
    with (tmp_path / "bad_batches.jsonl").open("a") as file:
        file.write('{"step": 1, "ran')  # killed while it wrote
    assert (
        run(tmp_path, spoil=lambda step, loss: loss * float("nan") if step == 2 else loss, bad_batches="skip")[1][
            "skipped_steps"
        ]
        == 2
    )
    assert [json.loads(line)["step"] for line in (tmp_path / "bad_batches.jsonl").read_text().splitlines()] == [1, 4, 5]


def test_a_run_that_skips_all_the_time_stops(tmp_path):
    def spoil(step, loss):
        return loss * float("nan") if step % 5 == 0 else loss

    with pytest.raises(UserError, match=r"step 50: .* 11 of 51 steps were skipped .*another --out"):
        run(tmp_path, spoil=spoil, bad_batches="skip", steps=200)


def test_a_step_may_take_several_batches(tmp_path):
    class Plain(Toy):
        def __init__(self):
            super().__init__()
            self.learns[1].p = 0.0

    def steps(out, per_batch, accumulate):
        toy = Plain()
        batches = Batches(None, TextBatches(numbers(out), per_batch, seed=0))
        config = TrainingSection(steps=6, lr=1e-2, warmup_steps=0, log_every=1, accumulate=accumulate)
        train(Student(toy, [Weighted("toy", 1.0, Objective(toy))]), batches, config, out, 0, lambda *_: None)
        return [r["loss"] for r in rows(out)]

    assert steps(tmp_path / "two", 10, 2) == pytest.approx(steps(tmp_path / "one", 20, 1), rel=1e-5)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")])
def test_out_of_memory_says_what_to_change(tmp_path, error):
    def spoil(step, loss):
        raise error

    with pytest.raises(UserError, match=r"step 0: out of memory.*gradient_checkpointing true"):
        run(tmp_path, spoil=spoil)
    with pytest.raises(UserError) as told:
        run(tmp_path / "muon", spoil=spoil, optimizer="muon")
    assert "sharding" not in str(told.value)  # which muon does not go with
    with pytest.raises(RuntimeError, match="something else"):
        run(tmp_path, spoil=lambda *_: (_ for _ in ()).throw(RuntimeError("something else")))


def test_out_of_memory_is_said_wherever_it_happens(tmp_path, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UserError, match=r"step 2: out of memory on the development data \(weights take 0\.00 GiB"):
        run(tmp_path / "dev", evaluate=full, evaluate_every=2)
    with pytest.raises(UserError, match="step 0: out of memory on the development data"):
        run(tmp_path / "guard", evaluate=full, evaluate_every=2, max_text_drop=0.1)
    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", full)
        with pytest.raises(UserError, match="step 0: out of memory on 10 tokens of text"):
            run(tmp_path / "optimizer")
    with monkeypatch.context() as patch:
        patch.setattr(TextBatches, "batch", full)
        with pytest.raises(UserError, match="step 0: out of memory on the next batch, read and encoded"):
            run(tmp_path / "reading")


def test_a_run_that_forgets_too_much_goes_back_and_stops(tmp_path):
    seen = []

    def evaluate():
        seen.append(len(seen))
        return {"text": {0: 1.0, 1: 1.1, 2: 1.19, 3: 1.3}[len(seen) - 1]}

    weights = {}

    def watch(done, total, figures):
        weights[done] = current["toy"].learns[0].weight.detach().clone()

    current = {}
    toy = Toy()
    current["toy"] = toy
    config = TrainingSection(
        steps=20, lr=1e-2, warmup_steps=0, log_every=1, checkpoint_every=3, evaluate_every=2, max_text_drop=0.2
    )
    batches = Batches(None, TextBatches(numbers(tmp_path), 10, seed=0))
    student = Student(toy, [Weighted("toy", 1.0, Objective(toy))])
    figures = train(student, batches, config, tmp_path, 0, watch, evaluate)
    assert figures["went_back_to"] == 4
    assert rows(tmp_path)[-1]["step"] == 6
    assert torch.equal(toy.learns[0].weight, weights[4])
    assert json.loads((tmp_path / "training.json").read_text())["went_back_to"] == 4


def guarded(out, text, watch=lambda *_: None, **settings):
    """Six steps, or less, that may lose 0.2 nats of text."""
    losses = iter(text)
    settings = {"steps": 6, "evaluate_every": 2, "max_text_drop": 0.2} | settings
    toy, figures = run(out, watch, evaluate=lambda: {"text": next(losses)}, **settings)
    return toy.learns[0].weight.detach(), figures


def test_what_another_recipe_was_allowed_is_not_gone_back_to(tmp_path):
    def killed(done, *_):
        if done == 5:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        guarded(tmp_path, [1.0, 1.1, 1.1], killed, lr=1.0, checkpoint_every=100)
    found, figures = guarded(tmp_path, [1.0, 1.1, 1.5], checkpoint_every=100)
    alone, _ = guarded(tmp_path / "alone", [1.0, 1.1, 1.5], checkpoint_every=100)
    assert figures["went_back_to"] == 2
    assert torch.equal(found, alone)


def test_a_text_loss_that_is_no_number_is_too_much(tmp_path):
    assert guarded(tmp_path, [1.0, 1.1, float("nan")])[1]["went_back_to"] == 2


def test_an_interrupt_while_a_run_goes_back_does_not_undo_that(tmp_path):
    _, figures = guarded(tmp_path, interrupting([1.0, 1.1, 1.5]), steps=8)
    assert figures["went_back_to"] == 2
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-00000003"]


def interrupting(values):
    """These, with a Ctrl-C before the last."""
    yield from values[:-1]
    signal.raise_signal(signal.SIGINT)
    yield values[-1]


def test_a_full_disk_keeps_the_last_checkpoint_and_the_run_goes_on(tmp_path, monkeypatch):
    whole = tmp_path / "whole"
    run(whole)
    honest = checkpoint.write_tensors

    def full(path, tensors, metadata=None):
        if "step-00000006" in str(path):
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device", str(path))
        honest(path, tensors, metadata)

    monkeypatch.setattr(checkpoint, "write_tensors", full)
    with pytest.raises(OSError, match="No space"):
        run(tmp_path / "full")
    assert [p.name for p in (tmp_path / "full" / "checkpoints").iterdir()] == ["step-00000003"]
    monkeypatch.undo()
    run(tmp_path / "full")
    assert rows(tmp_path / "full") == rows(whole)


def test_a_stopped_run_logs_the_same_figures_once(tmp_path):
    def stop(done, total, figures):
        if done == 5:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        run(tmp_path / "stopped", stop)
    with (tmp_path / "stopped" / "metrics.jsonl").open("a") as out:
        out.write('{"step": 6, "lo')  # as a process killed while it writes leaves behind
    run(tmp_path / "stopped")
    run(tmp_path / "whole")
    assert rows(tmp_path / "stopped") == rows(tmp_path / "whole")


def test_evaluation_does_not_change_training(tmp_path):
    def evaluate():
        return {"loss": torch.rand(1).item()}

    run(tmp_path / "with", evaluate=evaluate, evaluate_every=1)
    run(tmp_path / "without")
    assert [r["loss"] for r in rows(tmp_path / "with")] == [r["loss"] for r in rows(tmp_path / "without")]
    assert all("dev_loss" in r for r in rows(tmp_path / "with"))


def test_stages_of_one_process_may_differ_in_precision(tmp_path):
    run(tmp_path / "a", precision="no", steps=1)
    run(tmp_path / "b", precision="bf16", steps=1)
    assert rows(tmp_path / "a")[0]["loss"] != rows(tmp_path / "b")[0]["loss"]


def test_logging_now_and_then_still_logs_the_last_step(tmp_path):
    run(tmp_path, steps=7, log_every=3)
    assert [r["step"] for r in rows(tmp_path)] == [3, 6, 7]
    assert MetricsLog(tmp_path, 6).last["loss"] == rows(tmp_path)[-1]["loss"]
    assert [r["step"] for r in rows(tmp_path)] == [3, 6]


def test_no_objective_is_an_error():
    with pytest.raises(UserError, match=r"training\.objectives is empty"):
        Student(Toy(), [])(Batch(None, None))


def test_ctrl_c_waits_once_and_not_twice():
    with deferred_interrupt() as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_sigterm_waits_however_often_it_comes():
    before = signal.getsignal(signal.SIGTERM)
    with sigterm_as_ctrl_c():
        with deferred_interrupt() as interrupted:
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGTERM)
            assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_every_optimizer_learns_and_goes_on_bit_for_bit(optimizer, tmp_path):
    def stop(step, *_):
        if step == 4:
            raise KeyboardInterrupt

    whole, _ = run(tmp_path / "whole", optimizer=optimizer, steps=40)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", stop, optimizer=optimizer, steps=40)
    broken, _ = run(tmp_path / "broken", optimizer=optimizer, steps=40)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), broken.parameters(), strict=True))
    losses = [row["loss"] for row in rows(tmp_path / "whole")]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_position_starts_at_nothing():
    assert Position() == Position(0, 0, 0)
