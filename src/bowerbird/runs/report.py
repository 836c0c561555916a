"""What reports/ keeps of a run: what its notebooks wrote with keep=True, and the site of its pages.

These are derived numbers and figures; none draws or lists a series of the attachments.
"""

import re
import shutil
from pathlib import Path

from bowerbird.errors import MissingResult, ParameterError
from bowerbird.files import read_record, write_json
from bowerbird.runs import pages
from bowerbird.runs.stage import Stage, project_root


def keep(run: str) -> Path:
    """Copy what is worth keeping of a finished run's folder to reports/<its name>/ and return the report's path.

    A report of that name is replaced. ParameterError for a run on own data.

    MissingResult where the run is not complete, its stages were made with different
    parameters, or a file has changed since.
    """
    source = Path(run).resolve()  # "." has no name, and reports/ itself is not to be replaced
    if not (source / "run.json").is_file() or not (source / "tables" / "headline.csv").is_file():
        raise MissingResult(f"{source}: no finished run there; run `make reproduce` or give another folder")
    if not (record := read_record(source / "run.json")):
        raise MissingResult(f"{source}: run.json changed since the run; give `reproduce` again")
    if record["data"].startswith("own data"):
        raise ParameterError(
            f"{source}: made on {record['data']}; a report in reports/ would name your products: hand on the run's "
            "folder itself"
        )
    if len(seeds := {parameters["seed"] for parameters in record["parameters"].values()}) > 1:
        raise MissingResult(f"{source}: its stages were run with the seeds {sorted(seeds)}; run it again with one")
    if mixed := record.get("mixed"):
        raise MissingResult(
            f"{source}: mixed, {', '.join(mixed)} were made with other parameters, data or code; give `reproduce` "
            "again, without --until"
        )
    stages = [Stage(name, source) for name in record["parameters"]]
    for stage in stages:
        if stage.record().get("parameters") != record["parameters"][stage.name] or stage.changed():
            what = ", ".join(stage.changed()) or "its record"
            raise MissingResult(f"{source}: {stage.name}: {what} changed since the run; give `reproduce` again")
    target = project_root() / "reports" / source.name
    partial = target.with_name(f".{target.name}")
    shutil.rmtree(partial, ignore_errors=True)
    for stage in stages:
        for place in (place for place, entry in stage.files.items() if entry["keep"]):
            (partial / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / place, partial / place)
    for parameters in record["parameters"].values():  # a report says which data, not where they lay
        parameters.pop("out", None)
        if parameters.get("data", "synthetic") != "synthetic":
            parameters["data"] = record["data"]
    record["command"] = re.sub(r" --(data|out|cluster)[= ].*?(?= --|$)", "", record["command"])
    write_json(partial / "run.json", record)
    pages.write_site(partial, run=source)
    shutil.rmtree(target, ignore_errors=True)  # only now: an interrupted copy leaves the old report
    partial.rename(target)
    return target
