"""How sure a measured share is."""

from __future__ import annotations

import math


def wilson(successes: float, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95% Wilson score interval of a share (Wilson 1927); (0, 1) when nothing was counted."""
    if count == 0:
        return 0.0, 1.0
    share, weight = successes / count, z * z / count
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / count + weight / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)
