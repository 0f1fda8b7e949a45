"""The seq2seq text VAE: a bidirectional GRU encoder and a GRU decoder that is fed z at every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils.generic import ModelOutput


class TextVaeConfig(PreTrainedConfig):
    """Sizes of a text VAE. ``max_tokens`` bounds every generation, the closing ``</s>`` included.

    A ``meaning_size`` of 0 is a VAE that was not told what texts mean.
    """

    model_type = "lcgan-text-vae"

    def __init__(
        self,
        vocab_size: int = 5000,
        embedding_size: int = 192,
        encoder_size: int = 320,
        decoder_size: int = 512,
        latent_size: int = 64,
        max_tokens: int = 32,
        dropout: float = 0.1,
        meaning_size: int = 0,
        pad_token_id: int = 0,
        bos_token_id: int = 1,
        eos_token_id: int = 2,
        **kwargs: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.embedding_size = embedding_size
        self.encoder_size = encoder_size
        self.decoder_size = decoder_size
        self.latent_size = latent_size
        self.max_tokens = max_tokens
        self.dropout = dropout
        self.meaning_size = meaning_size
        self.pad_token_id = pad_token_id
        self.bos_token_id = bos_token_id
        self.eos_token_id = eos_token_id
        super().__init__(**kwargs)


MOMENTUM = 0.005
"""How much a batch moves the running means of ``TextVae.off_moments``."""


@dataclass
class TextVaeOutput(ModelOutput):
    """``loss`` is reconstruction plus the weighted others: sums over a text, means over the batch, in nats."""

    loss: Tensor | None = None
    reconstruction: Tensor | None = None
    kl: Tensor | None = None
    bag: Tensor | None = None
    length: Tensor | None = None
    meaning: Tensor | None = None
    prior: Tensor | None = None
    moments: Tensor | None = None


class TextVae(PreTrainedModel):
    """A variational autoencoder of short texts (Bowman et al. 2016), for a denoising objective (Shen et al. 2020)."""

    config_class = TextVaeConfig
    base_model_prefix = "text_vae"

    def __init__(self, config: TextVaeConfig) -> None:
        super().__init__(config)
        emb, enc, dec, latent = config.embedding_size, config.encoder_size, config.decoder_size, config.latent_size
        self.embedding = nn.Embedding(config.vocab_size, emb)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = nn.GRU(emb, enc, batch_first=True, bidirectional=True)
        self.to_posterior = nn.Linear(4 * enc, 2 * latent)
        self.to_first_state = nn.Linear(latent, dec)
        self.decoder = nn.GRU(emb + latent, dec, batch_first=True)
        self.to_embedding = nn.Linear(dec + latent, emb)
        self.token_bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.to_bag = nn.Linear(latent, emb)
        self.to_length = nn.Linear(latent, config.max_tokens + 1)
        self.to_meaning = nn.Linear(latent, config.meaning_size) if config.meaning_size else None
        self.running_moments: tuple[Tensor, Tensor] | None = None  # no buffers: from_pretrained would leave them uninitialised
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        # GRU and Linear keep torch's own; embeddings double as output weights and must start small.
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)

    def encode(self, input_ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of q(z|x), each ``[batch, latent_size]``, in the order of ``input_ids``.

        ``input_ids`` is ``[batch, time]``, padded on the right; ``lengths`` (on the CPU) counts the tokens of each row.
        """
        embedded = self.dropout(self.embedding(input_ids))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        outputs, last = self.encoder(packed)
        highest = pad_packed_sequence(outputs, batch_first=True, padding_value=float("-inf"))[0].amax(1)
        pooled = torch.cat([last[0], last[1], highest], dim=-1)
        mean, log_std = self.to_posterior(pooled).chunk(2, dim=-1)
        return mean, log_std.clamp(-6, 2)

    def forward(
        self,
        input_ids: Tensor,
        lengths: Tensor,
        labels: Tensor,
        kl_weight: float = 1.0,
        bag_weight: float = 0.0,
        length_weight: float = 0.0,
        meanings: Tensor | None = None,
        meaning_weight: float = 0.0,
        prior_z: Tensor | None = None,
        prior_labels: Tensor | None = None,
        prior_weight: float = 0.0,
        moment_weight: float = 0.0,
        **_: Any,
    ) -> TextVaeOutput:
        """The negative evidence lower bound of ``labels`` ``[batch, time]`` given the (corrupted) ``input_ids``.

        Label -100 is padding. KL of q(z|x) against N(0, I), closed form (Kingma & Welling 2014, appendix B). ``bag`` is the
        cross-entropy of the tokens without their order (the bag-of-words loss of Zhao, Zhao & Eskenazi 2017), ``length`` that
        of their number, both told by a linear layer from z: what a text is about and how long it is lie along directions.
        ``meaning`` is half the squared error of telling ``meanings`` ``[batch, meaning_size]`` likewise. ``prior`` is the
        negative log-likelihood of ``prior_labels`` given ``prior_z``, rows of their own. ``moments`` is what ``off_moments``
        says.
        """
        mean, log_std = (half.float() for half in self.encode(input_ids, lengths))  # sums of squares want more than bf16
        kl = 0.5 * (mean**2 + (2 * log_std).exp() - 1 - 2 * log_std).sum(-1).mean()
        z = mean + log_std.exp() * torch.randn_like(mean)
        real = labels >= 0
        reconstruction = self.reconstruction_loss(z, labels) / len(labels)
        bag_scores = F.log_softmax(F.linear(self.to_bag(z), self.embedding.weight, self.token_bias).float(), -1)
        words = bag_scores.gather(1, labels.clamp(min=0))[real].sum() / len(labels)
        length = F.cross_entropy(self.to_length(z).float(), real.sum(1))
        loss = reconstruction + kl_weight * kl - bag_weight * words + length_weight * length
        output = TextVaeOutput(reconstruction=reconstruction, kl=kl, bag=-words, length=length)
        if meanings is not None and self.to_meaning is not None:
            output.meaning = 0.5 * (self.to_meaning(z).float() - meanings).square().sum(-1).mean()
            loss = loss + meaning_weight * output.meaning
        if prior_z is not None and prior_labels is not None:
            output.prior = self.reconstruction_loss(prior_z, prior_labels) / len(prior_z)
            loss = loss + prior_weight * output.prior
        if moment_weight:
            output.moments = self.off_moments(z)
            loss = loss + moment_weight * output.moments
        output.loss = loss
        return output

    def off_moments(self, z: Tensor) -> Tensor:
        """|E z|² + |E zzᵀ - I|² of q(z), 0 for N(0, I) (a penalty like that of Kumar et al. 2018, arXiv 1711.00848).

        The expectations are running means, for a batch is too small and its texts are alike; the gradient is that of ``z``
        ``[batch, latent_size]`` in their place.
        """
        identity = torch.eye(z.shape[1], device=z.device)
        mean, square = z.mean(0), (z[:, :, None] * z[:, None]).mean(0)
        with torch.no_grad():
            running_mean, running_square = self.running_moments or (torch.zeros_like(mean), identity)
            running_mean, running_square = running_mean.lerp(mean, MOMENTUM), running_square.lerp(square, MOMENTUM)
            self.running_moments = running_mean, running_square
            off = running_square - identity
            apart: Tensor = running_mean.square().sum() + off.square().sum()
        slope = 2 * (running_mean * mean).sum() + 2 * (off * square).sum()
        return apart + slope - slope.detach()

    def reconstruction_loss(self, z: Tensor, labels: Tensor) -> Tensor:
        """Negative log-likelihood in nats of all ``labels`` ``[batch, time]``, -100 is padding, given ``z``; a sum."""
        previous = F.pad(labels[:, :-1], (1, 0), value=self.config.bos_token_id)
        previous = previous.masked_fill(previous < 0, self.config.pad_token_id)
        z_each_step = z[:, None].expand(-1, labels.shape[1], -1)
        embedded = self.dropout(self.embedding(previous))
        states, _last = self.decoder(torch.cat([embedded, z_each_step], -1), self._first_state(z)[None])
        real = labels >= 0  # the output layer is most of the cost: leave padding out of it
        hidden = self.to_embedding(torch.cat([self.dropout(states[real]), z_each_step[real]], -1))
        logits = F.linear(hidden, self.embedding.weight, self.token_bias)
        return F.cross_entropy(logits.float(), labels[real], reduction="sum")

    def _first_state(self, z: Tensor) -> Tensor:
        return torch.tanh(self.to_first_state(z))

    @torch.inference_mode()
    def generate_tokens(
        self, z: Tensor, near: Tensor | None = None, pull: Tensor | None = None
    ) -> tuple[list[list[int]], Tensor]:
        """The most likely next token, again and again, for each row of ``z`` ``[batch, latent_size]``: rows of token ids.

        With them the geometric mean ``[batch]`` of the probabilities of each row's tokens, its end included.
        Ends at ``</s>`` (left out) or after ``max_tokens``. Rows that ended leave the batch. What depends on one token or
        on z alone is multiplied out beforehand, so a step costs one recurrent and one output product.

        ``near`` ``[batch, time]`` (``<s>`` first, padded with -1) holds tokens to keep where there is a choice: each scores
        ``pull`` ``[batch]`` more, and thrice that where it goes on as there. Probabilities say nothing then, and are left at 1.
        """
        emb = self.config.embedding_size
        weight_ih, weight_hh, bias_ih, bias_hh = self.decoder.all_weights[0]
        token_gates = F.linear(self.embedding.weight, weight_ih[:, :emb], bias_ih)
        z_gates = F.linear(z, weight_ih[:, emb:])
        state_to_hidden, z_to_hidden = self.to_embedding.weight.split([self.config.decoder_size, z.shape[1]], dim=1)
        z_hidden = F.linear(z, z_to_hidden, self.to_embedding.bias)
        state = self._first_state(z)
        token = torch.full((len(z),), self.config.bos_token_id, device=z.device)
        rows = torch.arange(len(z), device=z.device)
        generated = torch.full((len(z), self.config.max_tokens), self.config.eos_token_id, device=z.device)
        log_probability = torch.zeros(len(z), self.config.max_tokens, device=z.device)
        for step in range(self.config.max_tokens):
            state_gates = F.linear(state, weight_hh, bias_hh)
            reset, update, new = (token_gates[token] + z_gates).chunk(3, dim=1)
            state_reset, state_update, state_new = state_gates.chunk(3, dim=1)
            update = torch.sigmoid(update + state_update)
            new = torch.tanh(new + torch.sigmoid(reset + state_reset) * state_new)
            state = torch.lerp(new, state, update)
            logits = F.linear(F.linear(state, state_to_hidden) + z_hidden, self.embedding.weight, self.token_bias)
            if near is not None and pull is not None:
                logits = drawn_to(near, pull, token, logits)
            most, token = logits.max(-1)
            generated[rows, step] = token
            if near is None:
                log_probability[rows, step] = most - logits.logsumexp(-1)
            going_on = token != self.config.eos_token_id
            if not going_on.all():
                rows, token, state = rows[going_on], token[going_on], state[going_on]
                z_gates, z_hidden = z_gates[going_on], z_hidden[going_on]
                if near is not None and pull is not None:
                    near, pull = near[going_on], pull[going_on]
            if not len(rows):
                break
        ends = (generated != self.config.eos_token_id).long().cumprod(1).sum(1)
        texts = [row[:end] for row, end in zip(generated.tolist(), ends.tolist(), strict=True)]
        steps = (ends + 1).clamp(max=self.config.max_tokens)
        return texts, (log_probability.sum(1) / steps).exp()


def drawn_to(near: Tensor, pull: Tensor, token: Tensor, logits: Tensor) -> Tensor:
    """``logits`` ``[batch, vocab_size]`` of what follows ``token`` ``[batch]``, drawn as ``generate_tokens`` says."""
    before, after = near[:, :-1], near[:, 1:]
    more = pull[:, None] * (1 + 2 * (before == token[:, None])) * (after >= 0)
    kept = after.clamp(min=0)
    return logits.scatter_reduce(1, kept, logits.gather(1, kept) + more, "amax")
