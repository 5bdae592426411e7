# What a change has to pass. Set up once: pip install -c constraints.txt -e '.[dev]'

check: lint test   ## everything that has to pass

lint:              ## style and types
	ruff check .
	ruff format --check .
	mypy

test:              ## all tests, in two processes
	pytest -n 2

cover:             ## all tests, and which lines they run; twice the time, as every process of a test is followed
	pytest -n 2 --cov --cov-report=term --cov-fail-under=85

fix:               ## mend what can be mended by itself
	ruff check --fix .
	ruff format .

.PHONY: check lint test cover fix
