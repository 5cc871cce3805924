"""Shards on a Ray cluster, or on a small one that is started on this machine: a Ray Data pipeline over actors."""

import json
import logging
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssr_connector.engine.base import Stage
from ssr_connector.engine.shard import Shard, Tick, commit, pack, unpack
from ssr_connector.errors import UserError
from ssr_connector.processes import sigterm_as_ctrl_c

HERE = "local"
NO_REPORT = ("RAY_USAGE_STATS_ENABLED", "0")  # to Ray's makers
ONE_TRY = ("RAY_gcs_server_port_wait_time_s", "1")  # takes 40 s; Ray makes 20 where no cluster answers


@dataclass(frozen=True)
class RayEngine:
    """`jobs` actors of one core each (None: as many as the cluster has cores) on the cluster at `address`.

    For a stage that uses GPUs, on a cluster that has some: of one GPU each, or more actors to a GPU where `jobs` asks.

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
            with sigterm_as_ctrl_c():  # which Ray has taken for itself
                for size in self._results(ray, stage, shards, folder.resolve()):
                    tick(size)
        finally:
            ray.shutdown()

    def _connect(self, ray: Any) -> None:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self.address == HERE:
            options |= {"num_cpus": self.jobs or os.cpu_count(), "include_dashboard": False}
        else:
            os.environ.setdefault(*ONE_TRY)
        try:
            ray.init(self.address, **options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"no Ray cluster at {self.address} ({reason}); start one with `ray start --head`") from None

    def _results(self, ray: Any, stage: Stage, shards: Sequence[Shard], folder: Path) -> Iterator[float]:
        """The size of each shard as it is committed."""
        ray.data.DataContext.get_current().enable_progress_bars = False  # we have our own
        actors, each = actors_of(ray.cluster_resources(), stage.uses_gpu, self.jobs, len(shards))
        rows = [{"shard": pack(shard)} for shard in shards]
        data = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            Worker,
            fn_constructor_args=(stage, folder),
            batch_size=1,
            batch_format="pyarrow",  # numpy's bytes end at their last one that is not 0
            compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2),
            **each,
        )
        for row in data.iter_rows():
            if row["error"]:
                raise _error(json.loads(row["error"]))
            yield row["size"]


def actors_of(
    cluster: Mapping[str, float], uses_gpu: bool, jobs: int | None, n_shards: int
) -> tuple[int, dict[str, float]]:
    """How many actors to start on a cluster's resources, and what each of them asks for."""
    gpus = int(cluster.get("GPU", 0)) if uses_gpu else 0
    actors = min(n_shards, jobs or gpus or int(cluster.get("CPU", 1)))
    if not gpus:
        return actors, {"num_cpus": 1}
    return actors, {"num_gpus": 1 / math.ceil(actors / gpus)}  # Ray shows an actor no other GPU


class Worker:
    """An actor: models, loaded once, and shard after shard."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.work, self.folder = stage.load(), folder

    def __call__(self, batch: Any) -> dict[str, list[Any]]:
        """Commit a shard, given as a table of one packed one; returns its size.

        What a user can mend is returned as well: of what is raised, Ray hands on the type and a traceback in words.
        """
        (packed,) = batch["shard"].to_pylist()
        shard = unpack(packed)
        try:
            commit(self.work, shard, self.folder, lambda _: None)
        except UserError as error:
            return {"size": [0.0], "error": [json.dumps([str(error)])]}
        except OSError as error:
            told = [str(error)] if error.errno is None else [error.errno, error.strerror, error.filename]
            return {"size": [0.0], "error": [json.dumps(["", *told], default=str)]}
        return {"size": [shard.size], "error": [""]}


def _ray() -> Any:
    os.environ.setdefault(*NO_REPORT)
    try:
        import ray
        import ray.data
    except ImportError:
        raise UserError("--engine ray needs Ray: pip install -e '.[ray]'") from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _error(told: list[Any]) -> Exception:
    """The error that a worker told of: a UserError's sentence, or what an OSError is made of."""
    sentence, *system = told
    return OSError(*system) if system else UserError(sentence)
