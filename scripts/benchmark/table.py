"""Medians, ratios and whether the goals are met, in text."""

import statistics


def median(rounds, contender, key):
    """The median of a contender's figure over the rounds; None if it has none."""
    values = [each[contender][key] for each in rounds if key in each.get(contender, {})]
    return statistics.median(values) if values else None


def reached(rounds, goal, ours="millstream"):
    """Millstream's figure for a goal: the median of each round's ratio, as the machine drifts between rounds."""
    if goal.over is None:
        return median(rounds, ours, goal.figure)
    ratios = [
        each[ours][goal.figure] / each[goal.over][goal.figure]
        for each in rounds
        if all(each.get(name, {}).get(goal.figure) for name in (ours, goal.over))
    ]
    return statistics.median(ratios) if ratios else None


def show(value):
    if value is None:
        return "-"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def lines(name, load, rounds):
    """The table of a load."""
    yield f"{name}: {load.title}"
    yield "  " + "".join(f"{head:>14}" for head in ("", *load.contenders)).lstrip().rjust(28 + 14 * len(load.contenders))
    for figure in load.figures:
        cells = [show(median(rounds, contender, figure.key)) for contender in load.contenders]
        yield "  " + f"{figure.title + ', ' + figure.unit:<28}" + "".join(f"{cell:>14}" for cell in cells)
    titles = {figure.key: figure.title for figure in load.figures}
    for goal in load.goals:
        value = reached(rounds, goal)
        verdict = "no number" if value is None else "met" if goal.is_met(value) else "NOT MET"
        yield f"  {titles[goal.figure]}: {show(value)}{' x ' + goal.over if goal.over else ''}, {goal.words()}: {verdict}"
