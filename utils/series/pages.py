"""The pages in docs/ and their generated tables: what a GPU showed, and which architectures are tried.

`utils.series.readme` writes them, with README.md. A GPU's figures are those of the file that
`tests/benchmarks/gpu.py` left.
"""

from pathlib import Path
from typing import Any

from utils.files import ROOT, read_json

GPU = "<!-- gpu: written by `make notebooks` -->", "<!-- end of gpu -->"
MODELS = "<!-- models: written by `make notebooks` -->", "<!-- end of models -->"
GPU_RESULTS = Path("tests") / "benchmarks" / "gpu-training.json"


def written_pages() -> dict[Path, str]:
    """The pages of docs/ with their tables, by file."""
    parts = {"gpu": (GPU, gpu_tables(ROOT / GPU_RESULTS)), "models": (MODELS, models_table())}
    paths = {name: ROOT / "docs" / f"{name}.md" for name in parts}
    return {path: with_part(path.read_text(encoding="utf-8"), *parts[name]) for name, path in paths.items()}


def with_part(page: str, markers: tuple[str, str], part: str) -> str:
    """`page` with `part` between its two markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = page.partition(markers[0])
    _, end, after = rest.partition(markers[1])
    if not (begin and end):
        raise ValueError(f"the page has lost a marker: {markers[0] if not begin else markers[1]}")
    return f"{before}{begin}\n{part}\n{end}{after}"


def gpu_tables(file: Path) -> str:
    """Markdown tables of what a GPU showed: our settings beside the guide's, and memory beside its estimate."""
    found = read_json(file)
    [guide] = found["guide"]
    same = {key: guide[key] for key in ("model", "rows_at_a_time", "activation_checkpointing", "length")}
    [ours] = [row for row in found["ours"] if same.items() <= row.items()]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines = [
        f"Measured on one {found['device']} on {found['date']}, with {versions}.",
        "",
        f"QLoRA of rank 64, on a model of the exact shape of {guide['model']} with random weights,",
        f"{guide['rows_at_a_time']} rows of {guide['length']:,} tokens at a time:",
        "",
        "| settings | tokens/s | peak memory | share of the GPU's FLOPs |",
        "|---|---|---|---|",
    ]
    for words, row in (("the guide's", guide), ("those of `fine_tune`", ours)):
        speed, use = f"{row['tokens_per_second']:,}", f"{row['flops_utilisation']:.0%}"
        lines.append(f"| {words} | {speed} | {row['peak_gib']:.1f} GiB | {use} |")
    lines += ["", "What `utils.models.estimate` says before a model is loaded, beside the peak that was measured:"]
    lines += ["", "| model | rows × tokens | checkpointing | estimate | peak |", "|---|---|---|---|---|"]
    return "\n".join(lines + [_memory(row) for row in found["ours"]])


def _memory(row: dict[str, Any]) -> str:
    size = f"{row['rows_at_a_time']} × {row['length']:,}"
    checkpointing = "yes" if row["activation_checkpointing"] else "no"
    return f"| {row['model']} | {size} | {checkpointing} | {row['estimated_gib']:.1f} GiB | {row['peak_gib']:.1f} GiB |"


def models_table() -> str:
    """A Markdown table of the architectures that are tried: what of each is in 4 bits, and whether it works."""
    from utils.models import architecture_table  # imports torch, which no other part of these pages needs

    lines = ["| architecture | in 4 bits | the whole way |", "|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in architecture_table()])
