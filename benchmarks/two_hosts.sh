#!/usr/bin/env bash
# Trains and evaluates on two hosts, which are two network namespaces of this machine, joined by a cable. One of them
# is killed on the way, and both begin again. Needs root, and iproute2. In the end the weights must be those of one
# process that nobody disturbed, to rounding.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
export OMP_NUM_THREADS=1 PYTHONPATH="$root/src"
clean() {
    for host in trm-a trm-b; do
        ip netns pids $host 2> /dev/null | xargs -r kill -9
        ip netns del $host 2> /dev/null || true
    done
    rm -rf "$folder"
}
trap clean EXIT

ip netns add trm-a && ip netns add trm-b
ip link add trm-va netns trm-a type veth peer name trm-vb netns trm-b
for end in a:1 b:2; do
    host=${end%:*}
    ip -n trm-"$host" link set lo up
    ip -n trm-"$host" addr add 10.87.0."${end#*:}"/24 dev trm-v"$host"
    ip -n trm-"$host" link set trm-v"$host" up
done

on() { # HOST COMMAND...: as each host's shell would run it; gloo is told which address is the host's own
    local host=$1
    shift
    GLOO_SOCKET_IFNAME=trm-v$host ip netns exec trm-"$host" python -m torch.distributed.run --nnodes 2 \
        --node-rank "$([ "$host" = a ] && echo 0 || echo 1)" --nproc-per-node 1 --master-addr 10.87.0.1 \
        --master-port 29511 -m trmcli "$@"
}

cd "$folder"
train=(train sudoku-4x4 --resume --quiet --set max_steps=40 --set eval_every=40 --set save_every=1)
python -m trmcli "${train[@]}" --out alone

on a "${train[@]}" --out both & first=$!
on b "${train[@]}" --out both & second=$!
until ls both/checkpoint/*.safetensors > /dev/null 2>&1; do sleep 0.2; done
ip netns pids trm-b | xargs kill -9
wait $first $second 2> /dev/null || true
echo "killed one host; left: $(ls both/checkpoint | tr '\n' ' ')"
on a "${train[@]}" --out both & first=$!
on b "${train[@]}" --out both
wait $first

on a eval "$root/examples/sudoku/batch.txt" --weights sudoku --json > eval.json & first=$!
on b eval "$root/examples/sudoku/batch.txt" --weights sudoku > /dev/null || true
wait $first || true
python - <<'PY'
import json
from pathlib import Path

from safetensors.torch import load_file

alone, both = (load_file(max(Path(run, "checkpoint").glob("*.safetensors"))) for run in ("alone", "both"))
weights = [name for name in alone if name.startswith("ema.")]
difference = max((alone[name] - both[name]).abs().max().item() for name in weights)
found = json.load(open("eval.json"))
print(f"largest difference of a weight: {difference:.1e}; evaluated {found['puzzles']}, solved {found['solved']}")
PY
