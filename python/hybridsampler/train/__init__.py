"""A thin training loop for dense retrievers."""

from hybridsampler.train.loop import Training, train
from hybridsampler.train.losses import info_nce

__all__ = ["Training", "info_nce", "train"]
