"""Exact mAP from embeddings on a GPU: ours against torch, on the vectors of scorer.py.

    python benches/device.py [--device cuda] [--queries 2000] [--candidates 13000] [--dimension 768]
                             [--threads 2] [--rounds 9] [--budget 4] [--only hybridsampler torch]

The same three seeded sets as scorer.py's, with queries and candidates on the device before anything
is timed; each turn ends when the device has done its work. "hybridsampler" screens there and scores
on the CPU what is left open; "hybridsampler, CPU" has the same vectors in memory. Its average
precision of every query has to be that of the device, to the last bit: else the bench ends with an
error, and writes no record.

  ms           the least and the median; all run in turn, up to --rounds times and for --budget
               seconds a set
  ours = 1     least by least
  product = 1  against torch's bare product in float32, without TF32
  peak MB      of the device, beyond the vectors (of memory, where --device is cpu)
  mAP          and how far it is from the exact one; torch sorts float32

Where there is no GPU the bench says so and measures nothing. Larger ones need more work to be busy:
--candidates 1000000 --sets retriever, which takes 17 GB of the device for a product of float64.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from embeddings import KINDS, LANGUAGES, Work
from peers import chosen, parser, write
from scorer import NOT_MEASURED, measured, show
from scorers import Ours, Scorer, Torch, TorchProduct, TorchSort
from turns import Child, absent, children


class OnDevice(Torch):
    def place(self, device: str) -> None:
        """From now on take vectors there."""
        self.device = device

    def take(self, queries: int) -> None:
        super().take(queries)
        if self.device != "cpu":  # what was held while vectors were loaded does not count
            self._torch.get_device_module(self.device).reset_peak_memory_stats()

    def wait(self) -> None:
        """Until the device has done what it was asked for."""
        self._torch.get_device_module(self.device).synchronize()

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "device_bytes": self._grown()}

    def _grown(self) -> int | None:
        if self.device == "cpu":
            return None
        vectors = (self._queries, self._candidates, self._relevant)
        most = self._torch.get_device_module(self.device).max_memory_allocated()
        return int(most - sum(tensor.nbytes for tensor in vectors))


class OursOnDevice(OnDevice, Ours):
    name, package = "hybridsampler", "hybridsampler"

    def give(self, work: Work) -> None:
        super().give(work)
        there: Any = {"queries": self._queries, "candidates": self._candidates}
        self.work = dataclasses.replace(work, **there)

    def run(self) -> float:
        found = super().run()
        self.wait()
        return found


class OursOnCpu(Ours):
    name, note = "hybridsampler, CPU", "with --threads threads"

    def place(self, device: str) -> None:
        """Stay."""

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "device_bytes": None}


class Product32(OnDevice, TorchProduct):
    name, note = "torch product, float32", "all at once; no ranking"

    def run(self) -> None:
        super().run()
        self.wait()


class Product64(Product32):
    """Of vectors that are widened before: the arithmetic of ours, alone."""

    name, note = "torch product, float64", "all at once; no ranking"

    def give(self, work: Work) -> None:
        super().give(work)
        self._queries, self._candidates = self._queries.double(), self._candidates.double()
        self.memory = self.memory.double()


class Sort(OnDevice, TorchSort):
    """Waits for the device with each block of ranks."""


CONTESTANTS: tuple[type[Scorer], ...] = (OursOnDevice, OursOnCpu, Product32, Product64, Sort)


def prepare(child: Child, device: str, dimension: int) -> None:
    """Have a contestant do a little there, for what is loaded or chosen only then."""
    child.ask("place", device)
    child.ask("give", Work.make("gaussian", 4, 64, dimension))
    child.turn()


def check(there: Sequence[Child]) -> None:
    """End with an error where a digit differs from the CPU's."""
    found = {
        child.kind.name: child.ask("per_query") for child in there if issubclass(child.kind, Ours)
    }
    first, *others = found.values()
    for values in others:
        wrong = sum(one != other for one, other in zip(first, values, strict=True))
        if wrong:
            raise SystemExit(f"the device gives {wrong:,} of {len(first):,} queries other digits")
        print("  the device gives the digits of the CPU")


def name_of(device: str) -> str | None:
    """What the device is called; ``None``: there is none."""
    import torch  # not above: the processes that measure import this module too

    if device == "cpu":
        return "the CPU"
    module = torch.get_device_module(device)
    return str(module.get_device_name()) if module.is_available() else None


def main() -> None:
    words = parser(__doc__, contestants=True)
    words.add_argument("--device", default="cuda", help="of torch, as cuda, xpu or cpu")
    words.add_argument("--queries", type=int, default=2000)
    words.add_argument("--candidates", type=int, default=13000)
    words.add_argument("--dimension", type=int, default=768)
    words.add_argument("--threads", type=int, default=2)
    words.add_argument("--rounds", type=int, default=9)
    words.add_argument("--budget", type=float, default=4.0, help="seconds for each, and each set")
    words.add_argument("--sets", nargs="+", choices=KINDS, default=KINDS)
    given = words.parse_args()
    device = name_of(given.device)
    if device is None:
        print(f"device: NO GPU HERE (torch finds no {given.device}), so nothing is measured")
        return
    work = (
        f"{given.queries:,} queries x {given.candidates:,} candidates x {given.dimension} "
        f"dimensions on {device}, {LANGUAGES} relevant a query, {given.threads} threads"
    )
    print(f"device: {work}")
    kinds = [kind for kind in CONTESTANTS if chosen(kind.name, given.only)]
    results = []
    with children(
        kinds, given.threads, lambda child: prepare(child, given.device, given.dimension)
    ) as (there, missing):
        for name in given.sets:
            made = Work.make(name, given.queries, given.candidates, given.dimension)
            print(f"\n{name}:")
            found = [
                # Of a device its own memory is asked for.
                {
                    **one,
                    "peak_bytes": one["peak_bytes" if given.device == "cpu" else "device_bytes"],
                }
                for one in measured(there, made, given.rounds, given.budget)
            ]
            found += [
                {**absent(kind, missing[kind.name]), **NOT_MEASURED, "estimated": False}
                for kind in kinds
                if kind.name in missing
            ]
            show(found, Product32.name)
            check(there)
            results += [{"set": name, **one} for one in found]
    path = write(
        given.record,
        "device",
        work,
        device=device,
        queries=given.queries,
        candidates=given.candidates,
        dimension=given.dimension,
        threads=given.threads,
        budget_seconds=given.budget,
        results=results,
    )
    # Not above: the processes that measure import this module too.
    from plot import draw

    draw(path)


if __name__ == "__main__":
    main()
