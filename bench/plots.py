"""Draws the plots of all figures.

    plots.py FIGURES FOLDER

A program of its own, in an environment that has matplotlib (``scripts/bench-plots``), so that what is measured runs
in the environment that users have. It reads the ``plots`` of each JSON file in ``FIGURES`` and writes a PNG and an SVG
each into ``FOLDER``. A plot is one of three kinds; ``file`` and ``title`` all have:

``distribution``  ``series``: samples by name; ``x``: the axis's label. Drawn as the share of samples that are quicker.
``lines``         ``series``: ``[[x, y], …]`` by name; ``x``, ``y``: labels; ``log_x``, ``log_y``; ``limits``: by name.
``bars``          ``series``: value by name; ``x``: label; ``log_x``; ``limits``: x by name.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter

COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555")
"""Told apart by colour-blind people, too (Okabe and Ito)."""
DASHES: Final = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), "-")


def draw(plot: Mapping[str, Any], folder: Path) -> None:
    """One plot, in both forms."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    axes.set_title(plot["title"], loc="left", fontsize=11)
    {"distribution": _distribution, "lines": _lines, "bars": _bars}[plot["kind"]](axes, plot)
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for form in ("png", "svg"):  # without a date in it, the same figures make the same file
        figure.savefig(folder / f"{plot['file']}.{form}", dpi=130, metadata={"Date": None} if form == "svg" else None)
    plt.close(figure)


def _distribution(axes: Any, plot: Mapping[str, Any]) -> None:
    least, most = [], []
    for number, (name, samples) in enumerate(plot["series"].items()):
        ordered = sorted(samples)
        shares = [(index + 0.5) / len(ordered) * 100 for index in range(len(ordered))]
        middle = ordered[len(ordered) // 2]
        label = f"{name}: {_plain(middle)}"
        axes.plot(ordered, shares, linestyle=DASHES[number % 7], color=COLOURS[number % 7], label=label, linewidth=1.6)
        least.append(ordered[0])
        most.append(ordered[min(len(ordered) - 1, int(len(ordered) * 0.995))])
    axes.set(xscale="log", xlim=(min(least) * 0.9, max(most) * 1.2), ylim=(0, 100))
    axes.set(xlabel=plot["x"], ylabel="share of samples that are quicker, %")
    _plain_axis(axes.xaxis)
    axes.legend(title="p50", fontsize=9, loc="lower right", framealpha=0.9)


def _lines(axes: Any, plot: Mapping[str, Any]) -> None:
    for number, (name, points) in enumerate(plot["series"].items()):
        xs, ys = zip(*points, strict=True)
        axes.plot(
            xs, ys, linestyle=DASHES[number % 7], marker="o", color=COLOURS[number % 7], label=name, linewidth=1.6
        )
    if plot.get("log_x"):
        axes.set_xscale("log")
        ticks = sorted({x for points in plot["series"].values() for x, _ in points})
        axes.set_xticks(ticks, [_plain(x) for x in ticks])
        axes.minorticks_off()
    if plot.get("log_y"):
        axes.set_yscale("log")
        _plain_axis(axes.yaxis)
    else:
        axes.set_ylim(bottom=0)
    _draw_limits(axes.axhline, plot)
    axes.set(xlabel=plot["x"], ylabel=plot["y"])
    axes.legend(fontsize=9)


def _bars(axes: Any, plot: Mapping[str, Any]) -> None:
    names, values = [*plot["series"]], [*plot["series"].values()]
    bars = axes.barh(names, values, color=[COLOURS[index % 7] for index in range(len(names))], height=0.6)
    axes.bar_label(bars, [_plain(value) for value in values], padding=4, fontsize=9)
    axes.invert_yaxis()
    if plot.get("log_x"):
        axes.set_xscale("log")
        _plain_axis(axes.xaxis)
    axes.margins(x=0.12)
    _draw_limits(axes.axvline, plot)
    axes.set(xlabel=plot["x"])
    if plot.get("limits"):
        axes.legend(fontsize=9)


def _draw_limits(line: Any, plot: Mapping[str, Any]) -> None:
    for number, (name, value) in enumerate(plot.get("limits", {}).items()):
        label = f"{name}: {_plain(value)}"
        line(value, color="#aa0000", linestyle=("--", ":")[number % 2], linewidth=1.2, label=label)


def _plain_axis(axis: Any) -> None:
    form = FuncFormatter(lambda value, _: _plain(value))
    axis.set_major_formatter(form)
    axis.set_minor_formatter(FuncFormatter(lambda value, _: _plain(value) if f"{value:e}"[0] in "25" else ""))
    axis.set_tick_params(which="minor", labelsize=8)


def _plain(value: float) -> str:
    """A number as people write it: 1,000 and 0.25, not 10³."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def main(words: Sequence[str]) -> int:
    """Draws all; the exit status."""
    figures, folder = Path(words[0]), Path(words[1])
    mpl.use("Agg")  # there may be no screen
    mpl.rcParams.update({"font.size": 10, "svg.hashsalt": "latchwire", "svg.fonttype": "none"})
    for path in sorted(figures.glob("*.json")):
        for plot in json.loads(path.read_text("utf-8")).get("plots", ()):
            draw(plot, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
