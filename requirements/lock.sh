#!/bin/sh
# Writes the three locks anew from pyproject.toml: versions and hashes, no host names. Needs uv (`pip install uv`).
set -eu
cd "$(dirname "$0")/.."
lock() { uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url "$@" pyproject.toml; }
lock --generate-hashes --extra parquet -o requirements/run.txt
lock --generate-hashes --extra parquet --extra test -c requirements/run.txt -o requirements/test.txt
# No hashes and no CUDA libraries here: which build of torch is right is for the machine to say.
lock --extra train --extra test --extra parquet -c requirements/test.txt | grep -vE '^(nvidia|cuda|triton)' > requirements/train.txt
