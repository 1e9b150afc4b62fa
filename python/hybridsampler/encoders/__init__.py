"""Encoders: modules that map texts to vectors."""

from hybridsampler.encoders.ngram import NgramEncoder

__all__ = ["NgramEncoder"]
