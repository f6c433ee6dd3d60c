"""The table on the screen, the page ``docs/performance/README.md``, and the figures as JSON.

The page is made from the JSON files alone, so a run of one row renews that row and leaves the others; each says when
and on what it was made. Nothing on the page is written by hand.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.row import Check, Outcome, Row
from bench.statistics import Ratio

Document = Mapping[str, Any]

_HEAD: Final = """# How quick it is, and what it costs

Made by `make bench`; nothing on this page is written by hand. Each row was measured beside what one would use instead,
in one run: all variants take turns of a few milliseconds in shuffled order, so that whatever disturbs the machine
disturbs them alike. Absolute times are those of one machine on one day and promise nothing; the ratios are what is
judged. In brackets stands the interval that a ratio lies in with a confidence of 95 % (bootstrap over turns). Where the
goal itself lies in that interval the verdict says *close*: another run may find the other.

    make bench                       all rows, under ten minutes on two cores
    make bench ROWS="send verify"    some of them
    make bench QUICK=1               only to try: few samples, into .cache/bench/ instead of this folder
    make bench PAGE=1                only make this page and its plots anew from the figures

What noise does not touch (bytes, packets, system calls, instructions for a command) is held by `make test`:
`tests/bench/bounds.json` has the bounds, and a test that fails says how to renew one.
"""


def write(folder: Path, row: Row, document: Document) -> None:
    """Saves a row's figures."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{row.name}.json").write_text(_compact(document), "utf-8")


def document_of(outcome: Outcome | None, *, error: str = "", **about: Any) -> dict[str, Any]:
    """What is saved of a row: the outcome, or why there is none, and on what it was made."""
    found: dict[str, Any] = {**about, "error": error}
    if outcome is not None:
        found["checks"] = [
            {**check._asdict(), "measured": check.measured._asdict()} for check in outcome.checks
        ]  # fmt: skip
        found |= {"told": [*outcome.told], "notes": outcome.notes, "plots": [*outcome.plots], "raw": {**outcome.raw}}
    return found


def checks_of(document: Document) -> list[Check]:
    """The goals of a saved row."""
    return [Check(**{**item, "measured": Ratio(**item["measured"])}) for item in document.get("checks", ())]


# ------------------------------------------------------------------------------------------- the screen


def table(rows: Sequence[Row], documents: Mapping[str, Document]) -> str:
    """For a terminal."""
    lines = [f"{'row':<10} {'goal':<58} {'measured':<26} met", "-" * 104]
    for row in rows:
        document = documents.get(row.name)
        lines += _rows_of(row, document) if document is not None else [f"{row.name:<10} not measured"]
    return "\n".join(lines)


def _rows_of(row: Row, document: Document) -> list[str]:
    if document["error"]:
        return [f"{row.name:<10} {line}" for line in str(document["error"]).splitlines()]
    return [
        f"{row.name:<10} {_goal(check):<58} {_measured(check):<26} {_verdict(check)}" for check in checks_of(document)
    ]


def _goal(check: Check) -> str:
    return f"{check.goal}: at {'least' if check.at_least else 'most'} {_number(check.limit)} {check.unit}".rstrip()


def _measured(check: Check) -> str:
    value, low, high = check.measured
    text = f"{_number(value)} {check.unit}".rstrip()
    return text if low == high else f"{text} [{_number(low)} to {_number(high)}]"


def _verdict(check: Check) -> str:
    word = "yes" if check.met else "no"
    return word if check.sure else f"{word}, close"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


# --------------------------------------------------------------------------------------------- the page


def page(rows: Sequence[Row], documents: Mapping[str, Document]) -> str:
    """``docs/performance/README.md``."""
    parts = [_HEAD, "| what | measured against | goal | measured | met |\n|---|---|---|---|---|"]
    parts[-1] += "".join(f"\n{_table_line(row, documents.get(row.name))}" for row in rows)
    parts += [_section(row, documents[row.name]) for row in rows if row.name in documents]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _table_line(row: Row, document: Document | None) -> str:
    start = f"| [{row.what}](#{row.name}) | {row.against} "
    if document is None:
        return f"{start}| | not measured | |"
    if document["error"]:
        first = str(document["error"]).partition("\n")[0]
        return f"{start}| | could not be measured: {first} | no |"
    checks = checks_of(document)
    columns = [[f(check) for check in checks] for f in (_goal, _measured, _verdict)]
    return f"{start}| {' | '.join('<br>'.join(column) for column in columns)} |"


def _section(row: Row, document: Document) -> str:
    parts = [f"## {row.name}", f"{row.what}, against {row.against}."]
    if document["error"]:
        return "\n\n".join([*parts, f"Could not be measured here:\n\n    {document['error']}"])
    parts.append(document["notes"].strip())
    parts += [f"**Missed: {_goal(check)}.** {check.missed.strip()}" for check in checks_of(document) if not check.met]
    if document["told"]:
        parts.append("\n".join(f"- {line}" for line in document["told"]))
    parts += [f"[![{plot['title']}]({plot['file']}.png)]({plot['file']}.svg)" for plot in document["plots"]]
    machine = ", ".join(f"{name} {value}" for name, value in document["machine"].items())
    parts.append(
        f"*{document['date']}, {document['seconds']:.0f} s, load before {document['load']:.1f}. {machine}."
        f" [Figures](figures/{row.name}.json)*"
    )
    return "\n\n".join(parts)


def _compact(document: Document) -> str:
    """JSON with a line for each short thing, so that a change can be read."""
    return json.dumps(_rounded(document), ensure_ascii=False, indent=None, separators=(", ", ": ")).replace(
        "], [", "],\n["
    ).replace('}, {"', '},\n{"') + "\n"  # fmt: skip


def _rounded(value: Any) -> Any:
    """Floats with four digits: more is noise."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {name: _rounded(item) for name, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, (list, tuple)) else value
