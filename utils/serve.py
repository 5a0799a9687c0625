"""The command `python -m utils.serve` (`make serve`): talk to the exported model in a browser or from a program.

It writes the GGUF file of the adapter first, unless a newer one is there. A command, so it prints.
"""

import argparse
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from utils.bundled_model import smollm2
from utils.files import ROOT
from utils.notebook import set_environment

# Everything that computes is imported after `set_environment`: OMP_WAIT_POLICY is read then.


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl+C; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m utils.serve", description=__doc__.splitlines()[0])
    parser.add_argument("--adapter", type=Path, default=ROOT / "outputs/adapter", help="what save_adapter wrote")
    parser.add_argument("--model", type=Path, help="a GGUF file to serve as it is, instead of an adapter's")
    parser.add_argument("--context", type=int, default=2048, help="tokens of prompt and answer of one request")
    parser.add_argument("--at-once", type=int, default=4, help="requests answered side by side")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1 (default: a free one)")
    options = parser.parse_args(arguments)
    set_environment(headless=True)
    from utils.serving import ServeError, serve

    try:
        model = options.model or _exported(options.adapter)
        with serve(model, context=options.context, at_once=options.at_once, port=options.port) as address:
            print(f"{model.name} answers at {address}, on this machine only. Ctrl+C ends it.")
            print(f"    in a browser: {address} (Settings, System Message: the instruction; you type the input)")
            print(f"    in Python:    OpenAI(base_url='{address}/v1', api_key='none')", flush=True)
            threading.Event().wait()
    except (ServeError, ValueError, smollm2.PrepareError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
    return 0


def _exported(adapter: Path) -> Path:
    """The adapter's GGUF file beside it, made if it is missing or older than the adapter."""
    path, mark = adapter.with_name(f"{adapter.name}-f16.gguf"), adapter / "provenance.json"
    if path.is_file() and mark.is_file() and path.stat().st_mtime > mark.stat().st_mtime:
        return path
    if not mark.is_file():
        raise ValueError(
            f"there is no adapter at {adapter}: run notebook 03 (`make run NOTEBOOKS=03`), or pass --adapter"
        )
    from utils.adapters import export_gguf, export_merged

    print(f"Merging {adapter.name} and writing {path.name}: half a minute, once", flush=True)
    with TemporaryDirectory(dir=adapter.parent) as folder:
        return export_gguf(export_merged(adapter, Path(folder) / adapter.name), path)


if __name__ == "__main__":
    sys.exit(main())
