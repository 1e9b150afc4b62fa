"""Encoders: modules that map texts to vectors."""

from hybridsampler.encoders.ngram import NgramEncoder
from hybridsampler.encoders.sentence import SentenceEncoder

__all__ = ["NgramEncoder", "SentenceEncoder"]
