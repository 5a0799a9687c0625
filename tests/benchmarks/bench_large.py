"""How fast, and in how much memory, are a million records encoded on disk?

    python -m tests.benchmarks.bench_large [rows, default 1,000,000]

Makes a JSONL file of that many rows from the project's own instructions, each with a number of its own and every
thousandth without an answer, opens it as a `datasets.Dataset`, and encodes it with `encode_dataset`: a tenth of it
first, then all of it, to see whether memory grows with the rows. The first and the last rows are compared with those of
`encode`. Memory is what the processes of this program hold, added up, before and at its peak; pages of files do not
count, since the system can take them back at any time. The sum rises at first, since each process gets a copy of the
pages that it changes, and then stays. Results are printed and written to `bench_large.json` beside this file. This is a
command, so it prints.
"""

import json
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import datasets  # noqa: E402
import psutil  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

from utils.bundled_model import smollm2  # noqa: E402
from utils.prompts import ALPACA, encode, encode_dataset  # noqa: E402
from utils.records import from_instructions  # noqa: E402

MAX_LENGTH, COMPARED, PROCESSES = 512, 1000, os.cpu_count() or 1


def write_rows(path: Path, rows: int) -> None:
    known = json.loads((ROOT / "data" / "instructions.json").read_text(encoding="utf-8"))
    with path.open("w", encoding="utf-8") as file:
        for at in range(rows):
            row = {name: known[at % len(known)].get(name, "") for name in ("instruction", "input", "output")}
            row["instruction"] += f" ({at})"
            if at % 1000 == 999:
                row["output"] = None
            file.write(json.dumps(row) + "\n")


def held(process: psutil.Process) -> float:
    """MB of its own: pages of files do not count, those shared with a child in parts (on Linux, else all unshared)."""
    rollup = Path(f"/proc/{process.pid}/smaps_rollup")
    if rollup.exists():
        return float(re.search(r"Pss_Anon:\s+(\d+) kB", rollup.read_text())[1]) / 1e3
    return process.memory_full_info().uss / 1e6


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """A list with the MB that this process held before the block and, after it, the most that all of them held."""
    here, ended = psutil.Process(), threading.Event()
    peak = [held(here)] * 2

    def watch() -> None:
        while not ended.wait(0.2):
            with suppress(psutil.NoSuchProcess, OSError, TypeError):  # a process that ends meanwhile
                peak[1] = max(peak[1], sum(map(held, (here, *here.children(recursive=True)))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def measure(folder: Path, tokenizer, rows: int) -> dict[str, float]:
    path = folder / f"{rows}.jsonl"
    write_rows(path, rows)
    data = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(folder))
    started = time.perf_counter()
    with peak_memory() as peak:
        encoded = encode_dataset(data, ALPACA, tokenizer, max_length=MAX_LENGTH, processes=PROCESSES)
    seconds = time.perf_counter() - started
    assert rows == len(data) == encoded.rows_in == len(encoded.rows) + len(encoded.refused)
    for start in {0, max(rows - COMPARED, 0)}:
        part = from_instructions(data.select(range(start, min(start + COMPARED, rows))))
        wanted = encode(part.records, ALPACA, tokenizer, max_length=MAX_LENGTH, too_long="drop").rows
        first = len(encoded.rows) - len(wanted) if start else 0
        assert list(encoded.rows.select(range(first, first + len(wanted)))) == wanted, "not the rows of encode"
    return {
        "rows": rows,
        "refused": len(encoded.refused),
        "seconds": round(seconds, 1),
        "rows_per_second": round(rows / seconds),
        "memory_before_mb": round(peak[0]),
        "peak_memory_mb": round(peak[1]),
    }


def main(rows: int) -> None:
    datasets.disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(smollm2.find(), trust_remote_code=False)
    results = {"date": date.today().isoformat(), "cores": os.cpu_count(), "processes": PROCESSES, "runs": []}
    with tempfile.TemporaryDirectory() as folder:
        for size in (rows // 10, rows):
            results["runs"].append(measure(Path(folder), tokenizer, size))
            print(json.dumps(results["runs"][-1]), flush=True)
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
