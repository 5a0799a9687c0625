"""What must hold of every file: notebooks that read well, utils that keep their order, nothing that is out of place."""

import ast
import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from utils.files import ROOT
from utils.notebook import RESULTS_MIME, results_text
from utils.records import Record
from utils.series.cleaning import KERNELSPEC, clean

ROOT = ROOT
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
SERIES = [
    "01_from_datasets_to_instructions", "02_prompt_templates", "03_qlora_training", "04_templated_inference",
    "05_evaluation_and_template_mismatch", "06_reverse_instruction_loop", "07_your_own_data",
    "08_merge_export_serve",
]  # fmt: skip

# Lowest first: an import in utils/ only ever names an entry that stands before its own.
ORDER = [
    "errors", "text", "files", "bundled_model", "colab", "notebook", "records", "quality", "prompts", "models",
    "training", "adapters", "inference", "serving", "evaluation", "curation", "show", "your_data", "series",
    "job", "lint", "ask", "serve", "loop", "write_instructions",
]  # fmt: skip

NOT_OURS = {
    ".venv",
    ".git",
    "outputs",
    "__pycache__",
    ".ipynb_checkpoints",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
}
FILES = [p for p in ROOT.rglob("*") if p.is_file() and not NOT_OURS & set(p.relative_to(ROOT).parts)]
FILES = [p for p in FILES if ROOT / "models" not in p.parents]  # the bundled model, prepared and not committed
TEXTS = [p for p in FILES if p.suffix in {".py", ".ipynb", ".md", ".toml", ".txt", ".yml", ".yaml", ""}]

MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:home|root|work|tmp|Users|private|content)/\w|[A-Z]:\\\\?Users")
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.|download\.pytorch\.|anaconda\.org|--(?:extra-)?index-url|--find[-]links"
)
REMOTE_CODE = re.compile(r"trust_remote_code[\"']?\s*[:=]\s*True")
PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [(cell, output) for cell in code_cells(notebook) for output in cell.outputs]


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


# --- notebooks ---


def test_the_series_is_complete():
    assert set(SERIES) <= {path.stem for path in NOTEBOOKS}


def test_opens_with_a_title_and_one_sentence_in_a_blockquote(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown" and re.match(r"# \S.*\n+> \S", first.source)


def test_parameters_are_typed_literals_with_a_comment_each(notebook):
    (cell,) = tagged(notebook, "parameters")
    lines = cell.source.splitlines()
    for statement in ast.parse(cell.source).body:
        line = lines[statement.lineno - 1]
        assert isinstance(statement, ast.AnnAssign) and statement.value is not None, f"no type or value: {line}"
        ast.literal_eval(statement.value)
        assert "  # " in lines[statement.end_lineno - 1], f"no comment: {line}"


def test_the_setup_cell_is_the_same_everywhere():
    setups = {}
    for path in NOTEBOOKS:
        (cell,) = tagged(nbformat.read(path, as_version=4), "setup")
        setups.setdefault(cell.source, []).append(path.stem)
    assert len(setups) <= 1, f"different setup cells: {list(setups.values())}"


def test_code_cells_are_short(notebook):
    cells = [cell for cell in code_cells(notebook) if "parameters" not in cell.metadata.get("tags", [])]
    long = [cell.source.splitlines()[0] for cell in cells if len(cell.source.splitlines()) > 15]
    assert not long, f"more than 15 lines: {long}"


def test_was_executed_once_from_top_to_bottom(notebook):
    assert [cell.execution_count for cell in code_cells(notebook)] == list(range(1, len(code_cells(notebook)) + 1))
    assert outputs(notebook)


def test_holds_no_error_and_no_stderr(notebook):
    bad = [o.get("text", o.get("evalue")) for _, o in outputs(notebook) if "error" in (o.output_type, o.get("ename"))]
    assert not bad
    assert not [o.text for _, o in outputs(notebook) if o.get("name") == "stderr"]


def test_is_clean(notebook):
    before = nbformat.writes(notebook)
    assert nbformat.writes(clean(notebook)) == before, "run `make notebooks`, or clean it with --in-place --only-clean"
    assert notebook.metadata.kernelspec == KERNELSPEC


def test_recorded_results_are_shown_as_they_would_be_today(notebook):
    recorded = [o.data for cell in code_cells(notebook) for o in cell.outputs if RESULTS_MIME in o.get("data", {})]
    assert [data["text/plain"] for data in recorded] == [results_text(dict(data[RESULTS_MIME])) for data in recorded]


def test_every_picture_has_a_text_for_those_who_do_not_see_it(notebook):
    for cell, output in outputs(notebook):
        data = output.get("data", {})
        for kind in data.keys() & {"image/png", "image/jpeg", "image/svg+xml"}:
            alt = output.metadata.get(kind, {}).get("alt") or cell.metadata.get("alt")
            assert alt, f"no alt text under: {cell.source.splitlines()[-1]}"
    html = [str(output.get("data", {}).get("text/html", "")) for _, output in outputs(notebook)]
    for text in [cell.source for cell in notebook.cells if cell.cell_type == "markdown"] + html:
        assert not re.search(r"!\[\s*\]\(", text)
        assert all(re.search(r"\balt=[\"'][^\"']", tag) for tag in re.findall(r"<img[^>]*>", text))
        assert all(re.search(r"<title|aria-label=|aria-hidden=|role=.presentation", s) for s in _svgs(text))


def _svgs(text):
    return re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_small_enough_to_be_shown(path):
    assert path.stat().st_size < 1.5e6


# --- utils ---

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text(encoding="utf-8"))
    for path in (ROOT / "utils").rglob("*.py")
    if path.parent != ROOT / "utils" or path.stem != "__init__"
}
DOORS = {name.removesuffix(".__init__") for name in MODULES if name.endswith(".__init__")}
COMMANDS = {f"utils.series.{name}" for name in ("run_notebooks", "settings_study", "mixture_study")}
COMMANDS |= {f"utils.{name}" for name in ("job", "lint", "ask", "serve", "loop", "write_instructions")}
COMMANDS |= {"utils.bundled_model.smollm2"}


