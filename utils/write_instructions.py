"""Write instructions for texts of your own, and keep the pairs that pass: notebook 06 as a command.

    python -m utils.write_instructions letters/ outputs/pairs            a folder of .txt and .md files
    python -m utils.write_instructions texts.jsonl outputs/pairs --field body

The reverse model is the one of notebook 06 (outputs/loop/reverse) or, if there is none, of notebook 03. OUT gets the
pairs in every export form, the scores of all texts, and the rejected ones with reasons. A command, so it prints.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from utils.files import ROOT
from utils.notebook import set_environment
from utils.text import counted

CHUNK = 64  # texts between two lines of progress
REVERSE, FORWARD, OF_03 = (ROOT / "outputs" / name for name in ("loop/reverse", "loop/forward", "adapter"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status: 0 if any pair was kept, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.write_instructions", description=__doc__.splitlines()[0],
        epilog="Curation also asks a forward model how much likelier a text is after its instruction.",
    )  # fmt: skip
    parser.add_argument(
        "texts", metavar="IN", help="a folder of .txt and .md files, or a JSONL, JSON, CSV or Parquet file"
    )
    parser.add_argument("out", metavar="OUT", help="a new folder for the results")
    parser.add_argument("--field", help="the column with the texts (default: document, text, content or body)")
    parser.add_argument("--adapter", type=Path, help="a reverse adapter that save_adapter wrote")
    parser.add_argument("--forward", type=Path, help="a forward adapter for curation (default: the one of notebook 06, "
                        "or the bare base if --adapter is given)")  # fmt: skip
    parser.add_argument("--samples", type=int, default=3, help="instructions drawn for each text, to see them agree")
    parser.add_argument(
        "--max-length", type=int, default=512, help="tokens of prompt and text; longer ones are left out"
    )
    parser.add_argument("--batch-size", type=int, default=32, help="texts side by side; lower it if memory runs out")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    options = parser.parse_args(arguments)
    set_environment(headless=True)
    from utils.adapters import AdapterError
    from utils.models import ModelError

    try:
        return _run(options)
    except (ValueError, OSError, AdapterError, ModelError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace) -> int:
    from utils.adapters import load_adapter
    from utils.curation import judge_drafts, new_folder, read_bare_texts, usable, write_drafts, write_pairs
    from utils.prompts import REVERSE_INSTRUCTION

    given = read_bare_texts(options.texts, field=options.field)
    folder = new_folder(options.out)
    reverse, forward = _adapters(options)
    model, tokenizer, _ = load_adapter(reverse, templates=[REVERSE_INSTRUCTION])
    given = usable(given, tokenizer, max_length=options.max_length)
    unread = f"; not read: {', '.join(given.unread[:5])}" if given.unread else ""
    print(f"{counted(len(given.texts), 'text')}, {len(given.notes)} left out{unread}", flush=True)
    if not given.texts:
        print("nothing to write instructions for; rejected.jsonl says why", file=sys.stderr)
        write_pairs([], given, folder)
        return 1
    drafts, started = [], time.monotonic()
    for start in range(0, len(given.texts), CHUNK):
        drafts += write_drafts(
            model, tokenizer, given.texts[start : start + CHUNK], samples=options.samples,
            batch_size=options.batch_size, seed=options.seed + start,
        )  # fmt: skip
        left = (time.monotonic() - started) / len(drafts) * (len(given.texts) - len(drafts))
        print(f"  written: {len(drafts)} of {len(given.texts)}, about {left / 60:.0f} minutes to go", flush=True)
    print("  weighing each text after its instruction and after others", flush=True)
    judged = judge_drafts(drafts, _fits(model, tokenizer, forward, drafts))
    rows = write_pairs(judged, given, folder)
    print(*_summary(judged, rows, folder), sep="\n")
    return 0 if any(one.kept for one in judged) else 1


def _adapters(options: argparse.Namespace) -> tuple[Path, Path | None]:
    """The reverse adapter, and the forward one if there is one."""
    reverse = options.adapter or next((path for path in (REVERSE, OF_03) if path.is_dir()), None)
    if reverse is None:
        raise FileNotFoundError("there is no reverse adapter: run notebook 06 (or 03), or pass --adapter FOLDER")
    if options.forward or options.adapter or reverse != REVERSE or not FORWARD.is_dir():
        return reverse, options.forward
    return reverse, FORWARD


def _fits(model, tokenizer, forward: Path | None, drafts):
    from utils.adapters import load_adapter
    from utils.curation import measure_fit
    from utils.prompts import ALPACA

    if forward is None:
        with model.disable_adapter():
            return measure_fit(model, tokenizer, drafts)
    model, tokenizer, _ = load_adapter(forward, templates=[ALPACA])
    return measure_fit(model, tokenizer, drafts)


def _summary(judged, rows, folder: Path):
    kept = sum(one.kept for one in judged)
    yield f"kept {kept} of {counted(len(judged), 'text')}; what dropped the others:"
    for name, count in Counter(name for one in judged for name in one.reasons).most_common():
        yield f"  {count:>6,}  {name}"
    yield f"written to {folder}: " + ", ".join(f"{name} ({count:,})" for name, count in rows.items())


if __name__ == "__main__":
    sys.exit(main())
