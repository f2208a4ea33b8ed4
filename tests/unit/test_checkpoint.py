"""Checkpoints are whole or the ones before, and belong to one training only."""

import types

import pytest
import torch
from torch import nn

from motionlib.training import checkpoint


def test_what_is_saved_comes_back(tmp_path):
    tensors = {"a.b": torch.arange(3), "c": torch.tensor(2.5), "half": torch.ones(2, dtype=torch.bfloat16)}
    checkpoint.save(tmp_path / "x", tensors, {"step": 7, "value": 0.1})
    found = checkpoint.load(tmp_path / "x")
    assert found is not None
    loaded, facts = found
    assert facts == {"step": 7, "value": 0.1}
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)


def test_tied_weights_are_saved_too(tmp_path):
    weight = torch.ones(3)
    checkpoint.save(tmp_path, {"a": weight, "b": weight}, {})
    loaded, _ = checkpoint.load(tmp_path)
    assert torch.equal(loaded["a"], loaded["b"])


def test_a_kill_while_writing_leaves_the_old_one(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, {"a": torch.zeros(1)}, {"step": 1})

    def killed(tensors, path, metadata):
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save_file", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(tmp_path, {"a": torch.ones(1)}, {"step": 2})
    assert checkpoint.load(tmp_path)[1] == {"step": 1}


def test_a_broken_checkpoint_is_as_good_as_none(tmp_path):
    (tmp_path / checkpoint.FILE).write_bytes(b"\x10\x00\x00\x00garbage")
    assert checkpoint.load(tmp_path) is None
    assert checkpoint.load(tmp_path / "nowhere") is None


def test_forgetting_removes_every_checkpoint_of_one_stage(tmp_path):
    for stage in ("a@x", "a@y"):
        checkpoint.save(tmp_path / stage / "123", {"t": torch.zeros(1)}, {})
    checkpoint.forget("a@x", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a@y"]
    checkpoint.forget("never was", tmp_path)


@pytest.mark.parametrize("fused", [True, False])
def test_an_optimiser_goes_on_as_if_nothing_had_happened(fused):
    def new():
        torch.manual_seed(0)
        layer = nn.Linear(2, 1)
        return layer, torch.optim.AdamW(layer.parameters(), lr=0.1, fused=fused)

    def step(layer, optimiser):
        layer(torch.ones(1, 2)).square().sum().backward()
        optimiser.step()

    layer, optimiser = new()
    step(layer, optimiser)
    other, restored = new()
    other.load_state_dict(layer.state_dict())
    flat = {name: tensor.clone() for name, tensor in checkpoint.optimiser_state(optimiser).items()}
    checkpoint.restore_optimiser(restored, flat)
    for pair in ((layer, optimiser), (other, restored)):
        pair[1].zero_grad()
        step(*pair)
    assert torch.equal(layer.weight, other.weight)


def source(path, text: str) -> types.ModuleType:
    path.write_text(text)
    module = types.ModuleType("m")
    module.__file__ = str(path)
    return module


def test_a_fingerprint_changes_with_all_that_decides_a_result(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "x.npy").write_bytes(b"1234")
    code = source(tmp_path / "m.py", "a = 1\n")

    def mark(stage="s", params=None, lines="a = 1\n"):
        code = source(tmp_path / "m.py", lines)
        return checkpoint.fingerprint(stage, params or {"lr": 0.1}, [data], [code])

    first = mark()
    assert mark() == first
    assert mark(stage="t") != first
    assert mark(params={"lr": 0.2}) != first
    assert mark(lines="a = 2\n") != first
    (data / "x.npy").write_bytes(b"1235")  # same size
    assert mark() != first
    assert code.__name__ == "m"


def test_comments_and_docstrings_do_not_change_a_fingerprint(tmp_path):
    plain = source(tmp_path / "a.py", "def f():\n    return 1\n")
    told = source(tmp_path / "b.py", '"""Doc."""\n\n\ndef f():\n    """Doc."""\n    return 1  # one\n')
    assert checkpoint.fingerprint("s", {}, [], [plain]) == checkpoint.fingerprint("s", {}, [], [told])


def test_a_package_counts_with_all_its_modules(tmp_path):
    package = source(tmp_path / "__init__.py", "")
    (tmp_path / "inner.py").write_text("a = 1\n")
    first = checkpoint.fingerprint("s", {}, [], [package])
    (tmp_path / "inner.py").write_text("a = 2\n")
    assert checkpoint.fingerprint("s", {}, [], [package]) != first


def test_checkpoints_lie_by_stage_and_fingerprint():
    assert str(checkpoint.folder("train_prior@gpt", "abc")) == ".motionlib/checkpoints/train_prior@gpt/abc"
