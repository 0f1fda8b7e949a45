# Short names for what developers do. Continuous integration runs .ci/run.
.PHONY: install lint types tests docs figures

install:
	pip install -c constraints.txt -e '.[test]' $(addprefix -e ,$(wildcard plugins/*))

lint:
	ruff check --fix .
	ruff format .

types:
	mypy

tests:
	pytest

docs:
	mkdocs serve

figures:
	python benchmarks/tables.py
