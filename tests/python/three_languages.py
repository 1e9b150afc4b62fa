"""A corpus of three languages, ranked by hand."""

from collections.abc import Sequence

import numpy as np

from hybridsampler import Evaluation, evaluate
from hybridsampler.ranking import Ties
from naive_ranking import csr

# candidate   0 en   1 en   2 de   3 de   4 fr   5 fr
# its score     9      5      8      7      6      4     for a query (1,); turned round for (-1,)
# so (1,) ranks 0 2 3 4 1 5, within en 0 1, de 2 3, fr 4 5; (-1,) the other way round.

CANDIDATES = np.array([[9], [5], [8], [7], [6], [4]], np.float32)
LANGUAGES = ["en", "en", "de", "de", "fr", "fr"]


def by_hand(
    queries: Sequence[tuple[str, int, list[int]]],
    measures: Sequence[str] = ("AP",),
    ties: Ties = "pessimistic",
) -> Evaluation:
    """Queries are (language, 1 or -1, relevant candidates)."""
    return evaluate(
        np.array([[sign] for _, sign, _ in queries], np.float32),
        CANDIDATES,
        csr(relevant for *_, relevant in queries),
        query_languages=[language for language, *_ in queries],
        candidate_languages=LANGUAGES,
        measures=measures,
        ties=ties,
    )


COMPLETE = (
    ("en", 1, [1, 3, 4]),  # ranks 5, 3, 4 overall; 2, 2, 1 within
    ("de", -1, [0, 2, 5]),  # 6, 5, 1; 2, 2, 1
    ("fr", 1, [0, 2, 4]),  # 1, 2, 4; 1, 1, 1
)
