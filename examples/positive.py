from pathlib import Path

from lcgan_core import RunConfig, Wish, load_run, run

result = run(RunConfig(constraints=(Wish(constraint="sentiment", options={"target": "positive"}),)), Path("runs/positive"))
print(result.constraints["sentiment"].actor.value)
print(*load_run(Path("runs/positive")).sample(5), sep="\n")
