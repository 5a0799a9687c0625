"""The picture of the way in README.md: from data to inference, in boxes that fit a light and a dark page."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

PICTURE = Path(".github") / "flow.svg"
FLOW = [  # a step of the way, and two lines about it
    ("data", "labels, phrases,", "documents, chats"),
    ("records", "instruction,", "input, output"),
    ("prompts", "Alpaca, reverse", "instruction"),
    ("trainer", "4-bit base + LoRA,", "loss on answers"),
    ("adapter", "with its template", "and tokenizer"),
    ("inference", "the same prompt,", "without answer"),
]
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; text-anchor: middle }
  .step { font-weight: 700; font-size: 15px }
  rect { fill: #f6f8fa; stroke: #57606a } .own { fill: #dafbe1; stroke: #1a7f37 }
  path { fill: none; stroke: #57606a; stroke-width: 1.5 } .same { stroke: #1a7f37; stroke-dasharray: 5 4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } rect { fill: #21262d; stroke: #8b949e } .own { fill: #12351f; stroke: #3fb950 }
    path { stroke: #8b949e } .same { stroke: #3fb950 }
  }"""


def flow_svg(flow: Sequence[tuple[str, str, str]] = FLOW) -> str:
    """The steps as boxes in a row, and the prompts once more at the end: the same template. Fits light and dark."""
    width, gap, height, body = 132, 24, 72, ""
    for at, (step, first, second) in enumerate(flow):
        left = 8 + at * (width + gap)
        own = ' class="own"' if step in ("prompts", "inference") else ""
        body += f'<rect{own} x="{left}" y="8" width="{width}" height="{height}" rx="8"/>\n'
        for line, (y, look) in {step: (32, ' class="step"'), first: (52, ""), second: (69, "")}.items():
            body += f'<text{look} x="{left + width / 2:g}" y="{y}">{escape(line)}</text>\n'
        if at:
            body += f'<path d="M{left - gap + 3} 44h{gap - 8}m-6 -5l6 5l-6 5"/>\n'
    start, end = (8 + at * (width + gap) + width / 2 for at in (2, len(flow) - 1))
    body += f'<path class="same" d="M{start:g} 84v24H{end:g}v-22m-5 6l5 -6l5 6"/>\n'
    body += f'<text x="{(start + end) / 2:g}" y="126">one template, made by the same call</text>\n'
    title = ", ".join(step for step, *_ in flow)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {16 + len(flow) * (width + gap) - gap} 136">'
    return f"{head}\n<title>{title}</title>\n<style>{STYLE}\n</style>\n{body}</svg>\n"
