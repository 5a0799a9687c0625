"""How fast is preparation? `encode` beside TRL's own preparation and beside the bare Rust tokenizer.

    python tests/benchmarks/bench_preparation.py [tokenizer folder ...]

Ours: render, tokenise, mask and audit 10,000 records, then build the dataset. TRL's: `SFTTrainer` prepares the same
rows as `prompt` + `completion` columns, rendered before its clock starts. Bare: `encode_batch` of the whole texts.
Each is measured several times in turn, so that a busy moment hits all of them, on the clock and in CPU seconds: those
hardly depend on what else the machine does, but they don't show that the Rust tokenizer uses every core and TRL one.
Medians are printed and written to `bench_preparation.json` beside this file. This is a command, so it prints.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ["TOKENIZERS_PARALLELISM"] = "true"  # all three may use every core
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import datasets  # noqa: E402
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

from utils.bundled_model import smollm2  # noqa: E402
from utils.prompts import (  # noqa: E402
    ALPACA,  # noqa: E402
    encode,  # noqa: E402
    length_audit,  # noqa: E402
)
from utils.records import from_documents, from_instructions, from_labels, from_phrases  # noqa: E402

N_RECORDS, N_RUNS, MAX_LENGTH = 10_000, 5, 512


def records():
    data = ROOT / "data"
    every = from_labels(data / "hotel_reviews.csv", text="Text", label="Label").records
    every += from_phrases(data / "entity_phrases.jsonl").records + from_documents(data / "documents.jsonl").records
    every += from_instructions(data / "instructions.json").records
    return list(islice(cycle(every), N_RECORDS))


def timed(function):
    """Seconds on the clock and seconds of CPU time, of all threads."""
    clock, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - clock, time.process_time() - cpu


def measure(tokenizer):
    """{way: one (clock, CPU) pair a run}."""
    rows = records()
    rendered = [ALPACA.render(record) for record in rows]
    texts = [prompt + completion for prompt, completion in rendered]
    pairs = datasets.Dataset.from_list([{"prompt": p, "completion": c} for p, c in rendered])
    config = LlamaConfig(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    with tempfile.TemporaryDirectory() as folder:
        args = SFTConfig(output_dir=folder, use_cpu=True, bf16=False, report_to=[], max_length=MAX_LENGTH)
        trainer = SFTTrainer(
            LlamaForCausalLM(config), args=args, train_dataset=pairs.select(range(8)), processing_class=tokenizer
        )

    def ours(dataset):
        encoded = encode(rows, ALPACA, tokenizer, max_length=MAX_LENGTH, too_long="drop")
        length_audit(encoded.lengths, max_length=MAX_LENGTH)
        return datasets.Dataset.from_list(encoded.rows) if dataset else encoded.rows

    ways = {
        "bare encode_batch": lambda: tokenizer.backend_tokenizer.encode_batch(texts),
        "ours": lambda: ours(False),
        "ours, as a Dataset": lambda: ours(True),
        "TRL": lambda: trainer._prepare_dataset(pairs, tokenizer, args, False, None, "train"),
    }
    theirs, mine = ways["TRL"](), ways["ours, as a Dataset"]()  # the first run warms up
    for column in ("input_ids", "labels"):
        assert theirs[column][:] == mine[column][:], f"the two do not prepare the same {column}"
    seconds = {name: [] for name in ways}
    for _ in range(N_RUNS):
        for name, way in ways.items():
            seconds[name].append(timed(way))
    return seconds


def main(folders):
    datasets.disable_caching()
    datasets.disable_progress_bars()
    results = {"date": date.today().isoformat(), "cores": os.cpu_count(), "records": N_RECORDS, "runs": N_RUNS}
    results |= {package: version(package) for package in ("trl", "transformers", "tokenizers", "datasets")}
    for folder in folders:
        seconds = measure(AutoTokenizer.from_pretrained(folder))
        result = results[Path(folder).name] = {}
        for i, kind in enumerate(("clock", "cpu")):
            median = {name: statistics.median(pair[i] for pair in taken) for name, taken in seconds.items()}
            result[kind] = {
                "seconds": {name: [round(pair[i], 3) for pair in taken] for name, taken in seconds.items()},
                "median_seconds": {name: round(value, 3) for name, value in median.items()},
                "rows_per_second": {name: round(N_RECORDS / value) for name, value in median.items()},
                "ours_as_dataset_times_trl": round(median["TRL"] / median["ours, as a Dataset"], 2),
                "ours_over_bare": round(median["ours"] / median["bare encode_batch"], 2),
            }
    print(json.dumps(results, indent=1))
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or [smollm2.find()])
