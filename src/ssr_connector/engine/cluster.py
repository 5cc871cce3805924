"""Shards on a Ray cluster, or on a small one that is started on this machine: a Ray Data pipeline over actors."""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssr_connector.engine.base import Stage, Tick
from ssr_connector.engine.shard import Shard, commit, pack, unpack
from ssr_connector.errors import UserError

HERE = "local"
NO_REPORT = ("RAY_USAGE_STATS_ENABLED", "0")  # to Ray's makers


@dataclass(frozen=True)
class RayEngine:
    """`jobs` actors of one core each (None: as many as the cluster has cores) on the cluster at `address`.

    `address` is Ray's own ("auto", or host:port of the head), or "local". All machines see the same files under the
    same paths and have the same version of this package.
    """

    jobs: int | None = None
    address: str = HERE

    def run(self, stage: Stage, shards: Sequence[Shard], folder: Path, tick: Tick) -> None:
        """As every engine does. A shard whose actor is lost is given to another one."""
        ray = _ray()
        stage.load()  # its errors come before anything is sent anywhere
        self._connect(ray)
        try:
            for seconds in self._results(ray, stage, shards, folder.resolve()):
                tick(seconds)
        except Exception as error:
            raise _cause(error) from error
        finally:
            ray.shutdown()

    def _connect(self, ray: Any) -> None:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self.address == HERE:
            options |= {"num_cpus": self.jobs or os.cpu_count(), "include_dashboard": False}
        try:
            ray.init(self.address, **options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"no Ray cluster at {self.address} ({reason}); start one with `ray start --head`") from None

    def _results(self, ray: Any, stage: Stage, shards: Sequence[Shard], folder: Path) -> Iterator[float]:
        """Seconds of audio of each shard as it is committed."""
        ray.data.DataContext.get_current().enable_progress_bars = False  # we have our own
        actors = min(len(shards), self.jobs or int(ray.cluster_resources().get("CPU", 1)))
        rows = [{"shard": pack(shard)} for shard in shards]
        data = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            Worker,
            fn_constructor_args=(stage, folder),
            batch_size=1,
            batch_format="pyarrow",  # numpy's bytes end at their last one that is not 0
            compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2),
            num_cpus=1,
        )
        for row in data.iter_rows():
            yield row["seconds"]


class Worker:
    """An actor: models, loaded once, and shard after shard."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.work, self.folder = stage.load(), folder

    def __call__(self, batch: Any) -> dict[str, list[float]]:
        """Commit the shards of a table of packed ones; returns their seconds of audio."""
        shards = [unpack(packed) for packed in batch["shard"].to_pylist()]
        for shard in shards:
            commit(self.work, shard, self.folder, lambda _: None)
        return {"seconds": [shard.duration_s for shard in shards]}


def _ray() -> Any:
    os.environ.setdefault(*NO_REPORT)
    try:
        import ray
        import ray.data
    except ImportError:
        raise UserError("--engine ray needs Ray: pip install 'ssr-connector[ray]'") from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _cause(error: BaseException) -> BaseException:
    """What the work itself raised, out of Ray's wrappings."""
    found: BaseException | None = error
    while found is not None:
        inner = getattr(found, "cause", None) or found.__cause__
        if isinstance(found, UserError | OSError) and not isinstance(inner, UserError | OSError):
            return found
        found = inner
    return error
