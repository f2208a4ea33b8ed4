"""The discriminator: its published size, what it sees, its norms, and that no gradient crosses between the players."""

import pytest
import torch

from motionlib.tokenizers.adversary import Adversary, AdversaryConfig


def made(**settings) -> Adversary:
    torch.manual_seed(0)
    return Adversary(AdversaryConfig(**{"adversary_width": 8, **settings}), 263, 263).train()


def rows(seed: int = 0, clips: int = 3) -> torch.Tensor:
    return torch.randn(clips, 16, 263, generator=torch.Generator().manual_seed(seed))


def test_that_of_tm2t_has_as_many_parameters_as_published():
    model = made(adversary="patch", adversary_width=512, adversary_norm="batch", adversary_sees="all")
    assert sum(p.numel() for p in model.parameters()) == 1_065_985


@pytest.mark.parametrize(("form", "scores"), [("patch", 4), ("dilated", 16)])
@pytest.mark.parametrize("norm", ["spectral", "batch", "none"])
def test_it_scores_every_frame_or_every_patch_and_changes_no_state(form, scores, norm):
    model = made(adversary=form, adversary_norm=norm)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert model(rows()).shape == (3, scores, 1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_it_sees_positions_velocities_and_contacts_but_neither_root_nor_rotations():
    at = rows().requires_grad_()
    (slope,) = torch.autograd.grad(made()(at).sum(), at)
    seen = slope.abs().sum(dim=(0, 1)) > 0
    assert torch.nonzero(seen).flatten().tolist() == [*range(4, 67), *range(193, 263)]


def test_of_networks_that_make_positions_only_it_sees_no_more():
    model = Adversary(AdversaryConfig(adversary_width=8), 263, 67)
    assert model(rows()[..., :67]).shape == (3, 16, 1)


def test_its_norm_is_the_largest_singular_value():
    (layer, *_) = made().inner
    for _ in range(200):
        layer.follow()
    image = torch.randn(1, layer.conv.in_channels, 1, 9)
    largest = torch.linalg.matrix_norm(layer.matrix, ord=2)
    bias = layer.conv.bias[:, None, None]
    expected = torch.nn.functional.leaky_relu((layer.conv(image) - bias) / largest + bias, 0.2)
    torch.testing.assert_close(layer(image), expected, rtol=1e-4, atol=1e-5)


def test_the_hinge_is_that_of_the_formula():
    model = made()
    torch.nn.init.zeros_(model.out.weight)
    torch.nn.init.constant_(model.out.bias, 0.25)  # every score is 0.25: (1.25 + 0.75) / 2
    assert model.discernment(rows(0), rows(1)).item() == 1.0
    assert model.disbelief(rows()).item() == -0.25


def test_no_gradient_crosses_from_one_player_to_the_other():
    model, drawn = made(), rows().requires_grad_()
    model.discernment(drawn, rows(1)).backward()
    assert drawn.grad is None
    assert all(p.grad.abs().sum() > 0 for name, p in model.named_parameters() if name != "out.bias")
    assert model.out.bias.grad.item() == 0.0  # both hinges are open, and one pulls up as the other pulls down
    model.zero_grad()
    model.disbelief(drawn).backward()
    assert drawn.grad.abs().sum() > 0
    assert all(p.grad is None for p in model.parameters())


def test_the_steepness_of_a_linear_score_is_the_square_of_its_slope():
    class Linear(Adversary):
        def forward(self, rows):
            return 3.0 * rows[..., :1]

    steepness = Linear(AdversaryConfig(adversary_width=8), 263, 263).steepness(rows())
    torch.testing.assert_close(steepness, torch.tensor(9.0 / 16))  # of the mean of 16 frames: 16 (3 / 16)^2


def test_it_learns_to_tell_slow_motion_from_noise():
    model, slow = made(), torch.zeros(3, 16, 263)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for step in range(30):
        optimiser.zero_grad()
        model.discernment(rows(step), slow).backward()
        optimiser.step()
        model.follow()
    assert model(rows(99)).mean() < -0.5
    assert model(slow).mean() > 0.5
