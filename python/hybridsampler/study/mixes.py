"""What the mixes of a study reach, counted before anything is trained: tables and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybridsampler.plan import BatchPlan
from hybridsampler.stats import Share, Stats
from hybridsampler.study.config import Arm, StudyConfig
from hybridsampler.study.data import TrainingData, read_training_data
from hybridsampler.study.figure import plain_names, save
from hybridsampler.tables import Table, share

Name = TypeVar("Name")


def plan_of(arm: Arm, data: TrainingData, config: StudyConfig) -> BatchPlan:
    """Build the plan of a mix.

    Raises:
        ValueError: a mix that the data cannot serve; the message names the mix.
    """
    choice = config.training
    try:
        return BatchPlan(data.corpus, arm.mix, choice.batch_size, choice.seed, excess=choice.excess)
    except ValueError as error:
        raise ValueError(f"mix {arm.name!r}: {error}") from error


def mix_stats(config: StudyConfig, base: Path, steps: int | None = None) -> dict[str, Stats]:
    """Count the first steps of every mix of a study, by default all that it trains for.

    Args:
        config: the study.
        base: folder that the paths of ``config`` are relative to.
        steps: ``None``: those of the training.

    Raises:
        FileNotFoundError, ValueError: data or mixes that do not fit.
    """
    if steps is None:
        steps = config.training.steps
    data = read_training_data(config.data, base)
    plans = {arm.name: plan_of(arm, data, config) for arm in config.mix}
    return {name: plan.stats(steps) for name, plan in plans.items()}


def mix_tables(name: str, stats: Stats, most_pairs: int = 0) -> list[Table]:
    """Write what a mix reaches: by kind, source, language and pair, copies, padding.

    Args:
        name: of the mix.
        stats: of its plan.
        most_pairs: ordered pairs to list for each source, those with the largest expected shares;
            0: all.
    """
    title = f"{name}, {stats.steps:,} steps"
    tables = [
        _shares(
            f"{title}: batches by kind", "kind", [((own,), s) for own, s in stats.kinds.items()]
        ),
        _shares(
            f"{title}: batches by source",
            "kind source",
            [((kind, own), s) for kind, own, s in _nested(stats.sources)],
        ),
        _shares(
            f"{title}: monolingual batches by language",
            "source language",
            [((source, own), s) for source, own, s in _nested(stats.languages)],
        ),
        *(
            _shares(
                f"{title}: cross-lingual pairs of {source}{_cut(pairs, most_pairs)}",
                "query passage",
                [(pair, s) for pair, s in _largest(pairs, most_pairs)],
            )
            for source, pairs in stats.pairs.items()
        ),
        _shares(
            f"{title}: pairs of mixed batches by language",
            "source language",
            [((source, own), s) for source, own, s in _nested(stats.mixed)],
        ),
        Table(
            f"{title}: passage keys nearest to their limit",
            ["kind", "source", "language", "key", "copies", "limit"],
            [
                [*(own or "-" for own in c.stream), c.key, f"{c.members:,}", f"{c.limit:,}"]
                for c in stats.copies
            ],
        ),
    ]
    if stats.padding is not None:
        tables.append(
            Table(f"{title}: padding", ["", "real/padded"], [["tokens", share(stats.padding)]])
        )
    return [table for table in tables if table.rows]


def _nested(shares: Mapping[str, Mapping[Name, Share]]) -> list[tuple[str, Name, Share]]:
    return [(outer, own, s) for outer, inner in shares.items() for own, s in inner.items()]


def _largest(
    pairs: Mapping[tuple[str, str], Share], most: int
) -> list[tuple[tuple[str, str], Share]]:
    ordered = sorted(pairs.items(), key=lambda item: (-item[1].expected, item[0]))
    return ordered[: most or None]


def _cut(pairs: Mapping[tuple[str, str], Share], most: int) -> str:
    return f", {most} of {len(pairs):,}" if 0 < most < len(pairs) else ""


def _shares(title: str, names: str, rows: Sequence[tuple[tuple[str, ...], Share]]) -> Table:
    return Table(
        title,
        [*names.split(), "expected", "reached", "count"],
        [[*own, share(s.expected), share(s.reached), f"{s.count:,}"] for own, s in rows],
    )


@plain_names
def draw_mix(stats: Mapping[str, Stats], path: Path) -> None:
    """Draw, a row for each mix, kinds, sources and languages as bars beside what is expected.

    The last panel shows the cross-lingual pairs of all sources, query languages downwards. The same
    counts give the same bytes.
    """
    figure = Figure(figsize=(14, 3 * len(stats)), layout="constrained")
    panels = figure.subplots(len(stats), 4, squeeze=False, width_ratios=[1, 2, 4, 2])
    for row, (name, own) in zip(panels, stats.items(), strict=True):
        groups = (
            ("batches by kind", own.kinds),
            ("by kind and source", {f"{k} {s}": v for k, s, v in _nested(own.sources)}),
            ("monolingual by language", {f"{s} {x}": v for s, x, v in _nested(own.languages)}),
        )
        _draw_pairs(row[-1], name, own)
        for panel, (title, shares) in zip(row[:-1], groups, strict=True):
            if not shares:
                panel.set_axis_off()
                continue
            places = range(len(shares))
            panel.bar(places, [s.reached for s in shares.values()], color="C0", label="reached")
            panel.scatter(
                places,
                [s.expected for s in shares.values()],
                marker="_",
                s=120,
                color="black",
                zorder=3,
                label="expected",
            )
            panel.set_xticks(places, list(shares), rotation=60, ha="right", fontsize=7)
            panel.set_title(f"{name}: {title}", fontsize=9)
            panel.set_ylim(0)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    save(figure, path)


def _draw_pairs(panel: Axes, name: str, stats: Stats) -> None:
    counts: dict[tuple[str, str], int] = {}
    for _, pair, own in _nested(stats.pairs):
        counts[pair] = counts.get(pair, 0) + own.count
    if not counts:
        panel.set_axis_off()
        return
    languages = sorted({language for pair in counts for language in pair})
    total = sum(counts.values())
    cells = [[counts.get((q, p), 0) / total or float("nan") for p in languages] for q in languages]
    image = panel.imshow(cells, aspect="auto", cmap="viridis", vmin=0)
    panel.figure.colorbar(image, ax=panel)
    size = 7 if len(languages) < 20 else 4
    panel.set_xticks(range(len(languages)), languages, rotation=90, fontsize=size)
    panel.set_yticks(range(len(languages)), languages, fontsize=size)
    panel.set_title(f"{name}: cross-lingual pairs", fontsize=9)
