"""The loop: the right losses, the same every time, and a killed run that never noticed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from hybridsampler import BatchPlan, Mix, PairDataset, ParallelCorpus
from hybridsampler.encoders import NgramEncoder
from hybridsampler.train import Training, info_nce, train

LANGUAGES = ("de", "en", "fr")
GROUPS = 24
STEPS = 23


def _corpus() -> tuple[ParallelCorpus, list[tuple[str, str]]]:
    cells = [(group, name) for group in range(GROUPS) for name in LANGUAGES]
    corpus = ParallelCorpus.from_columns(
        group=[group for group, _ in cells], language=[name for _, name in cells]
    )
    return corpus, [(f"{name} question {group}", f"{name} answer {group}") for group, name in cells]


class Letters(nn.Module):
    """A dense encoder of any texts, with dropout, so that the random state matters."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.table = nn.Parameter(torch.randn(128, 8, generator=generator))
        self.drop = nn.Dropout(0.3)

    def forward(self, texts: list[str]) -> Tensor:
        rows = [self.table[torch.tensor([ord(c) % 128 for c in text])].mean(0) for text in texts]
        dropped: Tensor = self.drop(torch.stack(rows))
        return dropped


def _adamw(encoder: nn.Module) -> Optimizer:
    return torch.optim.AdamW(encoder.parameters(), lr=1e-2)


def _sparse_adam(encoder: nn.Module) -> Optimizer:
    return torch.optim.SparseAdam(encoder.parameters(), lr=1e-2)


def _sgd(encoder: nn.Module) -> Optimizer:
    return torch.optim.SGD(encoder.parameters(), lr=1.0)


def _ngrams() -> nn.Module:
    return NgramEncoder(buckets=64, dimension=8)


MAKERS = [(Letters, _adamw), (_ngrams, _sparse_adam), (_ngrams, _sgd)]
Maker = tuple[Callable[[], nn.Module], Callable[[nn.Module], Optimizer]]


def _run(
    maker: Maker, training: Training, kill_after: int | None = None, seed: int = 7
) -> tuple[list[float], nn.Module]:
    corpus, rows = _corpus()
    plan = BatchPlan(corpus, Mix(monolingual=1, cross_lingual=1), batch_size=8, seed=seed)
    torch.manual_seed(5)
    encoder = maker[0]()

    def on_step(step: int, loss: float) -> None:
        if step == kill_after:
            raise KeyboardInterrupt

    return train(
        encoder, PairDataset(rows, corpus), plan, maker[1](encoder), training, on_step
    ), encoder


def _same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("negatives", [0, 7])
def test_info_nce_is_its_definition(negatives: int) -> None:
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(5, 3, generator=generator)
    passages = torch.randn(5 + negatives, 3, generator=generator)

    def cosine(a: Tensor, b: Tensor) -> float:
        return float(a @ b) / (float(a.norm()) * float(b.norm()))

    losses = []
    for number, query in enumerate(queries):
        scores = [cosine(query, passage) / 0.1 for passage in passages]
        losses.append(math.log(sum(map(math.exp, scores))) - scores[number])
    assert float(info_nce(queries, passages, 0.1)) == pytest.approx(sum(losses) / 5, rel=1e-5)


@pytest.mark.parametrize("maker", MAKERS)
def test_the_same_run_has_the_same_losses(maker: Maker) -> None:
    first, one = _run(maker, Training(steps=STEPS))
    second, other = _run(maker, Training(steps=STEPS))
    assert first == second
    assert len(first) == STEPS
    assert _same_weights(one, other)
    assert _run(maker, Training(steps=STEPS), seed=8)[0] != first


