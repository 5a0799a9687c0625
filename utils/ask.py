"""Ask the adapter of a run: `python -m utils.ask OUT "a text"`, or with a file in place of the text.

    python -m utils.ask outputs/stars "The room was cold."
    python -m utils.ask outputs/stars reviews.csv -o answers.jsonl     one JSON object a line, written as they come

This is a command, so it prints. What it does not do: the work (`utils.your_data` does).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from utils.files import write_jsonl
from utils.notebook import set_environment
from utils.your_data import load_asker, texts_in


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status: 0 if every row has an answer, else 1."""
    parser = argparse.ArgumentParser(prog="python -m utils.ask", description=__doc__.splitlines()[0])
    parser.add_argument("folder", metavar="OUT", help="the output folder of a job, or the adapter folder in it")
    parser.add_argument("text", help="a text; or a file: .jsonl, .csv, .tsv, or a text a line")
    parser.add_argument("--input", default="", help="what an instruction is about")
    parser.add_argument("--base", help="where the base model is now, if it is not where it was")
    parser.add_argument("-o", "--output", type=Path, help="a new file for the answers to a file")
    options = parser.parse_args(arguments)
    try:
        if options.output and options.output.exists():
            raise FileExistsError(f"{options.output} exists: name a new file for the answers")
        set_environment(headless=True)
        ask = load_asker(options.folder, base=options.base)
        if not _is_file(options.text):
            print(_line(ask(options.text, input=options.input)))
            return 0
        answers = _counted(ask.rows(texts_in(options.text, header=ask.has_header)), failed := [0])
        if options.output:
            write_jsonl(options.output, answers)
        else:
            for answer in answers:
                print(json.dumps(answer), flush=True)
    except (ValueError, OSError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if failed[0]:
        print(f"rows without an answer: {failed[0]} (their lines say why)", file=sys.stderr)
    return int(failed[0] > 0)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # a text can be longer than a file's name may be
        return False


def _line(answer: dict) -> str:
    sure = f"  (probability {answer['probability']:.2f})" if "probability" in answer else ""
    return answer["answer"] + sure + ("  (cut off)" if answer.get("cut_off") else "")


def _counted(answers, failed: list[int]):
    for answer in answers:
        failed[0] += "error" in answer
        yield answer


if __name__ == "__main__":
    sys.exit(main())
