"""Measuring: one campaign on one device, from a plan to stored measurements."""
