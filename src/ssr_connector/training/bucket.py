"""When a batch is full that lhotse draws from a bucket of utterances of like length."""

from bisect import bisect_left
from dataclasses import dataclass

from lhotse.dataset.sampling.base import TimeConstraint


@dataclass(eq=False)
class WithinBucket(TimeConstraint):  # type: ignore[misc]  # lhotse is not typed
    """Full where one more, as long as any of the bucket may be, would not fit: so none is ever too full.

    Every utterance counts as long as the longest, to which the others are padded. lhotse's own constraint expects no
    longer one than it has seen, and then takes it.
    """

    longest: tuple[float, ...] = ()  # seconds, of each bucket, in order

    def close_to_exceeding(self) -> bool:
        """Whether the batch is full."""
        ahead = self.longest[bisect_left(self.longest, self.longest_seen)]
        return bool((self.num_cuts + 1) * ahead > self.max_duration)
