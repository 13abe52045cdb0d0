"""What every stage's script does around its work: log, count costs, fail in one sentence."""

import errno
import logging
import os
import re
import resource
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar, cast

from scripts.core.checksums import check, forget, record
from scripts.core.errors import AuditError
from scripts.core.files import UNWRITABLE
from scripts.core.ledger import Ledger
from scripts.core.progress import Reporter
from scripts.core.rows import write_document
from scripts.core.settings import settings_as

MAIN = "AUTO_INTERVENTIONS_MAIN"  # host and process of Snakemake, as workflow/session.py sets it
DONE = "done in"
_ENDED = re.compile(rf"^\S+ \S+ (?:ERROR |INFO {DONE} )", re.M)
log = logging.getLogger("audit")
T = TypeVar("T")


class Named(Protocol):
    """What a rule names: an input is a path or a list of paths, a parameter what JSON holds."""

    def __getattr__(self, name: str) -> Any: ...
    def __getitem__(self, name: Any) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def get(self, name: str, default: Any = None) -> Any: ...


class Described(Protocol):
    """A job as Snakemake describes it: what it puts into a script as the name `snakemake`."""

    rule: str
    input: Named
    output: Named
    params: Named
    wildcards: Named
    log: Named
    threads: int


@dataclass(frozen=True)
class Job:
    """One run of a rule, as its script sees it."""

    input: Named
    output: Named
    params: Named
    wildcards: Named
    threads: int
    """Cores: what Slurm granted, else what Snakemake gave."""
    ledger: Ledger
    log: str
    """Where the job's own words go."""

    def settings(self, kind: type[T]) -> T:
        """What its rule hands over as `settings`, as their type. Raises AuditError."""
        return settings_as(kind, self.params.settings, self.ledger.stage)

    def local(self, kind: type[T]) -> T:
        """What its rule hands over as `local`, paths and the like that no key contains, as its
        type. Raises AuditError."""
        return settings_as(kind, self.params.local, self.ledger.stage)


def run(main: Callable[[Job], None]) -> None:
    """Do a script's work as the job that stands in its globals as `snakemake`: Snakemake puts it
    there, and so may whoever runs the script otherwise (`runpy.run_path` with `init_globals`)."""
    with running(sys.modules["__main__"].snakemake) as job:
        main(job)


@contextmanager
def running(snakemake: Described) -> Iterator[Job]:
    """Run a stage's work: logs to snakemake.log, writes snakemake.output.ledger at the end.

    Inputs are checked before and outputs get their sums after (checksums.py). An AuditError, a full
    disk or exhausted memory ends the job with one sentence and exit code 1.
    """
    handler = logging.FileHandler(snakemake.log[0], mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    quiet()
    ledger = Ledger(
        snakemake.rule,
        snakemake.params.get("call", ""),
        snakemake.wildcards.get("step"),
        snakemake.wildcards.get("side"),
    )
    job = Job(
        snakemake.input, snakemake.output, snakemake.params, snakemake.wildcards,
        int(os.environ.get("SLURM_CPUS_PER_TASK") or snakemake.threads), ledger,
        snakemake.log[0],
    )  # fmt: skip
    began = time.monotonic()
    _end_with_main()
    reporter = Reporter(snakemake.log[0], snakemake.rule)
    try:
        check(snakemake.input)
        forget(snakemake.output)
        with reporter:
            yield job
        ledger.wall_seconds = round(time.monotonic() - began, 3)
        ledger.peak_mib = max(ledger.peak_mib, peak_mib())
        if hasattr(snakemake.output, "ledger"):
            write_document(snakemake.output.ledger, ledger)
        record(snakemake.output)
        _not_from_the_future(snakemake.input)
        log.info("%s %.1f s", DONE, ledger.wall_seconds)
    except AuditError as error:
        _stop(str(error))
    except Exception as error:
        if out_of_memory(error):
            _stop(
                "out of memory; lower `execution.batch_size` and `execution.embed_batch_size`, or "
                "give the job more (`mem_mb` in the profile)"
            )
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            _stop(str(error))
        log.exception("failed")
        raise
    except BaseException:
        log.error("interrupted")
        raise


def quiet() -> None:
    """Keep the libraries to what a user can act on."""
    # What they tell each other about their next release is none of it.
    warnings.filterwarnings("ignore", category=FutureWarning)
    for noisy in ("httpx", "huggingface_hub", "matplotlib", "sentence_transformers"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # peft imports it wherever it is found, for two seconds; who needs it takes the mark away.
    sys.modules.setdefault("bitsandbytes", cast(ModuleType, None))
    # It warns of each layer's number type at every step, and of kernels that no processor needs.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def was_killed(log_file: str | os.PathLike[str], since: float) -> bool:
    """Whether a job that wrote to this log since then ended without a word, as killed ones do."""
    try:
        with open(log_file, encoding="utf-8", errors="replace") as file:
            said = file.read()
            return os.fstat(file.fileno()).st_mtime >= since and not re.search(_ENDED, said)
    except OSError:
        return False


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out; torch says so by the text of a RuntimeError."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    told = isinstance(error, RuntimeError) and re.search("allocate memory|out of mem", str(error))
    return isinstance(error, MemoryError) or bool(told)


def peak_mib() -> float:
    """Most memory that this process has held, in MiB (resident).

    From /proc where that says it: getrusage begins with the peak of the process that started this.
    """
    try:
        own = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
    except OSError:
        own = None
    if own:
        return round(int(own[1]) / 2**10, 1)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


def _end_with_main() -> None:
    """End this process soon after Snakemake's main process on the same machine has ended.

    Killed, it leaves its jobs behind, and the next call would do their work, and pay it, beside
    them. A scheduler's jobs are its own affair.
    """
    host, _, main = os.environ.get(MAIN, "").rpartition(":")
    if host != socket.gethostname() or "SLURM_JOB_ID" in os.environ:
        return

    def watch() -> None:
        while True:
            try:
                os.kill(int(main), 0)
            except OSError:  # none, or somebody else's
                _stop("Snakemake's main process has ended; unlock and run the same call again")
            time.sleep(1)

    threading.Thread(target=watch, daemon=True).start()


def _not_from_the_future(inputs: Iterable[str]) -> None:
    """Give inputs that are newer than now, as a clock that jumped leaves them, this moment's time:
    to Snakemake outputs that are older than inputs are failures, however often it tries."""
    now = time.time()
    for path in inputs:
        with suppress(OSError):
            if os.stat(path).st_mtime > now:
                os.utime(path)


def warn(sentence: str) -> None:
    """Say what a person has to know before the job's results are there."""
    log.warning(sentence)
    _say(f"warning: {sentence}")


def _say(line: str) -> None:
    with suppress(OSError):  # nobody reads it where Snakemake's main process has ended
        print(f"\n{line}\n", file=sys.stderr, flush=True)


def _stop(sentence: str) -> None:
    log.error(sentence)
    _say(f"error: {sentence}")
    # No traceback: the sentence is the message. Snakemake sees the exit code.
    os._exit(1)
