"""Recordings: responses that were made elsewhere, in the form that stages read."""
