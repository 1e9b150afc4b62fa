"""hybridsampler mix: what it prints and draws, what it reads of the TOML, what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from hybridsampler.cli import app
from hybridsampler.study import read_config
from hybridsampler.study.mixes import mix_stats

ROOT = Path(__file__).parents[2]
TLDR = ROOT / "../shared/data/train/tldr.parquet"

CONFIG = """
title = "small"
[data]
train = {train}
{data}
[benchmark]
name = "xquad-r"
folder = "none"
[encoder]
kind = "ngram"
buckets = 64
dimension = 4
[training]
steps = 60
batch_size = 4
learning_rate = 1.0
{training}
[[mix]]
name = "hybrid"
monolingual = 1
cross_lingual = 1
{mix}
"""


def _config(
    folder: Path,
    *,
    train: object = "[a.parquet]",
    data: str = "",
    training: str = "",
    mix: str = "",
) -> Path:
    """Two files of 30 groups, the first without French in a third of them, and with keys."""
    for number, name in enumerate("ab"):
        rows = [
            (f"{name}{group}", lang, group, 5 + 10 * (group % 7))
            for group in range(30)
            for lang in ("de", "en", "fr")
            if number or lang != "fr" or group % 3
        ]
        table = pa.table(
            {
                "group_id": [row[0] for row in rows],
                "lang": [row[1] for row in rows],
                "query": [f"query {row[0]} {row[1]}" for row in rows],
                "passage": [f"passage {row[0]} {row[1]}" for row in rows],
                "para": [f"key {row[2] // 5}" for row in rows],
                "tokens": [row[3] for row in rows],
            }
        )
        pq.write_table(table, folder / f"{name}.parquet")
    path = folder / "small.toml"
    path.write_text(CONFIG.format(train=train, data=data, training=training, mix=mix))
    return path


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["mix", *map(str, arguments)], env={"COLUMNS": "120"})


def _rows(output: str, title: str) -> list[list[str]]:
    """The cells of the table below a title."""
    after = output.split(title)[1].split("\n\n")[0]
    return [line.split() for line in after.splitlines()[3:] if line.strip()]


def test_it_prints_what_the_plan_counts(tmp_path: Path) -> None:
    data = 'passage_key = ["para"]\nlength = "tokens"'
    path = _config(tmp_path, train=["a.parquet", "b.parquet"], data=data)
    result = _run(path)
    assert result.exit_code == 0, result.output
    stats = mix_stats(read_config(path), tmp_path)["hybrid"]
    assert stats.steps == 60
    kinds = _rows(result.output, "batches by kind")
    assert kinds == [
        ["monolingual", ".5000", ".5000", "30"],
        ["cross_lingual", ".5000", ".5000", "30"],
    ]
    sources = _rows(result.output, "batches by source")
    assert [(row[0], row[1], int(row[4])) for row in sources] == [
        (kind, source, share.count)
        for kind, shares in stats.sources.items()
        for source, share in shares.items()
    ]
    assert {row[1] for row in sources} == {"a", "b"}
    pairs = _rows(result.output, "cross-lingual pairs of a")
    assert {(row[0], row[1]): int(row[4]) for row in pairs} == {
        pair: share.count for pair, share in stats.pairs["a"].items()
    }
    copies = _rows(result.output, "nearest to their limit")
    # A key joins five groups, of which French lacks one or two.
    assert [int(row[-2]) for row in copies] == [own.members for own in stats.copies]
    assert {row[-2] for row in copies} == {"4", "5"}
    assert stats.padding is not None
    (padding,) = _rows(result.output, "padding")
    assert padding == ["tokens", f"{stats.padding:.4f}".lstrip("0")]


def test_no_steps_are_not_those_of_the_training(tmp_path: Path) -> None:
    config = read_config(_config(tmp_path, train='"b.parquet"'))
    with pytest.raises(ValueError, match="steps=0: count at least 1 step"):
        mix_stats(config, tmp_path, 0)


def test_pairs_are_cut_on_request_and_the_title_says_so(tmp_path: Path) -> None:
    result = _run(_config(tmp_path, train='"b.parquet"'), "--pairs", 2, "--steps", 10)
    assert "hybrid, 10 steps: cross-lingual pairs of b, 2 of 6" in result.output
    assert len(_rows(result.output, "cross-lingual pairs of b")) == 2
    whole = _run(tmp_path / "small.toml", "--pairs", 0)
    assert len(_rows(whole.output, "cross-lingual pairs of b")) == 6


def test_the_picture_is_the_same_every_time(tmp_path: Path) -> None:
    path = _config(tmp_path, train=["a.parquet", "b.parquet"])
    for name in ("one.svg", "two.svg"):
        result = _run(path, "--figure", tmp_path / name)
        assert result.exit_code == 0, result.output
        assert name in result.output
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert (tmp_path / "one.svg").read_text().startswith("<?xml")


def test_names_in_the_picture_may_look_like_formulas(tmp_path: Path) -> None:
    path = _config(tmp_path, train='"b.parquet"')
    path.write_text(path.read_text().replace('"hybrid"', '"$x_$"'))
    result = _run(path, "--figure", tmp_path / "mix.svg")
    assert result.exit_code == 0, result.output
    assert "<!-- $x_$: batches by kind -->" in (tmp_path / "mix.svg").read_text()


def test_every_weight_can_be_given(tmp_path: Path) -> None:
    mix = """
