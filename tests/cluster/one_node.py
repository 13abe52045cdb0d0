"""A Slurm of one node on the loopback interface, with two fake GPUs, for the time of a test module.

Daemons are Debian's, run in the foreground and ended by pid; their files lie in a temporary folder.
Only the configuration has to be where Slurm was compiled to look for it, /etc/slurm (the jobstep
plugin strips SLURM_CONF from the environment of srun), as links into that folder. There are no
cgroups and no accounting, so nothing enforces memory and `squeue` alone tells how jobs ended.
"""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
DAEMONS = ("munged", "slurmctld", "slurmd")
SITE = Path("/etc/slurm")
# A GPU needs a character device each; with one, Slurm sets CUDA_VISIBLE_DEVICES.
DEVICES = ("/dev/null", "/dev/zero")
# More than the machine may have (config_overrides): jobs ask for what a cluster's nodes hold.
CORES, MEMORY = 16, 64_000

SLURM_CONF = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={controller}
SlurmdPort={node}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MailProg=/bin/true
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MinJobAge=3600
SchedulerParameters=sched_interval=1,bf_interval=1
KillWait=5
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} Gres=gpu:fake:{gpus}
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""


class OneNode:
    """A running cluster. `jobs()` tells what became of everything that was submitted to it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.host = socket.gethostname().split(".")[0]
        self.running: dict[str, subprocess.Popen] = {}

    def start(self) -> None:
        """Configure, start the daemons and wait until the node takes jobs; fails with its log."""
        for place in ("state", "spool"):
            (self.folder / place).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        self._configure()
        files = [f"--{o}-file={self.folder}/munge.{o}" for o in ("key", "pid", "log", "seed")]
        # --force, since it wants its socket's folder open to all, which pytest's are not
        socket_file = self.folder / "munge.socket"
        self.run("munged", "--foreground", "--force", f"--socket={socket_file}", *files)
        self._wait(socket_file.exists)
        self.run("slurmctld", "-D", "-c")
        self._wait(lambda: not said("scontrol", "ping")[0])
        self.run("slurmd", "-D", "-N", self.host)
        self._wait(lambda: said("sinfo", "-h", "-p", "gpu", "-o", "%T")[1].strip() == "idle")

    def run(self, daemon: str, *arguments: str) -> None:
        """Start a daemon that dies with the process that runs the tests."""
        with open(self.folder / f"{daemon}.out", "a") as out:
            self.running[daemon] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", daemon, *arguments],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def stop(self) -> None:
        """End the jobs that are left and the daemons, the last started first."""
        if "slurmd" in self.running:
            said("scancel", "--user", "root")
        for daemon in reversed(self.running.values()):
            daemon.terminate()
            try:
                daemon.wait(timeout=15)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for name in ("slurm.conf", "gres.conf", "cgroup.conf"):
            link = SITE / name
            if link.is_symlink() and link.readlink() == self.folder / name:
                link.unlink()  # else every call of Snakemake waits 10 s for a dead controller

    def jobs(self) -> list[dict[str, str]]:
        """What `scontrol show jobs` tells, a dictionary a job, in the order of submission."""
        lines = said("scontrol", "--oneliner", "--details", "show", "jobs")[1].splitlines()
        found = [dict(re.findall(r"([\w/]+)=(\S*)", line)) for line in lines if "JobId=" in line]
        return sorted(found, key=lambda job: int(job["JobId"]))

    def _configure(self) -> None:
        ports = [socket.socket() for _ in range(2)]
        for port in ports:
            port.bind(("127.0.0.1", 0))
        controller, node = (port.getsockname()[1] for port in ports)
        for port in ports:
            port.close()
        files = {
            "slurm.conf": SLURM_CONF.format(
                host=self.host, folder=self.folder, controller=controller, node=node,
                cores=CORES, memory=MEMORY, gpus=len(DEVICES),
            ),
            "gres.conf": "".join(
                f"NodeName={self.host} Name=gpu Type=fake File={device}\n" for device in DEVICES
            ),
            "cgroup.conf": "",  # has to be there
        }  # fmt: skip
        SITE.mkdir(exist_ok=True)
        for name, content in files.items():
            (self.folder / name).write_text(content)
            (SITE / name).unlink(missing_ok=True)  # a link that a killed run left
            (SITE / name).symlink_to(self.folder / name)

    def _wait(self, ready, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            dead = [name for name, daemon in self.running.items() if daemon.poll() is not None]
            if dead or time.monotonic() > deadline:
                logs = "\n".join(p.read_text()[-1500:] for p in self.folder.glob("*.out"))
                pytest.fail(f"the cluster does not start ({dead or 'timeout'}):\n{logs}")
            time.sleep(0.1)


def said(*command: str) -> tuple[int, str]:
    """Exit code of a command and what it printed."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def why_not() -> str | None:
    """Why no cluster is to be started here; else None."""
    if not os.environ.get("CLUSTER"):
        return "a Slurm of one node is started by `make test CLUSTER=1` only, as root"
    if os.geteuid():
        return "Slurm's daemons need root"
    if (SITE / "slurm.conf").exists():
        return "this machine has a Slurm of its own"
    if not all(map(shutil.which, DAEMONS)):
        return f"Slurm is missing, on Debian `apt-get install {' '.join(PACKAGES)}`"
    return None


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[OneNode]:
    """A running cluster of one node; skips, with the reason, where there can be none."""
    if reason := why_not():
        pytest.skip(reason)
    node = OneNode(tmp_path_factory.mktemp("slurm"))
    try:
        node.start()
        yield node
    finally:
        node.stop()