@pytest.mark.parametrize("maker", MAKERS[1:])
def test_it_learns(maker: Maker) -> None:
    losses, _ = _run(maker, Training(steps=150))
    assert sum(losses[-10:]) < sum(losses[:10]) / 2


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("kill_after", [1, 5, 6, 12, STEPS])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    maker: Maker, kill_after: int, tmp_path: Path
) -> None:
    expected, weights = _run(maker, Training(steps=STEPS))
    training = Training(steps=STEPS, checkpoint=tmp_path / "run.safetensors", checkpoint_every=5)
    with pytest.raises(KeyboardInterrupt):
        _run(maker, training, kill_after)
    assert (tmp_path / "run.safetensors").exists() == (kill_after > 5)
    losses, resumed = _run(maker, training)
    assert losses == expected
    assert _same_weights(resumed, weights)
    # Finished: started once more, it trains no step.
    losses, loaded = _run(maker, training, kill_after=STEPS)
    assert losses == expected
    assert _same_weights(loaded, weights)


def test_a_kill_while_saving_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.safetensors"
    training = Training(steps=STEPS, checkpoint=path, checkpoint_every=5)
    with pytest.raises(KeyboardInterrupt):
        _run(MAKERS[0], training, kill_after=6)
    before = path.read_bytes()

    def die(tensors: object, file: Path, metadata: object) -> None:
        file.write_bytes(b"half a check")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("hybridsampler.train.checkpoint.save_file", die)
        with pytest.raises(KeyboardInterrupt):
            _run(MAKERS[0], training)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert _run(MAKERS[0], training)[0] == _run(MAKERS[0], Training(steps=STEPS))[0]


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    _run(MAKERS[0], Training(steps=STEPS, checkpoint=path))
    with pytest.raises(ValueError, match=r"other settings \(steps: saved 23, now 24\)"):
        _run(MAKERS[0], Training(steps=24, checkpoint=path))
    # A seed is the plan's, and the sampler refuses it.
    with pytest.raises(ValueError, match=r"belongs to another plan \(seed: saved 7, now 9"):
        _run(MAKERS[0], Training(steps=STEPS, checkpoint=path), seed=9)


def test_a_checkpoint_of_another_encoder_optimiser_or_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    training = Training(steps=STEPS, checkpoint=path)
    corpus, rows = _corpus()
    plan = BatchPlan(corpus, Mix(monolingual=1), batch_size=8)

    def run(longest: int, make: Callable[[nn.Module], Optimizer], data: str) -> list[float]:
        encoder = NgramEncoder(buckets=64, dimension=8, longest=longest)
        pairs = PairDataset(rows, corpus)
        return train(encoder, pairs, plan, make(encoder), training, depends_on={"data": data})

    losses = run(4, _sgd, "one")
    assert run(4, _sgd, "one") == losses
    with pytest.raises(ValueError, match=r"encoder: saved 'NgramEncoder.*longest=4.*longest=5"):
        run(5, _sgd, "one")
    with pytest.raises(ValueError, match=r"optimizer: saved .SGD .* now .SparseAdam "):
        run(4, _sparse_adam, "one")
    with pytest.raises(ValueError, match=r"depends_on: saved {'data': 'one'}, now {'data': 'two'}"):
        run(4, _sgd, "two")


def test_a_checkpoint_of_another_learning_rate_of_a_group_is_refused(tmp_path: Path) -> None:
    """What the optimiser has as its default says nothing of groups that have their own."""

    def with_rate(rate: float) -> Callable[[nn.Module], Optimizer]:
        return lambda encoder: torch.optim.SGD(
            [{"params": list(encoder.parameters()), "lr": rate}], lr=1.0
        )

    training = Training(steps=STEPS, checkpoint=tmp_path / "run.safetensors", checkpoint_every=5)
    with pytest.raises(KeyboardInterrupt):
        _run((Letters, with_rate(0.1)), training, kill_after=7)
    with pytest.raises(ValueError, match=r"optimizer: saved .*'lr': 0.1.* now .*'lr': 5.0"):
        _run((Letters, with_rate(5.0)), training)
    expected = _run((Letters, with_rate(0.1)), Training(steps=STEPS))[0]
    assert _run((Letters, with_rate(0.1)), training)[0] == expected


