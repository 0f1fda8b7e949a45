from pathlib import Path

from lcgan_core import RunConfig, Wish, edit, load_run, run

MINE = ["the staff was rude and the room was dirty .", "i love this place !", "the pasta was cold and bland ."]

if not Path("runs/positive/result.json").exists():
    run(RunConfig(constraints=(Wish(constraint="sentiment"),)), Path("runs/positive"))
for found in edit(load_run(Path("runs/positive")), MINE):
    print(f"{found.status:8} {found.before}  ->  {found.after}")
