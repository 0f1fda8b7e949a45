from pathlib import Path

from lcgan_core import RunConfig, Wish, load_run, run

result = run(RunConfig(constraints=(Wish(constraint="length", options={"max_words": 5}),)), Path("runs/five-words"))
print(result.constraints["length"].actor.value, result.quality["naturalness"].actor)
print(load_run(Path("runs/five-words")).sample(5))
