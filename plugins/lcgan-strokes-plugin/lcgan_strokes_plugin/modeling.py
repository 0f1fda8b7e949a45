"""The network of Sketch-RNN (Ha & Eck 2017, arXiv 1704.03477): what a drawing is to it, how it is learned, how it draws.

It differs from the paper in five ways. Beside each movement, both halves see where in the square the pen is, and how many
strokes are drawn. z must tell that number in the end, by a linear layer, so that the decoder knows when to stop. The decoder
learns from points that are a little off, and its targets lead from there to the right place, so errors of its own do not add
up. The state of the pen belongs to the component of the mixture, so that where a line ends and that it ends go together. And
the last movement says that the drawing ends, instead of a movement more.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel

from .drawing import SIDE

UNIT = SIDE / 4
"""Steps that are 1 to the network. About the standard deviation of movements in KanjiVG and QuickDraw."""
DOWN, LIFTED, ENDED = 0, 1, 2
"""States of the pen after a movement; at the end, it is lifted too."""
STATES = 3
SEEN = 5 + STATES
"""Numbers that the network sees of a movement: dx, dy, x, y, the strokes so far, and the state of the pen."""
TEN = 10
"""Strokes that are 1 to the network."""
STROKES_SPREAD = 0.5
"""Standard deviation of the number of strokes around what z tells of it. Arbitrary: about how near one must come to know it."""
SUREST = 10.0
"""Log odds at most by which z decides whether a drawing ends. Arbitrary."""
DENSITY = 6
"""Parameters of a component of the mixture, apart from the states of the pen: weight, means, spreads, correlation."""


class SketchRnnConfig(PretrainedConfig):
    """Sizes of a Sketch-RNN, and what drawings it is for."""

    model_type = "sketch-rnn"

    def __init__(
        self,
        max_movements: int = 200,
        tolerance: float = 2.0,
        latent_size: int = 64,
        encoder_size: int = 256,
        decoder_size: int = 512,
        components: int = 20,
        least_spread: float = 2.5,
        jitter: float = 3.0,
        free_nats: float = 50.0,
        kl_weight: float = 1.0,
        sampling_temperature: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self.max_movements, self.tolerance, self.latent_size = max_movements, tolerance, latent_size
        self.encoder_size, self.decoder_size, self.components = encoder_size, decoder_size, components
        self.least_spread, self.jitter = least_spread, jitter
        self.free_nats, self.kl_weight, self.sampling_temperature = free_nats, kl_weight, sampling_temperature
        super().__init__(**kwargs)


class Mixture(NamedTuple):
    """A mixture of joint distributions of a movement and the state of the pen after it; the last axis but one, or the last, is
    that of the components."""

    log_weight: Tensor
    mean: Tensor
    log_spread: Tensor
    correlation: Tensor
    log_pen: Tensor


class SketchRnn(PreTrainedModel):
    """Movements -> q(z|x); z -> movements, one after another."""

    config_class = SketchRnnConfig
    main_input_name = "moves"

    def __init__(self, config: SketchRnnConfig) -> None:
        super().__init__(config)
        size, latent = config.decoder_size, config.latent_size
        self.forwards = nn.LSTM(SEEN, config.encoder_size, batch_first=True)
        self.backwards = nn.LSTM(SEEN, config.encoder_size, batch_first=True)
        self.posterior = nn.Linear(2 * config.encoder_size, 2 * latent)
        self.begin = nn.Linear(latent, 2 * size)
        self.decoder = nn.LSTM(SEEN + latent, size, batch_first=True)
        self.head = nn.Linear(size, config.components * (DENSITY + STATES))
        self.to_strokes = nn.Linear(latent, 1)
        nn.init.ones_(self.to_strokes.bias)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        """Leaves the layers as torch has initialised them."""

    def forward(self, moves: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """``loss`` per movement in nats, and per drawing ``nll`` and ``kl``, of ``[n, length, 3]`` padded movements.

        A drawing and its number of strokes are both observed. The mean KL divergence is free up to ``free_nats`` (Kingma et
        al. 2016, arXiv 1606.04934, there for each dimension): otherwise z would say nothing, and the decoder would draw any
        character.
        """
        if self.training:
            moves = varied(moves, lengths)
        mean, log_std = self.encode(moves, lengths)
        z = mean + log_std.exp() * torch.randn_like(mean)
        kl = 0.5 * (mean.square() + (2 * log_std).exp() - 1 - 2 * log_std).sum(1)
        nll = self.negative_log_likelihood(moves, lengths, z)
        dear = F.relu(kl.mean() - self.config.free_nats)
        miscounted = (TEN * self.to_strokes(z)[:, 0].float() - moves[..., 2].sum(1)) / STROKES_SPREAD
        loss = (nll.sum() + 0.5 * miscounted.square().sum() + self.config.kl_weight * len(kl) * dear) / lengths.sum()
        return {"loss": loss, "nll": nll, "kl": kl}

    def encode(self, moves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of q(z|x), each float32 ``[n, latent]``."""
        points = moves[..., :2].cumsum(1)
        states = states_of(moves, lengths)
        seen = seen_by_network(moves[..., :2], points, (states != DOWN).cumsum(1), states)
        step = torch.arange(moves.shape[1], device=moves.device)
        mirrored = (lengths[:, None] - 1 - step).clamp(min=0)
        turned = seen.gather(1, mirrored[..., None].expand_as(seen))
        last = (lengths - 1)[:, None, None]
        ends = [
            net(given)[0].gather(1, last.expand(-1, 1, self.config.encoder_size))[:, 0]
            for net, given in ((self.forwards, seen), (self.backwards, turned))
        ]
        mean, log_std = self.posterior(torch.cat(ends, 1)).float().chunk(2, 1)
        return mean, log_std.clamp(-6, 2)

    def negative_log_likelihood(self, moves: Tensor, lengths: Tensor, z: Tensor) -> Tensor:
        """-log p(x|z) of each drawing in nats, for movements in units of ``UNIT``: float32 ``[n]``."""
        states = states_of(moves, lengths)
        points = moves[..., :2].cumsum(1)
        noise = self.config.jitter * torch.randn_like(points) if self.training else 0.0
        before = F.pad(points + noise, (0, 0, 1, 0))[:, :-1]  # the pen begins in the centre
        led = torch.diff(before, dim=1, prepend=before.new_zeros(len(before), 1, 2))
        states_before = F.pad(states, (1, 0), value=LIFTED)[:, :-1]
        seen = seen_by_network(led, before, (states_before != DOWN).cumsum(1) - 1, states_before)
        hidden, cell = self.begin(z).tanh().chunk(2, 1)
        given = torch.cat([seen, z[:, None].expand(-1, seen.shape[1], -1).to(seen.dtype)], 2)
        outputs, _ = self.decoder(given, (hidden[None].contiguous(), cell[None].contiguous()))
        with torch.autocast(moves.device.type, enabled=False):  # bfloat16 is coarser than a step
            mixture = self.mixture(self.head(outputs.float()))
            found = -log_density(mixture, (points - before) / UNIT, states)
        inside = torch.arange(moves.shape[1], device=moves.device) < lengths[:, None]
        return (found * inside).sum(1)

    def mixture(self, outputs: Tensor) -> Mixture:
        """What the head says of the next movement."""
        parts = outputs.unflatten(-1, (self.config.components, DENSITY + STATES))
        weight, means, spreads, correlation, pen = parts.split([1, 2, 2, 1, STATES], -1)
        least = math.log(self.config.least_spread / UNIT)
        return Mixture(
            log_weight=weight[..., 0].log_softmax(-1),
            mean=means,
            log_spread=least + F.softplus(spreads - least),
            correlation=0.95 * correlation[..., 0].tanh(),
            log_pen=pen.log_softmax(-1),
        )

    def readers(self) -> list[tuple[Tensor, Tensor]]:
        """Weights and biases of the layers that read z."""
        parts = dict(self.decoder.named_parameters())
        return [
            (self.begin.weight, self.begin.bias),
            (parts["weight_ih_l0"][:, SEEN:], parts["bias_ih_l0"]),
            (self.to_strokes.weight, self.to_strokes.bias),
        ]

    def draw(self, z: Tensor, temperature: float = 0.0, generators: list[torch.Generator] | None = None) -> list[Tensor]:
        """The movements of each row of z: float32 ``[movements, 3]`` on the CPU, in whole steps.

        At temperature 0 each is the mean of the likeliest component, with its likeliest state of the pen. Above, they are
        random (the temperature of Ha & Eck 2017), by the generator of each row.
        """
        rows = torch.arange(len(z), device=z.device)
        hidden, cell = self.begin(z).tanh().chunk(2, 1)
        point, led = z.new_zeros(len(z), 2), z.new_zeros(len(z), 2)
        state = torch.full((len(z),), LIFTED, device=z.device)
        strokes, told = torch.zeros(len(z), device=z.device), TEN * self.to_strokes(z)[:, 0]
        drawn = z.new_zeros(len(z), self.config.max_movements, 3)
        lengths = torch.full((len(z),), self.config.max_movements)
        weights = [getattr(self.decoder, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        for step in range(self.config.max_movements):
            if not len(rows):
                break
            given = torch.cat([seen_by_network(led, point, strokes, state), z], 1)
            hidden, cell = torch.lstm_cell(given, (hidden, cell), *weights)
            mixture = counted(self.mixture(self.head(hidden)), strokes + 1, told)
            if temperature:
                assert generators is not None
                chance = [torch.rand(4, generator=generators[row]) for row in rows.tolist()]
                moved, state = sampled(mixture, temperature, torch.stack(chance).to(z.device))
            else:
                moved, state = likeliest(mixture)
            aim = (point + UNIT * moved).round().clamp(-SIDE, SIDE)
            led, point, strokes = aim - point, aim, strokes + (state != DOWN)
            drawn[rows, step, :2] = led
            drawn[rows, step, 2] = (state != DOWN).float()
            going = state != ENDED
            if not bool(going.all()):
                lengths[rows[~going].cpu()] = step + 1
                rows, z, hidden, cell = rows[going], z[going], hidden[going], cell[going]
                point, led, state = point[going], led[going], state[going]
                strokes, told = strokes[going], told[going]
        drawn[:, -1, 2] = 1
        return [moves[:length] for moves, length in zip(drawn.cpu(), lengths.tolist(), strict=True)]


def log_density(mixture: Mixture, moved: Tensor, states: Tensor) -> Tensor:
    """log p(movement, state), for movements in units of ``UNIT`` (Ha & Eck 2017, equation 2)."""
    off = (moved[..., None, :] - mixture.mean) * (-mixture.log_spread).exp()
    rest = 1 - mixture.correlation.square()
    square = (off.square().sum(-1) - 2 * mixture.correlation * off.prod(-1)) / rest
    normal = -0.5 * square - mixture.log_spread.sum(-1) - 0.5 * rest.log() - math.log(2 * math.pi)
    pen = mixture.log_pen.gather(-1, states[..., None, None].expand(*mixture.log_pen.shape[:-1], 1))[..., 0]
    return torch.logsumexp(mixture.log_weight + normal + pen, -1)


def counted(mixture: Mixture, strokes: Tensor, told: Tensor) -> Mixture:
    """``mixture`` with the chance that a drawing ends with its stroke number ``strokes`` ``[n]``, where z has ``told`` ``[n]``.

    It is the product of what movements say and of what p(strokes | z), a normal distribution around ``told``, says of a drawing
    that has come this far. Whether a stroke ends is left to the movements.
    """
    before, after = ((edge - told) / STROKES_SPREAD for edge in (strokes - 0.5, strokes + 0.5))
    more = (torch.special.log_ndtr(-after) - torch.special.log_ndtr(-before)).clamp(-SUREST, -math.exp(-SUREST))
    lifted = mixture.log_pen[..., LIFTED:]
    which = (lifted + torch.stack([more, (-more.expm1()).log()], -1)[:, None]).log_softmax(-1)
    pen = torch.cat([mixture.log_pen[..., :LIFTED], lifted.logsumexp(-1, keepdim=True) + which], -1)
    return mixture._replace(log_pen=pen)


def likeliest(mixture: Mixture) -> tuple[Tensor, Tensor]:
    """The mean of the likeliest component ``[n, 2]``, and its likeliest state of the pen ``[n]``."""
    chosen = mixture.log_weight.argmax(-1)
    rows = torch.arange(len(chosen), device=chosen.device)
    return mixture.mean[rows, chosen], mixture.log_pen[rows, chosen].argmax(-1)


def sampled(mixture: Mixture, temperature: float, chance: Tensor) -> tuple[Tensor, Tensor]:
    """A movement ``[n, 2]`` and a state of the pen ``[n]``, from four uniform numbers each, ``[n, 4]``."""
    rows = torch.arange(len(chance), device=chance.device)
    chosen = _pick(mixture.log_weight / temperature, chance[:, 0])
    state = _pick(mixture.log_pen[rows, chosen] / temperature, chance[:, 1])
    far = (-2 * chance[:, 2].clamp(min=1e-7).log()).sqrt()  # Box & Muller 1958
    first, second = far * (2 * math.pi * chance[:, 3]).cos(), far * (2 * math.pi * chance[:, 3]).sin()
    correlation = mixture.correlation[rows, chosen]
    off = torch.stack([first, correlation * first + (1 - correlation.square()).sqrt() * second], 1)
    return mixture.mean[rows, chosen] + math.sqrt(temperature) * mixture.log_spread[rows, chosen].exp() * off, state


def _pick(log_odds: Tensor, chance: Tensor) -> Tensor:
    """The index that a uniform number chooses in each row."""
    reached = log_odds.softmax(-1).cumsum(-1) < chance[:, None]
    return reached.sum(-1).clamp(max=log_odds.shape[-1] - 1)


def states_of(moves: Tensor, lengths: Tensor) -> Tensor:
    """The states of the pen of padded movements, ``[n, length]``."""
    last = torch.arange(moves.shape[1], device=moves.device) == lengths[:, None] - 1
    return torch.where(last, ENDED, moves[..., 2].long())


def seen_by_network(led: Tensor, points: Tensor, strokes: Tensor, states: Tensor) -> Tensor:
    """What the network sees: how the pen moved and where it is ``[..., 2]``, the strokes so far, and the state of the pen."""
    return torch.cat([led / UNIT, points / UNIT, strokes[..., None] / TEN, F.one_hot(states, STATES)], -1).to(points.dtype)


TURN, SHEAR, STRETCH = 0.07, 0.1, 0.15
"""How far drawings are turned (in radians) and sheared at most, and how much one of the axes is shortened. Arbitrary: all stay
legible."""


def varied(moves: Tensor, lengths: Tensor) -> Tensor:
    """The drawings, each turned, sheared and stretched a little by chance, then made to fill the square again."""
    n = len(moves)

    def chance(most: float) -> Tensor:
        return most * (2 * torch.rand(n, device=moves.device) - 1)

    turn, shear, wide, high = chance(TURN), chance(SHEAR), 1 + chance(STRETCH / 2), 1 + chance(STRETCH / 2)
    matrix = torch.stack([wide * turn.cos(), shear - turn.sin(), turn.sin(), high * turn.cos()], 1).view(n, 2, 2)
    points = moves[..., :2].cumsum(1) @ matrix.transpose(1, 2)
    outside = (torch.arange(moves.shape[1], device=moves.device) >= lengths[:, None])[..., None]
    low = points.masked_fill(outside, math.inf).amin(1)
    high_end = points.masked_fill(outside, -math.inf).amax(1)
    zoom = SIDE / (high_end - low).amax(1).clamp(min=1)
    zoom = torch.where((high_end - low).amax(1) < 1, 1.0, zoom)  # a dot stays one
    points = (points - ((low + high_end) / 2)[:, None]) * zoom[:, None, None]
    return torch.cat([torch.diff(points, dim=1, prepend=points.new_zeros(n, 1, 2)), moves[..., 2:]], 2)
