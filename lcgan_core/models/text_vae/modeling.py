"""The text VAE: two transformers, one that reads in both directions, and a causal one that writes from z.

The decoder is a language model first (Optimus, Li et al. 2020, arXiv 2004.04092): z goes before the first token and is added
to each token, and without z, behind a learned stand-in, the decoder still tells how likely a text is. Where the decoder is a
whole language model, z also speaks for its words at the output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, DynamicCache, PreTrainedConfig, PreTrainedModel
from transformers.utils.generic import ModelOutput

from ...support.device import multiplies_bf16
from .known_words import MADE_UP_COST, KnownWords

PREFIX = 2
"""Positions that z takes before the first token."""

LOG_STD_RANGE = (-5.0, 1.0)

OUTPUT_GATE = 0.5
"""What z counts for at the output at first. Of example sentences, as soon as the encoder tells words, 0.5 takes 4 nats off a
text, and 1 no more."""


class TextVaeConfig(PreTrainedConfig):
    """Sizes of a text VAE.

    ``transformer`` is the configuration of the decoder, of any causal architecture of transformers. The encoder differs in its
    number of layers alone, and reads with the decoder's embeddings, unless ``encoder_transformer`` is its configuration, of any
    architecture that reads in both directions; it then has embeddings of its own for the same tokens. ``max_tokens`` bounds
    every generation, the closing ``</s>`` included. A ``meaning_size`` of 0 is a VAE that was not told what texts mean. With
    ``output_from_z``, z is also added, through a gate, to the states that the next tokens are read from.
    """

    model_type = "lcgan-text-vae"

    def __init__(
        self,
        transformer: dict[str, Any] | None = None,
        encoder_transformer: dict[str, Any] | None = None,
        encoder_layers: int = 2,
        latent_size: int = 64,
        max_tokens: int = 32,
        dropout: float = 0.1,
        meaning_size: int = 0,
        output_from_z: bool = False,
        pad_token_id: int = 0,
        bos_token_id: int = 1,
        eos_token_id: int = 2,
        **kwargs: Any,
    ) -> None:
        self.transformer = transformer or {}
        self.encoder_transformer = encoder_transformer
        self.encoder_layers = encoder_layers
        self.latent_size = latent_size
        self.max_tokens = max_tokens
        self.dropout = dropout
        self.meaning_size = meaning_size
        self.output_from_z = output_from_z
        self.pad_token_id = pad_token_id
        self.bos_token_id = bos_token_id
        self.eos_token_id = eos_token_id
        super().__init__(**kwargs)

    def architecture(self, **changed: Any) -> PreTrainedConfig:
        """The transformer's own configuration, with some values ``changed``."""
        found: PreTrainedConfig = AutoConfig.for_model(**{"model_type": "llama", **self.transformer, **changed})
        return found


@dataclass
class TextVaeOutput(ModelOutput):
    """``loss`` is reconstruction plus the weighted others: sums over a text, means over the batch, in nats."""

    loss: Tensor | None = None
    reconstruction: Tensor | None = None
    kl: Tensor | None = None
    bag: Tensor | None = None
    length: Tensor | None = None
    meaning: Tensor | None = None


