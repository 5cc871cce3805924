"""Engines: where the stages of a big corpus run, shard by shard."""

from ssr_connector.engine.base import Engine, Stage
from ssr_connector.engine.cluster import HERE, RayEngine
from ssr_connector.engine.local import LocalEngine
from ssr_connector.engine.shard import Tick, Work
from ssr_connector.errors import UserError

__all__ = ["HERE", "Engine", "LocalEngine", "RayEngine", "Stage", "Tick", "Work", "build_engine"]


def build_engine(name: str, jobs: int | None, address: str | None = None) -> Engine:
    """By its name. Raises UserError for what does not go together."""
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs is at least 1, not {jobs}")
    if name == "ray":
        return RayEngine(jobs, address or HERE)
    if address is not None:
        raise UserError("--address goes with --engine ray")
    return LocalEngine(jobs or 1)
