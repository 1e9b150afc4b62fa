"""Who may import whom, and what an import may cost. The rules are those of docs/house.md."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "hybridsampler"

# What each room may import of the package. A room that is not listed fails the test.
ALLOWED: dict[str, set[str]] = {
    "columns": set(),
    "corpus": {"_core", "columns"},
    "mix": set(),
    "weights": {"corpus", "mix"},
    "shares": set(),
    "stats": {"mix", "shares", "weights"},
    "plan": {"_core", "corpus", "mix", "shares", "stats", "weights"},
    "pairs": set(),
    "sampler": {"pairs", "plan", "states"},
    "vectors": set(),
    "device": set(),
    "ranks": set(),
    "threads": set(),
    "lists": {"_core"},
    "ranking": {"_core", "device", "files", "lists", "ranks", "threads", "vectors"},
    "elementary": set(),
    "measures": {"elementary"},
    "bias": {"chi_square", "measures"},
    "parquet_file": {"files"},
    "parquet": {"files", "parquet_file", "vectors"},
    "shards": {"files", "parquet", "vectors"},
    "candidates": {"shards", "vectors"},
    "progress": set(),
    "passes": {"candidates", "files", "lists", "progress", "ranking", "refusals"},
    "distributed": {"candidates", "passes", "progress", "ranking"},
    "chi_square": {"elementary"},
    "significance": {"columns"},
    "pools": {"lists", "measures", "ranks"},
    "refusals": {"lists", "measures", "ranking"},
    "evaluation": {
        *("bias", "candidates", "lists", "measures", "passes"),
        *("pools", "progress", "ranking", "ranks", "refusals"),
    },
    "trec": {"_core", "files", "measures", "parquet_file", "threads"},
    "files": set(),
    "states": set(),
    "benchmarks": {"files", "parquet_file", "trec"},
    "encoders": {"_core", "ranking", "vectors"},
    "results": {"evaluation", "files", "measures"},
    "per_query": {"benchmarks", "evaluation", "files"},
    "tables": {"results"},
    "scoring": {
        *("benchmarks", "candidates", "evaluation", "measures", "passes", "ranking"),
        *("refusals", "results", "vectors"),
    },
    "console": {"tables"},
    "reporting": {
        *("benchmarks", "console", "encoders", "evaluation", "files", "measures", "passes"),
        *("per_query", "ranking", "results", "scoring", "shards", "tables"),
    },
    "train": {"files", "pairs", "plan", "sampler", "states"},
    "study": {
        *("benchmarks", "corpus", "encoders", "evaluation", "files"),
        *("mix", "pairs", "parquet_file", "plan", "results", "stats", "tables", "train"),
    },
    "integrations": {
        *("benchmarks", "encoders", "evaluation", "measures", "pairs", "ranking", "refusals"),
        *("results", "sampler", "scoring", "trec", "vectors"),
    },
    "cli": {"console", "files", "reporting", "study", "tables", "trec"},
    "__main__": {"cli"},
    "__init__": {"corpus", "evaluation", "mix", "pairs", "plan", "ranking", "sampler", "trec"},
}
# Imported inside functions, when the work needs it: `import hybridsampler` reaches these rooms.
LAZY = {
    "console": {"rich"},
    "parquet": {"pyarrow"},
    "parquet_file": {"pyarrow"},
    "progress": {"rich"},
    "reporting": {"rich"},
    "trec": {"pyarrow"},
}
NEEDS_TORCH = {"device", "distributed", "encoders", "train", "study", "integrations", "cli"}
FRAMEWORKS = "accelerate datasets lightning mteb sentence_transformers torch torchdata transformers"


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            if module == "hybridsampler":
                yield from (f"hybridsampler.{alias.name}" for alias in node.names)
            else:
                yield module


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: _room(path))
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = _room(path)
    for module in _imports(path):
        top, _, rest = module.partition(".")
        if top == "hybridsampler":
            other = rest.partition(".")[0]
            assert other == room or other in ALLOWED[room], f"{path} imports {module}"
        elif top in (*FRAMEWORKS.split(), "pyarrow", "matplotlib", "typer", "rich"):
            assert room in NEEDS_TORCH or top in LAZY.get(room, ()), f"{path} imports {module}"


def test_tests_and_benches_use_public_names_only() -> None:
    files = [*ROOT.glob("tests/python/*.py"), *ROOT.glob("benches/*.py")]
    assert files
    for path in files:
        assert not [name for name in _imports(path) if "_core" in name], path


def _run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_importing_the_package_brings_neither_torch_nor_the_command_line() -> None:
    heavy = f"{FRAMEWORKS} safetensors pyarrow matplotlib typer rich pydantic jinja2"
    code = (
        "from hybridsampler import *; import sys; "
        f"print([m for m in {heavy.split()} if m in sys.modules])"
    )
    assert _run(code) == "[]"


def test_importing_the_package_brings_none_of_its_rooms() -> None:
    """Not even NumPy: each public name comes with its room when it is first used."""
    code = (
        "import hybridsampler, sys\n"
        "def held(): return sorted(m for m in sys.modules if m.startswith('hybridsampler.'))\n"
        "print(held(), 'numpy' in sys.modules)\n"
        "from hybridsampler import Mix\n"
        "print(held(), Mix is hybridsampler.Mix, 'Mix' in vars(hybridsampler))"
    )
    assert _run(code).splitlines() == ["[] False", "['hybridsampler.mix'] True True"]


def test_the_public_names_are_there_for_people_programs_and_type_checkers() -> None:
    code = (
        "import hybridsampler, pickle\n"
        "print({*hybridsampler.__all__} <= {*dir(hybridsampler)})\n"
        "print(hybridsampler.trec.score_run is hybridsampler.score_run)\n"
        "print(pickle.loads(pickle.dumps(hybridsampler.Mix)) is hybridsampler.Mix)\n"
        "try: hybridsampler.evaluat\n"
        "except AttributeError as error: print(error)\n"
        "from hybridsampler import *\n"
        "print(evaluate is hybridsampler.evaluate, BatchPlan.__module__)"
    )
    assert _run(code).splitlines() == [
        *("True", "True", "True"),
        "module 'hybridsampler' has no attribute 'evaluat'",
        "True hybridsampler.plan",
    ]
    # What a type checker reads are the imports; what runs is a table.
    import hybridsampler

    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    read = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (node.module or "").startswith("hybridsampler.")
    }
    assert sorted([*read, "__version__"]) == hybridsampler.__all__
    rooms = vars(hybridsampler)["_ROOMS"]
    assert {name: f"hybridsampler.{room}" for name, room in rooms.items()} == read


def test_the_version_is_read_when_it_is_asked_for() -> None:
    code = (
        "import hybridsampler, sys\n"
        "print('importlib.metadata' in sys.modules, '__version__' in vars(hybridsampler))\n"
        "print(hybridsampler.__version__)\n"
        "print('__version__' in vars(hybridsampler))"
    )
    assert _run(code).splitlines() == ["False False", version("hybridsampler"), "True"]


def test_the_rooms_that_the_pages_name_come_when_they_are_first_used() -> None:
    """As hybridsampler.significance.compare does, which nobody has imported by its room."""
    pages = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    named = sorted(set(re.findall(r"\bhybridsampler\.([a-z]\w+)", text)))
    assert "significance" in named
    code = f"import hybridsampler; print([getattr(hybridsampler, x).__name__ for x in {named}])"
    assert _run(code) == str([f"hybridsampler.{name}" for name in named])


def test_the_integrations_bring_their_own_framework_alone() -> None:
    code = (
        "import hybridsampler.integrations, sys; import hybridsampler.integrations.loader; "
        f"print([m for m in {FRAMEWORKS.split()} if m in sys.modules])"
    )
    assert _run(code) == "[]"


def test_public_names_are_documented_and_listed() -> None:
    import hybridsampler

    for name in hybridsampler.__all__:
        assert (getattr(hybridsampler, name).__doc__ or "").strip(), name


def test_the_core_knows_no_python_and_unsafe_stands_in_one_folder() -> None:
    core = (ROOT / "rust/core/Cargo.toml").read_text(encoding="utf-8")
    for word in ("pyo3", "numpy", "torch", "tch"):
        assert not re.search(rf"^{word}\b", core, re.MULTILINE), word
    assert 'unsafe_code = "deny"' in (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    for path in ROOT.glob("rust/**/*.rs"):
        if ROOT / "rust/core/src/kernels" not in path.parents:
            assert "unsafe" not in path.read_text(encoding="utf-8"), path
    for manifest in ROOT.glob("rust/*/Cargo.toml"):
        assert "[lints]\nworkspace = true" in manifest.read_text(encoding="utf-8"), manifest


def test_every_make_target_that_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
    named = set(re.findall(r"\bmake (\w+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named
    assert named <= targets


def test_ci_runs_what_the_readme_says() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert {"make test", "make lint"} <= set(script.splitlines())
