"""Code that models of others bring is executed only after a yes by name."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from lcgan_core import Classifier, ConstraintError, ModelError
from lcgan_core.constraint import evaluate
from lcgan_core.models.text_vae.latent_model import TextVaeModel
from lcgan_core.support.foreign_code import allowing, allows
from lcgan_core.support.manifest import write_manifest
from lcgan_core.support.pretrained import load_pretrained

ROOT = Path(__file__).parents[1]
CODE = """
from pathlib import Path
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
Path({witness!r}).write_text("executed")
class Config(GPT2Config):
    model_type = "strange"
class Model(GPT2LMHeadModel):
    config_class = Config
class Words(PreTrainedTokenizerFast):
    pass
"""


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    """A file that exists once the model's own code was executed."""
    return tmp_path / "witness"


@pytest.fixture
def gpt(tmp_path: Path, witness: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny model with code in its folder that nothing names yet; whoever asks on the standard input fails the test."""
    monkeypatch.setattr("builtins.input", lambda *prompt: pytest.fail(f"asked on the standard input: {prompt}"))
    folder = tmp_path / "gpt"
    GPT2LMHeadModel(GPT2Config(vocab_size=4, n_embd=8, n_layer=1, n_head=1, n_positions=8)).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "good": 1, "bad": 2, "</s>": 3}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", eos_token="</s>").save_pretrained(folder)
    (folder / "own.py").write_text(CODE.format(witness=str(witness)), encoding="utf-8")
    return folder


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def unknown_architecture(folder: Path) -> None:
    names = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    edit(folder / "config.json", model_type="strange", auto_map=names)


def own_tokenizer(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", tokenizer_class="Words", auto_map={"AutoTokenizer": ["own.Words", "own.Words"]})


def own_generation(folder: Path) -> None:
    (folder / "custom_generate").mkdir()
    shutil.copy(folder / "own.py", folder / "custom_generate" / "generate.py")


def code_of_another_repository(folder: Path) -> None:
    edit(folder / "config.json", model_type="strange", auto_map={"AutoConfig": "someone/else--own.Config"})


@pytest.mark.parametrize("bring", [unknown_architecture, code_of_another_repository])
def test_a_model_of_the_users_choice_is_refused_if_it_needs_code_of_its_own(
    gpt: Path, witness: Path, bring: Callable[[Path], None]
) -> None:
    bring(gpt)
    with pytest.raises(ModelError, match=rf"^{re.escape(str(gpt))} brings code of its own .* lcgan --allow-code {gpt} "):
        load_pretrained(AutoModelForCausalLM, "model", str(gpt), "cpu")
    assert not witness.exists()


@pytest.mark.parametrize("bring", [own_tokenizer, own_generation])
def test_where_transformers_has_code_itself_that_is_used_instead(
    gpt: Path, witness: Path, bring: Callable[[Path], None]
) -> None:
    bring(gpt)
    load_pretrained(AutoModelForCausalLM, "model", str(gpt), "cpu")
    assert not witness.exists()


def test_pickled_weights_are_never_read(gpt: Path) -> None:
    torch.save(GPT2LMHeadModel.from_pretrained(gpt).state_dict(), gpt / "pytorch_model.bin")
    (gpt / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=rf"^{re.escape(str(gpt))} has no weights in safetensors files, .* or choose another "):
        load_pretrained(AutoModelForCausalLM, "model", str(gpt), "cpu")


def test_the_users_yes_by_name_executes_it(gpt: Path, witness: Path) -> None:
    unknown_architecture(gpt)
    with allowing(str(gpt)):
        load_pretrained(AutoModelForCausalLM, "model", str(gpt), "cpu")
    assert witness.read_text() == "executed"
    assert not allows(gpt)


def own_config(folder: Path) -> None:
    edit(folder / "config.json", auto_map={"AutoConfig": "own.Config"})


@pytest.mark.parametrize("bring", [own_tokenizer, own_config])
def test_a_model_folder_of_lcgan_executes_nothing(
    tiny_model: Path, gpt: Path, witness: Path, bring: Callable[[Path], None]
) -> None:
    copy = gpt.parent / "model"
    shutil.copytree(tiny_model, copy)
    shutil.copy(gpt / "own.py", copy)
    bring(copy)
    write_manifest(copy)  # as whoever made such a folder would have done
    TextVaeModel.load(str(copy)).decode(torch.zeros(1, 8))
    assert not witness.exists()


def test_a_classifier_that_brings_code_names_the_option_to_change(gpt: Path, witness: Path) -> None:
    unknown_architecture(gpt)
    with pytest.raises(ConstraintError, match=r"^classifier: \S+ brings code .* --set classifier\.model=FOLDER$"):
        evaluate(Classifier(model=str(gpt), label="LABEL_0"), ["good"])
    assert not witness.exists()


def test_a_yes_is_for_what_it_names_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
    with allowing("./mine", "org/model"):
        assert allows("mine")
        assert allows(tmp_path / "mine")
        assert allows("org/model")
        assert not any(map(allows, ("theirs", tmp_path, "org/model2", "org", "./org/model", "")))
    assert not allows("mine")


def test_whatever_loads_a_model_says_whether_its_code_may_run() -> None:
    silent = []
    for file in [*ROOT.glob("lcgan_core/**/*.py"), *ROOT.glob("plugins/**/*.py"), *ROOT.glob("examples/**/*.py")]:
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "from_pretrained":
                owner = ast.unparse(call.func.value)
                if (owner.startswith("Auto") or owner == "kind") and "trust_remote_code" not in {k.arg for k in call.keywords}:
                    silent.append(f"{file.relative_to(ROOT)}:{call.lineno}")
    assert not silent
