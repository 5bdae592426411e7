#!/usr/bin/env bash
# Generate puzzles, solve them, and keep those that took the model the most supervision steps.
set -euo pipefail

trm data generate sudoku --count 50 --clues 24-32 --seed 7 \
  | trm solve --json \
  | python3 -c '
import json, sys
answers = [json.loads(line) for line in sys.stdin]
for answer in sorted(answers, key=lambda a: -a["steps"])[:5]:
    print(answer["steps"], answer["verified"], answer["puzzle"])
'
