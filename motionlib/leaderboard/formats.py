"""Leaderboards as Markdown, HTML, LaTeX and CSV; the same tables give the same bytes."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence

from jinja2 import Environment, PackageLoader
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from motionlib.figures import data_url, png
from motionlib.leaderboard.tables import Board, Column, Line, Value

NONE = "–"
TITLE = "Leaderboard"
INTERVALS = "In brackets: 95 % intervals over held-out clips. Bold: the best model of a column."
RATE, DISTORTION = "bits/s", "MPJPE, mm"
LATEX = str.maketrans({"%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#", "×": r"$\times$", "–": "--"})


def markdown(boards: Sequence[Board]) -> str:
    """Tables for a README."""
    parts = [f"# {TITLE}", INTERVALS if boards else "No model was trained yet; `make run` trains some."]
    for board in boards:
        heads = ["", *(column.head for column in board.columns), "seeds"]
        rows = [
            [_name(line), *(_bold(text, best) for text, best in _cells(board, line)), _seeds(line)]
            for line in board.lines
        ]
        lines = ["| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows)]
        parts += [f"## {board.title}", board.note, "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def latex(boards: Sequence[Board]) -> str:
    """Tables for a paper; needs `booktabs`."""
    parts = []
    for board in boards:
        heads = " & ".join(["", *(column.head.translate(LATEX) for column in board.columns)])
        body = [_latex_line(board, line) for line in board.lines]
        anchors = sum(line.anchor for line in board.lines)
        rows = [*body[:anchors], r"\midrule", *body[anchors:]] if anchors else body
        parts.append(
            "\n".join(
                [
                    r"\begin{table}",
                    rf"\caption{{{board.title}. {board.note.translate(LATEX)}}}",
                    rf"\begin{{tabular}}{{l{'r' * len(board.columns)}}}",
                    r"\toprule",
                    rf"{heads} \\",
                    r"\midrule",
                    *rows,
                    r"\bottomrule",
                    r"\end{tabular}",
                    r"\end{table}",
                ]
            )
        )
    return "\n\n".join(parts) + "\n"


def table(boards: Sequence[Board]) -> str:
    """CSV, a number a line: table, model, column, mean, low, high, seeds, runs, hardware."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["table", "note", "model", "column", "mean", "low", "high", "seeds", "runs", "hardware"])
    for board in boards:
        for line in board.lines:
            for column, value in zip(board.columns, line.values, strict=True):
                if value.mean is not None:
                    numbers = ["" if part is None else f"{part:.9g}" for part in (value.mean, value.low, value.high)]
                    known = [line.seeds, " ".join(line.runs), line.hardware]
                    writer.writerow([board.title, board.note, line.name, column.head, *numbers, *known])
    return out.getvalue()


def html(boards: Sequence[Board]) -> str:
    """One page that opens offline, with a picture of rate against distortion."""
    environment = Environment(loader=PackageLoader("motionlib.leaderboard", "templates"), autoescape=True)
    pictures = {board.note: data_url(rate_distortion(board)) for board in boards if _has_rates(board)}
    page: str = environment.get_template("leaderboard.html").render(
        title=TITLE, lead=INTERVALS, boards=boards, cells=_cells, name=_name, seeds=_seeds, pictures=pictures
    )
    return page


FORMATS: Mapping[str, Callable[[Sequence[Board]], str]] = {"md": markdown, "html": html, "tex": latex, "csv": table}


def rate_distortion(board: Board) -> bytes:
    """PNG: joint error against bits per second, a point per tokenizer with its interval."""
    rate, distortion = (_index(board.columns, head) for head in (RATE, DISTORTION))
    figure = Figure(figsize=(6.4, 3.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for line in board.lines:
        x, y = line.values[rate], line.values[distortion]
        if line.anchor and y.mean is not None and x.mean is None:
            axes.axhline(y.mean, color="k", linestyle="--", linewidth=0.8)
            axes.annotate(line.name, (0.01, y.mean), xycoords=("axes fraction", "data"), fontsize=8, va="bottom")
        elif x.mean is not None and y.mean is not None:
            below, above = ((y.mean - (y.low or y.mean)), ((y.high or y.mean) - y.mean))
            axes.errorbar(x.mean, y.mean, yerr=[[max(below, 0.0)], [max(above, 0.0)]], fmt="o", capsize=3)
            axes.annotate(line.name, (x.mean, y.mean), xytext=(6, 4), textcoords="offset points", fontsize=8)
    axes.set_xlabel("bits per second (entropy of single codes)")
    axes.set_ylabel(DISTORTION)
    axes.set_ylim(bottom=0)
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return png(figure)


def shown(value: Value, column: Column) -> str:
    """A number with its interval: `61.9 (50.2 to 80.8)`."""
    if value.mean is None:
        return NONE
    text = _number(value.mean, column.digits)
    if value.low is None or value.high is None or value.low == value.high:
        return text
    return f"{text} ({_number(value.low, column.digits)} to {_number(value.high, column.digits)})"


def _cells(board: Board, line: Line) -> list[tuple[str, bool]]:
    """Each value as text, and whether it is the best of the models."""
    return [
        (shown(value, column), not line.anchor and value.mean is not None and value.mean == _best(board, index))
        for index, (value, column) in enumerate(zip(line.values, board.columns, strict=True))
    ]


def _best(board: Board, index: int) -> float | None:
    means = [line.values[index].mean for line in board.lines if not line.anchor]
    known = [mean for mean in means if mean is not None]
    if len(known) < 2 or not board.columns[index].best:  # one model is no contest
        return None
    return min(known) if board.columns[index].best == "min" else max(known)


def _has_rates(board: Board) -> bool:
    return {RATE, DISTORTION} <= {column.head for column in board.columns}


def _index(columns: Sequence[Column], head: str) -> int:
    return next(index for index, column in enumerate(columns) if column.head == head)


def _latex_line(board: Board, line: Line) -> str:
    cells = [rf"\textbf{{{text}}}" if best else text for text, best in _cells(board, line)]
    return " & ".join(cell.translate(LATEX) for cell in [line.name, *cells]) + r" \\"


def _name(line: Line) -> str:
    return f"*{line.name}*" if line.anchor else line.name


def _bold(text: str, best: bool) -> str:
    return f"**{text}**" if best else text


def _seeds(line: Line) -> str:
    return "" if line.anchor else str(line.seeds)


def _number(value: float, digits: int) -> str:
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"
