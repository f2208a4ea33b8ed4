"""Commands about codes: where a code is used, what became of a codebook, and which motion says the same."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motionlib.cli.common import answer, existing, json_option, read_features

if TYPE_CHECKING:
    import pyarrow as pa

REPORTS, CODES, MODELS, FEATURES = (
    Path("reports/codebook"),
    Path("data/codes"),
    Path("models/tokenizers"),
    Path("data/features"),
)
INDEX, ENTRIES = "index.parquet", "codes.parquet"
SHOWN_CHANGED = 8


@click.group()
def codebook() -> None:
    """Look up a code, or hold two codebooks against each other."""


@codebook.command(epilog="Example: motionlib codebook show vq_2048 137")
@click.argument("name")
@click.argument("code", type=click.IntRange(0))
@click.option("--level", type=click.IntRange(0), default=0, show_default=True, help="Which codebook of several.")
@click.option("--count", type=click.IntRange(0), default=20, show_default=True, help="Spans that are listed; 0: all.")
@json_option
def show(name: str, code: int, level: int, count: int, as_json: bool) -> None:
    """Where CODE of the tokenizer NAME is used: clips, frames, licences, deliveries; and what it is like.

    It reads reports/codebook/NAME, whose dictionary.html plays the codes.
    """
    from motionlib.artifacts import read_report, read_report_table
    from motionlib.codebook.index import frames_by, spans_of

    folder = REPORTS / name
    numbers = read_report(folder)
    _check(numbers, name, code, level)
    spans = spans_of(read_report_table(folder, INDEX), level, code)
    found = {"tokenizer": name, "codebook": level, "code": code, "spans_total": len(spans)}
    found["count"] = numbers["codebooks"][level]["counts"][code]
    found |= {f"frames_by_{fact}": frames_by(spans, fact) for fact in ("licence", "delivery")}
    found["spans"] = (spans.slice(0, count) if count else spans).drop(["codebook", "code"]).to_pylist()
    found |= _entry(read_report_table(folder, ENTRIES), level, code)
    answer(found, as_json, _said(found))


def _check(numbers: dict[str, Any], name: str, code: int, level: int) -> None:
    size = numbers["shape"]["codebook_size"]
    if level not in numbers["indexed"]:
        raise ValueError(
            f"{name} lists codebooks {', '.join(map(str, numbers['indexed']))}; there is no list of {level}"
        )
    if code >= size:
        raise ValueError(f"{name} has codes 0 to {size - 1}; there is no code {code}")


def _entry(entries: "pa.Table", level: int, code: int) -> dict[str, Any]:
    """What is known of a code besides its spans; {} if it is too rare to have been looked at."""
    from motionlib.codebook.index import spans_of

    known: list[dict[str, Any]] = spans_of(entries, level, code).to_pylist()
    return {key: value for key, value in known[0].items() if key not in ("x", "y")} if known else {}


def _said(found: dict[str, Any]) -> str:
    lines = [f"code {found['code']} of {found['tokenizer']}: {found['count']:,} uses in {found['spans_total']:,} spans"]
    if "near" in found:
        pairs = {
            "moves like": ("near", "{:.0f} mm"),
            "then comes": ("following", "{:.0%}"),
            "goes with": ("companions", "x{:.1f}"),
        }
        for label, (key, form) in pairs.items():
            if found[key]:
                lines.append(
                    f"{label}: " + ", ".join(f"{one['code']} ({form.format(one['value'])})" for one in found[key])
                )
    for fact in ("licence", "delivery"):
        parts = found[f"frames_by_{fact}"].items()
        if parts:
            lines.append(
                f"frames by {fact}: " + ", ".join(f"{value or 'unknown'} {frames:,}" for value, frames in parts)
            )
    for span in found["spans"]:
        where = f"frames {span['start']} to {span['end'] - 1}"
        lines.append(f"  {span['clip']}  {where}  {span['licence'] or 'unknown'}  {span['delivery']}  {span['split']}")
    left = found["spans_total"] - len(found["spans"])
    return "\n".join(lines + ([f"  and {left:,} more"] if left else []))


@codebook.command("drift", epilog="Example: motionlib codebook drift champion vq_2048")
@click.argument("first")
@click.argument("second")
@json_option
def codes_drift(first: str, second: str, as_json: bool) -> None:
    """Which code of FIRST became which of SECOND, over the clips that both have encoded.

    Either is a tokenizer's name (its codes lie in data/codes), champion, challenger, a version, or a bundle's folder.
    """
    from motionlib.artifacts import read_features as read_set
    from motionlib.codebook.drift import drift
    from motionlib.promotion.drift import named

    features = read_set(FEATURES)
    found = drift(named(first, features), named(second, features))
    answer(found, as_json, _drift_said(found, first, second))


def _drift_said(found: dict[str, Any], first: str, second: str) -> str:
    lines = [
        f"{found['clips']:,} clips, {found['steps']:,} steps" + (": the codes are the same" if found["same"] else "")
    ]
    for level in found["codebooks"]:
        lines.append(
            f"codebook {level['codebook']}: {level['agree']:.1%} of the steps agree after matching (by chance "
            f"{level['chance']:.1%}), shared information {level['shared']:.1%}, {level['kept']:.1%} of "
            f"{level['codes']:,} codes kept"
        )
        for one in level["changed"][:SHOWN_CHANGED]:
            went = ", ".join(f"{code} {share:.0%}" for code, share in one["becomes"])
            lines.append(f"  {first}'s {one['code']} ({one['steps']:,} steps) is {second}'s {went}")
    return "\n".join(lines)


@click.command(epilog="Example: motionlib search take.bvh --count 5")
@click.argument("source", type=existing())
@click.option("--tokenizer", help="Whose codes are compared; the bundled tokenizer of params.yaml by default.")
@click.option("--count", type=click.IntRange(1), default=10, show_default=True, help="Clips that are listed.")
@json_option
def search(source: Path, tokenizer: str | None, count: int, as_json: bool) -> None:
    """Find the spans of the library that say the same as a motion, by their codes; of each clip the best one."""
    from motionlib import params, tokenizers
    from motionlib.artifacts import read_codes
    from motionlib.artifacts import read_features as read_set
    from motionlib.codebook.search import search as look
    from motionlib.tokenizers.clips import encode_clip

    name = tokenizer or params.load().bundle.tokenizer
    codes, features = read_codes(CODES / name), read_set(FEATURES)
    model = tokenizers.load(MODELS / name, mode=features.mode)
    query = encode_clip(model, read_features(source, features.mode))[:, 0]
    frames = codes.shape.frames_per_step
    found = []
    for span in look(query, codes.codes[:, 0], codes.offsets, count):
        clip = features.by_id[codes.clips[span.clip]]
        found.append(
            {
                "clip": clip.id,
                "start": span.start * frames,
                "end": span.end * frames,
                "query_start": span.query * frames,
                "score": span.score,
                "same": span.same,
                "licence": clip.licence,
                "delivery": clip.delivery,
                "split": clip.split,
            }
        )
    lines = map(_span_said, found)
    answer({"source": str(source), "tokenizer": name, "spans": found}, as_json, "\n".join(lines) or "nothing is alike")


def _span_said(one: dict[str, Any]) -> str:
    there = f"frames {one['start']} to {one['end'] - 1}"
    here = f"frames {one['query_start']} to {one['query_start'] + one['end'] - one['start'] - 1}"
    return f"{one['score']:6.1%}  {one['clip']}  {there}, as {here} here  {one['licence'] or 'unknown'}"
