"""How the bench times, and what a row of its table holds."""

import statistics
import time

NAN = float("nan")


def seconds(function, repeats: int = 5) -> float:
    """Median wall time of a few calls, after one to warm up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def row(what: str, ours: float, peer: str = "", theirs: float = NAN, target: str = "") -> dict:
    """What was done, our seconds, the peer, its seconds for the same, their ratio, and the target if there is one."""
    return {
        "what": what,
        "seconds": ours,
        "peer": peer,
        "peer's seconds": theirs,
        "peer / ours": theirs / ours,
        "target": target,
    }
