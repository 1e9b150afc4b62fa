"""Measures of one query from the ranks and grades of its judged candidates, and their means."""

from hybridsampler.measures.judgements import Judgements
from hybridsampler.measures.measure import Measure, check_some, parse_measures
from hybridsampler.measures.values import Policy, filled, known_policy, mean

__all__ = [
    "Judgements",
    "Measure",
    "Policy",
    "check_some",
    "filled",
    "known_policy",
    "mean",
    "parse_measures",
]
