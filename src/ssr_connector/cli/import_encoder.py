"""`ssr import-encoder`: a speech encoder that others have trained with fairseq, as a folder of transformers."""

import argparse
from pathlib import Path

HELP = "turn a fairseq checkpoint of DinoSR or data2vec-audio into an encoder's folder"

EPILOG = """\
A published checkpoint (.pt) goes in, with its configuration inside; out comes a folder that encoder.name takes, and
whatever else reads transformers. The shape and the frame rate are the configuration's. Nothing in the file is run, and
fairseq is not needed. What only training needs (codebooks, heads, the teacher) is left out and counted.

The paper's prototype hears with DinoSR's hidden state 7: encoder.layer: 7.

example
  ssr import-encoder dinosr.ckpt --out models/dinosr
  ssr encode data/mine/cuts.jsonl.gz --encoder models/dinosr --layer 7 --out data/mine/frames
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("checkpoint", metavar="FILE", type=Path, help="fairseq checkpoint, as torch.save wrote it")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="new folder for the encoder")


def run(args: argparse.Namespace) -> int:
    """Convert, load what was written, and say what it is and what was left out."""
    from ssr_connector.encoders import PretrainedEncoder
    from ssr_connector.encoders.fairseq import read_fairseq
    from ssr_connector.files import refuse_filled

    refuse_filled(args.out)
    found = read_fairseq(args.checkpoint)
    found.save(args.out)
    clock = PretrainedEncoder.from_pretrained(str(args.out)).clock
    config = found.config
    print(
        f"{args.out}: {found.kind}, {config.num_hidden_layers} layers, {config.hidden_size} wide, "
        f"{clock.rate_hz:g} frames a second of {clock.sampling_rate_hz} Hz, "
        f"{'normalised' if found.extractor.do_normalize else 'as loud as it is'}; {len(found.state)} tensors"
    )
    if found.left_out:
        print(f"left out, for training alone: {', '.join(f'{what} ({n})' for what, n in found.left_out.items())}")
    if found.unread:
        print(f"not read: {', '.join(found.unread)}")
    return 0
