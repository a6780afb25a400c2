# SPDX-License-Identifier: MIT
"""Child processes whose output is kept and that never outlive the test."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

STOP_SECONDS = 10
# The last thing before the program: the clock, into a file that is open already.
STAMP = 'exec 9>"$0"; printf %s "$EPOCHREALTIME" >&9; exec "$@" 9>&-'


class Usage(NamedTuple):
    """What a process has cost so far."""

    cpu_seconds: float
    resident_kib: int


class Process:
    """A program in a namespace; standard output and error are appended to `directory`/NAME.out and .log.

    It may be started again after it ended. The kernel ends it when the test run dies.
    """

    def __init__(self, enter: Sequence[str], name: str, directory: Path) -> None:
        """Nothing is started yet. `enter` is the command prefix that leads into the namespace."""
        self.name = name
        self.directory = directory
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.log = directory / f"{name}.log"
        self.out = directory / f"{name}.out"
        self._enter = list(enter)
        self._stamp: list[str] = []
        self._child: subprocess.Popen[bytes] | None = None

    def stamp_exec(self) -> None:
        """Let exec_time() know when the program begins, which is after the way into its namespace."""
        self._stamp = ["bash", "-c", STAMP, str(self.directory / "exec-time")]

    def exec_time(self) -> float:
        """When the running program's exec was called, as time.time() has it; OSError or ValueError before that."""
        return float((self.directory / "exec-time").read_text().replace(",", "."))

    def spawn(self, argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Start the program. Its standard input is a pipe that closes when this process ends it or dies."""
        if self.running():
            message = f"{self.name} runs already"
            raise RuntimeError(message)
        (self.directory / "exec-time").unlink(missing_ok=True)
        command = ["setpriv", "--pdeathsig", "KILL", *self._enter, *self._stamp, *map(str, argv)]
        with self.log.open("ab") as log, self.out.open("ab") as out:
            self._child = subprocess.Popen(
                command, env={**os.environ, **(env or {})}, stdin=subprocess.PIPE, stdout=out, stderr=log
            )

    def beside(self, *argv: str | Path, seconds: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a command in the same namespace, whatever its exit status."""
        command = [*self._enter, *map(str, argv)]
        return subprocess.run(command, timeout=seconds, text=True, capture_output=True, check=False)

    @property
    def pid(self) -> int:
        """Process id of the running program."""
        if self._child is None:
            message = f"{self.name} was not started"
            raise RuntimeError(message)
        return self._child.pid

    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def exit_status(self) -> int | None:
        """Exit status of the last run, negative for a signal; None while it runs."""
        return None if self._child is None else self._child.poll()

    def terminate(self) -> None:
        """Ask it to end, and do not wait."""
        if self._child is not None and self._child.poll() is None:
            if self._child.stdin is not None:
                self._child.stdin.close()
            self._child.terminate()

    def stop(self) -> int:
        """End it in good order, or by force after STOP_SECONDS; the exit status."""
        self.terminate()
        return self._reap(STOP_SECONDS)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._child is not None:
            self._child.send_signal(signal.SIGKILL)
            self._reap(STOP_SECONDS)

    def usage(self) -> Usage:
        """CPU seconds and resident memory of the running program."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        status = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        resident = next(line for line in status if line.startswith("VmRSS"))
        cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return Usage(cpu, int(resident.split()[1]))

    def output(self) -> str:
        """Everything it wrote so far, over all runs."""
        return "".join(path.read_text(errors="replace") for path in (self.out, self.log) if path.exists())

    def tail(self, characters: int = 4000) -> str:
        """Return the end of its output, for a failure's report."""
        return self.output()[-characters:]

    def _reap(self, seconds: float) -> int:
        if self._child is None:
            return 0
        try:
            status = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self._child.kill()
            status = self._child.wait()
        if self._child.stdin is not None:
            self._child.stdin.close()
        return status
