"""LAReQA's JSON: SQuAD's layout plus `sentence_breaks`, one file per language.

XQuAD-R and MLQA-R share it. A candidate is every (paragraph, sentence) of a language, a query every
(question id, language); equal texts are never merged. A sentence is relevant to a question when, in
any language that has the question's id, an answer starts inside it.
"""

import gzip
import json
import lzma
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from hybridsampler.benchmarks.benchmark import Benchmark
from hybridsampler.benchmarks.hub import open_folder
from hybridsampler.benchmarks.languages import choose_languages
from hybridsampler.benchmarks.lines import no_text
from hybridsampler.files import shown

_T = TypeVar("_T")
_FORMS: dict[str, Callable[[bytes], bytes]] = {
    ".json": bytes,
    ".json.gz": gzip.decompress,
    ".json.xz": lzma.decompress,
}
_REMEDY = "take the file from https://github.com/google-research-datasets/lareqa"


@dataclass(slots=True)
class LanguageFile:
    """The sentences and the questions of one language, in file order."""

    language: str
    sentences: list[str] = field(default_factory=list)
    sentence_ids: list[str] = field(default_factory=list)  # "LANG/PARAGRAPH/SENTENCE", from 0
    contexts: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    question_ids: list[str] = field(default_factory=list)
    answers: list[list[int]] = field(default_factory=list)  # numbers of sentences, ascending


def load_lareqa(name: str, source: str | Path, languages: Iterable[str] | None) -> Benchmark:
    """Read `languages` (None: all) of `source` into one benchmark called `name`.

    The source is a folder, or a data set of the hub, that holds LANG.json, LANG.json.gz or
    LANG.json.xz, one form per language. Queries and candidates come by language name, then in file
    order, whatever the order of `languages`.

    Raises:
        FileNotFoundError: `source` is no folder, or has no language file.
        OSError: a data set of the hub that cannot be fetched.
        ValueError: a language the folder lacks, has in two forms or names in other letters than
            UTF-8's; a broken file, with the place.
    """
    folder = open_folder(source, [f"*{form}" for form in _FORMS])
    files = find_language_files(folder)
    chosen = choose_languages(languages, files, folder)
    return _join(name, [read_language_file(files[language], language) for language in chosen])


def find_language_files(folder: Path) -> dict[str, Path]:
    """Language name -> its file. Raises as `load_lareqa` does."""
    files: dict[str, Path] = {}
    for path in sorted(path for path in folder.iterdir() if path.name.endswith(tuple(_FORMS))):
        language = path.name.removesuffix(_form(path))
        if shown(language) != language:  # results could not be written
            raise ValueError(
                f"{shown(path)} names a language in letters that are not UTF-8: rename the file"
            )
        if language in files:
            raise ValueError(
                f"language {language!r} is there twice, as {files[language]} and {path}; keep one"
            )
        files[language] = path
    if not files:
        raise FileNotFoundError(
            f"{folder} has no LANG.json, LANG.json.gz or LANG.json.xz: give the folder that "
            "en.json and its like lie in"
        )
    return files


def read_language_file(path: Path, language: str) -> LanguageFile:
    """Parse one file. Raises ValueError naming the file and the place for anything broken."""
    data = LanguageFile(language)
    seen: dict[str, str] = {}
    for number, (place, paragraph) in enumerate(_paragraphs(path)):
        context = _get(path, place, paragraph, "context", str)
        breaks = _sentence_breaks(path, place, paragraph, len(context))
        first = len(data.sentences)
        for sentence, (start, end) in enumerate(breaks):
            data.sentences.append(context[start:end])
            data.sentence_ids.append(f"{language}/{number}/{sentence}")
            data.contexts.append(context)
        for q, question in enumerate(_get(path, place, paragraph, "qas", list)):
            at = f"{place}.qas[{q}]"
            question_id = _get(path, at, question, "id", str)
            if seen.setdefault(question_id, at) != at:
                problem = f"repeats question id {question_id!r} of {seen[question_id]}"
                raise _broken(path, at, problem)
            inside = _answer_sentences(path, at, question, breaks)
            data.answers.append([first + sentence for sentence in inside])
            data.questions.append(_get(path, at, question, "question", str))
            data.question_ids.append(question_id)
    if not data.questions:  # the language would vanish from the benchmark without a word
        raise _broken(path, "'data'", "holds no question")
    return data


