"""The command `ssr`: one module per verb, in the order of the data flow."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

VERBS = ("prepare", "encode", "train", "align", "evaluate", "generate", "demo")

EPILOG = """\
from nothing to a trained, measured, speaking-to model:   ssr demo
with your own recordings and models:
  ssr prepare table.tsv --out data/mine --dev 0.05
  ssr train aligner  --config recipes/tiny.yaml --data.train data/mine/train.jsonl.gz …
  ssr align, ssr train distill, ssr train finetune, ssr evaluate, ssr generate
Every verb explains itself: ssr VERB --help
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb. Returns 0, 2 for an error that the user can mend, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="ssr",
        description="Give a pretrained text LLM ears, without taking its text abilities away.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="verbs, in the order of the data flow", metavar="VERB", required=True)
    for name in VERBS:
        module = importlib.import_module(f"ssr_connector.cli.{name}")
        verb = verbs.add_parser(name, help=module.HELP, description=module.HELP[0].upper() + module.HELP[1:] + ".")
        module.add_arguments(verb)
        verb.set_defaults(run=module.run, takes_recipe=getattr(module, "TAKES_RECIPE", False), parser=verb)
    args, rest = parser.parse_known_args(arguments)
    if rest and not args.takes_recipe:
        args.parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.overrides = rest
    return run(args)


def run(args: argparse.Namespace) -> int:
    """Call the verb, and turn what the user can mend into one sentence."""
    from ssr_connector.errors import UserError

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # of a second, between our own
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads starve their neighbours on few cores
    try:
        return int(args.run(args))
    except UserError as error:
        print(f"ssr: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ssr: interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    except OSError as error:  # a full disk, no permission: the system's sentence names the file
        print(f"ssr: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", file=sys.stderr)
        return 2
