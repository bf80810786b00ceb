"""NASFLAT (Akhauri & Abdelfattah, "On Latency Predictors for Neural Architecture Search", 2024).

The published method that the predictor of this package is compared with: a graph neural network
with hardware embeddings at every operation, trained by pairwise hinge loss on all source devices
and fine-tuned on the samples of a target.
"""
