"""A corpus of cuts through a word aligner: in several processes, and resumed where it was cut off."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from ssr_connector.aligners.base import Unalignable, WordAligner
from ssr_connector.aligners.formats import TimedUtterance, aligned_before
from ssr_connector.aligners.imported import ImportedAligner, files_of
from ssr_connector.data.audio import AudioError
from ssr_connector.data.cut_shards import content, refuse_others
from ssr_connector.data.cuts import cut_audio, said
from ssr_connector.data.text import SpeechText
from ssr_connector.engine.shard import key_of, state_of
from ssr_connector.errors import UserError
from ssr_connector.files import whole_lines
from ssr_connector.processes import process_pool
from ssr_connector.progress import Report

JOURNAL = "unfinished.jsonl"
Outcome = TimedUtterance | Unalignable


def word_aligner(spec: str) -> WordAligner:
    """The aligner that needs no training, by its name: `pocketsphinx`, `uniform` or `imported:PATH`."""
    if spec == "pocketsphinx":
        from ssr_connector.aligners.pocketsphinx import PocketSphinxAligner

        return PocketSphinxAligner()
    if spec == "uniform":
        from ssr_connector.aligners.uniform import UniformAligner

        return UniformAligner()
    if spec.startswith("imported:"):
        return ImportedAligner.read(Path(spec.removeprefix("imported:")))
    raise unknown(spec)


def unknown(spec: str) -> UserError:
    """For a name that is none of these, and no folder."""
    return UserError(
        f"there is no aligner {spec!r}: give pocketsphinx, uniform, imported:PATH or a trained one's folder"
    )


def is_word_aligner(spec: str) -> bool:
    """Whether that names an aligner that works on recordings, and not a folder."""
    return spec in ("pocketsphinx", "uniform") or spec.startswith("imported:")


def align_one(aligner: WordAligner, cut: Any) -> Outcome:
    """One utterance of a lhotse cut; a recording that cannot be read is a reason like any other."""
    text = SpeechText("cased")(said(cut)).text
    try:
        recording = cut_audio(cut)
    except AudioError as error:
        return Unalignable(str(error))
    found = aligner.align_words(cut.id, recording, text)
    if isinstance(found, Unalignable):
        return found
    return TimedUtterance(cut.id, text, recording.duration_s, tuple(found))


def align_cuts(
    cuts: Sequence[Any], spec: str, out: Path, jobs: int, report: Report
) -> tuple[list[TimedUtterance], list[tuple[str, str]]]:
    """The timed utterances in the order of the cuts, and (id, reason) of those without.

    Every result is written to a journal in `out` as it comes; started again with the same aligner, only the rest is
    done, what could not be aligned, and what has another text, recording or imported time now. The caller calls
    `finish` when the results are safe elsewhere.
    """
    refuse_others(aligned_before(out), cuts, out)
    journal = out / JOURNAL
    done = _read(journal, spec)
    out.mkdir(parents=True, exist_ok=True)
    times = times_key(spec)
    contents = {cut.id: key_of([times], [content(cut, with_text=True)]) for cut in cuts}
    left = [cut for cut in cuts if contents[cut.id] not in done]
    if not journal.is_file():
        journal.write_text(json.dumps({"aligner": spec}) + "\n", encoding="utf-8")
    started, seconds = time.monotonic(), 0.0
    with journal.open("a", encoding="utf-8") as lines, ExitStack() as stack:
        for k, (cut, outcome) in enumerate(zip(left, _outcomes(left, spec, jobs, stack), strict=True), 1):
            done[contents[cut.id]] = outcome
            row = {"content": contents[cut.id], **_row(cut.id, outcome)}
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            lines.flush()
            seconds += cut.duration
            report(len(cuts) - len(left) + k, len(cuts), {"audio_s_per_s": seconds / (time.monotonic() - started)})
    results = [(cut.id, done[contents[cut.id]]) for cut in cuts]
    return (
        [outcome for _, outcome in results if isinstance(outcome, TimedUtterance)],
        [(key, outcome.reason) for key, outcome in results if isinstance(outcome, Unalignable)],
    )


def times_key(spec: str) -> str:
    """Names the state of imported times, which may be mended as the cuts may."""
    files = files_of(Path(spec.removeprefix("imported:"))) if spec.startswith("imported:") else []
    return key_of([], ([str(file), state_of(file)] for file in files))


def finish(out: Path) -> None:
    """Throw the journal away."""
    (out / JOURNAL).unlink(missing_ok=True)


def _outcomes(cuts: Sequence[Any], spec: str, jobs: int, stack: ExitStack) -> Iterator[Outcome]:
    if jobs == 1:
        return map(partial(align_one, word_aligner(spec)), cuts)
    word_aligner(spec)  # its errors come before any process starts
    pool = stack.enter_context(process_pool(jobs, _set_up, spec))
    return pool.map(_in_process, cuts, chunksize=8)


_work: Callable[[Any], Outcome]  # of a process, as `_set_up` leaves it


def _set_up(spec: str) -> None:
    global _work  # a pool gives its processes nowhere else to keep it
    _work = partial(align_one, word_aligner(spec))


def _in_process(cut: Any) -> Outcome:
    return _work(cut)


def _row(key: str, outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Unalignable):
        return {"id": key, "reason": outcome.reason}
    return outcome.to_dict()


def _read(journal: Path, spec: str) -> dict[str, Outcome]:
    """What an interrupted run has aligned, by content; a last line that was cut off is taken away."""
    try:
        lines = whole_lines(journal, mend=True)
        if not lines:
            journal.unlink(missing_ok=True)
            return {}
        first, *rows = [json.loads(line) for line in lines]
        if first["aligner"] != spec:
            was = first["aligner"]
            raise UserError(f"{journal} is of an interrupted run with {was}: finish that, or remove the file")
        return {row["content"]: TimedUtterance.from_dict(row) for row in rows if "reason" not in row}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{journal} is damaged ({error}): remove it to begin again") from None
