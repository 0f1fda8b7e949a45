from pathlib import Path

from lcgan_core import RunConfig, Wish, load_run, run

FILE = Path(__file__).with_name("food.csv")  # 72 sentences: is it about food?

result = run(RunConfig(constraints=(Wish(constraint="labels", options={"file": str(FILE)}),)), Path("runs/food"))
food = result.constraints["labels"]
print(food.actor.value, food.trust)
print(*load_run(Path("runs/food")).sample(5), sep="\n")
