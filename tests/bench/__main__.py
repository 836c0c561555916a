"""Speed, as ratios against a named peer in the same run: `make bench`. Nothing here is a test; machines differ."""

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import forecasting
import inventory
import numpy as np
import operation
import pandas as pd
import torch

from bowerbird.data.panel import build_panel
from bowerbird.data.reader import read_attachments
from bowerbird.data.twin import write_twin
from bowerbird.device import describe
from bowerbird.files import atomic_path
from bowerbird.runs import project_root
from bowerbird.runs.circumstances import versions

HEAD = """# Speed

What `make bench` measured, one core a process; ratios against a peer in the same run. A dash: there is no peer, or it
is not installed. Median of a few calls, the first not counted.

"""


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(os.environ.get("BOWERBIRD_ATTACHMENTS", temporary))
        if str(folder) == temporary:
            write_twin(folder, 1996, 0)
        panel = build_panel(read_attachments(folder))
        rows = [
            *forecasting.reading(folder), *forecasting.excel(folder), *forecasting.em(np.log1p(panel.demand)),
            *forecasting.em_memory(), *forecasting.filtering(panel.demand), *forecasting.search(),
            *forecasting.training(panel), *forecasting.population(panel), *inventory.rows(), *operation.rows(panel),
        ]  # fmt: skip
    table = pd.DataFrame(rows).to_markdown(index=False, floatfmt=".4g").replace(" nan ", "   – ")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    machine = f"{os.cpu_count()} cores, load {load:.1f} at the end; {describe(torch.device('cpu'))}; "
    machine += ", ".join(f"{name} {version}" for name, version in versions().items())
    with atomic_path(project_root() / "reports" / "benchmarks.md") as path:
        path.write_text(f"{HEAD}{datetime.now(UTC):%Y-%m-%d}. {machine}.\n\n{table}\n", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    sys.exit(main())