class TextVae(PreTrainedModel):
    """A variational autoencoder of short texts (Bowman et al. 2016), for a denoising objective (Shen et al. 2020)."""

    config_class = TextVaeConfig
    base_model_prefix = "text_vae"

    def __init__(self, config: TextVaeConfig) -> None:
        super().__init__(config)
        eager = {"attn_implementation": "eager"}  # faster than the fused kernel where texts are short
        self.decoder = AutoModel.from_config(config.architecture(), **eager)
        if config.encoder_transformer:
            self.encoder = AutoModel.from_config(AutoConfig.for_model(**config.encoder_transformer), **eager)
            self.encoder.pooler = None  # its states are pooled here
        else:
            self.encoder = AutoModel.from_config(config.architecture(num_hidden_layers=config.encoder_layers), **eager)
            self.encoder.set_input_embeddings(None)
        width, latent = self.embedding.embedding_dim, config.latent_size
        self.dropout = nn.Dropout(config.dropout)
        self.to_posterior = nn.Linear(2 * self.encoder.config.hidden_size, 2 * latent)
        self.to_prefix = nn.Linear(latent, PREFIX * width)
        self.to_input = nn.Linear(latent, width)
        self.to_output = nn.Linear(latent, width) if config.output_from_z else None
        self.output_gate = nn.Linear(width, 1) if config.output_from_z else None
        self.no_z = nn.Parameter(torch.zeros(PREFIX * width))
        self.to_bag = nn.Linear(latent, width)
        self.bag_bias = nn.Parameter(torch.zeros(self.embedding.num_embeddings))
        self.to_length = nn.Linear(latent, config.max_tokens + 1)
        self.to_meaning = nn.Linear(latent, config.meaning_size) if config.meaning_size else None
        self.post_init()  # type: ignore[no-untyped-call]

    @property
    def embedding(self) -> nn.Embedding:
        """Of the tokens, ``[vocabulary, width]``; also the weights of the output."""
        embedding: nn.Embedding = self.decoder.get_input_embeddings()
        return embedding

    def readers(self) -> list[tuple[Tensor, Tensor]]:
        """Weights and biases of the layers that read z."""
        layers = (self.to_prefix, self.to_input, self.to_output, self.to_bag, self.to_length, self.to_meaning)
        return [(layer.weight, layer.bias) for layer in layers if layer is not None]

    @torch.no_grad()
    def fit_to_embeddings(self) -> None:
        """Before training: makes what z adds about as large as the embeddings, and the posteriors narrower than the prior."""
        std, latent = float(self.embedding.weight.std()), self.config.latent_size
        nn.init.normal_(self.to_prefix.weight, std=3 * std / latent**0.5)
        nn.init.normal_(self.to_input.weight, std=std / latent**0.5)
        nn.init.normal_(self.no_z, std=std)
        nn.init.normal_(self.to_posterior.weight, std=self.to_posterior.in_features**-0.5)
        self.to_posterior.bias[latent:] = -2.0

    @torch.no_grad()
    def begin_as_a_writer(self) -> None:
        """Before the training of a decoder that writes well without z: z adds nothing to its input, which would make it forget
        what it knows, and speaks at its output for the words that ``to_bag`` has learned to tell."""
        nn.init.zeros_(self.to_input.weight)
        nn.init.zeros_(self.to_input.bias)
        if self.to_output is not None and self.output_gate is not None:
            self.to_output.weight.copy_(self.to_bag.weight)
            nn.init.zeros_(self.to_output.bias)
            nn.init.zeros_(self.output_gate.weight)
            nn.init.constant_(self.output_gate.bias, OUTPUT_GATE)

    def encode(self, input_ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of q(z|x), each ``[batch, latent_size]``, in the order of ``input_ids``.

        ``input_ids`` is ``[batch, time]``, padded on the right; ``lengths`` counts the tokens of each row.
        """
        real = torch.arange(input_ids.shape[1], device=input_ids.device) < lengths.to(input_ids.device)[:, None]
        if self.config.encoder_transformer:
            embedded = self.encoder.get_input_embeddings()(input_ids)
            states = self.encoder(inputs_embeds=embedded, attention_mask=real.long()).last_hidden_state.float()
        else:
            embedded = self.embedding(input_ids)
            both_ways = torch.zeros(real.shape, device=embedded.device).masked_fill(~real, torch.finfo(embedded.dtype).min)
            states = self.encoder(
                inputs_embeds=embedded,
                attention_mask=both_ways[:, None, None, :].expand(-1, 1, input_ids.shape[1], -1),
                use_cache=False,
            ).last_hidden_state.float()
        real = real[..., None]
        highest = states.masked_fill(~real, float("-inf")).amax(1)
        mean_state = (states * real).sum(1) / real.sum(1)
        mean, log_std = self.to_posterior(torch.cat([highest, mean_state], dim=-1)).chunk(2, dim=-1)
        return mean, log_std.clamp(*LOG_STD_RANGE)

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
        without_z: float = 0.0,
        decodes: bool = True,
        **_: Any,
    ) -> TextVaeOutput:
        """The negative evidence lower bound of ``labels`` ``[batch, time]`` given the (corrupted) ``input_ids``.

        Label -100 is padding. KL of q(z|x) against N(0, I), closed form (Kingma & Welling 2014, appendix B). ``bag`` is the
        cross-entropy of the tokens without their order (the bag-of-words loss of Zhao, Zhao & Eskenazi 2017), ``length`` that
        of their number, both read from z by a linear layer: what a text is about and how long it is lie along directions.
        ``meaning`` is half the squared error of ``meanings`` ``[batch, meaning_size]``, read likewise; NaN is not known. The
        share ``without_z`` of the texts is learned as a language model learns them. The reconstruction is 0, and the decoder is
        spared, unless it ``decodes``.
        """
        mean, log_std = (half.float() for half in self.encode(input_ids, lengths))  # sums of squares want more than bf16
        kl = 0.5 * (mean**2 + (2 * log_std).exp() - 1 - 2 * log_std).sum(-1).mean()
        z = mean + log_std.exp() * torch.randn_like(mean)
        real = labels >= 0
        hidden = torch.rand(len(z), device=z.device) < without_z
        reconstruction = self.losses(z, labels, hidden)[0].sum() / len(labels) if decodes else z.new_zeros(())
        bag_scores = F.log_softmax(F.linear(self.to_bag(z), self.embedding.weight, self.bag_bias).float(), -1)
        words = bag_scores.gather(1, labels.clamp(min=0))[real].sum() / len(labels)
        length = F.cross_entropy(self.to_length(z).float(), real.sum(1))
        loss = reconstruction + kl_weight * kl - bag_weight * words + length_weight * length
        output = TextVaeOutput(reconstruction=reconstruction, kl=kl, bag=-words, length=length)
        if meanings is not None and self.to_meaning is not None:
            known = ~meanings[:, 0].isnan()
            output.meaning = (
                0.5 * (self.to_meaning(z[known]).float() - meanings[known]).square().sum() / known.sum().clamp(min=1)
            )
            loss = loss + meaning_weight * output.meaning
        output.loss = loss
        return output

    def losses(self, z: Tensor, labels: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The negative log-likelihood in nats of each of the ``labels`` ``[batch, time]`` but -100, and which are not -100.

        Where ``hidden`` ``[batch]`` holds, the decoder does not see ``z`` ``[batch, latent_size]``.
        """
        real = labels >= 0
        prefix, added, spoken_for = self._what_z_gives(z, hidden)
        previous = self.embedding(labels[:, :-1].clamp(min=0)) + added[:, None]
        inputs = torch.cat([prefix, self.dropout(previous)], 1)
        states = self.decoder(inputs_embeds=inputs, use_cache=False).last_hidden_state[:, PREFIX - 1 :]
        states = self._with_z(states[real], spoken_for[:, None].expand(-1, real.shape[1], -1)[real])
        logits = F.linear(self.dropout(states), self.embedding.weight)  # most of the cost: leave padding out of it
        return F.cross_entropy(logits.float(), labels[real], reduction="none"), real

    def _what_z_gives(self, z: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """What goes before the first token, ``[batch, PREFIX, width]``, and what is added to each token and to each state that
        a token is read from, ``[batch, width]``; the last is ``[batch, 0]`` without ``output_from_z``."""
        prefix, added = self.to_prefix(z), self.to_input(z)
        spoken_for = added.new_zeros(len(z), 0) if self.to_output is None else self.to_output(z)
        if hidden is not None:
            prefix = torch.where(hidden[:, None], self.no_z.to(prefix.dtype), prefix)
            added, spoken_for = added * ~hidden[:, None], spoken_for * ~hidden[:, None]
        return prefix.view(len(z), PREFIX, -1), added, spoken_for

    def _with_z(self, states: Tensor, spoken_for: Tensor) -> Tensor:
        """The ``states`` that tokens are read from and what z adds to them, both ``[..., width]``."""
        if self.output_gate is None:
            return states
        gate: Tensor = self.output_gate(F.normalize(states, dim=-1))
        return states + gate * spoken_for

    def reconstruction_loss(self, z: Tensor, labels: Tensor) -> Tensor:
        """Negative log-likelihood in nats of all ``labels`` ``[batch, time]``, -100 is padding, given ``z``; a sum."""
        return self.losses(z, labels)[0].sum()

    @torch.inference_mode()
    def language_model_losses(self, labels: Tensor) -> Tensor:
        """The negative log-likelihood in nats of each of ``labels`` ``[batch, time]`` without any z; 0 at padding."""
        nothing = torch.zeros(len(labels), self.config.latent_size, device=labels.device)
        each, real = self.losses(nothing, labels, torch.ones(len(labels), dtype=torch.bool, device=labels.device))
        return torch.zeros(labels.shape, device=labels.device).masked_scatter(real, each)

    @torch.inference_mode()
    def generate_tokens(
        self,
        z: Tensor,
        near: Tensor | None = None,
        pull: Tensor | None = None,
        temperature: float = 0.0,
        chance: Tensor | None = None,
        words: KnownWords | None = None,
    ) -> list[list[int]]:
        """The most likely next token, again and again, for each row of ``z`` ``[batch, latent_size]``: rows of token ids.

        Ends at ``</s>`` (left out) or after ``max_tokens``. Rows that ended leave the batch.

        Above a ``temperature`` of 0, each token is drawn: by the random numbers ``chance`` ``[batch, max_tokens]`` in [0, 1).

        ``near`` ``[batch, time]`` (``<s>`` first, padded with -1) holds tokens to keep where there is a choice: each scores
        ``pull`` ``[batch]`` more, and thrice that where it goes on as there.

        A token that makes a word which is not among ``words`` scores ``MADE_UP_COST`` less, unless it stands in ``near``.
        """
        inputs, added, spoken_for = self._what_z_gives(z)
        cache = DynamicCache(config=self.decoder.config)
        token = torch.full((len(z),), self.config.bos_token_id, device=z.device)
        rows = torch.arange(len(z), device=z.device)
        places = torch.zeros_like(rows)
        generated = torch.full((len(z), self.config.max_tokens), self.config.eos_token_id, device=z.device)
        with torch.autocast(z.device.type, torch.bfloat16, enabled=multiplies_bf16(z.device)):
            for step in range(self.config.max_tokens):
                states = self.decoder(inputs_embeds=inputs, past_key_values=cache, use_cache=True).last_hidden_state[:, -1]
                logits = F.linear(self._with_z(states, spoken_for), self.embedding.weight).float()
                if near is not None and pull is not None:
                    logits = drawn_to(near, pull, token, logits)
                if temperature and chance is not None:
                    if words is not None:
                        logits -= made_up_costs(words, places, near)
                    below = (logits / temperature).softmax(-1).cumsum(-1)
                    token = torch.searchsorted(below, chance[rows, step, None], right=True)[:, 0].clamp(max=logits.shape[1] - 1)
                else:
                    token = logits.argmax(-1)
                    if words is not None and (wrong := words.makes_up(places, token)).any():  # what others choose costs nothing
                        costs = made_up_costs(words, places[wrong], near if near is None else near[wrong])
                        token[wrong] = (logits[wrong] - costs).argmax(-1)
                generated[rows, step] = token
                if words is not None:
                    places = words.after(places, token)
                going_on = token != self.config.eos_token_id
                if not going_on.all():
                    rows, token, places = rows[going_on], token[going_on], places[going_on]
                    added, spoken_for = added[going_on], spoken_for[going_on]
                    cache.batch_select_indices(going_on.nonzero()[:, 0])
                    if near is not None and pull is not None:
                        near, pull = near[going_on], pull[going_on]
                if not len(rows):
                    break
                inputs = (self.embedding(token) + added)[:, None]
        ends = (generated != self.config.eos_token_id).long().cumprod(1).sum(1)
        return [row[:end] for row, end in zip(generated.tolist(), ends.tolist(), strict=True)]


def drawn_to(near: Tensor, pull: Tensor, token: Tensor, logits: Tensor) -> Tensor:
    """``logits`` ``[batch, vocab_size]`` of what follows ``token`` ``[batch]``, drawn as ``generate_tokens`` says."""
    before, after = near[:, :-1], near[:, 1:]
    more = pull[:, None] * (1 + 2 * (before == token[:, None])) * (after >= 0)
    kept = after.clamp(min=0)
    return logits.scatter_reduce(1, kept, logits.gather(1, kept) + more, "amax")


def made_up_costs(words: KnownWords, places: Tensor, near: Tensor | None) -> Tensor:
    """What each next token costs at ``places`` ``[batch]`` as it makes a word that is not known: ``[batch, vocab_size]``."""
    costs = MADE_UP_COST * words.made_up(places)
    return costs if near is None else costs.scatter(1, near.clamp(min=0), 0.0)
