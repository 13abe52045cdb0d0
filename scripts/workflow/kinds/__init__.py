"""Kinds of subjects, while the configuration is read; what a job does is in scripts/models."""
