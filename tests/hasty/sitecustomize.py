"""On PYTHONPATH of a run: it waits a twentieth of the usual before it tries a request again."""

from tenacity import wait_random_exponential

usual = wait_random_exponential.__call__
wait_random_exponential.__call__ = lambda self, state: usual(self, state) / 20
