"""Names of measures: as ir_measures writes them, and as trec_eval does."""

from __future__ import annotations

import re

ALIASES = {"MAP": "AP", "MRR": "RR", "NDCG": "nDCG", "Precision": "P", "Recall": "R"}
# trec_eval's name in lower case: ours, and whether a cutoff follows it.
TREC = {
    "map": ("AP", False),
    "map_cut": ("AP", True),
    "ndcg": ("nDCG", False),
    "ndcg_cut": ("nDCG", True),
    "recip_rank": ("RR", False),
    "p": ("P", True),
    "recall": ("R", True),
    "success": ("Success", True),
}
NAMES = ("AP", "nDCG", "RR", "R", "P", "Success", "Judged")
# People write mAP and ndcg@10; no two names differ by their case alone.
_ANY_CASE = {name.lower(): name for name in NAMES} | {k.lower(): v for k, v in ALIASES.items()}

_NUMBER = r"-?[0-9]{1,18}"
_VALUE = rf"{_NUMBER}|'[^']*'|\"[^\"]*\""
_IR = re.compile(r"([A-Za-z]+)(?:\(([^()]*)\))?(?:@([0-9]{1,18}))?")
_TREC = re.compile(r"([A-Za-z_]+?)[._]([0-9]{1,18})")
# As mteb and sentence-transformers have them: ndcg_at_10, cosine_accuracy@1.
_ELSEWHERE = re.compile(
    r"(?:[a-z]+_)??([a-z]+|hit_rate)(?:_at_|@)([0-9]{1,18})", flags=re.IGNORECASE
)
_HITS = ("accuracy", "hit", "hits", "hit_rate")
_COMMA = re.compile(r",(?![^()]*\))")  # of names, not of parameters
_BIAS = re.compile(r"(PEER|MRV|rank.?distance)(@.*)?", re.IGNORECASE)
_PARAMETER = re.compile(rf"\s*([a-z_]+)\s*=\s*({_VALUE})\s*")


def split(text: str) -> tuple[str, dict[str, int | str]]:
    """Split a name into the measure and its parameters, the cutoff among them.

    Raises:
        ValueError: what neither ir_measures nor trec_eval would write.
    """
    trec = _TREC.fullmatch(text)
    name, number = (trec[1].lower(), int(trec[2])) if trec else (text.lower(), None)
    if name in TREC and TREC[name][1] == (number is not None):
        return TREC[name][0], {} if number is None else {"cutoff": number}
    found = _IR.fullmatch(text)
    measure = None if found is None else _ANY_CASE.get(found[1].lower())
    if found is None or measure is None:
        guess = _elsewhere(text) or (
            _guess(found[1], text) if found is not None else _several(text)
        )
        if _BIAS.fullmatch(text):
            guess = " (language bias is asked of an Evaluation: rank_distance, peer(10), mrv())"
        raise ValueError(
            f"unknown measure {text!r}{guess}: choose AP, nDCG, RR, R, P, Success or Judged, "
            "written as AP, AP(rel=2)@100 or nDCG(dcg='exp-log2')@10, or trec_eval's map, "
            "map_cut_10, ndcg, ndcg_cut_10, recip_rank, P_10, recall_10 or success_10"
        )
    parameters: dict[str, int | str] = {}
    for part in found[2].split(",") if found[2] and found[2].strip() else []:
        given = _PARAMETER.fullmatch(part)
        if given is None:
            raise ValueError(
                f"measure {text!r}: {part.strip()!r} is no parameter; write rel=2 or dcg='exp-log2'"
            )
        if given[1] in parameters:
            raise ValueError(f"measure {text!r}: {given[1]} is given twice")
        parameters[given[1]] = given[2][1:-1] if given[2][0] in "'\"" else int(given[2])
    if found[3] is not None:
        if "cutoff" in parameters:
            raise ValueError(f"measure {text!r}: cutoff is given twice")
        parameters["cutoff"] = int(found[3])
    return measure, parameters


def _elsewhere(text: str) -> str:
    """What a name of other tools is called here."""
    found = _ELSEWHERE.fullmatch(text)
    name = "" if found is None else found[1].lower()
    ours = "Success" if name in _HITS else _ANY_CASE.get(name)
    return "" if found is None or ours is None else f" (did you mean {ours}@{found[2]}?)"


def _guess(name: str, text: str) -> str:
    """What an unknown name may be meant to be."""
    from difflib import get_close_matches  # which few need

    # Of short names, others that exist are neighbours: RR of ERR.
    known = [other for other in _ANY_CASE if len(other) > 3]
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.75)
    return f" (did you mean {_ANY_CASE[close[0]]}{text.removeprefix(name)}?)" if close else ""


def _several(text: str) -> str:
    """What to do about names that are joined by commas, as other tools take them."""
    parts = [part.strip() for part in _COMMA.split(text)]
    if len(parts) == 1:
        return ""
    try:
        for part in parts:
            split(part)
    except ValueError:
        return ""
    return f" (give {' and '.join(map(repr, parts))} one by one)"
