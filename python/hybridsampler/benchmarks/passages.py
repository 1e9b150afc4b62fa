"""MIRACL and Mr. TyDi: Wikipedia passages, with topics, judgements and a corpus for each language.

Queries are ranked against the passages of their own language. Ids are unique inside a language
alone, so a language stands before each: `en/39#0`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hybridsampler.benchmarks.benchmark import Benchmark
from hybridsampler.benchmarks.corpus_files import CorpusFile, Row
from hybridsampler.benchmarks.hub import fetch
from hybridsampler.benchmarks.judgements import Judgements, Queries, add_qrels, join, read_topics
from hybridsampler.benchmarks.languages import choose_languages
from hybridsampler.benchmarks.lines import check_filled, read_rows
from hybridsampler.benchmarks.numbered import COUNTED, check_shards, in_order

Reader = Callable[[str, Path], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class _Passages:
    """Reads passages of a language; unlike ``functools.partial`` it equals one that does the same.

    So a benchmark equals itself when it is loaded again.
    """

    language: str
    read: Reader

    def __call__(self, path: Path) -> Iterator[Row]:
        return self.read(self.language, path)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the files of each language lie; `{}` stands for the official name of a language.

    Each tuple names the places by which the files were published, below a folder or one of its
    subfolders.
    """

    name: str
    languages: Mapping[str, str]
    """Code -> official name."""
    topics: tuple[str, ...]
    qrels: tuple[str, ...]
    corpus: Mapping[str, Reader]
    """Glob -> what reads such files."""
    repositories: tuple[str, ...]
    """Data sets of the hub that hold all of it together."""


def load_passages(
    layout: Layout, source: str | Path | None, languages: Iterable[str] | None
) -> Benchmark:
    """Read the languages (None: all) of a folder; source None: from the hub.

    The corpus is gone through once, for its counts and to find what is judged.

    Raises:
        FileNotFoundError: `source` is no folder, or lacks files.
        OSError: the hub cannot be reached.
        ValueError: a language that the folder lacks, a broken file, with the place, or one of
            several that is missing.
    """
    if source is None:
        # Sizes are in the gigabytes: only what is asked for is fetched.
        chosen = choose_languages(languages, layout.languages, f"{layout.name} of the hub")
        roots = [fetch(name, _patterns(layout, chosen)) for name in layout.repositories]
    else:
        folder = Path(source)
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{folder} is not a folder; give the folder with the files of {layout.name}, or "
                "nothing to fetch them from the hub"
            )
        roots = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
        chosen = choose_languages(languages, _available(layout, roots, folder), folder)
    queries, judgements = Queries(), Judgements()
    files: list[CorpusFile] = []
    for code in chosen:
        official, prefix = layout.languages[code], f"{code}/"
        read_topics(_one(roots, layout.topics, official, "topics"), queries, code, prefix)
        add_qrels(_one(roots, layout.qrels, official, "judgements"), judgements, prefix)
        files += _corpus(roots, layout, code)
    return join(layout.name, queries, judgements, files, monolingual=True)


def docid_title_text(language: str, path: Path) -> Iterator[Row]:
    """Read passages as the hub has them; title and text are put together with a space."""
    columns = {"docid": str, "title": str, "text": str}
    for number, (docid, title, text) in read_rows(path, columns, optional=["title"]):
        whole = f"{title or ''} {text}".strip()
        check_filled(path, number, docid=docid)
        yield Row(number, f"{language}/{docid}", whole, language)


def id_contents(language: str, path: Path) -> Iterator[Row]:
    """Read passages whose title and text are one already, an empty line between them.

    It becomes a space, so that a passage has the same text whichever way it was published.
    """
    for number, (docid, contents) in read_rows(path, {"id": str, "contents": str}):
        check_filled(path, number, id=docid)
        yield Row(number, f"{language}/{docid}", contents.replace("\n\n", " ", 1).strip(), language)


def _patterns(layout: Layout, languages: Sequence[str]) -> list[str]:
    places = (*layout.topics, *layout.qrels, *layout.corpus)
    return [place.format(layout.languages[code]) for code in languages for place in places]


def _available(layout: Layout, roots: Sequence[Path], folder: Path) -> list[str]:
    found = [
        code
        for code, official in layout.languages.items()
        if _found(roots, [place.format(official) for place in layout.topics])
    ]
    if not found:
        wanted = " or ".join(place.format("LANG") for place in layout.topics)
        raise FileNotFoundError(f"{folder} has no topics of {layout.name}, no {wanted}")
    return found


def _found(roots: Sequence[Path], places: Iterable[str]) -> list[Path]:
    """All files at these places, docs-2 before docs-10."""
    return in_order({path for root in roots for place in places for path in root.glob(place)})


def _one(roots: Sequence[Path], places: Sequence[str], official: str, what: str) -> Path:
    wanted = [place.format(official) for place in places]
    match _found(roots, wanted):
        case [path]:
            return path
        case []:
            raise FileNotFoundError(f"{roots[0]} has no {what} at {' or '.join(wanted)}")
        case [first, second, *_]:
            raise ValueError(
                f"{what} of {official} are there twice, {first} and {second}: keep one"
            )
    raise AssertionError


def _corpus(roots: Sequence[Path], layout: Layout, code: str) -> list[CorpusFile]:
    """The shards of one language, in one of the forms it was published in."""
    forms = {place.format(layout.languages[code]): read for place, read in layout.corpus.items()}
    for place, read in forms.items():
        if paths := _found(roots, [place]):
            check_shards(paths, COUNTED)
            return [CorpusFile(path, _Passages(code, read)) for path in paths]
    raise FileNotFoundError(f"{roots[0]} has no passages at {' or '.join(forms)}")
