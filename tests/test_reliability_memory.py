"""Drill: ten times the contest's data on the way from files to clusters, each size in a process of its own."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bowerbird.data.reader import ATTACHMENTS
from bowerbird.data.twin import make_twin

pytestmark = [
    pytest.mark.drill("Ten times the data"),
    pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read from /proc"),
]

MEASURED = """
    import json, re, sys, warnings
    from pathlib import Path
    import numpy as np
    from bowerbird.data.reader import read_attachments
    from bowerbird.data.panel import build_panel
    from bowerbird.dm import PolynomialRegressionMixture

    def peak():
        # MiB; getrusage would count the parent's memory before the exec
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

    warnings.simplefilter("ignore")  # the mixture need not converge here
    seen = {"before": peak()}
    attachments = read_attachments(sys.argv[1])
    seen["read"], seen["rows"] = peak(), len(attachments.shipments)
    panel = build_panel(attachments)
    del attachments
    seen["panel"] = peak()
    mixture = PolynomialRegressionMixture(10, random_state=0, max_iter=30).fit(np.log1p(panel.demand))
    seen["EM"], seen["series"] = peak(), len(mixture.predict(np.log1p(panel.demand)))
    print(json.dumps(seen))
"""


def measured(folder: Path) -> dict:
    command = [sys.executable, "-c", textwrap.dedent(MEASURED), str(folder)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.slow
def test_ten_times_the_contest_in_bounded_memory(tmp_path, record_property):
    """Reader, panel and EM on 3.3 million rows: at most nine times the file beside what Python holds, and the clusters
    cost no more than the reading did."""
    seen = {}
    for times in (1, 10):
        folder, twin = tmp_path / str(times), make_twin(times * 1996)
        folder.mkdir()
        for spec in ATTACHMENTS[:4]:
            getattr(twin, spec.name).to_csv(folder / f"{spec.label}.csv", index=False)
        seen[times] = measured(folder)
    small, large, size = seen[1], seen[10], (folder / "附件1.csv").stat().st_size / 2**20
    assert large["rows"] == 10 * small["rows"] and large["series"] == 10 * small["series"]
    assert large["read"] - large["before"] < 9 * size
    assert large["EM"] < 1.1 * large["read"]
    assert large["EM"] - large["before"] < 12 * (small["EM"] - small["before"]), "not worse than linear"
    record_property(
        "measured",
        f"{large['rows']:,} rows, {large['series']:,} series, {size:.0f} MiB: peak {large['EM']:,.0f} MiB "
        f"({small['EM']:,.0f} MiB for {small['rows']:,} rows)",
    )
