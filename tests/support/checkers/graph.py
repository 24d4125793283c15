"""The order that versions and real time impose on transactions, and its cycles.

Edges as in Adya's "Weak Consistency" (1999) for a mix of levels, with the versions
known as in Elle (Kingsbury and Alvaro, 2020): ww to who wrote the next version, wr to
who read one, rw from who read a version to who wrote the next one. An rw edge counts
only from transactions that promise to act on what they read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import networkx as nx

from support.checkers.placing import Placing
from support.checkers.violation import Violation
from support.models.history import Append, Check, Level, Read, Transaction

WRITES, READS, OVERWRITES, TIME = "ww", "wr", "rw", "rt"


def cycle_violations(
    placing: Placing, transactions: Sequence[Transaction]
) -> Iterable[Violation]:
    """Name the shortest cycle, of the worst kind that there is."""
    graph = dependencies(placing, transactions)
    for anomaly, kinds in (("G0", {WRITES}), ("G1c", {WRITES, READS})):
        if cycle := shortest_cycle(graph, kinds):
            yield told(placing, graph, anomaly, cycle)
            return
    acting = {t.name for t in transactions if t.is_strict}
    acting |= {t.name for t in transactions if t.level == Level.SERIALIZABLE}
    if cycle := shortest_cycle(graph, {WRITES, READS, OVERWRITES}, acting):
        yield told(placing, graph, _of_overwrites(graph, cycle), cycle)
        return
    if cycle := _one_overwrite(graph, transactions):
        yield told(placing, graph, "G-single", cycle)
        return
    if all(transaction.is_strict for transaction in transactions):
        _add_real_time(graph, transactions)
        if cycle := shortest_cycle(graph, {WRITES, READS, OVERWRITES, TIME}, acting):
            yield told(placing, graph, "real time", cycle)


def dependencies(
    placing: Placing, transactions: Sequence[Transaction]
) -> nx.MultiDiGraph[str]:
    """Draw the ww, wr and rw edges between transactions, by their names."""
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    known = {transaction.name: transaction for transaction in transactions}
    for name, transaction in known.items():
        graph.add_node(name, transaction=transaction)
    for aggregate, elements in placing.lists.items():
        writers = [placing.writer[aggregate, element].name for element in elements]
        for version, (one, other) in enumerate(pairwise(writers), 1):
            if one != other:
                graph.add_edge(one, other, WRITES, what=(aggregate, version))
    for transaction in transactions:
        for aggregate, seen, is_exact in _seen(placing, transaction):
            writer = placing.writer_at(aggregate, seen)
            if writer is not None and writer is not transaction:
                what = (aggregate, seen)
                graph.add_edge(writer.name, transaction.name, READS, what=what)
            follower = placing.writer_at(aggregate, seen + 1)
            if is_exact and follower is not None and follower is not transaction:
                what = (aggregate, seen)
                graph.add_edge(transaction.name, follower.name, OVERWRITES, what=what)
    return graph


def _seen(placing: Placing, who: Transaction) -> Iterator[tuple[object, int, bool]]:
    """Give which versions a transaction saw, and whether as the newest ones."""
    appended = set()
    for action in who.actions():
        if isinstance(action, Append):
            if action.elements:
                appended.add(action.aggregate)
                yield action.aggregate, placing.first(action) - 1, False
        elif action.aggregate in appended:
            continue
        elif isinstance(action, Read):
            yield action.aggregate, len(action.elements), True
        elif isinstance(action, Check):
            is_exact = action.expected != -1
            yield action.aggregate, action.expected if is_exact else 1, is_exact


def shortest_cycle(
    graph: nx.MultiDiGraph[str], kinds: set[str], acting: set[str] | None = None
) -> list[str] | None:
    """Find a cycle of as few transactions as possible over edges of these kinds.

    An rw edge counts only from transactions in `acting`.
    """
    part: nx.DiGraph[str] = nx.DiGraph()
    for one, other, kind in graph.edges(keys=True):
        if kind in kinds and (kind != OVERWRITES or one in (acting or ())):
            # Moments on the time line are no transactions.
            part.add_edge(one, other, weight=0 if other.startswith("time ") else 1)
    best: list[str] | None = None
    for component in nx.strongly_connected_components(part):
        if len(component) > 1:
            within = part.subgraph(component)
            for one, other in _starts(within):
                path = nx.dijkstra_path(within, other, one, weight="weight")
                if best is None or _length(path) < _length(best):
                    best = path
                if best and _length(best) == 2:
                    return best
    return best


def _starts(within: nx.DiGraph[str], most: int = 500) -> Iterator[tuple[str, str]]:
    for number, edge in enumerate(within.edges()):
        if number == most:
            return
        yield edge


def _length(path: Sequence[str]) -> int:
    return sum(not name.startswith("time ") for name in path)


def _of_overwrites(graph: nx.MultiDiGraph[str], cycle: Sequence[str]) -> str:
    """Name a cycle by how many of its steps need an rw edge."""
    steps = zip(cycle, [*cycle[1:], cycle[0]], strict=True)
    only = [a for a, b in steps if set(graph[a][b]) == {OVERWRITES}]
    return "G-single" if len(only) == 1 else "G2-item"


def _one_overwrite(
    graph: nx.MultiDiGraph[str], transactions: Sequence[Transaction]
) -> list[str] | None:
    """Find a cycle with one rw edge from a transaction that keeps a snapshot."""
    kinds = {WRITES, READS, OVERWRITES}
    keeping = {
        each.name
        for each in transactions
        if each.level == Level.REPEATABLE_READ and not each.is_strict
    }
    # Cycles with several such edges are allowed, so each is looked at alone.
    if shortest_cycle(graph, kinds, keeping) is None:
        return None
    alone = (shortest_cycle(graph, kinds, {name}) for name in sorted(keeping))
    return next((cycle for cycle in alone if cycle), None)


def _add_real_time(
    graph: nx.MultiDiGraph[str], transactions: Sequence[Transaction]
) -> None:
    """Put what was answered before what was asked later, along a line of moments."""
    moments = [(t.invoked, 1, t.name) for t in transactions]
    moments += [(t.returned, 0, t.name) for t in transactions if t.returned is not None]
    for number, (_, is_invocation, name) in enumerate(sorted(moments)):
        here = f"time {number}"
        graph.add_edge(f"time {number - 1}", here, TIME)
        if is_invocation:
            graph.add_edge(here, name, TIME)
        else:
            graph.add_edge(name, here, TIME)


def told(
    placing: Placing, graph: nx.MultiDiGraph[str], anomaly: str, cycle: Sequence[str]
) -> Violation:
    """Say of each step of a cycle what it rests on."""
    names = [name for name in cycle if not name.startswith("time ")]
    steps = []
    for one, other in zip(names, [*names[1:], names[0]], strict=True):
        edges = graph.get_edge_data(one, other) or {}
        kind = next((k for k in (WRITES, READS, OVERWRITES) if k in edges), TIME)
        what = edges.get(kind, {}).get("what")
        place = f" {str(what[0])[:8]}@{what[1]}" if what else ""
        steps.append(f"{one} -{kind}{place}-> ")
    witnesses = tuple(graph.nodes[name]["transaction"] for name in names)
    text = f"no order explains {''.join(steps)}{names[0]}"
    return Violation(anomaly, text, witnesses)
