"""Medians, ratios, and whether the goals are met: as text, and as tables of docs/performance.md."""

import statistics

from .load import MILLSTREAM

BUSY = 90  # per cent of its core; above this, the load itself may limit the result


def median(rounds, contender, key):
    """The median of a contender's figure over the rounds; None if it has none."""
    values = [each[contender][key] for each in rounds if key in each.get(contender, {})]
    return statistics.median(values) if values else None


def reached(rounds, goal):
    """The value for a goal: the median of the rounds' ratios, because the machine's speed changes from round to round."""
    if goal.over is None:
        return median(rounds, MILLSTREAM, goal.figure)
    pairs = [[each.get(name, {}).get(goal.figure) for name in (MILLSTREAM, goal.over)] for each in rounds]
    ratios = [ours / theirs for ours, theirs in pairs if ours is not None and theirs]
    return statistics.median(ratios) if ratios else None


def show(value):
    if value is None:
        return "-"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}".replace(",", " ")


def verdict(goal, value):
    return "no number" if value is None else "met" if goal.is_met(value) else "NOT MET"


def busy(load, rounds):
    """The servers with which the load itself was too busy."""
    return [who for who in contenders(load, rounds) if (median(rounds, who, "generator") or 0) > BUSY]


def contenders(load, rounds):
    """The servers of the load, and the peers that were measured with it."""
    extra = {name: None for each in rounds for name in each if name not in load.contenders}
    return [*load.contenders, *extra]


def text(name, load, rounds, judges=True):
    """The text that is printed for a load, with or without its goals."""
    names = contenders(load, rounds)
    yield f"{name}: {load.title}"
    yield " " * 44 + "".join(f"{who:>12}" for who in names)
    for figure in load.figures:
        yield f"  {figure.words():<42}" + "".join(f"{show(median(rounds, who, figure.key)):>12}" for who in names)
    titles = {figure.key: figure.title for figure in load.figures}
    for goal in load.goals if judges else ():
        value = reached(rounds, goal)
        yield f"  {titles[goal.figure]}: {show(value)}, {goal.words()}: {verdict(goal, value)}"
    for who in busy(load, rounds):
        yield f"  {who}: the load needs over {BUSY} % of its processor core, and may limit the result"


def goals(results):
    """The table of goals in Markdown; results are (load, rounds) by name."""
    yield "| load | measure | Millstream | goal | |"
    yield "|---|---|---|---|---|"
    for load, rounds in results.values():
        titles = {figure.key: figure.words() for figure in load.figures}
        for goal in load.goals:
            value = reached(rounds, goal)
            measure = titles[goal.figure]
            if goal.over:
                measure = f"{measure.split(',')[0]}, relative to {goal.over}"
            bound = goal.words().removesuffix(f" of that of {goal.over}")
            yield f"| {load.title} | {measure} | {show(value)} | {bound} | {verdict(goal, value).lower()} |"


def figures(results):
    """The table of all medians in Markdown."""
    yield "| load | figure | floor | Millstream | nginx-rtmp |"
    yield "|---|---|---|---|---|"
    for name, (load, rounds) in results.items():
        for figure in load.figures:
            cells = [show(median(rounds, who, figure.key)) for who in ("floor", MILLSTREAM, "nginx")]
            yield f"| {name} | {figure.words()} | {' | '.join(cells)} |"


def worst(results):
    """The table of delays during attacks, in Markdown."""
    yield "| beside | seconds | p99.9 before | maximum before | p99.9 | maximum | |"
    yield "|---|---|---|---|---|---|---|"
    for load, rounds in results.values():
        keys = ("seconds", "base_p999", "base_max", "latency_p999", "latency_max")
        cells = [show(median(rounds, MILLSTREAM, key)) for key in keys]
        ends = [verdict(goal, reached(rounds, goal)).lower() for goal in load.goals]
        yield f"| {load.title} | {' | '.join(cells)} | {', '.join(ends) or 'no goal'} |"
