"""Run the loop of notebook 06 over several seeds, with its second round and the learning curve: `make loop`.

    python -m utils.loop                       three seeds; an hour or two on two cores
    python -m utils.loop --seeds 1 2 3 4 5     other seeds

It writes notebooks/records/06_loop.json, which notebook 06 shows, after every seed, and takes from it the seeds that
it holds already, if code, data and settings are the same. This is a command, so it prints.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from utils.files import ROOT
from utils.notebook import set_environment


def main(
    arguments: Sequence[str] | None = None, *, settings=None, record: Path | None = None, folder: Path | None = None
) -> int:
    """The command; returns its exit status. Tests pass smaller settings and other places."""
    parser = argparse.ArgumentParser(prog="python -m utils.loop", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="of training and draws")
    seeds = parser.parse_args(arguments).seeds
    set_environment(headless=True)
    from utils.curation import RECORD, Settings, dependencies, load_loop_data, read_record, run_loop, write_record

    settings, record = settings or Settings(), record or RECORD
    folder, data = folder or ROOT / "outputs" / "loop", load_loop_data()
    depends_on, started = dependencies(settings), time.monotonic()

    def recorded() -> dict[int, dict]:
        kept = read_record(record) or {}
        return {run["seed"]: run for run in kept["runs"]} if kept.get("depends_on") == depends_on else {}

    for seed in seeds:
        if seed in recorded():
            continue

        def say(line: str, seed: int = seed) -> None:
            print(f"{(time.monotonic() - started) / 60:6.1f} min  seed {seed}  {line}", flush=True)

        run = run_loop(data, settings, seed=seed, output_dir=folder / f"seed_{seed}", say=say)
        if dependencies(settings) != depends_on:
            print("code or data changed during the run: run it again", file=sys.stderr)
            return 1
        runs = recorded() | {seed: run}  # another process may have added a seed by now
        write_record([runs[at] for at in sorted(runs)], settings, record)
    print(f"{record.name}: seeds {', '.join(map(str, sorted(recorded())))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
