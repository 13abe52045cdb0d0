"""Requests to servers that may be busy, slow or broken for a while."""
