"""The command `ssr`: one module per verb, in the order of the data flow."""

import argparse
import difflib
import errno
import importlib
import itertools
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

VERBS = (
    "prepare",
    "encode",
    "plan",
    "train",
    "align",
    "evaluate",
    "generate",
    "demo",
    "study",
    "import-encoder",
    "import-aligner",
    "import-benchmark",
    "build-benchmark",
)

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, or a share of it, is full
SMALLER = "take less at once: --batch-s (encode, align), --evaluation.batch_s and .batch_tokens, --training.batch_s"
OPEN = ("tiny.", "training.objectives.")  # sections of a recipe whose keys the verbs check

EPILOG = """\
from nothing to a trained, measured, speaking-to model:   ssr demo
with your own recordings and models:
  ssr prepare table.tsv --out data/mine --dev 0.05
  ssr train aligner  --config recipes/own.yaml --data.train data/mine/train.jsonl.gz …
  ssr align, ssr train distill, ssr train finetune, ssr evaluate, ssr generate
Every verb explains itself: ssr VERB --help
"""


class Parser(argparse.ArgumentParser):
    """One that says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        if wrong := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            near = difflib.get_close_matches(wrong[1], re.findall(r"[\w-]+", wrong[2]), 1)
            message += "".join(f"; did you mean {name}?" for name in near)
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb. Returns 0, 2 for an error that the user can mend, 130 after Ctrl-C or SIGTERM, 3: see `evaluate`."""
    parser = Parser(
        prog="ssr",
        description="Give a pretrained text LLM ears, without taking its text abilities away.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="verbs, in the order of the data flow", metavar="VERB", required=True)
    for name in VERBS:
        module = importlib.import_module(f"ssr_connector.cli.{name.replace('-', '_')}")
        description = module.HELP[0].upper() + module.HELP[1:] + "."
        verb = verbs.add_parser(name, help=module.HELP, description=description, allow_abbrev=False)
        module.add_arguments(verb)
        verb.set_defaults(run=module.run, takes_recipe=getattr(module, "TAKES_RECIPE", False), parser=verb)
    words, overrides = split_overrides(sys.argv[1:] if arguments is None else arguments)
    args, rest = parser.parse_known_args(words)
    args.overrides = overrides + rest
    refuse_unknown(args)
    return run(args)


def split_overrides(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Take `--section.key value` out, wherever it stands, lest its value be taken for a positional argument."""
    words: list[str] = []
    overrides: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if re.match(r"--[\w-]+\.[\w.-]+$", word):
            overrides += [word, *itertools.islice(rest, 1)]
        else:
            (overrides if re.match(r"--[\w-]+\.[\w.-]+=", word) else words).append(word)
    return words, overrides


def refuse_unknown(args: argparse.Namespace) -> None:
    """Exit with status 2 at an option that neither the verb nor a recipe has, naming the nearest."""
    if not args.overrides:
        return
    from ssr_connector.config import flat_keys, nearest

    own = [option[2:] for option in args.parser._option_string_actions if option.startswith("--")]
    keys = flat_keys() if args.takes_recipe else []
    words = iter(args.overrides)
    for word in words:
        name, equals, _ = word[2:].partition("=")
        if not word.startswith("--"):
            args.parser.error(f"one argument too many: {word}")
        if name not in keys and not (keys and name.startswith(OPEN)):
            args.parser.error(f"unknown option --{name}{nearest(name, own + keys, '--')}")
        if not equals and next(words, "--").startswith("--"):
            args.parser.error(f"--{name} needs a value")


def run(args: argparse.Namespace) -> int:
    """Call the verb, and turn what the user can mend into one sentence."""
    from ssr_connector.errors import UserError
    from ssr_connector.processes import sigterm_as_ctrl_c

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # of a second, between our own
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads starve their neighbours on few cores
    try:
        with sigterm_as_ctrl_c():
            return int(args.run(args))
    except UserError as error:
        print(f"ssr: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ssr: interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    except (MemoryError, RuntimeError) as error:
        from ssr_connector.devices import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        print(f"ssr: out of memory; {SMALLER} ({str(error).partition(chr(10))[0]})", file=sys.stderr)
        return 2
    except OSError as error:  # a full disk, no permission: the system's sentence names the file
        reason = error.strerror or " ".join(str(error).split())
        full = error.errno in NO_ROOM
        remedy = "; make room, and the same command goes on" if full else ""
        where = error.filename or (getattr(args, "out", None) if full else None)  # a write that fails names no file
        print(f"ssr: {reason}{f': {where}' if where else ''}{remedy}", file=sys.stderr)
        return 2