def test_what_a_checkpoint_cannot_hold_is_refused_before_the_first_step(tmp_path: Path) -> None:
    corpus, rows = _corpus()
    plan = BatchPlan(corpus, Mix(monolingual=1), batch_size=8)
    encoder, pairs = Letters(), PairDataset(rows, corpus)

    def run(rate: Any, data: Any, checkpoint: Path | None) -> list[float]:
        optimizer = torch.optim.SGD(encoder.parameters(), lr=rate)
        training = Training(steps=2, checkpoint=checkpoint)
        return train(encoder, pairs, plan, optimizer, training, never, {"data": data})

    def never(step: int, loss: float) -> None:
        assert checkpoint is None, "a step was trained"

    checkpoint: Path | None = tmp_path / "run.safetensors"
    with pytest.raises(ValueError, match=r"depends_on is .*Path.*: give plain values"):
        run(1.0, Path("here"), checkpoint)
    with pytest.raises(ValueError, match=r"optimizer.param_groups is .*tensor.*: give plain"):
        run(torch.tensor(1.0), "here", checkpoint)
    checkpoint = None
    assert len(run(torch.tensor(1.0), Path("here"), checkpoint)) == 2


def test_pairs_of_another_corpus_are_refused() -> None:
    """The integers of a plan stand for other pairs where there are more rows."""
    corpus, rows = _corpus()
    plan = BatchPlan(corpus, Mix(cross_lingual=1), batch_size=8)
    encoder = NgramEncoder(buckets=64, dimension=8)
    pairs = PairDataset(rows * 2, rows * 2)
    with pytest.raises(ValueError, match=r"not of the 72 rows of the plan's corpus.*plan.corpus\)"):
        train(encoder, pairs, plan, _sgd(encoder), Training(steps=2))


def test_rows_may_be_mappings() -> None:
    corpus, rows = _corpus()
    plan = BatchPlan(corpus, Mix(monolingual=1, cross_lingual=1), batch_size=8)
    named = [{"query": query, "passage": passage} for query, passage in rows]
    losses = []
    for each in (rows, named):
        encoder = NgramEncoder(buckets=64, dimension=8)
        training = Training(steps=5)
        losses.append(train(encoder, PairDataset(each, corpus), plan, _sgd(encoder), training))
    assert losses[0] == losses[1]


@pytest.mark.parametrize("named", [False, True])
def test_hard_negatives_are_further_passages(named: bool) -> None:
    rows = [(f"q{row}", f"p{row}") for row in range(60)]
    corpus = ParallelCorpus.from_columns(
        group=list(range(60)),
        language=["en"] * 60,
        negatives=[[(row + 1) % 60, (row + 2) % 60] for row in range(60)],
    )
    plan = BatchPlan(corpus, Mix(monolingual=1), batch_size=4, negatives=2)
    seen: list[list[str]] = []

    class Watched(Letters):
        def forward(self, texts: list[str]) -> Tensor:
            seen.append(texts)
            encoded: Tensor = super().forward(texts)
            return encoded

    encoder = Watched()
    each: Any = [{"query": q, "passage": p} for q, p in rows] if named else rows
    train(encoder, PairDataset(each, corpus), plan, _adamw(encoder), Training(steps=3))
    assert len(seen) == 6
    for queries, passages, batch in zip(seen[::2], seen[1::2], plan[0:3], strict=True):
        assert queries == [f"q{row}" for row in batch[:, 0]]
        # Their own passages first, then the first negative of each, then the second.
        assert passages == [f"p{row}" for row in batch[:, 1:].T.ravel()]


class Tied(nn.Module):
    """Two names for one weight, as in language models with tied embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.letters = Letters()
        self.again = self.letters.table

    def forward(self, texts: list[str]) -> Tensor:
        encoded: Tensor = self.letters(texts)
        return encoded


class Viewed(Tied):
    """A name for a part of a weight, as of weights that lie in one block."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("part", self.again.detach()[3:5])
        self.register_buffer("turned", self.again.detach().T)


