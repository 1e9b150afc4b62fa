"""A sentence-transformers model as the encoder of a benchmark."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from hybridsampler.ranking import Similarity
from hybridsampler.vectors import as_rows

Vectors = NDArray[np.float32] | NDArray[np.float16]

_OPENING = threading.Lock()


class SentenceEncoder:
    """Queries and candidates -> vectors as the model gives them, by its own methods for each.

    Args:
        model: a `SentenceTransformer`.
        query_prefix: put before each query, as the model's prompt; None: the model's own.
        candidate_prefix: the same for candidates.
        batch_size: texts that go through the model at a time.
    """

    def __init__(
        self,
        model: Any,
        *,
        query_prefix: str | None = None,
        candidate_prefix: str | None = None,
        batch_size: int = 32,
    ) -> None:
        """Take a model as it is."""
        self._model = model
        self._query_prefix = query_prefix
        self._candidate_prefix = candidate_prefix
        self._batch_size = batch_size

    @classmethod
    def open(
        cls, name: str | Path, *, device: str | None = None, **options: Any
    ) -> SentenceEncoder:
        """Open the folder of a model, or a model of the hub by name.

        Neither code nor pickles that come with a model are run: its weights have to be safetensors.

        Args:
            name: a folder, or `owner/name`.
            device: such as `"cuda"`; None: the best that there is.
            options: of the class.

        Raises:
            OSError: neither a folder nor a model that the hub gives; a damaged folder, weights as
                pickles, a device that does not exist.
            ValueError: a folder that holds no model.
            ImportError: sentence-transformers is not installed.
        """
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ImportError(
                f"the model {name} needs sentence-transformers: pip install sentence-transformers",
                name="sentence_transformers",
            ) from error
        folder = Path(name)
        if folder.is_dir() and not any(
            (folder / file).is_file() for file in ("modules.json", "config.json")
        ):
            raise ValueError(
                f"{name} holds no model, neither modules.json nor config.json: give the folder "
                "that save_pretrained wrote"
            )
        try:
            with _without_pickles():
                model = SentenceTransformer(
                    str(name),
                    device=device,
                    trust_remote_code=False,
                    model_kwargs={"use_safetensors": True},
                )
        except Exception as error:  # a damaged folder lets errors of many kinds out of its readers
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            sought = "" if folder.is_dir() else ", which is no folder here and so one of the hub's"
            needed = "" if device is None else f", and that there is a device {device!r}"
            raise OSError(
                f"the model {name} cannot be opened ({reason}): check the name{sought}, and that "
                f"the folder is whole and has its weights as safetensors{needed}"
            ) from error
        return cls(model, **options)

    @property
    def similarity(self) -> Similarity:
        """By which the model compares.

        Raises:
            ValueError: by neither of those that rankings have.
        """
        name = str(self._model.similarity_fn_name)
        if name not in get_args(Similarity):
            raise ValueError(
                f"the model compares by {name!r}: choose cosine or dot as the similarity of the "
                "ranking"
            )
        similarity: Similarity = "cosine" if name == "cosine" else "dot"
        return similarity

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return (n, d) vectors of queries.

        Raises:
            TypeError: one text in place of a list; a model that computes in float64.
        """
        return self._encode(self._model.encode_query, texts, self._query_prefix)

    def encode_candidates(self, texts: Sequence[str]) -> Vectors:
        """Return (n, d) vectors of candidates; raises as :meth:`encode_queries`."""
        return self._encode(self._model.encode_document, texts, self._candidate_prefix)

    def _encode(self, encode: Any, texts: Sequence[str], prefix: str | None) -> Vectors:
        if isinstance(texts, str):  # its letters would be encoded
            raise TypeError(f"texts is the text {texts!r}: give a list of texts")
        # Of no text a model returns a vector without a dimension.
        vectors = encode(
            list(texts) or [""], prompt=prefix, batch_size=self._batch_size, show_progress_bar=False
        )
        return as_rows("the model's output", vectors)[: len(texts)]


@contextmanager
def _without_pickles() -> Iterator[None]:
    """Refuse, in this thread, what loads a pickle.

    ``use_safetensors`` binds the models of transformers alone: adapters, and other modules of
    sentence-transformers, turn to ``torch.load`` where they find no safetensors. Files come from a
    folder, from folders within it or one by one from the hub, by rules of each module's own; this
    holds for them all.
    """
    here = threading.get_ident()
    with _OPENING:  # so that two that open at once do not restore each other's
        load = torch.load

        def refuse(f: Any, *args: Any, **options: Any) -> Any:  # f by name too, as torch has it
            if threading.get_ident() == here:
                raise OSError(f"{f} is a pickle, not safetensors")
            return load(f, *args, **options)

        torch.load = refuse
        try:
            yield
        finally:
            torch.load = load