def _join(name: str, parts: Sequence[LanguageFile]) -> Benchmark:
    """Lay the languages one behind another and connect their questions by id."""
    relevant: dict[str, list[int]] = {}
    offset = 0
    for part in parts:  # offsets grow, so every list comes out ascending
        for question_id, sentences in zip(part.question_ids, part.answers, strict=True):
            relevant.setdefault(question_id, []).extend(offset + s for s in sentences)
        offset += len(part.sentences)
    query_ids = [question_id for part in parts for question_id in part.question_ids]
    indptr = np.zeros(len(query_ids) + 1, np.int64)
    np.cumsum([len(relevant[question_id]) for question_id in query_ids], out=indptr[1:])
    indices = [index for question_id in query_ids for index in relevant[question_id]]
    return Benchmark(
        name=name,
        queries=[text for part in parts for text in part.questions],
        query_ids=query_ids,
        query_languages=[part.language for part in parts for _ in part.questions],
        candidates=[text for part in parts for text in part.sentences],
        candidate_ids=[sentence_id for part in parts for sentence_id in part.sentence_ids],
        candidate_contexts=[text for part in parts for text in part.contexts],
        candidate_languages=[part.language for part in parts for _ in part.sentences],
        indptr=indptr,
        indices=np.array(indices, np.int64),
        grades=np.ones(len(indices), np.int64),
    )


def _form(path: Path) -> str:
    return next(form for form in _FORMS if path.name.endswith(form))


def _paragraphs(path: Path) -> Iterator[tuple[str, Any]]:
    form = _form(path)
    try:
        raw = _FORMS[form](path.read_bytes())
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise ValueError(f"{path} is not a whole {form} file ({error}); {_REMEDY}") from error
    try:
        document = json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:  # JSONDecodeError gives the line and column
        raise ValueError(f"{path} is not JSON ({error}); {_REMEDY}") from error
    for a, article in enumerate(_get(path, "the top level", document, "data", list)):
        place = f"data[{a}]"
        for p, paragraph in enumerate(_get(path, place, article, "paragraphs", list)):
            yield f"{place}.paragraphs[{p}]", paragraph


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, of whose keys JSON's reader would keep the last ones alone."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in made if keys.count(key) > 1)
        raise ValueError(f"an object has the key {twice!r} twice")
    return made


def _sentence_breaks(path: Path, place: str, paragraph: Any, length: int) -> list[tuple[int, int]]:
    breaks: list[tuple[int, int]] = []
    for b, pair in enumerate(_get(path, place, paragraph, "sentence_breaks", list)):
        least = breaks[-1][1] if breaks else 0  # overlaps would put an answer in two sentences
        match pair:
            case [start, end] if type(start) is type(end) is int and least <= start < end <= length:
                breaks.append((start, end))
            case _:
                wanted = f"[start, end] with {least} <= start < end <= {length}"
                at = f"{place}.sentence_breaks[{b}]"
                raise _broken(path, at, f"is {pair!r}, not {wanted}")
    return breaks


def _answer_sentences(
    path: Path, place: str, question: Any, breaks: Sequence[tuple[int, int]]
) -> list[int]:
    """The sentences, ascending, in which an answer starts."""
    found: set[int] = set()
    answers = _get(path, place, question, "answers", list)
    if not answers:
        raise _broken(path, f"{place}.answers", "is empty")
    for a, answer in enumerate(answers):
        at = f"{place}.answers[{a}]"
        start = _get(path, at, answer, "answer_start", int)
        sentence = bisect_right(breaks, start, key=lambda pair: pair[0]) - 1
        if sentence < 0 or start >= breaks[sentence][1]:
            raise _broken(path, at, f"starts at {start}, which lies in no sentence")
        found.add(sentence)
    return sorted(found)


def _get(path: Path, place: str, value: Any, key: str, kind: type[_T]) -> _T:
    if type(value) is not dict or key not in value:
        raise _broken(path, place, f"has no {key!r}")
    if type(found := value[key]) is not kind:  # not isinstance: true is no offset
        problem = f"is {type(found).__name__}, not {kind.__name__}"
        raise _broken(path, f"{place}: {key!r}", problem)
    if isinstance(found, str) and (half := no_text(found)):
        raise _broken(path, f"{place}: {key!r}", half)
    return found


def _broken(path: Path, place: str, problem: str) -> ValueError:
    return ValueError(f"{path}: {place} {problem}; {_REMEDY}")
