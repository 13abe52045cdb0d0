"""What every stage's script does around its work: log, count costs, fail in one sentence."""

import errno
import logging
import os
import resource
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from tqdm import tqdm

from scripts.workflow.errors import AuditError
from scripts.workflow.files import write_json

LEDGER_SCHEMA = 1
log = logging.getLogger("audit")


@dataclass
class Ledger:
    """What a job has spent; `saved_seconds` is what the cache hits cost when they were computed."""

    stage: str
    call: str
    step: str | None = None
    wall_seconds: float = 0.0
    saved_seconds: float = 0.0
    texts: int = 0
    tokens: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    saved_tokens: int = 0
    peak_mib: float = 0.0


@contextmanager
def job(snakemake) -> Iterator[Ledger]:
    """Run a stage's work: logs to snakemake.log, writes snakemake.output.ledger at the end.

    An AuditError, a full disk or exhausted memory ends the job with one sentence and exit code 1.
    """
    handler = logging.FileHandler(snakemake.log[0], mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # What the libraries tell each other about their next release is nothing a user can act on.
    warnings.filterwarnings("ignore", category=FutureWarning)
    for noisy in ("httpx", "huggingface_hub", "matplotlib", "sentence_transformers"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    wildcards = dict(snakemake.wildcards.items())
    ledger = Ledger(snakemake.rule, snakemake.params.get("call", ""), wildcards.get("step"))
    began = time.monotonic()
    try:
        yield ledger
        ledger.wall_seconds = round(time.monotonic() - began, 3)
        ledger.peak_mib = peak_mib()
        if hasattr(snakemake.output, "ledger"):
            write_json(snakemake.output.ledger, {"schema": LEDGER_SCHEMA, **asdict(ledger)})
        log.info("done in %.1f s", ledger.wall_seconds)
    except AuditError as error:
        _stop(str(error))
    except MemoryError:
        _stop("out of memory; lower `execution.batch_size` or `execution.embed_batch_size`")
    except OSError as error:
        log.exception("failed")
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _stop(str(error))
        raise
    except Exception:
        log.exception("failed")
        raise


def peak_mib() -> float:
    """Most memory that this process has held, in MiB (resident)."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


def _stop(sentence: str) -> None:
    log.error(sentence)
    print(f"\nerror: {sentence}\n", file=sys.stderr, flush=True)
    # No traceback: the sentence is the message. Snakemake sees the exit code.
    sys.stderr.flush()
    os._exit(1)


def progress(total: int, unit: str, description: str) -> tqdm:
    """A progress bar with rate and time left; silent without a terminal."""
    return tqdm(
        total=total,
        unit=unit,
        desc=description,
        disable=not sys.stderr.isatty(),
        mininterval=0.5,
        dynamic_ncols=True,
        leave=False,
    )


def threads(snakemake) -> int:
    """Cores of this job: what Slurm granted, else what Snakemake gave."""
    return int(os.environ.get("SLURM_CPUS_PER_TASK") or snakemake.threads)
