"""The charts of docs/performance.md, as SVG."""

from xml.sax.saxutils import escape

from . import table
from .load import MILLSTREAM

WIDTH, LEFT, RIGHT = 760, 250, 60
BAR, GAP, TOP = 16, 14, 46
COLOURS = {"floor": "#9aa5b1", MILLSTREAM: "#1f77b4", "nginx": "#e08214"}
COSTLY = ("fanout-500", "fanout-2000", "merged-500", "merged-2000", "streams-100x20")


def draw(results, folder):
    """Writes a chart of CPU times and one of latencies, as far as they have been measured."""
    pictures = {
        "cpu.svg": ("CPU time per GB sent, seconds", "cpu_per_gb"),
        "latency.svg": ("99th percentile latency, milliseconds", "latency_p99"),
    }
    for file, (title, figure) in pictures.items():
        groups = {
            name: {who: value for who in COLOURS if (value := table.median(results[name][1], who, figure)) is not None}
            for name in COSTLY if name in results
        }
        (folder / file).write_text(bars(title, groups))


def bars(title, groups):
    """Groups of horizontal bars, {group: {contender: value}}."""
    largest = max((value for group in groups.values() for value in group.values()), default=1)
    scale = (WIDTH - LEFT - RIGHT) / largest
    parts, y = [f'<text x="10" y="24" font-size="16">{escape(title)}</text>'], TOP
    for name, group in groups.items():
        for who, value in group.items():
            label = f"{name}: {who}"
            parts.append(f'<text x="{LEFT - 8}" y="{y + BAR - 4}" text-anchor="end">{escape(label)}</text>')
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{value * scale:.1f}" height="{BAR}" fill="{COLOURS[who]}"/>')
            parts.append(f'<text x="{LEFT + value * scale + 6:.1f}" y="{y + BAR - 4}">{table.show(value)}</text>')
            y += BAR + 3
        y += GAP
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
        f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n')
