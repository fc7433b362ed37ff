"""The page of figures that scripts/benchmarks writes."""

import textwrap
from statistics import median

import bench_servers as servers

# Measured once on a machine of this class (two cores shared with the client, keys drawn from
# 100,000, values of 100 bytes, medians of three to six rounds). CPU in microseconds of all server
# processes for each operation: pipeline 1 SET, GET, then pipeline 16 SET, GET.
RECORDED = [
    ("valkey 9.1", "log every second", 10.9, None, 1.90, None),
    ("valkey 9.1", "no log", 10.0, 10.3, 1.10, 0.91),
    ("valkey 9.1, 3 primaries, 3 replicas", "no log, asynchronous", 14.1, 8.6, 3.46, 1.13),
    ("valkey 9.1, 1 primary, 2 replicas", "log every second; WAIT 1", 25.3, 10.0, None, None),
    ("KeyDB, 3 active replicas", "no log, asynchronous", 67.9, 20.9, 23.9, 2.9),
    ("Dynomite 0.7, 3 nodes, 3 copies", "in memory, quorum", 29.3, 30.3, 25.9, 27.6),
    ("Cassandra 4.0, 1 node", "periodic flush", 76, 65, None, None),
    ("Cassandra 4.0, 3 nodes, 3 copies", "periodic flush, quorum", 423, 388, None, None),
    ("etcd 3.5, 3 nodes", "consensus", 259, 170, None, None),
]
BARS = {1: {}, 16: {"GET": 1.3, "SET": 1.0, "INCR": 0.9, "HSET": 0.8, "SADD": 0.8, "ZADD": 0.8}}
DURABLE_BAR = 1.5
CPU_BARS = {
    ("LOCAL_QUORUM write", 1): 30,
    ("LOCAL_QUORUM read", 1): 25,
    ("LOCAL_QUORUM write", 16): 10,
    ("LOCAL_QUORUM read", 16): 6,
    ("ONE read", 1): 9,
}
HALF_LOAD_P99_MS = 5
MEMORY_BAR = 1.6
US = "starling"


def page(parts, about):
    sections = [heading(about)]
    for name, section in SECTIONS.items():
        if name in parts:
            sections.append(section(parts[name]))
    if "three" in parts:
        sections.append(recorded())
    return "\n\n".join(section.strip() for section in sections) + "\n"


def heading(about):
    peers = ", ".join(peer for peer in about["peers"] if peer)
    load = " ".join(f"{one:.1f}" for one in about["load"])
    paragraphs = [
        "`scripts/benchmarks` wrote this page; run it and see your own. It needs "
        "`cargo build --release --bin starling`, and installs redis-server where it can.",
        f"Starling {about['commit']} beside {peers}, on {about['processor']}, Linux "
        f"{about['kernel']}. Servers and client share the machine. The load average was {load} "
        "before, between and after the parts, the measured programs included: where it is above "
        "the number of processors by more than two, others had their share too, and rates say "
        "less than processor time.",
        f"{servers.CONNECTIONS} connections, values of {about['value']} bytes, "
        f"{about['keys']:,} keys (or members of one collection) drawn at random, all in memory; "
        f"{about['rounds']} rounds in turn, {about['minutes']:.0f} minutes in all. Figures are "
        "medians. A ratio is of two runs of one round: Starling's figure as a part of the peer's, "
        "the median, and in brackets the least and the most. CPU is user and system time of all "
        "processes of a server for each operation. Starling keeps its log small while it runs; "
        "the peers do not rewrite theirs here.",
    ]
    return "\n\n".join(["# Benchmarks", *map(wrapped, paragraphs)])


def wrapped(paragraph):
    return textwrap.fill(paragraph, 100, break_long_words=False, break_on_hyphens=False)


def one_node(figures):
    text = """
## One node

Starling with one node, flushing each second, beside servers that flush their append-only log each
second. The bar is the rate as a part of redis-server's.

"""
    return text + table(figures, lambda pipeline, name: BARS[pipeline].get(name, 1.0))


