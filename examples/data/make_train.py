"""Make train.parquet, the small training set that ships with the examples.

From the project's full training files it takes the groups of NTREX and of the lessons that have all
11 languages of XQuAD-R, and of groups that share a query or a passage the first: two such groups in
one batch would be false negatives of each other. README.md beside this file gives the licences.

    python make_train.py --source FOLDER_OF_THE_FULL_FILES --out train.parquet
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

LANGUAGES = ["ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"]
GROUPS = {"lessons": 680, "ntrex": 1868}
COLUMNS = ["source", "group_id", "lang", "query", "passage"]


def build(folder: Path) -> pa.Table:
    """Read `folder`/SOURCE.parquet for both sources into one table of COLUMNS, all strings.

    Rows come by (source, group_id, lang). Raises ValueError when a source is not as promised.
    """
    parts = []
    for source, expected in sorted(GROUPS.items()):
        rows = without_shared_texts(complete_groups(folder / f"{source}.parquet"))
        rows = rows.add_column(0, "source", pa.array([source] * len(rows), pa.string()))
        check(rows, source, expected)
        parts.append(rows)
    return pa.concat_tables(parts).sort_by([(name, "ascending") for name in COLUMNS[:3]])


def complete_groups(path: Path) -> pa.Table:
    """The rows in LANGUAGES of the groups that have every one of them."""
    rows = pq.read_table(path, columns=COLUMNS[1:])
    rows = rows.filter(pc.is_in(rows["lang"], pa.array(LANGUAGES)))
    languages: dict[str, set[str]] = defaultdict(set)
    for group, language in keys(rows):
        languages[group].add(language)
    whole = [group for group, found in languages.items() if len(found) == len(LANGUAGES)]
    return rows.filter(pc.is_in(rows["group_id"], pa.array(whole, pa.string())))


def keys(rows: pa.Table) -> list[tuple[str, str]]:
    """(group_id, lang) of every row."""
    return list(zip(rows["group_id"].to_pylist(), rows["lang"].to_pylist(), strict=True))


def check(rows: pa.Table, source: str, expected: int) -> None:
    """Every group in every language once, no text empty, as many groups as documented."""
    pairs = Counter(keys(rows))
    repeated = [pair for pair, count in pairs.items() if count > 1]
    if repeated:
        raise ValueError(f"{source}: {repeated[0]} comes more than once; keep one row")
    groups = {group for group, _ in pairs}
    missing = [(g, lang) for g in sorted(groups) for lang in LANGUAGES if (g, lang) not in pairs]
    if missing:
        raise ValueError(f"{source}: {missing[0]} is missing; drop the group")
    for name in ("query", "passage"):
        for (group, _), text in zip(keys(rows), rows[name].to_pylist(), strict=True):
            if text is None or not text.strip():
                raise ValueError(f"{source}: group {group!r} has an empty {name}; drop the group")
    if len(groups) != expected:
        raise ValueError(f"{source}: {len(groups)} whole groups, README.md promises {expected}")


def without_shared_texts(rows: pa.Table) -> pa.Table:
    """The rows of the groups whose every text is new among the groups kept before, by group_id."""
    texts: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for row in rows.to_pylist():
        for column in ("query", "passage"):
            texts[row["group_id"]].add((row["lang"], column, row[column]))
    seen: set[tuple[str, str, str]] = set()
    kept = []
    for group in sorted(texts):
        if seen.isdisjoint(texts[group]):
            kept.append(group)
            seen |= texts[group]
    return rows.filter(pc.is_in(rows["group_id"], pa.array(kept, pa.string())))


def main() -> None:
    """Build, write and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", type=Path, required=True, help="folder of the full files")
    parser.add_argument("--out", type=Path, required=True, help="the parquet file to write")
    arguments = parser.parse_args()
    table = build(arguments.source)
    # One row group and one page a column: zstd then sees a text's second copy (a sentence of NTREX
    # is one row's passage and the next one's query) and the file stays small.
    pq.write_table(
        table,
        arguments.out,
        compression="zstd",
        compression_level=22,
        use_dictionary=["source", "group_id", "lang"],
        row_group_size=len(table),
        data_page_size=1 << 26,
        write_statistics=False,
    )
    for source in sorted(GROUPS):
        rows = table.filter(pc.equal(table["source"], source))
        groups = len(rows["group_id"].unique())
        size = sum(pc.sum(pc.binary_length(rows[name])).as_py() for name in ("query", "passage"))
        print(f"{source}: {groups:,} groups, {len(rows):,} rows, {size:,} bytes of text")
    print(f"{arguments.out}: {len(table):,} rows, {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
