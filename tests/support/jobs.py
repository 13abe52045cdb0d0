"""A job as a stage's script sees it, made by hand."""

from scripts.core.job import Job
from scripts.core.ledger import Ledger


class Named(dict):
    """What a rule names, by its names."""

    __getattr__ = dict.__getitem__


def job(stage, given, output, log="", **params) -> Job:
    """given: its inputs; params: such as `settings` and `local`."""
    return Job(Named(given), Named(output), Named(params), Named(), 1, Ledger(stage, ""), str(log))
