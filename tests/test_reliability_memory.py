"""Drill: ten times the contest's data on the way from files to clusters, each size in a process of its own."""

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest

from bowerbird.data.twin import write_twin

pytestmark = [
    pytest.mark.drill("Ten times the data"),
    pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read from /proc"),
]

N_SERIES, TIMES = 1996, 10

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


def multiplied(source: Path, folder: Path, times: int) -> Path:
    """Attachments of `times` as many products, written piece by piece; the folder."""
    folder.mkdir()
    read = {number: next(source.glob(f"附件{number}*")) for number in (1, 2, 3, 4)}
    with open(folder / "附件1.csv", "w", encoding="utf-8", newline="") as file:
        shipments = pd.read_csv(read[1], dtype=str)
        for k in range(times):
            copy = shipments.assign(product_no=shipments["product_no"] + f"_{k}")
            copy.to_csv(file, index=False, header=k == 0)
    products = pd.read_excel(read[2], dtype=str, engine="calamine")
    copies = [products.assign(product_no=products["product_no"] + f"_{k}") for k in range(times)]
    pd.concat(copies).to_csv(folder / "附件2.csv", index=False)
    for number in (3, 4):
        shutil.copy(read[number], folder)
    return folder


@pytest.mark.slow
def test_ten_times_the_contest_in_bounded_memory(tmp_path, record_property):
    """Reader, panel and EM on 3.3 million rows: at most nine times the file beside what Python holds, and the clusters
    cost no more than the reading did."""
    write_twin(tmp_path / "one", N_SERIES, 0)
    ten = multiplied(tmp_path / "one", tmp_path / "ten", TIMES)
    small, large, size = measured(tmp_path / "one"), measured(ten), (ten / "附件1.csv").stat().st_size / 2**20
    assert large["rows"] == TIMES * small["rows"] and large["series"] == TIMES * small["series"]
    assert large["read"] - large["before"] < 9 * size
    assert large["EM"] < 1.1 * large["read"]
    assert large["EM"] - large["before"] < 1.2 * TIMES * (small["EM"] - small["before"]), "not worse than linear"
    record_property(
        "measured",
        f"{large['rows']:,} rows, {large['series']:,} series, {size:.0f} MiB: peak {large['EM']:,.0f} MiB "
        f"({small['EM']:,.0f} MiB for {small['rows']:,} rows)",
    )
