"""SentenceEncoder: prefixes, precision, and models that it does not open."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Router

from hybridsampler.encoders import SentenceEncoder
from sentence_models import pickled, saved_model, static_model

ROOT = Path(__file__).parents[2]


def test_prefixes_are_put_before_the_texts(tmp_path: Path) -> None:
    model = static_model()
    encoder = SentenceEncoder(model, query_prefix="Query: ", candidate_prefix="Passage: ")
    np.testing.assert_array_equal(encoder.encode_queries(["abc"]), model.encode(["Query: abc"]))
    np.testing.assert_array_equal(
        encoder.encode_candidates(["abc"]), model.encode(["Passage: abc"])
    )
    own = saved_model(tmp_path / "own")
    opened = SentenceEncoder.open(own)
    np.testing.assert_array_equal(opened.encode_queries(["abc"]), model.encode(["abc"]))
    assert opened.encode_queries(["abc"]).dtype == np.float32


def test_what_a_model_computes_is_not_rounded() -> None:
    model = static_model()
    half = SentenceEncoder(model.half()).encode_queries(["abc"])
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, model.encode(["abc"]))
    with pytest.raises(TypeError, match="the model's output has dtype float64: give float32, floa"):
        SentenceEncoder(model.double()).encode_candidates(["abc"])


def test_a_model_gives_of_no_text_no_vectors_and_of_one_text_none() -> None:
    encoder = SentenceEncoder(static_model(dimension=6))
    for encode in (encoder.encode_queries, encoder.encode_candidates):
        assert encode([]).shape == (0, 6)
        with pytest.raises(TypeError, match="texts is the text 'abc': give a list of texts"):
            encode("abc")


def test_the_models_own_prompts_are_used_where_no_prefix_is_given() -> None:
    model = static_model()
    model.prompts = {"query": "ask: ", "document": "tell: "}
    encoder = SentenceEncoder(model)
    np.testing.assert_array_equal(encoder.encode_queries(["abc"]), model.encode(["ask: abc"]))
    np.testing.assert_array_equal(encoder.encode_candidates(["abc"]), model.encode(["tell: abc"]))


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no model, neither modules"):
        SentenceEncoder.open(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(OSError, match=r"the model .* cannot be opened \(.*\): check the name, and"):
        SentenceEncoder.open(tmp_path)
    folder = saved_model(tmp_path / "damaged")
    needed = r"its weights as safetensors, and that there is a device 'nowhere'$"
    with pytest.raises(OSError, match=rf"the model .* cannot be opened \(.*nowhere.*{needed}"):
        SentenceEncoder.open(folder, device="nowhere")
    sought = r"check the name, which is no folder here and so one of the hub's, and that"
    with pytest.raises(OSError, match=sought):
        SentenceEncoder.open(tmp_path / "damagde")
    (weights,) = folder.rglob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(OSError, match=r"the model .* cannot be opened \("):
        SentenceEncoder.open(folder)


def test_weights_that_are_pickles_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "examples")
    from tiny import save_bert
    from transformers import BertModel

    folder = Path(save_bert(["abc"]))
    assert SentenceEncoder.open(folder).encode_queries(["cab"]).shape == (1, 32)
    torch.save(BertModel.from_pretrained(folder).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(OSError, match=r"the model .* cannot be opened \(.*safetensors"):
        SentenceEncoder.open(folder)


@pytest.mark.parametrize("within", [False, True])
def test_no_module_of_a_model_loads_a_pickle(tmp_path: Path, within: bool) -> None:
    """Modules of sentence-transformers, and those within a module, look for safetensors first."""
    model = static_model()
    if within:
        module: Any = model[0]
        router: Any = Router.for_query_document([module], [module])
        model = SentenceTransformer(modules=[router], device="cpu")
    folder = tmp_path / "model"
    model.save_pretrained(str(folder), create_model_card=False)
    expected = model.encode_query(["cab"])
    assert (SentenceEncoder.open(folder).encode_queries(["cab"]) == expected).all()
    pickles = pickled(folder)
    with pytest.raises(OSError, match=r"the model .* cannot be opened \(.*/pytorch_model.bin is a"):
        SentenceEncoder.open(folder)
    assert torch.load(pickles[0])  # of the caller's own


def test_other_threads_load_pickles_while_a_model_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, load = tmp_path / "mine.pt", torch.load
    torch.save({"a": torch.ones(1)}, mine)
    found: list[object] = []

    def opening(*_: object, **__: object) -> None:
        thread = threading.Thread(target=lambda: found.append(torch.load(f=mine)))
        thread.start()
        thread.join()
        torch.load(mine)

    monkeypatch.setattr("sentence_transformers.SentenceTransformer", opening)
    with pytest.raises(OSError, match=r"\(.*mine.pt is a pickle, not safetensors\)"):
        SentenceEncoder.open("any")
    assert found == [{"a": torch.ones(1)}]
    assert torch.load is load
