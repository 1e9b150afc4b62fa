"""A small benchmark in LAReQA's layout, made by hand.

Two languages, parallel, with equal sentences and a gap.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ENGLISH = {
    "data": [
        {
            "title": "Ants",
            "paragraphs": [
                {
                    "context": "Ants dig. They eat. Ants dig.",
                    "sentence_breaks": [[0, 9], [10, 19], [20, 29]],
                    "qas": [
                        {"id": "q1", "question": "Who digs?", "answers": [{"answer_start": 20}]},
                        {"id": "q2", "question": "Who eats?", "answers": [{"answer_start": 10}]},
                    ],
                }
            ],
        },
        {
            "title": "Bees",
            "paragraphs": [
                {
                    "context": "Bees fly.",
                    "sentence_breaks": [[0, 9]],
                    "qas": [
                        {"id": "q3", "question": "Who flies?", "answers": [{"answer_start": 8}]}
                    ],
                }
            ],
        },
    ],
}


GERMAN = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": "Bienen fliegen. Ameisen graben. Sie essen.",
                    "sentence_breaks": [[0, 15], [16, 31], [32, 42]],
                    "qas": [
                        {"id": "q3", "question": "Wer fliegt?", "answers": [{"answer_start": 0}]},
                        {"id": "q1", "question": "Wer gräbt?", "answers": [{"answer_start": 16}]},
                        {"id": "q2", "question": "Wer isst?", "answers": [{"answer_start": 36}]},
                    ],
                }
            ]
        }
    ],
}


def write(folder: Path, **documents: Any) -> Path:
    for language, document in documents.items():
        (folder / f"{language}.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def english(*path: str | int, value: Any = None) -> Any:
    """A copy of ENGLISH with the value at `path` replaced, or taken out where it is None."""
    document = json.loads(json.dumps(ENGLISH))
    *before, last = path
    inner = document
    for step in before:
        inner = inner[step]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return document


def fails(message: str, error: type[Exception] = ValueError) -> Any:
    return pytest.raises(error, match=re.escape(message))
