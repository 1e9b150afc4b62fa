"""Where a training framework needs more than HybridBatchSampler as it is.

Nothing is imported here: each module imports its own framework.
"""
