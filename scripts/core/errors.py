"""The error that a person can act on."""


class AuditError(Exception):
    """One sentence for the person at the keyboard: what is wrong, where, what to do."""