def imports(tree) -> set[str]:
    """Every module that a syntax tree imports, in functions too: {"numpy", "utils.records"}."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative import; write `from utils.records import …`"
            found |= {f"utils.{alias.name}" for alias in node.names} if node.module == "utils" else {node.module}
    return found


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_only_point_down_and_go_through_doors(module):
    home = module.split(".")[1]
    assert home in ORDER, f"{module} is new: give its folder a place in ORDER, in tests/test_hygiene.py"
    for imported in imports(MODULES[module]):
        package, *parts = imported.split(".")
        assert package not in {"tests", "data", "notebooks"}
        if package != "utils":
            continue
        if parts[0] != home:
            assert ORDER.index(parts[0]) < ORDER.index(home), f"{module} imports {imported}, which stands above it"
            assert len(parts) == 1, f"{module} imports {imported} past its door"
        elif not module.endswith(("__init__", "__main__")):
            assert len(parts) > 1, f"{module} imports its own door; import the sibling"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_come_in_through_the_doors(path):
    found = {name for cell in code_cells(nbformat.read(path, as_version=4)) for name in imports(ast.parse(cell.source))}
    assert not {name for name in found if name.startswith("utils.") and name.count(".") > 1}


@pytest.mark.parametrize("door", sorted(DOORS))
def test_nothing_leaks_past_a_door(door):
    module = importlib.import_module(door)
    siblings = {path.stem for path in Path(module.__file__).parent.glob("*.py")}
    public = {name for name in vars(module) if not name.startswith("_")} - (siblings - set(module.__all__))
    assert public == set(module.__all__) and module.__doc__


def test_no_name_has_two_doors():
    names = [name for door in DOORS for name in importlib.import_module(door).__all__]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("module", sorted(MODULES.keys() - COMMANDS))
def test_utils_keep_their_hands_to_themselves(module):
    tree = MODULES[module]
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not calls & {"print", "os.chdir", "pprint", "sys.stdout.write", "sys.stderr.write"}
    if module != "utils.notebook":  # the one that sets up the environment
        assert "os.environ" not in ast.unparse(tree) and "os.getenv" not in calls


@pytest.mark.parametrize("module", sorted(MODULES.keys() - DOORS - {f"{door}.__init__" for door in DOORS}))
def test_a_module_is_a_room_of_40_to_200_lines_or_says_why(module):
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    lines = len(path.read_text(encoding="utf-8").splitlines())
    said = " ".join(ast.get_docstring(MODULES[module]).split())
    assert lines >= 40 or "A module of its own" in said or module in COMMANDS, f"{lines} lines"
    assert lines <= 200 or "Longer than a room" in said, f"{lines} lines"


@pytest.mark.parametrize("module", sorted(name for name in MODULES if not name.endswith("__main__")))
def test_examples_in_docstrings_are_true(module):
    assert doctest.testmod(importlib.import_module(module), extraglobs={"Record": Record}).failed == 0


def test_only_training_imports_trl():
    users = {module for module, tree in MODULES.items() if any(i.split(".")[0] == "trl" for i in imports(tree))}
    assert users <= {"utils.training.sft"}


def test_what_notebooks_01_and_02_start_with_is_light():
    code = (
        "import sys, utils.records, utils.quality, utils.prompts, utils.notebook, utils.show\n"
        "print(*{'torch', 'transformers', 'trl', 'peft', 'pandas', 'datasets'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# --- requirements ---


def requirement_lines(file):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def normal(package):
    return re.sub(r"[-_.]+", "-", package).lower()


def test_requirements_are_pinned_and_say_who_needs_them():
    for line in requirement_lines("requirements.txt"):
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*  # \S.*", line), line


def test_constraints_hold_the_same_versions_for_every_machine():
    pins = dict(line.split("==") for line in requirement_lines("constraints.txt"))
    assert not [version for version in pins.values() if "+" in version]
    pins = {normal(package): version for package, version in pins.items()}
    for line in requirement_lines("requirements.txt"):
        package, version = line.split("  #")[0].split("==")
        assert pins[normal(package)] == version


def test_every_imported_package_is_a_requirement():
    lines = requirement_lines("requirements.txt") + requirement_lines("tests/browser/requirements.txt")
    listed = {normal(line.split("==")[0]) for line in lines}
    distributions = {"sklearn": "scikit-learn", "IPython": "ipython"}
    sources = [p.read_text(encoding="utf-8") for p in FILES if p.suffix == ".py"]
    for path in NOTEBOOKS:
        sources += [cell.source for cell in code_cells(nbformat.read(path, as_version=4))]
    used = {imported.split(".")[0] for source in sources for imported in imports(ast.parse(source))}
    ours = {"utils", "tests", "data"} | {path.stem for path in (ROOT / "tests").glob("*.py")}
    foreign = used - set(sys.stdlib_module_names) - ours - {"google"}
    missing = {package for package in foreign if normal(distributions.get(package, package)) not in listed}
    assert not missing


# --- all files ---


def test_no_file_is_too_large():
    assert not [name(path) for path in FILES if path.stat().st_size > 10.5e6]


def test_no_weights_that_run_code_when_loaded():
    assert not [name(path) for path in FILES if path.suffix in PICKLES]


@pytest.mark.parametrize("pattern", [MACHINE_PATH, REGISTRY, REMOTE_CODE], ids=["path", "registry", "remote_code"])
def test_no_text_names_this_machine_or_a_registry_or_trusts_remote_code(pattern):
    found = {}
    for path in TEXTS:
        if hits := pattern.findall(path.read_text(encoding="utf-8")):
            found[name(path)] = hits[:3]
    assert not found


def test_no_notebook_names_the_folder_that_it_was_executed_in():
    assert not [path.stem for path in NOTEBOOKS if str(ROOT) in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize(
    ("pattern", "bad", "good"),  # § breaks a bad example up, since this file is searched too
    [
        (MACHINE_PATH, "saved in /ho§me/ann/x", "see https://site.org/ho§me/ann"),
        (MACHINE_PATH, "'/t§mp/x'", "a/t§mp/x"),
        (REGISTRY, "https://pypi§.org/simple", "a package registry"),
        (REMOTE_CODE, "f(trust_remote_code§=True)", "trust_remote_code=False"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern, bad, good):
    assert pattern.search(bad.replace("§", "")) and not pattern.search(good.replace("§", ""))
