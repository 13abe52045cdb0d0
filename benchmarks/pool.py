"""How much longer than ideal the pool takes: requests of known latency through the real SDKs.

    python -m benchmarks.pool

Starts tests/support/loopback.py as a process of its own, which answers after 0.2 s, and sends 2,000
requests, 64 at once: ideally 2000 / 64 x 0.2 = 6.25 s. Writes `pool_over_ideal` (openai) and
`pool_over_ideal_gemini` to results/benchmarks/assistants.json, beside what is there.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.speed import record
from scripts.assistants.client import Pool
from scripts.assistants.questions.judging import judge_question
from scripts.assistants.roles import Budget, ProposeRoles, Role

REQUESTS, AT_ONCE, LATENCY = 2000, 64, 0.2
RESULTS = Path("results/benchmarks/assistants.json")
ROOT = Path(__file__).resolve().parent.parent


def seconds(provider: str, address: str, cache: Path) -> float:
    """Wall seconds for all requests of one provider, connection and parsing included."""
    role = Role("author", provider, "small", address, concurrency=AT_ONCE, timeout=30.0)
    statements = {f"h{n}": f"mentions the word “word{n}”" for n in range(10)}
    with Pool(ProposeRoles(Budget(), role), cache) as pool:
        questions = [
            judge_question(role, ("A question?", "p", n), (f"word{n}", "none"), statements, 0)
            for n in range(REQUESTS)
        ]
        began = time.monotonic()
        answers = pool.ask(questions)
        took = time.monotonic() - began
    assert all(answer.outcome == "answered" for answer in answers)
    return took


def main() -> None:
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/support/loopback.py"), str(LATENCY)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        found = {}
        for provider, path, name in (
            ("openai", "/v1", "pool_over_ideal"),
            ("gemini", "", "pool_over_ideal_gemini"),
        ):
            with tempfile.TemporaryDirectory() as cache:
                took = seconds(provider, f"http://127.0.0.1:{port}{path}", Path(cache))
            ideal = REQUESTS / AT_ONCE * LATENCY
            found[name] = round(took / ideal, 3)
            print(f"{provider}: {took:.2f} s, {found[name]:.2f} times the ideal {ideal:.2f} s")
    finally:
        server.kill()
        server.wait()
    record(RESULTS, **found)


if __name__ == "__main__":
    main()