@pytest.mark.parametrize("encoder", [Tied, Viewed])
def test_tied_weights_can_be_saved(encoder: Callable[[], nn.Module], tmp_path: Path) -> None:
    expected, _ = _run((encoder, _adamw), Training(steps=STEPS))
    training = Training(steps=STEPS, checkpoint=tmp_path / "run.safetensors", checkpoint_every=5)
    with pytest.raises(KeyboardInterrupt):
        _run((encoder, _adamw), training, kill_after=7)
    assert _run((encoder, _adamw), training)[0] == expected


def test_a_damaged_or_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    path.write_bytes(b"not safetensors at all")
    with pytest.raises(ValueError, match=r"is damaged .*: delete it to start over"):
        _run(MAKERS[0], Training(steps=STEPS, checkpoint=path))
    save_file({"losses": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="is not a checkpoint of this version"):
        _run(MAKERS[0], Training(steps=STEPS, checkpoint=path))


def test_a_flipped_bit_of_a_checkpoint_is_seen(tmp_path: Path) -> None:
    """Wherever it is: in the weights, what the optimiser knows, the losses or the header."""
    path = tmp_path / "run.safetensors"
    training = Training(steps=STEPS, checkpoint=path, checkpoint_every=5)
    with pytest.raises(KeyboardInterrupt):
        _run(MAKERS[0], training, kill_after=7)
    sound = path.read_bytes()
    for at in np.linspace(8, len(sound) - 1, 200).astype(int):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        with pytest.raises(ValueError, match=r"is damaged|is not a checkpoint of this version"):
            _run(MAKERS[0], training)
    path.write_bytes(sound)
    assert len(_run(MAKERS[0], training)[0]) == STEPS


def test_a_folder_in_the_place_of_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=f"^{tmp_path} cannot be read .*: name the file of a check"):
        _run(MAKERS[0], Training(steps=STEPS, checkpoint=tmp_path))


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would train a model of its own, on its part of the batches."""
    for name, value in (("is_initialized", True), ("get_world_size", 2), ("get_rank", 0)):
        monkeypatch.setattr(torch.distributed, name, lambda value=value: value)
    with pytest.raises(ValueError, match="train works in one process, and this is one of 2"):
        _run((Letters, _adamw), Training(steps=STEPS))


def test_a_loss_that_is_not_a_number_stops_the_run() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(float("nan")))

        def forward(self, texts: list[str]) -> Tensor:
            return torch.ones(len(texts), 4) * self.scale

    with pytest.raises(FloatingPointError, match="the loss of step 0 is nan: lower the learning"):
        _run((Broken, _adamw), Training(steps=STEPS))


@pytest.mark.parametrize("name", ["steps", "temperature", "checkpoint_every"])
def test_numbers_must_be_positive(name: str) -> None:
    values = {"steps": 1, name: 0}
    with pytest.raises(ValueError, match=f"{name}=0: give a positive number"):
        Training(**values)  # type: ignore[arg-type]  # what is refused


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_temperature_is_finite(value: float) -> None:
    """Divided by infinity all scores are 0, and nothing would be learnt."""
    with pytest.raises(ValueError, match=f"temperature={value}: give a positive number"):
        Training(steps=1, temperature=value)


@pytest.mark.parametrize("name", ["steps", "checkpoint_every"])
def test_steps_are_whole_numbers(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}=2.5: give a whole number"):
        Training(**{"steps": 1, name: 2.5})  # type: ignore[arg-type]  # what is refused


def test_numbers_may_be_numpy_s(tmp_path: Path) -> None:
    """A checkpoint holds Python's own alone."""
    numbers: dict[str, Any] = {"steps": np.int64(3), "temperature": np.float32(0.0625)}
    training = Training(**numbers, checkpoint=tmp_path / "run.safetensors")
    same = Training(steps=3, temperature=0.0625, checkpoint=tmp_path / "run.safetensors")
    losses, _ = _run(MAKERS[2], training)
    assert _run(MAKERS[2], same)[0] == losses
