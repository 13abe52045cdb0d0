"""The requests that are put to a language model, one module a subject, each with the function that
reads its reply.

Generated texts stand in them as quoted data (quoting.py). Whatever order a request has is drawn
from a hash of what it is about, so that it is the same whenever it is built.
"""
