"""Options of the verbs that go shard by shard."""

import argparse

SHARD_S, SHARD_MB = 3600.0, 50.0  # as in ssr_connector.engine.shard, which `ssr --help` need not wait for


def add_engine_arguments(parser: argparse.ArgumentParser, jobs: str = "1") -> None:
    """Where the shards are done; `jobs` says how many there are without the option."""
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
        "--jobs",
        metavar="N",
        type=int,
        help=f"processes or actors at once, of which each has a shard (default: {jobs}; of Ray: every core, or GPU)",
    )


def add_duration_argument(parser: argparse.ArgumentParser) -> None:
    """How large shards of cuts are."""
    parser.add_argument(
        "--shard-s",
        metavar="S",
        type=float,
        default=SHARD_S,
        help=f"seconds of audio in a shard, which is done as a whole or again (default: {SHARD_S:.0f})",
    )
