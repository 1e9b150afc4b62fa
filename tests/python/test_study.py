"""The study command end to end, in small: what it writes, that it repeats, what it refuses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from hybridsampler.cli import app
from hybridsampler.results import read_results
from hybridsampler.study.config import Data, read_config
from hybridsampler.study.data import read_training_data
from hybridsampler.study.figure import draw

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
LANGUAGES = ("de", "en", "th")


def _study(folder: Path, **changes: str) -> Path:
    """A study of seconds: the shipped training data, XQuAD-R in three languages, five steps."""
    benchmark = folder / "xquad-r"
    benchmark.mkdir(exist_ok=True)
    for name in LANGUAGES:
        shutil.copy(EXAMPLES / f"data/xquad-r/{name}.json.xz", benchmark)
    shutil.copy(EXAMPLES / "data/train.parquet", folder)
    text = (EXAMPLES / "quick.toml").read_text(encoding="utf-8")
    replacements = {
        "data/": "",
        r"steps = \d+": "steps = 5",
        r"buckets = \d+": "buckets = 4096",
        r"dimension = \d+": "dimension = 16",
        "# languages =.*": f"languages = {list(LANGUAGES)}",
        **changes,
    }
    for old, new in replacements.items():
        text, count = re.subn(old, new, text)
        assert count, old
    path = folder / "small.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["study", *map(str, arguments)])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    result = _run(_study(folder), "--out", folder / "out")
    assert result.exit_code == 0, result.output
    for word in ("Table 1", "Table 2", "untrained", "hybrid", "index.html"):
        assert word in result.output
    return folder / "out"


def test_it_writes_what_it_says(finished: Path) -> None:
    names = {"results.jsonl", "tables.md", "figure.svg", "run.json", "index.html"}
    assert {path.name for path in finished.iterdir()} == names
    results = read_results(finished / "results.jsonl")
    assert [result.arm for result in results] == ["untrained", "X-X-mono", "X-Y", "hybrid"]
    for result in results:
        assert set(result.macro) == {"monolingual", "cross_lingual", "multilingual"}
        assert set(result.macro["multilingual"]) == {"AP", "R@1", "R@10"}
        assert set(result.by_language["cross_lingual"]["AP"]) == set(LANGUAGES)
        assert set(result.rank_distance_by_language) == set(LANGUAGES)
        cells = [v for query, row in result.matrix.items() for c, v in row.items() if query != c]
        assert len(cells) == 6
        assert result.macro["cross_lingual"]["AP"] == pytest.approx(sum(cells) / 6, rel=1e-12)


def test_tables_hold_the_results(finished: Path) -> None:
    text = (finished / "tables.md").read_text(encoding="utf-8")
    page = (finished / "index.html").read_text(encoding="utf-8")
    for result in read_results(finished / "results.jsonl"):
        expected = [f"{result.macro[s]['AP']:.4f}"[1:] for s in result.macro]
        row = next(line for line in text.splitlines() if line.startswith(f"| {result.arm} "))
        assert row.split(" | ")[1:4] == expected
        for number in (*expected, f"{result.rank_distance:.1f}"):
            assert f"<td>{number}</td>" in page
    assert page.count("<svg") == 1
    assert "<script" not in page


def test_the_same_study_gives_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    assert _run(_study(tmp_path), "--out", tmp_path / "out").exit_code == 0
    for name in ("results.jsonl", "tables.md", "figure.svg"):
        assert (tmp_path / "out" / name).read_bytes() == (finished / name).read_bytes(), name


def test_a_killed_study_goes_on(finished: Path, tmp_path: Path) -> None:
    config = _study(tmp_path, **{"# checkpoint_every = \\d+": "checkpoint_every = 2"})
    out = tmp_path / "out"
    code = (
        "import hybridsampler.train.loop as loop, os\n"
        "save = loop.save_checkpoint\n"
        "def save_and_die(*given, **named):\n"
        "    save(*given, **named)\n"
        "    if len(named['losses']) == 4: os._exit(9)\n"
        "loop.save_checkpoint = save_and_die\n"
        "from hybridsampler.cli import app\n"
        f"app(['study', {str(config)!r}, '--out', {str(out)!r}])\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 9
    assert not (out / "results.jsonl").exists()
    assert _run(config, "--out", out).exit_code == 0
    assert (out / "results.jsonl").read_bytes() == (finished / "results.jsonl").read_bytes()


def test_a_study_of_other_settings_does_not_go_on(tmp_path: Path) -> None:
    """Threads change the last digits; of several checkpoints the one to delete is named."""
    every = {"# checkpoint_every = \\d+": "checkpoint_every = 5"}
    out = tmp_path / "out"
    assert _run(_study(tmp_path, **every), "--out", out).exit_code == 0
    for change, told in (
        ({r"threads = \d+": "threads = 1"}, "checkpoint-1.safetensors belongs to a run with other"),
        ({r"seed = \d+": "seed = 7"}, "checkpoint-1.safetensors: the state bel"),
    ):
        result = _run(_study(tmp_path, **every, **change), "--out", out)
        assert result.exit_code == 2
        assert f"{out}/{told}" in result.stderr
        assert result.stderr.endswith("delete it to start over\n")


def test_the_run_is_told(finished: Path) -> None:
    facts = json.loads((finished / "run.json").read_text(encoding="utf-8"))
    assert facts["benchmark"] == "3,570 queries, 3,308 candidates"
    assert facts["training"] == "5 steps of 128 pairs, seed 0"
    assert float(facts["seconds: train"]) > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps = \\d+": "stepz = 5"}, "unknown key 'stepz' in [training]: did you mean 'steps'?"),
        ({"title": "colour = 1\ntitle"}, "unknown key 'colour': known keys: title, data,"),
        ({"temperature = .*": "temperature = -1.0"}, "'temperature' in [training] is -1.0: Input"),
        ({"batch_size = \\d+": "batch_size = 'many'"}, "'batch_size' in [training] is 'many'"),
        ({"batch_size = \\d+": ""}, "key 'batch_size' in [training] is missing"),
        ({"monolingual = 1.0 *": "monolingual = 0.0"}, "mix 'X-X-mono': Mix: all weights are 0"),
        ({'name = "X-Y" *': 'name = "hybrid"'}, "'hybrid' names two rows of the tables: give each"),
        ({"train.parquet": "nothing.parquet"}, "nothing.parquet: no such file"),
        ({"train.parquet": "small.toml"}, "small.toml is no sound Parquet file"),
        ({"'th'": "'xx'"}, "unknown language 'xx': it has ar, de, el, en"),
        ({"batch_size = \\d+": "batch_size = 5000"}, "at most 680, or give the source weight 0"),
        ({"'th'.": "]", "'en', ": ""}, "need a source of two or more languages"),
        ({'"xquad-r"\nfolder = "': '"xquad-r"\nfolder = "no-'}, "no-xquad-r"),
        ({'name = "xquad-r"': 'name = "xquad"'}, "'name' in [benchmark] is 'xquad'"),
        ({"title = ": "title == "}, "not TOML"),
        ({'name = "X-Y" *': 'name = "untrained"'}, "'untrained' names two rows of the tables"),
        (
            {"learning_rate = [0-9.]+": "learning_rate = inf"},
            "'learning_rate' in [training] is inf",
        ),
        ({"learning_rate = [0-9.]+": "learning_rate = 1e38"}, "lower the learning rate"),
        ({"# languages =.*": "languages = []"}, "'languages' in [data] is []"),
        ({"buckets = \\d+": "buckets = 5000000000"}, "'buckets' in [encoder] is 5000000000"),
        ({"shortest = \\d+": "shortest = 9"}, "need 1 <= shortest <= longest"),
    ],
)
def test_bad_input_gets_one_line(changes: dict[str, str], message: str, tmp_path: Path) -> None:
    result = _run(_study(tmp_path, **changes), "--out", tmp_path / "out")
    assert result.exit_code == 2
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert message in lines[0]


def test_columns_of_another_type_and_missing_values_get_one_line(tmp_path: Path) -> None:
    config = _study(tmp_path)
    whole = pq.read_table(tmp_path / "train.parquet").slice(0, 22)
    for column, message in (
        (pa.array(range(22)), "column 'query' is of type int64: make it strings"),
        (pa.array([None, *["text"] * 21]), "column 'query' has missing values: leave out such"),
    ):
        changed = whole.set_column(whole.schema.get_field_index("query"), "query", column)
        pq.write_table(changed, tmp_path / "train.parquet")
        result = _run(config, "--out", tmp_path / "out")
        assert result.exit_code == 2
        assert message in result.stderr


def _write_pairs(path: Path, language: str, **columns: pa.Array) -> None:
    """A file of four groups in one language."""
    groups = [str(group) for group in range(4)]
    texts = {name: [f"{name} {group}" for group in groups] for name in ("query", "passage")}
    path.parent.mkdir(exist_ok=True)
    table = {"group_id": groups, "lang": [language] * 4, **texts, **columns}
    pq.write_table(pa.table(table), path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """Its end, which tells what it holds, is whole: the error comes while columns are read."""
    path = tmp_path / "pairs.parquet"
    _write_pairs(path, "en")
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * 60 + data[64:])
    with pytest.raises(ValueError, match=f"^{path} is no sound Parquet file .*again$"):
        read_training_data(Data(train=path.name), tmp_path)


def test_files_may_differ_in_what_is_alike(tmp_path: Path) -> None:
    """As different tools write them: in the width of integers and texts, or without nulls."""
    _write_pairs(tmp_path / "a.parquet", "en", key=pa.array([1, 2, 3, 4], pa.int32()))
    _write_pairs(tmp_path / "b.parquet", "de", key=pa.array([1, 2, 3, None], pa.int64()))
    table = pq.read_table(tmp_path / "b.parquet")
    for name in ("query", "group_id"):
        at = table.schema.get_field_index(name)
        wide = pa.field(name, pa.large_string(), nullable=False)
        values = [f"b{value}" for value in table[name].to_pylist()]
        table = table.set_column(at, wide, pa.array(values, pa.large_string()))
    pq.write_table(table, tmp_path / "b.parquet")
    files = ["a.parquet", "b.parquet"]
    data = read_training_data(Data(train=files, passage_key=["key"]), tmp_path)
    assert data.corpus.source_groups == {"a": 4, "b": 4}
    assert data.queries[3:5] == ["query 3", "bquery 0"]


def test_files_of_one_name_are_not_one_source(tmp_path: Path) -> None:
    """Their groups, numbered alike, would be taken for translations of each other."""
    _write_pairs(tmp_path / "news/train.parquet", "en")
    _write_pairs(tmp_path / "talks/train.parquet", "de")
    files = ["news/train.parquet", "talks/train.parquet"]
    with pytest.raises(ValueError, match=r"news/train.* and .*talks.* the source 'train': rename"):
        read_training_data(Data(train=files), tmp_path)
    for file, name in zip(files, ("news", "talks"), strict=True):
        own = pa.array([name] * 4)
        groups = pa.array([f"{name} {group}" for group in range(4)])
        table = pq.read_table(tmp_path / file).set_column(0, "group_id", groups)
        pq.write_table(table.append_column("source", own), tmp_path / file)
    data = read_training_data(Data(train=files), tmp_path)
    assert data.corpus.source_groups == {"news": 4, "talks": 4}


def test_files_that_do_not_fit_together_are_named(tmp_path: Path) -> None:
    _write_pairs(tmp_path / "a.parquet", "en", key=pa.array([1, 2, 3, 4]))
    _write_pairs(tmp_path / "b.parquet", "en", key=pa.array(["1", "2", "3", "4"]))
    files = ["a.parquet", "b.parquet"]
    with pytest.raises(
        ValueError, match=r"a.parquet, .*b.parquet: the files do not fit .*key.*: give each column"
    ) as caught:
        read_training_data(Data(train=files, passage_key=["key"]), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_benchmark_of_one_language_gets_one_line(tmp_path: Path) -> None:
    config = _study(tmp_path)
    for name in LANGUAGES[1:]:
        (tmp_path / f"xquad-r/{name}.json.xz").unlink()
    result = _run(config, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "holds de alone: give two languages" in result.stderr


def test_names_may_look_like_formulas_and_hidden_labels(finished: Path, tmp_path: Path) -> None:
    """The first ended a study after all its training; the second had no place in the legend."""
    names = ["$x_$", "_hidden", "$5 to $6", "plain"]
    results = read_results(finished / "results.jsonl")
    named = [replace(own, arm=name) for own, name in zip(results, names, strict=True)]
    draw(named, "XQuAD-R", tmp_path / "figure.svg")
    picture = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    for name in names:
        assert f"<!-- {name} -->" in picture


def test_names_may_look_like_markup(tmp_path: Path) -> None:
    config = _study(tmp_path, **{'name = "X-Y" *': 'name = "[/x] [red]"'})
    result = _run(config, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "[/x] [red]" in result.output


def test_a_missing_file_and_an_unwritable_folder_get_one_line(tmp_path: Path) -> None:
    result = _run(tmp_path / "none.toml")
    assert result.exit_code == 2
    assert result.stderr == (
        f"error: {tmp_path}/none.toml: no such file; examples/quick.toml is a study to copy\n"
    )
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    result = _run(_study(tmp_path), "--out", tmp_path / "file" / "out")
    assert result.exit_code == 2
    assert result.stderr == (
        f"error: cannot write to the folder {tmp_path}/file/out (Not a directory): "
        "name another with --out\n"
    )


def test_the_command_itself_prints_one_line_and_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hybridsampler", "study", str(tmp_path / "none.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")


def test_help_teaches() -> None:
    runner = CliRunner()
    assert "study" in runner.invoke(app, ["--help"]).output
    assert "hybridsampler study examples/quick.toml" in _run("--help").output


def test_the_shipped_study_is_sound() -> None:
    config = read_config(EXAMPLES / "quick.toml")
    assert [arm.mix.kinds for arm in config.mix] == [(1, 0, 0), (0, 1, 0), (0.5, 0.5, 0)]


def test_a_broken_results_file_names_its_line(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    lines = (finished / "results.jsonl").read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], lines[1][:-5]]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"results\.jsonl:2: not a result"):
        read_results(path)
