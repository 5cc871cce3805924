"""Results as they come in, a line each under all that they follow from: a killed evaluation goes on behind the last."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Key = Mapping[str, Any]
SCORED, HEARD = "results.jsonl", "heard"  # file and folder of a comparison's journal


class Journal:
    """JSON lines `{"key": …, "value": …}`.

    A key holds everything that its value depends on, so that what has changed is never found. What stands behind the
    last whole line, as a killed process leaves it, is cut off.
    """

    def __init__(self, path: Path, **common: str) -> None:
        self.path, self.common = path, common  # part of every key
        self._values: dict[str, Any] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        good = 0
        with path.open("a+b") as lines:
            lines.seek(0)
            for line in lines:
                try:
                    row = json.loads(line)
                    name, value = canonical(row["key"]), row["value"]
                except (ValueError, KeyError, TypeError):
                    break
                if not line.endswith(b"\n"):
                    break
                self._values[name] = value
                good += len(line)
            lines.truncate(good)

    def recall(self, key: Key, work: Callable[[], Any]) -> Any:
        """The value of a key: the one that is written down, else what `work` gives (plain values), which then is."""
        full = {**self.common, **key}
        name = canonical(full)
        if name not in self._values:
            line = json.dumps({"key": full, "value": work()}, ensure_ascii=False) + "\n"
            with self.path.open("ab") as out:
                out.write(line.encode())
            self._values[name] = json.loads(line)["value"]  # as another run will find it
        return self._values[name]


def canonical(key: Key) -> str:
    """Equal for equal keys."""
    return json.dumps(key, sort_keys=True)
