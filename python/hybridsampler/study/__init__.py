"""Compare batch mixes: train one encoder with each, evaluate all, report."""

from hybridsampler.study.config import StudyConfig, read_config
from hybridsampler.study.run import run_study

__all__ = ["StudyConfig", "read_config", "run_study"]
