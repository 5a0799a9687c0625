"""What reading, converting, linting, fixing and splitting cost, at 10,000 and 100,000 rows.

    python tests/benchmarks/bench_records.py [rows …]

Texts are made from a vocabulary with a long tail, 5 to 80 words each; one row in twenty nearly repeats another. Each
step is timed twice over: seconds on the clock, which a busy machine makes longer, and seconds of the processor, which
it doesn't. Cost that grows in proportion shows as equal rows per processor second in all lines, and as a growth near 1:
the exponent e in cost = rows to the power of e, from the smallest count to the largest. Memory is the peak of the
process so far. The table is printed and written, with the date, to `bench_records.json` beside this file.
"""

import csv
import datetime
import json
import math
import os
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


def measure(count: int) -> dict:
    """Seconds of each step on the clock and of the processor, and the peak memory in MB."""
    clock, processor = {}, {}

    def timed(name, function, *arguments):
        started = time.perf_counter(), time.process_time()
        result = function(*arguments)
        clock[name] = round(time.perf_counter() - started[0], 3)
        processor[name] = round(time.process_time() - started[1], 3)
        return result

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reviews.csv"
        write_reviews(path, count)
        records = timed("read + convert", lambda: from_labels(path, text="Text", label="Label").records)
    timed("lint", lint, records)
    timed("safe fixes", apply_safe_fixes, records)
    timed("split", split, records)
    for seconds in (clock, processor):
        seconds["read + convert + lint"] = round(seconds["read + convert"] + seconds["lint"], 3)
    return {
        "rows": count,
        "seconds": clock,
        "processor_seconds": processor,
        "rows_per_second": {name: round(count / value) for name, value in clock.items()},
        "rows_per_processor_second": {name: round(count / value) for name, value in processor.items()},
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main(counts: list[int]) -> None:
    lint(from_labels([{"t": "a b c", "y": "x"}], text="t", label="y").records)  # what is imported on the first call
    runs = [measure(count) for count in sorted(counts)]
    first, last = (run["processor_seconds"] for run in (runs[0], runs[-1]))
    steps = math.log(runs[-1]["rows"] / runs[0]["rows"])
    results = {
        "date": datetime.date.today().isoformat(),
        "cores": os.cpu_count(),
        "growth": {name: round(math.log(last[name] / first[name]) / steps, 2) for name in first} if steps else {},
        "runs": runs,
    }
    names = list(first)
    print(f"| rows per processor second | {' | '.join(names)} | peak memory |\n|---:|{'---:|' * (len(names) + 1)}")
    for run in runs:
        speeds = [f"{run['rows_per_processor_second'][name]:,}" for name in names]
        print(f"| {run['rows']:,} | {' | '.join(speeds)} | {run['peak_memory_mb']:,} MB |")
    print("growth:", results["growth"])
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [10_000, 100_000])
