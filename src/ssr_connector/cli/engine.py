"""Options of the verbs that go shard by shard."""

import argparse

SHARD_S = 3600.0


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the shards are done, and how large they are."""
    parser.add_argument(
        "--engine",
        choices=["local", "ray"],
        default="local",
        help="processes of this machine, or actors of a Ray cluster (default: local)",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="of the Ray cluster; auto: the one that this machine is part of (default: start one on this machine)",
    )
    parser.add_argument(
        "--jobs", metavar="N", type=int, help="processes or actors at once (default: 1; of Ray: every core)"
    )
    parser.add_argument(
        "--shard-s",
        metavar="S",
        type=float,
        default=SHARD_S,
        help=f"seconds of audio in a shard, which is done as a whole or again (default: {SHARD_S:.0f})",
    )
