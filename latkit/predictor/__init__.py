"""Predicting: a pretrained bundle, a few-shot adapter, and the file that it is exported to."""