def durable(figures):
    text = """
## Durable before it is answered

The same with `--flush always` beside `appendfsync always`.

"""
    return text + table(figures, lambda *_: DURABLE_BAR)


def table(figures, bar_of):
    rows = [
        "| pipeline | command | server | k/s | p50 ms | p99 ms | CPU us | rate ratio | CPU ratio "
        "| bar |",
        "|---:|---|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for (pipeline, name), rivals in figures.items():
        for rival, rounds in rivals.items():
            row = [str(pipeline), name, rival, *shown(rounds)]
            if rival == US:
                row += ["", "", ""]
            else:
                rate, cpu = (ratios(rivals[US], rounds, of) for of in ("per_second", "cpu_us"))
                bar = bar_of(pipeline, name)
                held = verdict(median(rate) >= bar) if rival == "redis-server" else ""
                row += [spread(rate), spread(cpu), f">= {bar}: {held}" if held else ""]
            rows.append("| " + " | ".join(row) + " |")
    return "\n".join(rows) + "\n"


def three_nodes(figures):
    text = """
## Three nodes

Three nodes with three copies on the same machine, flushing each second, 100,000 keys. CPU is that
of all nodes together. Half load is an open load of half the rate reached with one request at a
time; its latency counts from when a request was due.

| load | pipeline | k/s | p50 ms | p99 ms | CPU us (least to most) | bar |
|---|---:|---:|---:|---:|---:|---|
"""
    for (what, pipeline), rounds in figures.items():
        rate, p50, p99, cpu = shown(rounds)
        spans = [one.cpu_us for one in rounds]
        bar = ""
        if (what, pipeline) in CPU_BARS:
            limit = CPU_BARS[what, pipeline]
            bar = f"<= {limit} us: {verdict(median(spans) <= limit)}"
        elif "half load" in what:
            is_held = median(one.p99_ms for one in rounds) <= HALF_LOAD_P99_MS
            bar = f"p99 <= {HALF_LOAD_P99_MS} ms: {verdict(is_held)}"
        span = f"{cpu} ({min(spans):.1f} to {max(spans):.1f})"
        text += f"| {what} | {pipeline} | {rate} | {p50} | {p99} | {span} | {bar} |\n"
    return text


def recorded():
    text = """
### Peers that no package installs

Recorded earlier on a machine of this class, and not measured by this run: servers and client on two
shared cores, 50 connections, values of 100 bytes, 100,000 keys. CPU in microseconds of all server
processes for each operation.

| peer | setting | SET | GET | SET, pipeline 16 | GET, pipeline 16 |
|---|---|---:|---:|---:|---:|
"""
    for peer, setting, *figures in RECORDED:
        cells = ["-" if one is None else f"{one}" for one in figures]
        text += "| " + " | ".join([peer, setting, *cells]) + " |\n"
    return text


def memory(found):
    held = found["bytes"]
    text = f"""
## Memory

{found["keys"]:,} keys of 16 bytes with values of 100, inserted into one node.

| server | resident MB | for each key, start apart | ratio to redis-server |
|---|---:|---:|---|
"""
    redis = held.get("redis-server")
    for name, (grown, resident) in held.items():
        ratio = ""
        if redis and name == US:
            part = resident / redis[1]
            ratio = f"{part:.2f} (bar <= {MEMORY_BAR}: {verdict(part <= MEMORY_BAR)})"
        each = grown / found["keys"]
        text += f"| {name} | {resident / 1e6:.0f} | {each:.0f} B | {ratio} |\n"
    return text


SECTIONS = {"one": one_node, "durable": durable, "three": three_nodes, "memory": memory}


def shown(rounds):
    """Medians of rate, latencies and processor time."""
    rate, p50, p99, cpu = (median(column) for column in zip(*rounds))
    return f"{rate / 1000:.1f}", f"{p50:.2f}", f"{p99:.2f}", f"{cpu:.2f}"


def ratios(ours, theirs, of):
    return [getattr(a, of) / getattr(b, of) for a, b in zip(ours, theirs) if getattr(b, of) > 0]


def spread(values):
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def verdict(is_held):
    return "held" if is_held else "missed"
