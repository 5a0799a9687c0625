"""Which files in an output folder the job has written: the list by which it knows what it may replace or remove.

`written.json` holds the path and hash of each. Whatever is not in it, or has been changed since, belongs to somebody
else and is left alone. What this module does not do: decide which names the job uses (`artefacts`).
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from utils.errors import DataError
from utils.files import ROOT, read_json, write_json
from utils.your_data.parameters import ParameterError

LIST = "written.json"
_BY = "utils.job"
_SOURCES = (
    ".ci",
    ".git",
    ".github",
    "data",
    "models",
    "notebooks",
    "tests",
    "utils",
)  # of the project: never a place for results
# What a training run leaves in its folder, beside the files that the `contents.json` of each checkpoint names.
_OF_TRAINING = re.compile(
    r"(run\.json|best\.safetensors)(\.(partial|[0-9a-f]{32}\.part))?|runs/.+|unfinished/.+|checkpoint-\d+/contents\.json"
)


def make_folder(output_dir: str) -> Path:
    """The output folder, made if need be; a relative path is seen from the project.

    Raises:
        ParameterError: it is the project itself, a folder of its sources, or a home directory, or it cannot be made.
    """
    folder = Path(os.path.normpath(ROOT / output_dir))
    real = folder.resolve()
    if not output_dir.strip() or ROOT.is_relative_to(real) or real == Path.home().resolve():
        raise ParameterError(f"output_dir is {output_dir!r}: name a folder of its own, such as outputs/mine")
    if real.is_relative_to(ROOT) and real.relative_to(ROOT).parts[0] in _SOURCES:
        raise ParameterError(f"output_dir is {output_dir!r}, a place of the project's own files: use outputs/mine")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(f"output_dir is {output_dir!r}, and cannot be made: {error.strerror}") from None
    return folder


def refuse_foreign(folder: Path, names: Iterable[str], *, output_dir: str) -> None:
    """Refuse a folder in which one of these names is taken by something that no job has written there.

    Raises:
        ParameterError: with the first such path.
    """
    written = {} if (folder / LIST).is_symlink() else _read(folder, output_dir)
    for name in (LIST, *names):
        path = folder / name
        if path.is_symlink():
            why = "is a symbolic link, and the job neither writes through one nor removes it"
        elif foreign := next(_foreign(folder, name, written), None):
            path = folder / foreign
            changed = foreign in written and path.is_file()
            why = "was changed after the job wrote it" if changed else "was not written by the job"
        else:
            continue
        shown = path.relative_to(folder)
        raise ParameterError(f"output_dir is {output_dir!r}, where {shown} {why}: move it, or choose another folder")


def claim(folder: Path, names: Iterable[str]) -> None:
    """Note that the job is about to write these files or folders, none of which is there as somebody else's."""
    _write(folder, _read(folder) | dict.fromkeys(names))


def note_written(folder: Path, name: str) -> None:
    """Note a file, or all files in a folder, as they are now; this ends a claim."""
    kept = {path: digest for path, digest in _read(folder).items() if not _is_in(path, name)}
    _write(folder, kept | {path: _digest(folder / path) for path in _files(folder, name)})


def forget(folder: Path, name: str) -> None:
    """Strike a name that is there no more from the list."""
    _write(folder, {path: digest for path, digest in _read(folder).items() if not _is_in(path, name)})


def remove_own(folder: Path, name: str) -> None:
    """Remove what the job has written under this name; what else is there is renamed to `name.kept`, or stays."""
    written = _read(folder)
    foreign, emptied = set(_foreign(folder, name, written)), set()
    for path in _files(folder, name):
        if not {path, name} & foreign:
            (folder / path).unlink()
            emptied.update(Path(path).parents)
    emptied |= {Path(one) for one in (name, f"{name}/unfinished") if name in written and name not in foreign}
    for one in sorted(emptied - {Path(".")}, key=lambda path: -len(path.parts)):
        parent = folder / one
        if parent.is_dir() and not parent.is_symlink() and not os.listdir(parent):
            parent.rmdir()
    if os.path.lexists(folder / name):
        number, kept = 1, folder / f"{name}.kept"
        while os.path.lexists(kept):
            number, kept = number + 1, folder / f"{name}.kept{number + 1}"
        os.rename(folder / name, kept)


def _foreign(folder: Path, name: str, written: dict[str, str | None]) -> Iterator[str]:
    """Paths under `name`, seen from the folder, that are not the job's; an empty folder without a mark is one, too."""
    if not os.path.lexists(folder / name) or name == LIST:
        return
    if not any(_is_in(path, name) for path in written):
        yield name
        return
    for path in _files(folder, name):
        if (folder / path).is_symlink():
            yield path
        elif path in written:
            if written[path] not in (None, _digest(folder / path)):
                yield path
        elif not (name in written and (name != "checkpoints" or _is_of_training(folder, path))):
            yield path


def _is_of_training(folder: Path, path: str) -> bool:
    _, part, *rest = path.split("/")
    if _OF_TRAINING.fullmatch("/".join([part, *rest])):
        return True
    try:
        return "/".join(rest) in read_json(folder / "checkpoints" / part / "contents.json")
    except (DataError, OSError, TypeError):
        return False


def _files(folder: Path, name: str) -> list[str]:
    """Files and links under a name, itself included, as paths with slashes seen from the folder."""
    path = folder / name
    if path.is_symlink() or path.is_file():
        return [name]
    found = []
    for parent, folders, files in os.walk(path):
        links = [one for one in folders if os.path.islink(os.path.join(parent, one))]
        found += [Path(parent, one).relative_to(folder).as_posix() for one in sorted(files + links)]
    return found


def _is_in(path: str, name: str) -> bool:
    return path == name or path.startswith(name + "/")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(folder: Path, output_dir: str = "") -> dict[str, str | None]:
    try:
        content = read_json(folder / LIST) if os.path.lexists(folder / LIST) else {"by": _BY, "files": {}}
    except (DataError, OSError):
        content = None
    if not (isinstance(content, dict) and content.get("by") == _BY and isinstance(content.get("files"), dict)):
        where = f"output_dir is {output_dir!r}, where" if output_dir else "in the output folder,"
        raise ParameterError(f"{where} {LIST} was not written by the job: move it, or choose another folder")
    return content["files"]


def _write(folder: Path, files: dict[str, str | None]) -> None:
    write_json(folder / LIST, {"by": _BY, "files": dict(sorted(files.items()))})
