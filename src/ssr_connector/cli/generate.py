"""`ssr generate`: transcribe a recording, ask about it, or score endings for it."""

import argparse
from pathlib import Path

HELP = "transcribe a recording, ask about it, or score what may follow it"

EPILOG = """\
examples
  ssr generate transcribe runs/demo/model question.wav
  ssr generate ask runs/demo/model question.wav " The answer is:"
  ssr generate ask runs/qwen/model question.wav --chat
  ssr generate score runs/demo/model story.wav "She went home." "He ate the key."
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("task", choices=["transcribe", "ask", "score"])
    parser.add_argument("model", metavar="MODEL", help="a model folder, such as runs/demo/model")
    parser.add_argument(
        "audio", metavar="AUDIO", type=Path, help="a recording (WAV, FLAC, MP3, Ogg; any sampling rate)"
    )
    parser.add_argument(
        "text", metavar="TEXT", nargs="*", help="ask: what to write after the recording; score: the endings"
    )
    parser.add_argument(
        "--chat", action="store_true", help="ask: as a user's turn in the LLM's own chat template, for instructed LLMs"
    )
    parser.add_argument("--max-new-tokens", metavar="N", type=int, default=48, help="ask: of the answer (default: 48)")


def run(args: argparse.Namespace) -> int:
    """Listen, and print what the model says."""
    from rich.console import Console

    from ssr_connector.errors import UserError

    if args.task == "score" and len(args.text) < 2:
        raise UserError('give at least two endings to score: ssr generate score MODEL AUDIO "one" "other"')
    if args.task == "transcribe" and args.text:
        raise UserError("a text goes with ask or score, not with transcribe")
    if args.task != "ask":
        for name in ("chat", "max_new_tokens"):
            if getattr(args, name) != args.parser.get_default(name):
                raise UserError(f"--{name.replace('_', '-')} goes with ask")
    if args.task == "ask" and len(args.text) > 1:
        raise UserError("give one text to ask with, in quotation marks")
    if args.max_new_tokens < 1:
        raise UserError(f"--max-new-tokens {args.max_new_tokens}: give 1 or more")
    from ssr_connector.inference.dialogue import ask, score, transcribe
    from ssr_connector.model import SSRProcessor, load_model
    from ssr_connector.model.processing import SPEECH

    if any(SPEECH in text for text in args.text):
        raise UserError(f"{SPEECH} stands for the recording, which comes before the text by itself: leave it out")

    console = Console(highlight=False, markup=False)
    model = load_model(args.model)
    processor = SSRProcessor.from_pretrained(args.model)
    if args.task == "transcribe":
        heard, written = transcribe(model, processor, args.audio)
        console.print(f"aligner: {heard}\nLLM:     {written}", soft_wrap=True)
        if not heard:
            console.print("no speech was heard: what the LLM writes is its own", soft_wrap=True)
    elif args.task == "ask":
        text = args.text[0] if args.text else ""
        answer = ask(model, processor, args.audio, text, args.max_new_tokens, chat=args.chat)
        console.print(answer, soft_wrap=True)
    else:
        ranked = score(model, processor, args.audio, args.text)
        for ending, value in ranked:
            console.print(f"{value.mean:8.3f} per token  {value.total:9.2f} in all  {ending}", soft_wrap=True)
        if lost := max(value.n_cut for _, value in ranked):
            console.print(
                f"the recording is too long for the LLM: its first {lost} tokens were left out", soft_wrap=True
            )
    return 0
