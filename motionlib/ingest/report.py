"""The report of the `ingest` stage: what became of every file, in numbers, pictures and a table of all lines."""

from collections.abc import Iterator

from motionlib.artifacts import Report, line_table
from motionlib.ingest import pictures
from motionlib.ingest.coverage import Coverage, lacks
from motionlib.ingest.library import Library
from motionlib.ingest.lines import Line, Tally
from motionlib.ingest.survey import Survey, summary

MOST_LISTED = 5000  # files of a library of which the report lists all; of a larger one those that are not accepted


def report(found: Survey, library: Library) -> Report:
    """Numbers over all files, the lines of few of them or of what is not accepted, and `lines.parquet` with all."""
    counted, covered = Tally(), Coverage()
    listed: list[Line] = []
    whole = found.file_count <= MOST_LISTED

    def lines() -> Iterator[Line]:
        for line in library.lines():
            counted.add(line)
            covered.add(line)
            if whole or (line["verdict"] != "accept" and len(listed) < MOST_LISTED):
                listed.append(line)
            yield line

    table = line_table(lines())
    numbers = {"files": listed, "listed": "all" if whole else "not accepted", **summary(found, counted)}
    numbers |= {"coverage": covered.numbers(), "lacks": lacks(covered)}
    shown = {"lengths.png": pictures.lengths(counted.seconds), "reasons.png": pictures.reasons(dict(counted.reasons))}
    return Report(numbers, shown, {"lines.parquet": table})
