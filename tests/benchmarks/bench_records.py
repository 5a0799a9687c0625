"""Rows per second for reading, converting, linting, fixing and splitting, at 10,000 and 100,000 rows.

    python tests/benchmarks/bench_records.py [rows …]

Texts are made from a vocabulary with a long tail, 5 to 80 words each; one row in twenty nearly repeats another. Memory
is the peak of the process so far. Cost that grows in proportion shows as equal rows per second in both lines.
"""

import csv
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from utils.quality import apply_safe_fixes, lint  # noqa: E402
from utils.records import from_labels, split  # noqa: E402


def write_reviews(path: Path, count: int) -> None:
    """A CSV of labels and texts, the same for the same count."""
    rng = random.Random(0)
    previous = ""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Label", "Text"])
        for row in range(count):
            words = [f"word{int(rng.paretovariate(0.35)) % 20_000}" for _ in range(rng.randint(5, 80))]
            text = f"{previous} more" if row % 20 == 19 else " ".join(words)
            writer.writerow([rng.choice(["Complaint", "Non-Complaint"]), text])
            previous = text


def main(counts: list[int]) -> None:
    print("| rows | read + convert | lint | all three | safe fixes | split | peak memory |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "reviews.csv"
            write_reviews(path, count)
            times = [time.perf_counter()]
            records = from_labels(path, text="Text", label="Label").records
            for step in (lint, apply_safe_fixes, lambda part: split(part, seed=0)):
                times.append(time.perf_counter())
                step(records)
            times.append(time.perf_counter())
        converted, linted, fixed, divided = (end - start for start, end in zip(times, times[1:], strict=False))
        speeds = [converted, linted, converted + linted, fixed, divided]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"| {count:,} | " + " | ".join(f"{count / seconds:,.0f}/s" for seconds in speeds) + f" | {peak:,.0f} MB |"
        )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [10_000, 100_000])
