"""What a stage is trained on, as its recipe says: cuts, alignments, and batches of speech and of text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ssr_connector.aligners.record import FILE, open_alignments
from ssr_connector.base_models import Tokenize
from ssr_connector.config import Paths, Recipe, paths_of
from ssr_connector.data.augment import Augmentation
from ssr_connector.data.cuts import read_corpora, said
from ssr_connector.data.documents import Documents
from ssr_connector.data.on_disk import OnDisk
from ssr_connector.data.packing import WINDOW_TOKENS, PackedText, WindowRecord
from ssr_connector.data.text import Form, SpeechText
from ssr_connector.encoders.source import FrameSource
from ssr_connector.errors import UserError
from ssr_connector.model import SSRForConditionalGeneration
from ssr_connector.training.batches import SpeechBatches, TextBatches, TokenBound
from ssr_connector.training.processes import processes
from ssr_connector.training.rehearsal import REHEARSAL, SELF, write_rehearsal
from ssr_connector.training.run import is_begun
from ssr_connector.training.unreadable import Unreadable
from ssr_connector.types import Alignment
from ssr_connector.units import FrameClock

TOKENISED = 1000  # utterances, from all over a corpus, on which another tokenizer is looked for


def load_cuts(manifests: Paths, text_form: Form) -> tuple[OnDisk[Any], OnDisk[str]]:
    """The cuts of a manifest, or of several, and their speech text, by id."""
    paths = paths_of(manifests)
    if not paths:
        raise UserError("data.train is not given: name the cuts of `ssr prepare`, --data.train DIR/cuts.jsonl.gz")
    cuts = read_corpora(paths)
    write = SpeechText(text_form)
    return cuts, OnDisk((key, write(said(cut)).text) for key, cut in cuts.items())


def augmentation_of(recipe: Recipe) -> Augmentation | None:
    """What `augment` asks for, if anything. Raises UserError where there is no audio that it could change."""
    section = recipe.augment
    if not (section.speed or section.reverb or section.noise):
        return None
    if recipe.data.frames:
        raise UserError(
            "augment changes recordings, and data.frames holds what the encoder made of them before: leave one out "
            "(--data.frames null encodes on the fly)"
        )
    return Augmentation(section, recipe.seed)


def read_fitting(
    folders: Sequence[Path], transcripts: Mapping[str, str], tokenize: Tokenize, clock: FrameClock
) -> OnDisk[Alignment]:
    """The alignments of folders of `ssr align`.

    Raises UserError where they were made for something else, or where two folders have one of the same id.
    """
    if not folders:
        raise UserError("data.alignments is not given: name the folder of `ssr align`, --data.alignments DIR")
    return OnDisk(_fitting(folders, transcripts, tokenize, clock))


def _fitting(
    folders: Sequence[Path], transcripts: Mapping[str, str], tokenize: Tokenize, clock: FrameClock
) -> Iterator[tuple[str, Alignment]]:
    where: dict[str, Path] = {}
    for folder in folders:
        made_for, found = open_alignments(folder / FILE)
        if made_for != clock:
            raise UserError(f"the frames of {folder} happen at other times than this encoder's; run `ssr align` again")
        for key, alignment in checked(str(folder), found, transcripts, tokenize):
            if key in where:
                raise UserError(f"{key} is aligned in {where[key]} and in {folder}; leave one out")
            where[key] = folder
            yield key, alignment


def check_alignments(
    where: str, alignments: Mapping[str, Alignment], transcripts: Mapping[str, str], tokenize: Tokenize
) -> None:
    """Raise UserError where alignments were made for other transcripts or another tokenizer."""
    for _ in checked(where, ((k, alignments[k]) for k in transcripts if k in alignments), transcripts, tokenize):
        pass


def checked(
    where: str, alignments: Iterable[tuple[str, Alignment]], transcripts: Mapping[str, str], tokenize: Tokenize
) -> Iterator[tuple[str, Alignment]]:
    """The same, of these transcripts and others. Raises UserError as `check_alignments` does, when it comes to it."""
    n, apart = 0, max(1, len(transcripts) // TOKENISED)
    for key, alignment in alignments:
        if key in transcripts:
            text = transcripts[key]
            if alignment.text != text:
                raise UserError(f"{where}: {key} is aligned to other words than {text!r}; run `ssr align` again")
            if n % apart == 0 and list(alignment.token_ids) != tokenize(text)[0]:
                raise UserError(f"{where} was made with another tokenizer than that of this LLM; run `ssr align` again")
            n += 1
        yield key, alignment


def speech_batches(
    recipe: Recipe,
    cuts: Mapping[str, Any],
    source: FrameSource,
    texts: Mapping[str, str],
    tokenize: Tokenize,
    alignments: Mapping[str, Alignment] | None,
    augmentation: Augmentation | None = None,
    unreadable: Unreadable | None = None,
    alone: bool = False,
) -> SpeechBatches:
    """Batches as the recipe wants them, for this process among all; `alone`: all of them, as one process has them.

    Recordings that cannot be read are named in `unreadable`; without it they are an error.
    """
    batch_s, (rank, world_size) = recipe.training.batch_s, rank_and_world_size(alone)
    bound, most = None, recipe.training.batch_transcript_tokens
    if most is not None:
        if most < 1:
            raise UserError(f"training.batch_transcript_tokens is {most}: give 1 or more, or null for no bound")
        bound = TokenBound(most, lambda text: len(tokenize(text)[0]))
    return SpeechBatches(
        cuts, source, texts, alignments, batch_s, recipe.seed, rank, world_size, augmentation, unreadable, bound
    )


def text_batches(
    recipe: Recipe, model: SSRForConditionalGeneration, path: str, record_in: Path | None = None, alone: bool = False
) -> TextBatches:
    """Documents, each with its BOS and EOS, packed; a file, if one is given, keeps the places in a long text.

    For this process among all; `alone`: all of them, as one process has them.
    """
    if path == SELF:
        section = recipe.training
        file = Path(recipe.out) / REHEARSAL
        with processes().main_process_first():  # the others find it written
            if processes().is_main_process and not is_begun(file.parent):  # the recipe may have been another one
                file.unlink(missing_ok=True)
            path = str(write_rehearsal(model, file, section.rehearsal_tokens, section.text_block, recipe.seed))
    section, documents = recipe.training, Documents(Path(path))
    window_tokens = max(WINDOW_TOKENS, section.batch_tokens)
    record = None
    if record_in is not None:
        key = [documents.state(), section.text_block, window_tokens, recipe.llm.name, section.start_from]
        record = WindowRecord(record_in, key, writes=processes().is_main_process)

    def encode(document: str) -> list[int]:
        return model.prefix_ids + model.tokenize(document)[0] + model.end_ids

    text = PackedText(documents, encode, section.text_block, record, window_tokens)
    return TextBatches(text, section.batch_tokens, recipe.seed, *rank_and_world_size(alone))


def rank_and_world_size(alone: bool) -> tuple[int, int]:
    """This process among all that train; `alone`: as if there were no other."""
    state = processes()
    return (0, 1) if alone else (state.process_index, state.num_processes)
