"""Every example runs as its first lines say and prints what it shows, and fits a page.

So does the one of docs/scorer.md that takes several processes.
"""

import re
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from hybridsampler import evaluate
from processes import ROOT, run_ranks

EXAMPLES = ROOT / "examples"
LINES = 40
# Example -> the numbers of processes to run it in, and what the first of them prints.
PRINTS: dict[str, tuple[tuple[int, ...], str]] = {
    "torch_loader": (
        (1,),
        "trained up to step 300: every batch was plan[t]\n"
        "trained up to step 500: every batch was plan[t]\n",
    ),
    "torchdata_loader": ((1,), "resumed at step 100: every batch up to step 217 was plan[t]\n"),
    "accelerate_loop": (
        (2,),
        "steps 0 to 49: the gathered batches are plan[t]\n"
        "steps 50 to 69: the gathered batches are plan[t]\n"
        "steps 50 to 99: the gathered batches are plan[t]\n"
        "steps 70 to 99: the gathered batches are plan[t]\n",
    ),
    "trainer": ((), ""),  # below, several times in one folder
    "lightning_ddp": (
        (2,),
        "trained up to step 9: the ranks' batches are plan[t]\n"
        "trained up to step 14: the ranks' batches are plan[t]\n",
    ),
    "world_size": (
        (1,),
        "1 processes, steps 0 to 49: the gathered batches are plan[t]\n"
        "2 processes, steps 50 to 99: the gathered batches are plan[t]\n"
        "4 processes, steps 100 to 149: the gathered batches are plan[t]\n"
        "1 processes, steps 150 to 199: the gathered batches are plan[t]\n",
    ),
    "sentence_transformers_trainer": (
        (1, 2),
        "8 steps: the gathered batches are plan[t]\n",
    ),
}
RUNS = [(name, world) for name, (worlds, _) in PRINTS.items() for world in worlds]


@cache
def printed(name: str, world: int) -> list[str]:
    """The lines of the first process; in a folder of its own, because some write checkpoints."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "examples").symlink_to(EXAMPLES)
        return run_ranks(world, f"examples/{name}.py", folder=Path(folder))[0].splitlines()


@pytest.mark.parametrize(("name", "world"), RUNS)
def test_an_example_prints_what_it_shows(name: str, world: int) -> None:
    # Trainers print their own figures in between.
    lines = [line for line in printed(name, world) if "plan[t]" in line]
    assert lines == PRINTS[name][1].splitlines()


def test_sentence_transformers_losses_do_not_depend_on_the_number_of_processes() -> None:
    """With gather_across_devices=True every pair meets the whole global batch."""
    lines = ["\n".join(printed("sentence_transformers_trainer", world)) for world in (1, 2)]
    losses = [re.findall(r"'loss': '([\d.]+)'", text) for text in lines]
    assert len(losses[0]) == len(losses[1]) == 1
    assert float(losses[0][0]) == pytest.approx(float(losses[1][0]), abs=2e-3)


def test_a_trainer_goes_on_with_another_number_of_processes(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(EXAMPLES)
    for world, last in ((2, 9), (4, 14), (1, 19)):
        lines = run_ranks(world, "examples/trainer.py", folder=tmp_path)[0].splitlines()
        assert f"trained up to step {last}: the gathered batches are plan[t]" in lines


def _examples() -> list[Path]:
    return sorted(EXAMPLES.glob("*.py"))


def test_every_example_is_run_and_fits_a_page() -> None:
    assert {path.stem for path in _examples()} - {"tiny"} == set(PRINTS)
    for path in _examples():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES, path


def test_every_example_says_how_to_run_it() -> None:
    for path in _examples():
        if path.stem != "tiny":
            assert re.search(rf"examples/{path.name}", path.read_text(encoding="utf-8")), path


NAMES_OF_THE_EXAMPLE = """
import numpy as np

queries, paths = np.load("queries.npy"), ["first.npy", "second.npy"]
relevant = [0, 1, 2, 3], [4, 0, 7]
query_languages, candidate_languages = ["en", "de", "de"], ["de", "en"] * 5
"""


def test_the_example_of_the_docs_finds_what_one_process_finds(tmp_path: Path) -> None:
    """Also when it goes on from the checkpoints that it has left."""
    text = (ROOT / "docs/scorer.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(import torch.distributed.*?)```", text, re.DOTALL)
    rng = np.random.default_rng(5)
    rows = {"queries": 3, "first": 6, "second": 4}
    vectors = {name: rng.normal(size=(count, 8)).astype("f4") for name, count in rows.items()}
    for name, array in vectors.items():
        np.save(tmp_path / f"{name}.npy", array)
    program = tmp_path / "example.py"
    program.write_text(NAMES_OF_THE_EXAMPLE + code + "print(result)\n", encoding="utf-8")
    expected = evaluate(
        vectors["queries"],
        np.concatenate([vectors["first"], vectors["second"]]),
        ([0, 1, 2, 3], [4, 0, 7]),
        query_languages=["en", "de", "de"],
        candidate_languages=["de", "en"] * 5,
        measures=["AP", "R@10"],
        similarity="cosine",
    )
    for _ in range(2):
        assert run_ranks(2, str(program), tmp_path) == [f"{expected}\n"] * 2
        assert {path.name for path in tmp_path.glob("*.bin")} == {"counter-0.bin", "counter-1.bin"}
