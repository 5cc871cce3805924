"""`ssr import-aligner`: an aligner that others have trained, as one of ours."""

import argparse
from pathlib import Path

HELP = "turn Meta's published UnitY2 aligner into one of ours"

EPILOG = """\
Three files of seamless_communication go in: the aligner (unity2_aligner.pt), the vocabulary of its character tokenizer
(spm_export_vocab --model=spm_char_lang38_tc.model), and the k-means centroids of its units (.npy, 10 000 x 1280).
The encoder is the one that those centroids are of: XLS-R 1B, layer 35. Out comes what `ssr align --aligner` takes.

With --recogniser, a CTC aligner of ours for the same encoder, it also aligns recordings without a transcript.

example
  ssr import-aligner unity2_aligner.pt --characters spm_char.vocab --centroids kmeans_10k.npy \\
      --encoder facebook/wav2vec2-xls-r-1b --encoder-layer 35 --llm meta-llama/Meta-Llama-3-8B --out unity2
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("checkpoint", metavar="FILE", type=Path, help="unity2_aligner.pt")
    parser.add_argument("--characters", metavar="FILE", type=Path, required=True, help="vocabulary, a symbol a line")
    parser.add_argument("--centroids", metavar="FILE", type=Path, required=True, help=".npy of the units' centroids")
    parser.add_argument("--encoder", metavar="NAME", required=True, help="whose frames the centroids are of")
    parser.add_argument("--encoder-layer", metavar="N", type=int, help="which hidden state (default: the last)")
    parser.add_argument("--llm", metavar="NAME", required=True, help="whose tokens are aligned")
    parser.add_argument(
        "--recogniser", metavar="DIR", type=Path, help="CTC aligner that hears words without transcripts"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="new folder for the aligner")


def run(args: argparse.Namespace) -> int:
    """Convert, and say what came of it."""
    from ssr_connector.aligners.bundle import save_aligner
    from ssr_connector.aligners.seamless import read_unity2, read_vocabulary
    from ssr_connector.aligners.units import read_centroids
    from ssr_connector.aligners.unity2 import read_recogniser
    from ssr_connector.config import EncoderSection
    from ssr_connector.encoders import PretrainedEncoder
    from ssr_connector.files import refuse_filled

    refuse_filled(args.out)
    heard = EncoderSection(args.encoder, args.encoder_layer)
    recogniser = read_recogniser(args.recogniser, heard) if args.recogniser else None
    width = PretrainedEncoder.from_pretrained(args.encoder, args.encoder_layer).width
    aligner = read_unity2(args.checkpoint, read_vocabulary(args.characters), read_centroids(args.centroids, width))
    if recogniser is not None:
        aligner = aligner.hearing_with(recogniser)
    save_aligner(args.out, aligner, heard, args.llm, "cased")
    config = aligner.config
    print(f"{args.out}: {len(config.alphabet)} characters, {config.units} units, {config.width} wide")
    return 0