mixed = 2
languages = { de = 1, en = 3, fr = 0 }
sources = { a = 1, b = 4 }
pairs = { "en->de" = 1, "en -> fr" = 3 }
draws = "balanced"
"""
    path = _config(tmp_path, train=["a.parquet", "b.parquet"], mix=mix)
    stats = mix_stats(read_config(path), tmp_path)["hybrid"]
    assert {kind: share.expected for kind, share in stats.kinds.items()} == {
        "monolingual": 0.25,
        "cross_lingual": 0.25,
        "mixed": 0.5,
    }
    assert stats.sources["mixed"]["b"].expected == 0.8
    assert {own: share.expected for own, share in stats.languages["b"].items()} == {
        "de": 0.25,
        "en": 0.75,
    }
    assert stats.pairs["b"]["en", "fr"].expected == 0.75
    assert set(stats.pairs["b"]) == {("en", "de"), ("en", "fr")}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": 'passage_key = ["page"]'}, "column 'page' is missing; the file has group_id"),
        ({"data": 'length = "words"'}, "column 'words' is missing"),
        ({"data": 'length = "query"'}, "column 'length' holds 'query"),
        ({"training": 'excess = "drop"'}, "'excess' in [training] is 'drop'"),
        ({"mix": "languages = { en = -1 }"}, "'en' in [mix] number 1[languages] is -1: Input"),
        ({"mix": 'pairs = { "en->de" = -1 }'}, "'en->de' in [mix] number 1[pairs] is -1: Input"),
        ({"mix": 'languages = "sizes"'}, "'languages' in [mix] number 1 is 'sizes': Input should"),
        ({"mix": "sources = 5"}, "'sources' in [mix] number 1 is 5: Input should"),
        ({"train": "[]"}, "'train' in [data] is []: List should have at least 1 item"),
        ({"train": '["a.parquet", 5]'}, "number 2 in [data][train] is 5: Input should be"),
        ({"train": "5"}, "'train' in [data] is 5: Input should be a valid string"),
        ({"mix": 'pairs = { "en-de" = 1 }'}, "pairs: 'en-de' is no pair: write \"en->de\""),
        ({"mix": "sources = { a = 1, c = 1 }"}, "unknown source 'c': the corpus has"),
        ({"train": '["a.parquet", "c.parquet"]'}, "c.parquet: no such file"),
        ({"data": 'passage_key = ["para"]', "training": "steps = 1"}, "not TOML"),
    ],
)
def test_bad_input_gets_one_line(changes: dict[str, str], message: str, tmp_path: Path) -> None:
    changes = {"train": '["a.parquet", "b.parquet"]'} | changes
    result = _run(_config(tmp_path, **changes))
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mix.png", "the picture is SVG, so let the name end in .svg"),
        ("none/mix.svg", "there is no folder"),
    ],
)
def test_pictures_that_cannot_be_written_are_refused_first(
    name: str, message: str, tmp_path: Path
) -> None:
    result = _run(tmp_path / "no.toml", "--figure", tmp_path / name)
    assert result.exit_code == 2
    assert message in result.stderr


def test_too_many_copies_are_told_and_can_be_rotated(tmp_path: Path) -> None:
    data, size = 'passage_key = ["para"]', "batch_size = 4"
    path = _config(tmp_path, train='"b.parquet"', data=data)
    text = path.read_text()
    path.write_text(text.replace(size, "batch_size = 7"))
    result = _run(path)
    assert result.exit_code == 2
    # 30 rows are four batches of seven; a key has five rows, so six is the most.
    assert re.search(r"5 of 30 members are joined by passage key 'key \d' \(row", result.stderr)
    assert "a batch size of at most 6" in result.stderr
    path.write_text(text.replace(size, "batch_size = 6"))
    assert _run(path).exit_code == 0
    path.write_text(text.replace(size, 'batch_size = 6\nexcess = "rotate"'))
    assert _run(path).exit_code == 0


def test_help_teaches() -> None:
    result = _run("--help")
    assert "before anything is trained" in result.output
    assert re.search(r"Example: hybridsampler mix examples/quick.toml", result.output)


@pytest.mark.skipif(not TLDR.exists(), reason="needs the tldr pages of ../shared/data")
def test_tldr_pages_of_39_languages_at_batches_of_32(tmp_path: Path) -> None:
    path = _config(tmp_path, train=f'"{TLDR}"', data='passage_key = ["para_id"]', mix="mixed = 1")
    path.write_text(path.read_text().replace("batch_size = 4", "batch_size = 32"))
    stats = mix_stats(read_config(path), tmp_path, 4000)["hybrid"]
    assert len(stats.languages["tldr"]) == 39
    assert len(stats.pairs["tldr"]) == 39 * 38
    (danish,) = (c for c in stats.copies if c.stream == ("monolingual", "tldr", "da"))
    assert (danish.members, danish.limit) == (8, 353 // 32)
    # 12,374 of the 27,239 groups of two languages and more are English and one other.
    with_english = sum(s.expected for pair, s in stats.pairs["tldr"].items() if "en" in pair)
    assert 0.6 < with_english < 0.9
    for shares in (stats.pairs["tldr"], stats.mixed["tldr"]):
        assert all(abs(s.reached - s.expected) < 0.005 for s in shares.values())
    path.write_text(path.read_text().replace("batch_size = 32", "batch_size = 128"))
    with pytest.raises(
        ValueError, match=r"batches of source 'tldr' in .*use a batch size of at most"
    ):
        mix_stats(read_config(path), tmp_path)
