"""Servers that are measured, and the two clients that load them; a part of scripts/benchmarks."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
CONNECTIONS = 50
# Everything stays in memory on both sides: the peers know no other way.
MEMORY_MAX = 8 << 30
PATIENCE_SECONDS = 30
INSERTS_AT_ONCE = 10_000


class Figures(NamedTuple):
    """One round."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


class Server:
    """One server or cluster, as a context: it runs inside and is gone after."""

    def __init__(self, folder):
        self.folder = tempfile.mkdtemp(dir=folder)
        self.processes = []
        self.ports = []

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, command):
        log = open(f"{self.folder}/log{len(self.processes)}", "wb")
        self.processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def wait_for_all(self):
        end = time.time() + PATIENCE_SECONDS
        for port in self.ports:
            while ask(port, "PING") is None:
                assert time.time() < end, f"no server at port {port}"
                time.sleep(0.05)

    def cpu_seconds(self):
        """User and system time of all processes."""
        fields = [stat(process) for process in self.processes]
        return sum(int(value) for one in fields for value in one[11:13]) / TICKS

    def resident_bytes(self):
        pages = (open(f"/proc/{one.pid}/statm").read().split()[1] for one in self.processes)
        return sum(int(count) for count in pages) * os.sysconf("SC_PAGE_SIZE")


class Starling(Server):
    """Starling nodes that all own everything."""

    def __init__(self, binary, folder, node_count, flush):
        super().__init__(folder)
        self.binary, self.node_count, self.flush = binary, node_count, flush

    def __enter__(self):
        ports = free_ports(2 * self.node_count)
        self.ports, peers = ports[::2], ports[1::2]
        members = ";".join(
            f"{at + 1},dc1,r{at + 1},127.0.0.1:{self.ports[at]},127.0.0.1:{peers[at]}"
            for at in range(self.node_count)
        )
        for at in range(self.node_count):
            command = [self.binary, "serve", "--node-id", str(at + 1), "--members", members]
            command += ["--data-directory", f"{self.folder}/{at + 1}", "--flush", self.flush]
            self.start([*command, "--store-memory-max", str(MEMORY_MAX)])
        self.wait_for_all()
        if self.node_count > 1:
            time.sleep(3)  # the links are up
        return self


class Redis(Server):
    """redis-server, or what behaves like it, with its append-only log. It never rewrites the log:
    a child does that now and then, for seconds, and would fall into one round and not another."""

    def __init__(self, binary, folder, flush):
        super().__init__(folder)
        self.binary, self.flush = binary, flush

    def __enter__(self):
        self.ports = free_ports(1)
        command = [self.binary, "--port", str(self.ports[0]), "--dir", self.folder, "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", self.flush]
        self.start([*command, "--auto-aof-rewrite-percentage", "0"])
        self.wait_for_all()
        return self


def stat(process):
    """The fields of a process behind its name, which may hold anything."""
    return open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def ask(port, line):
    """The first line of an answer; nothing when nobody answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(line.encode() + b"\r\n")
            answer = connection.recv(512)
            return None if answer.startswith(b"-LOADING") else answer or None
    except OSError:
        return None


def version(binary):
    if not shutil.which(binary):
        return None
    text = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    return f"{binary} {text.split('v=')[1].split()[0]}"


def closed(server, plan, command):
    """One round of redis-benchmark: (keys, requests, pipeline)."""
    keys, requests, pipeline = plan
    tool = ["redis-benchmark", "-p", str(server.ports[0]), "-c", str(CONNECTIONS)]
    tool += ["-r", str(keys), "-n", str(requests), "-P", str(pipeline), "--csv", *command]
    before = server.cpu_seconds()
    out = subprocess.run(tool, capture_output=True, text=True, check=True).stdout
    spent = server.cpu_seconds() - before
    fields = [field.strip('"') for field in out.splitlines()[-1].rsplit(",", 7)]
    assert len(fields) == 8, f"not a row of figures: {out}"
    return Figures(float(fields[1]), float(fields[4]), float(fields[6]), spent * 1e6 / requests)


def bench(server, options):
    """One round of `starling bench`, spread over all nodes."""
    addresses = ",".join(f"127.0.0.1:{port}" for port in server.ports)
    tool = [server.binary, "bench", "--servers", addresses, "--connections", str(CONNECTIONS)]
    done = subprocess.run([*tool, "--json", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    every = next(one for one in found["figures"] if one["what"] == "all")
    assert every["errors"] == 0, every["example"]
    at = {one["part"]: one["us"] / 1000 for one in every["latencies"]}
    return Figures(every["per_second"], at[0.5], at[0.99], found["server_cpu_us"])


def insert(server, keys, value_size):
    """Writes exactly so many keys of 16 bytes."""
    value = os.urandom(value_size)
    with socket.create_connection(("127.0.0.1", server.ports[0])) as connection:
        for first in range(0, keys, INSERTS_AT_ONCE):
            count = min(INSERTS_AT_ONCE, keys - first)
            connection.sendall(b"".join(one_set(first + at, value) for at in range(count)))
            missing = count * len(b"+OK\r\n")
            while missing > 0:
                answer = connection.recv(65536)
                assert answer and not answer.startswith(b"-"), answer
                missing -= len(answer)


def one_set(number, value):
    return b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$%d\r\n%b\r\n" % (number, len(value), value)
